"""What runs the study: versions and hardware."""

import platform

import torch

from handid import fingerprint, train
from handid.study.settings import Settings


def environment(device: str) -> dict[str, str]:
    """Versions and hardware, without the machine's or the user's name.

    Args:
        device: as torch names it.
    """
    hardware = f"{platform.machine()}, {torch.get_num_threads()} threads"
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


def engine(settings: Settings, device: str, *, progress: bool = True) -> train.Engine:
    """Where and how a study computes.

    Args:
        settings: of the study.
        device: as torch names it.
        progress: show bars.

    Raises:
        ValueError: one sentence, if the device has not the precision that is asked for.
    """
    precision = train.precision(settings.precision, device)
    steps = dict.fromkeys(settings.steps, True)
    return train.Engine(device, precision, progress=progress, **steps)
