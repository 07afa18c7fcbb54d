"""Write a synthetic data set as 11k Hands or PolyU HD lies on disk: complete, or not at all."""

import csv
import errno
import glob
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from handid import disk
from handid.synthetic.person import VIEWS, person
from handid.synthetic.photograph import photograph, require

HEADER = "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
BURST_GAP = 10  # file numbers between two bursts; handid.data.eleven_k parts them at more than 3
# Numbers of people in HD: all subjects, the last of them (the real set's cut-off), distractors.
SUBJECTS, LATER_SUBJECTS, DISTRACTORS = range(1, 502), range(448, 502), range(502, 713)


@dataclass(frozen=True)
class Task:
    """What one process draws and writes at a time: all photographs of one person."""

    seed: int  # of the population and of what the photographs add
    subject: int
    camera: str
    size: int  # height of a photograph, pixels
    # view, shot, the shot that begins its burst (None for no burst), path of the file
    photographs: Sequence[tuple[str, int, int | None, str]]


def write_11k(  # noqa: PLR0913 - one argument for each thing a user may want to choose
    root: str | Path,
    *,
    subjects: int,
    images: int,
    bursts: int = 0,
    views: Sequence[str] = VIEWS,
    size: int = 240,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a data set as 11k Hands lies on disk: HandInfo.csv and Hands/Hand_0000001.jpg onwards.

    With bursts the numbers begin at 10, with the first gap.

    Args:
        root: folder to write; its parents are made too.
        subjects: number of people, >= 2.
        images: mean number of photographs per person and view, >= 2; at least two show no ring.
        bursts: into how many each person's photographs of a view are divided, numbered with a gap
            between them; those of a burst share background, light and place. 0: every photograph
            has its own.
        views: of a hand that are drawn; the photographs of one do not depend on the others.
        size: height of the 4:3 photographs in pixels, >= 64.
        seed: of people and photographs, >= 0.
        workers: processes, all cores if None; the files do not depend on it.
        progress: whether to show a bar.

    Returns:
        `root`.

    Raises:
        ValueError: if a count or the size is too small, or for views that are none.
        FileExistsError: if `root` already holds something.
        OSError: if the disk or the quota is full; nothing is left then.
    """
    _check_counts(subjects, images, size)
    require(
        0 < len(views) == len(set(views) & set(VIEWS)),
        f"views is {list(views)}: name some of {', '.join(VIEWS)}, each once",
    )
    require(bursts >= 0, f"bursts is {bursts}: 0 draws every photograph by itself")
    root, number, tasks = Path(root), 0, []
    with complete_or_nothing(root) as draft:
        (draft / "Hands").mkdir()
        for subject in range(subjects):
            rng, photographs = np.random.default_rng([seed, subject, 9]), []
            for view in VIEWS:
                n_shots = images + (int(rng.integers(-1, 2)) if images > 2 else 0)
                firsts = _firsts(n_shots, bursts) if view in views else []
                for shot, first in enumerate(firsts):
                    number += BURST_GAP if bursts and first == shot else 1
                    file = draft / "Hands" / f"Hand_{number:07d}.jpg"
                    photographs.append((view, shot, first, str(file)))
            tasks.append(Task(seed, subject, "11k", size, photographs))
        facts = write_all(tasks, workers, progress)
        _write_table(draft / "HandInfo.csv", tasks, facts)
    return root


def write_hd(  # noqa: PLR0913 - one argument for each thing a user may want to choose
    root: str | Path,
    *,
    subjects: int,
    distractors: int,
    images: int,
    size: int = 240,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a data set as PolyU HD lies on disk: Original Images/1-501 and Original Images/502-712.

    Backs of mostly right hands of other people than `write_11k` draws, closer, on a grey ground.
    The later half of the subjects (54 at most) is numbered from 448, the real set's cut-off.

    Args:
        root: folder to write; its parents are made too.
        subjects: people to be identified, 2 to 501.
        distractors: people who are only in the gallery, 0 to 211.
        images: photographs per person, >= 2.
        size: height of the 4:3 photographs in pixels, >= 64.
        seed: of people and photographs, >= 0.
        workers: processes, all cores if None; the files do not depend on it.
        progress: whether to show a bar.

    Returns:
        `root`.

    Raises:
        ValueError: if a count is out of range or the size too small.
        FileExistsError: if `root` already holds something.
        OSError: if the disk or the quota is full; nothing is left then.
    """
    _check_counts(subjects, images, size)
    places, extra = len(SUBJECTS), len(DISTRACTORS)
    require(subjects <= places, f"subjects is {subjects}: HD has places for 2 to {places}")
    require(
        0 <= distractors <= extra, f"distractors is {distractors}: HD has places for 0 to {extra}"
    )
    n_later = min(subjects // 2, len(LATER_SUBJECTS))
    numbers = [*SUBJECTS[: subjects - n_later], *LATER_SUBJECTS[:n_later]]
    root, tasks = Path(root), []
    with complete_or_nothing(root) as draft:
        folders = [draft / "Original Images" / name for name in ("1-501", "502-712")]
        for folder in folders:
            folder.mkdir(parents=True)
        for number in [*numbers, *DISTRACTORS[:distractors]]:
            view = hd_view(seed, number)
            folder = folders[number in DISTRACTORS]
            files = [str(folder / f"{number}_{shot + 1}.jpg") for shot in range(images)]
            photographs = [(view, shot, None, file) for shot, file in enumerate(files)]
            tasks.append(Task(seed, 1_000_000 + number, "hd", size, photographs))
        write_all(tasks, workers, progress)
    return root


def hd_view(seed: int, number: int) -> str:
    """The view that HD has of a person: one in ten shows the left hand."""
    return VIEWS[int(np.random.default_rng([seed, number, 8]).random() < 0.1)]


def _firsts(n_shots: int, bursts: int) -> list[int | None]:
    """Of each shot the one that begins its burst; None where there are no bursts."""
    if not bursts:
        return [None] * n_shots
    starts = [n_shots * burst // bursts for burst in range(bursts)]
    return [max(start for start in starts if start <= shot) for shot in range(n_shots)]


def _check_counts(subjects: int, images: int, size: int) -> None:
    """Refuse sets too small to study."""
    require(subjects >= 2, f"subjects is {subjects}: at least 2 people are needed to tell apart")
    require(
        images >= 2, f"images is {images}: at least 2 are needed, to search for and to be found"
    )
    require(size >= 64, f"size is {size}: a hand needs at least 64 pixels")


@contextmanager
def complete_or_nothing(root: Path) -> Iterator[Path]:
    """A sibling folder to write into: renamed to `root` if all went well, removed if not.

    Folders that killed processes left are removed first. Only the owner may enter.
    """
    taken = f"{root} already holds data: remove it or choose another folder"
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(taken)
    draft = root.parent / f".{root.name}.partial-{os.getpid()}"
    try:
        disk.private(root.parent)
        _sweep(root)
        draft.mkdir(mode=0o700)
        yield draft
        files = sorted(str(p.relative_to(draft)) for p in draft.rglob("*") if p.is_file())
        disk.write_products(draft, files)
        os.sync()  # the photographs are on the disk before their folder has its name
        os.replace(draft, root)
    except Exception as error:
        if disk.is_full(error):
            raise disk.full(root.parent) from error
        if getattr(error, "errno", None) in (errno.ENOTEMPTY, errno.EEXIST):  # another was faster
            raise FileExistsError(taken) from error
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove the drafts of processes that live no more."""
    for draft in root.parent.glob(f".{glob.escape(root.name)}.partial-*"):
        number = draft.name.rpartition("-")[2]
        if not (number.isdecimal() and disk.lives(int(number))):
            shutil.rmtree(draft, ignore_errors=True)


def write_all(tasks: list[Task], workers: int | None, progress: bool) -> dict[str, dict]:
    """Draw and write all tasks; the facts of every photograph by the path of its file."""
    facts: dict[str, dict] = {}
    total = sum(len(task.photographs) for task in tasks)
    workers = min(workers or os.cpu_count() or 1, len(tasks))
    with tqdm(
        total=total, desc="drawing hands", unit="image", mininterval=1, disable=not progress
    ) as bar:
        for facts_of_person in _results(tasks, workers):
            facts.update(facts_of_person)
            bar.update(len(facts_of_person))
    return facts


def _results(tasks: list[Task], workers: int) -> Iterator[dict[str, dict]]:
    """Results of the tasks as they come, from this process or from `workers` others."""
    if workers == 1:
        yield from (_write_person(task) for task in tasks)
        return
    # Forked workers need no importable __main__: notebooks and piped scripts work too. They run
    # NumPy and Pillow alone, which stand a fork beside threads, of which Python 3.12 warns.
    context = get_context("fork" if sys.platform == "linux" else None)
    how = {"initializer": _end_with, "initargs": (os.getpid(),)}
    with ProcessPoolExecutor(workers, mp_context=context, **how) as pool:
        futures = [pool.submit(_write_person, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with(parent: int) -> None:
    """Let this worker end when its parent is killed: it would wait for tasks for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _write_person(task: Task) -> dict[str, dict]:
    """Draw and write one person's photographs; the facts of each by its path."""
    individual, facts = person(task.seed, task.subject), {}
    how = {"size": task.size, "seed": task.seed, "camera": task.camera}
    for view, shot, first, path in task.photographs:
        image, facts[path] = photograph(individual, view, shot, first=first, **how)
        Image.fromarray(image).save(path, quality=92, subsampling=0)
    return facts


def _write_table(path: Path, tasks: list[Task], facts: dict[str, dict]) -> None:
    """Write HandInfo.csv: texts in quotes and numbers without, as in the original."""
    with path.open("w", newline="") as file:
        file.write(HEADER + "\n")
        table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        for task in tasks:
            for view, _, _, image in task.photographs:
                shown = facts[image]
                row = [f"{task.subject:07d}", shown["age"], shown["gender"], shown["skin_color"]]
                row += [shown["accessories"], shown["nail_polish"], view, Path(image).name, 0]
                table.writerow(row)
