"""What runs the study: the engine of its arithmetic, versions and hardware."""

import platform

import torch

from handid import fingerprint, train
from handid.study.settings import Settings


def engine(settings: Settings) -> train.Engine:
    """Device, precision and steps as the settings want them and this machine can.

    Raises:
        ValueError: one sentence for a device or a precision that is not there.
    """
    device = train.device(settings.device)
    precision = train.precision(settings.precision, device)
    return train.Engine(device, precision, **dict.fromkeys(settings.steps, True))


def environment(device: str) -> dict[str, str]:
    """Versions and hardware, without the machine's or the user's name.

    Args:
        device: as torch names it.
    """
    threads = torch.get_num_threads()
    hardware = f"{platform.machine()}, {threads} thread{'s' if threads > 1 else ''}"
    if device.startswith("cuda"):
        hardware = torch.cuda.get_device_name(device)
    return {**fingerprint.versions(), "device": device, "on": hardware}


def arithmetic(device: str) -> list[str]:
    """What else decides an embedding's last digits: device, torch, threads on a CPU.

    Args:
        device: as torch names it.
    """
    if device.startswith("cuda"):
        return [torch.cuda.get_device_name(device), torch.__version__]
    return [device, torch.__version__, f"{torch.get_num_threads()} threads"]
