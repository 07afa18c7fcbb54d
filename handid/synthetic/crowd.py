"""Write drawn people as a folder per person: any number of them, a block at a time.

No protocol is behind them: they fill a gallery, and some of them ask.
"""

from collections.abc import Mapping
from pathlib import Path

from handid.synthetic.folder import Task, complete_or_nothing, hd_view, write_all
from handid.synthetic.photograph import require

FIRST = 2_000_000  # number of the first person: nobody of `write_11k` or `write_hd` is among them


def write_crowd(
    root: str | Path,
    photographs: Mapping[int, int],
    *,
    view: str,
    size: int = 240,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Write people as ROOT/PERSON/SHOT.jpg, each photograph by itself, in no burst.

    Args:
        root: folder to write; its parents are made too.
        photographs: number of a person, from 0 -> how many photographs, 1 or more.
        view: one of synthetic.VIEWS, as 11k photographs it, or "" for the back as HD does.
        size: height of the 4:3 photographs in pixels, >= 64.
        seed: of people and photographs, >= 0.
        workers: processes, all cores if None; the files do not depend on it.

    Returns:
        `root`.

    Raises:
        ValueError: if there is nobody, or somebody without photographs.
        FileExistsError: if `root` already holds something.
        OSError: if the disk or the quota is full; nothing is left then.
    """
    require(bool(photographs), "nobody is to be drawn: name at least one person")
    fewest = min(photographs.values())
    require(fewest >= 1, f"a person has {fewest} photographs: at least 1 is needed")
    root, tasks = Path(root), []
    with complete_or_nothing(root) as draft:
        for person, count in photographs.items():
            folder = draft / str(person)
            folder.mkdir()
            number = FIRST + person
            seen = view or hd_view(seed, number)
            shots = [(seen, shot, None, str(folder / f"{shot}.jpg")) for shot in range(count)]
            tasks.append(Task(seed, number, "11k" if view else "hd", size, shots))
        write_all(tasks, workers, progress=False)
    return root
