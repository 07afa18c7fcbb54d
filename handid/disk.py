"""Files that are whole or absent. The one room that every other may use; no hands in it."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, and move it to `path` only when the block succeeded.

    A killed run therefore leaves either the old file or the new one, never half of one.

    Args:
        path: where the file shall end up; its folder is made if absent.

    Yields:
        A path in the same folder, with the same suffix (NumPy appends one otherwise).

    Raises:
        OSError: one sentence, when the disk or the quota is full.
    """
    path = Path(path)
    part = path.with_name(f".part-{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                error.errno,
                f"The disk that holds {path.parent} is full: free some space and run again; "
                "everything finished so far is kept.",
            ) from None
        raise
    finally:
        part.unlink(missing_ok=True)
