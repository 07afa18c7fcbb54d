"""Remove everything that was computed from one data set: pixels, embeddings, weights, reports.

It runs no notebook, and touches neither the data set itself nor a notebook.
"""

import csv
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from handid import disk
from handid.runner import manifest
from handid.runner.options import Options
from handid.runner.places import DATA, real
from handid.runner.plan import read_profile
from handid.runner.refusal import Refused, close, short

READ = "cache/read"  # holds a file named after each set of real photographs that was decoded
NOTE = "A notebook that was run and saved by hand holds its own outputs: clear them there."


def purge(options: Options) -> list[Path]:
    """Show what was computed from a data set in any profile, then remove it.

    Caches are removed whole, for their files do not say whose they are; so is a report of which any
    page may show the set. Both are made anew where they are still wanted.

    Args:
        options: the command line; with `show` nothing is removed.

    Returns:
        What was found.

    Raises:
        Refused: if there is nothing of a set of this name, or another run is writing.
    """
    profiles = sorted(path.stem for path in (options.notebooks / "profiles").glob("*.yaml"))
    places = [
        (real(options.work) / _home(options.notebooks, p), real(options.reports) / p)
        for p in profiles
    ]
    parts = [of_set(options.purge, work, reports) for work, reports in places]
    found = list(dict.fromkeys(path for part in parts for path in part))
    if not found:
        names = {name for work, reports in places for name in _sets(work, reports)}
        known = close(options.purge, names)
        raise Refused(f"--purge {short(options.purge)}: nothing was computed from it; {known}")
    with ExitStack() as held:
        for _, reports in places:
            if reports.is_dir() and not options.show:
                held.enter_context(manifest.only_run(reports))
        for path in found:
            print(f"{'would remove' if options.show else 'removing'} {path}")
            if not options.show:
                _remove(path)
    print(NOTE)
    return found


def of_set(name: str, work: Path, reports: Path) -> list[Path]:
    """What in the folders of one profile was computed from a data set."""
    found = [folder for folder in _trainings(work) if _is(_target(folder), name)]
    found += [path for path in _tables(work) if any(_is(s, name) for s in _sets_of_table(path))]
    for drawn in sorted((work / "synthetic").glob("*")):
        if _is(drawn.name.lstrip(".").rpartition("-")[0].rpartition("-")[0], name):
            found.append(drawn)
    was_read = any(_is(path.name, name) for path in (work / READ).glob("*"))
    is_shown = was_read or any(_is(one, name) for one in _sets_of_report(reports))
    shared = [work / "cache", work / "search"]  # whose files do not say whose they are
    if found or is_shown:
        found += [path for path in shared if path.exists()]
    if (found or is_shown) and reports.exists():
        found.append(reports)
    return found


def _home(notebooks: Path, profile: str) -> str:
    """The name of the folder in which a profile works; its own, where it cannot be read."""
    try:
        return read_profile(real(notebooks), profile).shares or profile
    except Refused:
        return profile


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is(text: str, name: str) -> bool:
    """Whether a set's name, or a target such as "11k dorsal right", is of the set."""
    return f"{text.lower()} ".startswith(f"{name.lower()} ")


def _trainings(work: Path) -> list[Path]:
    return sorted(path for path in (work / "experiments").glob("*") if path.is_dir())


def _target(training: Path) -> str:
    """The set that a training learned from; where its description is damaged, by its name."""
    target = disk.read_json(training / "experiment.json").get("target")
    if isinstance(target, list) and target:
        return str(target[0])
    return " ".join(training.name.split("-")[2:])


def _tables(work: Path) -> list[Path]:
    return sorted(
        path for kind in ("results", "curves", "people") for path in (work / kind).glob("*")
    )


def _sets_of_table(path: Path) -> Iterator[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                yield from (row.get(key) or "" for key in ("train_set", "test_set"))
    except (OSError, ValueError, csv.Error):
        return


def _sets_of_report(reports: Path) -> Iterator[str]:
    """Data sets that a notebook of a report was given."""
    notebooks = disk.read_json(reports / manifest.FILE).get("notebooks")
    for record in notebooks.values() if isinstance(notebooks, dict) else ():
        parameters = record.get("parameters") if isinstance(record, dict) else None
        data = parameters.get(DATA) if isinstance(parameters, dict) else None
        yield from (name for name, folder in data.items() if folder) if data else ()


def _sets(work: Path, reports: Path) -> set[str]:
    read = {path.name for path in (work / READ).glob("*")}
    return read | {_target(folder) for folder in _trainings(work)} | set(_sets_of_report(reports))
