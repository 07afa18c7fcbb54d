"""Files that are whole or absent. Every other room may use it; it knows nothing of hands."""

import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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


def read_json(path: str | Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty if the file is missing or holds anything else."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with whole(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
