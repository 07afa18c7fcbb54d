"""Images -> embeddings, each image once per model, kept on disk by content.

The cache's key is the content of the model and of the pixels, never a file name or a shape.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from handid import disk

BATCH_SIZES = {"cpu": 16}  # else 64: larger ones do not fit a CPU's cache and take a fifth longer
BLOCK = 1024  # images that go to the device at once; a copy per batch would hold a GPU up
# The cache of the model that embedded last: rows by what changes when their file is replaced.
_RECENT: dict[tuple[object, ...], dict[str, np.ndarray]] = {}


class Embedder(Protocol):
    """What is asked of a method here."""

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, D]."""
        ...

    def eval(self) -> Any:
        """Dropout and batch norms as at test."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The first one's device is where images go."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """All that decides its embeddings."""
        ...


def fingerprint(method: Embedder, salt: str) -> str:
    """A name for a model's content: the bytes of all its tensors, its class and a salt.

    Args:
        method: any module.
        salt: whatever else changes an embedding (preprocessing, flip averaging, precision).
    """
    digest = hashlib.blake2b(f"{type(method).__name__}|{salt}".encode(), digest_size=16)
    for name, tensor in sorted(method.state_dict().items()):
        digest.update(name.encode())
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(content.numpy().data)
    return digest.hexdigest()


def embed(
    method: Embedder,
    images: np.ndarray | Tensor,
    prepare: Callable[[Tensor], Tensor],
    *,
    flip_average: bool,
    batch_size: int = 0,
    autocast: Callable[[], AbstractContextManager[Any]] = torch.no_grad,
) -> np.ndarray:
    """Embeddings of images, in their order.

    Args:
        method: its `embed` is called in evaluation mode, on the device where its parameters are.
        images: [N, H, W, 3] uint8, N 1 or more, in memory or on the device.
        prepare: [B, H, W, 3] uint8 tensor -> the method's input, on the same device.
        flip_average: add the embedding of the mirror image (the papers' test-time averaging).
        batch_size: images per forward pass; 0 for what is fast on the device.
        autocast: gives the context of the forward pass.

    Returns:
        [N, D] float32, not normalised.
    """
    device = next(method.parameters()).device
    batch_size = batch_size or BATCH_SIZES.get(device.type, 64)
    method.eval()
    block, parts = max(1, BLOCK // batch_size) * batch_size, []
    with torch.inference_mode(), autocast():
        for start in range(0, len(images), block):
            pixels = torch.as_tensor(images[start : start + block]).to(device)
            for batch in map(prepare, pixels.split(batch_size)):
                embedding = method.embed(batch).float()
                if flip_average:
                    embedding = embedding + method.embed(batch.flip(-1)).float()
                parts.append(embedding)
        return torch.cat(parts).cpu().numpy()


def embed_once(
    method: Embedder,
    images: np.ndarray,
    prepare: Callable[[Tensor], Tensor],
    *,
    folder: str | Path,
    salt: str,
    model: str = "",
    **settings: Any,
) -> np.ndarray:
    """The same, but images that this very model embedded before are read from `folder`.

    Args:
        method: see `embed`.
        images: see `embed`.
        prepare: see `embed`.
        folder: the cache; a safetensors file for what each call embedded, see `files`.
        salt: see `fingerprint`.
        model: its `fingerprint` with this salt, if it is known already.
        settings: the remaining arguments of `embed`.

    Returns:
        [N, D] float32, not normalised.

    Raises:
        OSError: when the disk is full.
    """
    salt = f"{salt}|flip_average={settings['flip_average']}"
    folder, model = Path(folder), model or fingerprint(method, salt)
    names = [
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).hexdigest()
        for image in images
    ]
    rows = _known(folder, model)
    absent = {name: index for index, name in enumerate(names) if name not in rows}
    if absent:
        fresh = embed(method, images[list(absent.values())], prepare, **settings)
        own = dict(zip(absent, fresh, strict=True))
        digests = np.array([list(bytes.fromhex(name)) for name in absent], dtype=np.uint8)
        tensors = {"digests": digests, "embeddings": fresh}
        file = folder / f"{model}-{disk.seal(model, digests.tobytes()).hex()}.safetensors"
        with disk.whole(file, sync=False) as part:
            save_file(tensors, part, metadata={"seal": _seal(file, tensors)})
        _RECENT[_status(file)] = own
        rows |= own
    return np.stack([rows[name] for name in names])


def files(folder: str | Path, model: str) -> list[Path]:
    """The files of a model's cache, named after it and after the images whose embeddings they hold.

    What is embedded later is written beside what there is: rewriting it all would take longer with
    every call, and lose what another process embeds meanwhile.
    """
    return sorted(Path(folder).glob(f"{model}-*.safetensors"))


def _seal(file: Path, tensors: dict[str, np.ndarray]) -> str:
    """Changes with the model that the file is named after, and with every image and number."""
    parts = (np.ascontiguousarray(tensors[name]).data for name in ("digests", "embeddings"))
    return disk.seal(file.name, *parts).hex()


def _status(file: Path) -> tuple[object, ...]:
    """What changes when a file is written or replaced; nothing where there is none."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return ()
    return file.absolute(), stat.st_ino, stat.st_size, stat.st_mtime_ns


def _known(folder: Path, model: str) -> dict[str, np.ndarray]:
    """The cache's content; only the files that were not read or written last are read."""
    parts = {}
    for file in files(folder, model):
        status = _status(file)
        rows = _RECENT[status] if status in _RECENT else _rows(file)
        if rows is None:
            disk.set_aside(file)
        else:
            parts[status] = rows
    _RECENT.clear()
    _RECENT.update(parts)
    return {name: row for rows in parts.values() for name, row in rows.items()}


def _rows(file: Path) -> dict[str, np.ndarray] | None:
    """A file's content: digest -> embedding; nothing if it is gone, None if it is damaged."""
    if not file.exists():
        return {}
    try:
        tensors = load_file(file)
        with safe_open(file, framework="np") as opened:
            known = (opened.metadata() or {}).get("seal")
        if known != _seal(file, tensors):
            return None
    except (OSError, KeyError, ValueError, SafetensorError):
        return None
    names = [bytes(digest).hex() for digest in tensors["digests"]]
    return dict(zip(names, tensors["embeddings"], strict=True))
