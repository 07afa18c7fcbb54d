"""Files of weights from the network: within seconds here, or one sentence that says what to do.

OpenAI's archives come from OpenAI's address and are checked by the sha256 that it contains.
"""

import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from handid import disk, fingerprint

OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
HUB = "huggingface.co"
SECONDS = 8.0  # without an answer for this long there is no network
_BLOCK = 1 << 20


def cache() -> Path:
    """Where fetched archives lie: CLIP's own cache, below the home folder or, without one, ours."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(tempfile.gettempdir() if home.startswith("~") else home) / "clip"


def archive(url: str) -> Path:
    """OpenAI's archive at an address whose last folder is its sha256; fetched unless it is there.

    Raises:
        ValueError: one sentence that names the file, its address and --weights.
    """
    sha256, name = url.split("/")[-2:]
    path = cache() / name
    if path.is_file() and fingerprint.file(path) == sha256:
        return path
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as source, disk.whole(path) as part:
            with open(part, "wb") as target:
                while block := source.read(_BLOCK):
                    target.write(block)
            if fingerprint.file(part) != sha256:
                raise OSError("what came is not the published file: its sha256 differs")
    except OSError as error:
        raise ValueError(
            f"{name} cannot be fetched ({first_line(error)}): fetch {url} on a machine with a "
            f"network and give the file with --weights PATH."
        ) from None
    return path


def check_reachable(host: str) -> None:
    """Find out within seconds whether a host answers, which the hub's own client does not.

    Raises:
        OSError: if it does not.
    """
    request = urllib.request.Request(f"https://{host}", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()
    except urllib.error.HTTPError:
        return  # it answered


def check_hub(repository: str, files: list[str]) -> None:
    """Find out within seconds whether one of some files of the hub is here or can be fetched.

    Raises:
        OSError: if not.
    """
    if not any(isinstance(try_to_load_from_cache(repository, file), str) for file in files):
        check_reachable(HUB)


def first_line(error: Exception) -> str:
    """An error in a few words."""
    reason = getattr(error, "reason", None) or error
    return str(reason).splitlines()[0][:120] if str(reason) else type(error).__name__
