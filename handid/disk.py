"""Files that are whole or absent, and their owner's alone. It knows nothing of hands."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from handid import given

FULL = (errno.ENOSPC, errno.EDQUOT)  # of the disk, of the user's share of it
PRODUCTS = "products.json"  # in a folder of products: size and digest of each
DAMAGED = ".damaged"  # ends the name of what was set aside
# What writers say that give no error number: safetensors, and NumPy's save.
_SAYS_FULL = re.compile(r"os error (28|122)\b|\d+ requested and \d+ written|No space left")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # begins what a spreadsheet would compute
_NUMBER = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?")
_DRAFT = re.compile(r"\.part-(\d+)-\d+-.+")


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk or the quota is full, in whatever words."""
    return getattr(error, "errno", None) in FULL or bool(_SAYS_FULL.search(str(error)))


def full(folder: str | Path) -> OSError:
    """One sentence for a full disk, naming the place."""
    return OSError(
        errno.ENOSPC,
        f"The disk that holds {folder} is full: free some space and run again; "
        "everything finished so far is kept.",
    )


@contextmanager
def whole(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to, and move it to `path` only when the block succeeded.

    A killed run or a power cut therefore leaves either the old file or the new one, never half of
    one: the content is on the disk before the name is. Only the owner may read the file.

    Args:
        path: where the file shall end up; its folder is made if absent.
        sync: False for what carries its own seal and is made anew where it does not fit.

    Yields:
        A path in the same folder, with the same suffix (NumPy appends one otherwise).

    Raises:
        OSError: one sentence, when the disk or the quota is full.
    """
    path = Path(path)
    part = path.with_name(f".part-{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        private(path.parent)
        yield part
        os.chmod(part, 0o600)
        if sync:
            _sync(part)
        os.replace(part, path)
        if sync:
            _sync(path.parent)
    except Exception as error:
        if is_full(error):
            raise full(path.parent) from None
        raise
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
            raise
    finally:
        os.close(file)


def private(folder: str | Path) -> Path:
    """Make a folder, and those above it, that only the owner may enter; one that exists stays."""
    folder = Path(folder)
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
    return folder


def anew(path: Path) -> BinaryIO:
    """An empty file in the place of an old one, which may be another user's, or a link."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def new_folder(place: str | Path) -> Path:
    """The path of a folder that is to be made later, if it can be; nothing of it stays.

    Raises:
        ValueError: one sentence, if something is there already, or it cannot be made and written.
    """
    folder = given.place(place).resolve()
    shown = given.printable(str(folder))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{shown} exists already: name a new folder.")
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        private(folder)
        (folder / ".new").mkdir()  # the superuser may write everywhere but where nobody can
        (folder / ".new").rmdir()
    except OSError as error:
        raise ValueError(f"{shown} cannot be made ({error.strerror}): name another.") from None
    finally:
        for one in missing:
            with suppress(OSError):
                one.rmdir()
    return folder


# --- CSV ----------------------------------------------------------------------------------------


def cell(content: Any) -> Any:
    """A cell of a table that a spreadsheet shows and does not compute."""
    is_text = isinstance(content, str) and content.startswith(_FORMULA)
    return f"'{content}" if is_text and not _NUMBER.fullmatch(content) else content


# --- JSON ---------------------------------------------------------------------------------------


def read_json(path: str | Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty if the file is missing or holds anything else."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with whole(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def secret(path: str | Path) -> bytes:
    """16 random bytes that a file keeps: made at the first call, the same ever after."""
    path = Path(path)
    private(path.parent)
    with locked(path.with_name(f"{path.name}.lock")):
        try:
            known = bytes.fromhex(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            known = b""
        if len(known) != 16:
            known = os.urandom(16)
            with whole(path) as part:
                part.write_text(known.hex(), encoding="ascii")
    return known


# --- whether a file is still what was written -----------------------------------------------------


def seal(name: str, *contents: bytes | memoryview) -> bytes:
    """16 bytes that change with a product's name and with any byte of it.

    A file that was cut, changed, or replaced by another one of its kind does not fit its seal.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    for content in contents:
        digest.update(content)
    return digest.digest()


def mark(path: str | Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, as a list of products keeps them."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": os.path.getsize(path), "sha256": digest}


def fits(path: str | Path, known: Any) -> bool:
    """Whether a file is still what `mark` said of it; False also where there is none."""
    try:
        if not isinstance(known, dict) or os.path.getsize(path) != known.get("bytes"):
            return False
        return mark(path) == known
    except OSError:
        return False


def write_products(folder: Path, names: Iterable[str]) -> None:
    """List a folder's products, which were written before: size and digest of each."""
    marks = {name: mark(folder / name) for name in names}
    write_json(folder / PRODUCTS, {"products": marks})


def damaged_product(folder: Path) -> str:
    """The name of a product in a folder that is not what its list says; empty if all are.

    Without a list that can be read, it is the list that is damaged.
    """
    products = read_json(folder / PRODUCTS).get("products")
    if not isinstance(products, dict):
        return PRODUCTS
    return next((name for name, known in products.items() if not fits(folder / name, known)), "")


def set_aside(path: str | Path) -> Path:
    """Rename what is damaged, so that it is made anew and can still be looked at."""
    path = Path(path)
    aside = path.with_name(path.name + DAMAGED)
    if aside.is_dir():
        shutil.rmtree(aside)
    os.replace(path, aside)
    return aside


def lives(pid: int) -> bool:
    """Whether there is a process of this number; of one that none can have there is not."""
    try:
        return psutil.pid_exists(pid)
    except OverflowError:
        return False


def sweep(folder: str | Path) -> None:
    """Remove what killed processes left half written below a folder."""
    for path in Path(folder).rglob(".part-*"):
        match = _DRAFT.fullmatch(path.name)
        if match and not lives(int(match[1])):
            with suppress(OSError):  # in a folder that is another user's
                path.unlink(missing_ok=True)


# --- one at a time ------------------------------------------------------------------------------


class Locked(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Let one process at a time into the block; the system frees the lock of one that dies.

    The file is removed at the end. A file system without locks lets everybody in: what is written
    is whole all the same, and two runs at most do the same work twice.

    Args:
        path: of the lock's file, in a folder that exists.
        wait: whether to wait for another process.

    Raises:
        Locked: if another process is in and `wait` is False.
    """
    file = _lock(Path(path), fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        Path(path).unlink(missing_ok=True)
        os.close(file)


def _lock(path: Path, how: int) -> int:
    """The open file of a lock that is held; it is the one that the path names."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            os.close(file)
            raise Locked(f"{path} is held by another process") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL):
                os.close(file)
                raise type(error)(error.errno, error.strerror, str(path)) from None
            return file
        try:
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        os.close(file)  # the one who held it before has removed it: begin again
