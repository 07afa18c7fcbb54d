"""The manifest: how a run and each of its notebooks went, true on disk after every change.

It starts nothing and draws no page.
"""

import csv
import io
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handid import disk, fingerprint
from handid.runner.places import path_of
from handid.runner.privacy import absolute
from handid.runner.refusal import Refused

if TYPE_CHECKING:
    from handid.runner.plan import Plan, Task

FILE = "manifest.json"
MANY_FILES = 20  # more new files than this in one folder are named by their folder
KINDS = ("figures", "tables")  # folders of a report, with what is ready for a paper
MEMORY = (
    "largest sum of resident memory over a notebook's processes, "
    "read twice a second; memory they share is counted for each"
)
STATES = ("succeeded", "running", "blocked", "interrupted", "timed out", "killed", "exited")
STATES += ("failed",)
Record = dict[str, Any]  # what the manifest says of one notebook


def past(reports: Path, stems: Container[str], *, alone: bool) -> dict[str, Record]:
    """The records of earlier runs; what is 'running' in no living run was interrupted.

    Args:
        reports: folder of the profile's report.
        stems: names of the profile's notebooks; records of others are left out.
        alone: whether no other run can be alive.

    Returns:
        Record of each notebook that ran, by name.
    """
    content = disk.read_json(reports / FILE)
    pid, notebooks = content.get("pid"), content.get("notebooks")
    is_over = alone or not isinstance(pid, int) or not disk.lives(pid)
    records = {
        stem: record
        for stem, record in (notebooks if isinstance(notebooks, dict) else {}).items()
        if stem in stems and _is_record(record)
    }
    for record in records.values():
        if record["state"] == "running" and is_over:
            record |= {"state": "interrupted", "cause": "the runner was killed"}
    return records


def _is_record(record: Any) -> bool:
    """Whether what a manifest says of a notebook can be trusted to be a record."""
    kinds = {"state": str, "key": str, "fingerprints": dict, "products": list}
    optional: dict[str, Any] = {"parameters": {}, "versions": {}, "git": {}, "cause": ""}
    if not isinstance(record, dict) or record.get("state") not in STATES:
        return False
    record = optional | record
    kinds |= {name: type(value) for name, value in optional.items()}
    seconds = record.get("seconds")
    is_timed = seconds is None or type(seconds) in (int, float)
    products, known = record.get("products"), record.get("marks")
    marked = list(known) if isinstance(known, dict) else []
    names = [*products, *marked] if isinstance(products, list) else [0]
    texts = all(isinstance(name, str) and path_of(name) for name in names)
    return is_timed and texts and all(isinstance(record.get(k), v) for k, v in kinds.items())


@contextmanager
def only_run(reports: Path) -> Iterator[None]:
    """Hold the folder of a profile's report against other runs.

    Raises:
        Refused: if another run writes there.
    """
    disk.private(reports)
    try:
        with disk.locked(reports / "run.lock", wait=False):  # freed by the system if this dies
            yield
    except disk.Locked:
        where = f"{reports.parent.name}/{reports.name}"
        raise Refused(f"another run is writing {where}; wait until it ends") from None


class Manifest:
    """How one run goes.

    Attributes:
        records: of every notebook that ran in this run or an earlier one, by name.
        state: of the whole run.
    """

    def __init__(self, plan: "Plan"):
        """Take over what earlier runs left."""
        self._plan = plan
        self.records = plan.records
        self.state, self._started = "running", now()
        self._git = git_state(fingerprint.PACKAGE.parent)

    def state_of(self, stem: str) -> str:
        """State of a notebook so far."""
        return self.records.get(stem, {}).get("state", "not run")

    def begin(self, task: "Task") -> Record:
        """A new record of a notebook, before anything is known of how it goes."""
        record = {
            "state": "running",
            "cause": "",
            "skipped": False,
            "started": now(),
            "seconds": None,
            "peak_memory_mib": None,
            "parameters": task.shown,
            "key": task.key,
            "fingerprints": task.fingerprints,
            "versions": fingerprint.versions(),
            "git": self._git,
            "products": [],
            "marks": {},
        }
        self.records[task.notebook.stem] = record
        return record

    def mark(self, stem: str, only: str = "") -> None:
        """Note size and digest of what a succeeded notebook left, or of its files that end so."""
        record = self.records.get(stem, {})
        if record.get("state") == "succeeded":
            found = marks(stem, record, self._plan.reports, self._plan.work)
            kept = record.get("marks", {}) if only else {}
            record["marks"] = kept | {k: v for k, v in found.items() if k.endswith(only)}

    def content(self) -> dict[str, Any]:
        """Everything that is known so far."""
        plan, words = self._plan, self._plan.options.words
        return {
            "profile": plan.options.profile,
            "description": plan.profile.description,
            "state": self.state,
            "selected": list(plan.tasks),
            "started": self._started,
            "updated": now(),
            "pid": os.getpid(),
            "command": plan.mask(shlex.join(["run_notebooks.py", *map(absolute, words)])),
            "git": self._git,
            "versions": fingerprint.versions(),
            "peak_memory_mib": MEMORY,
            "notebooks": {k: self.records[k] for k in plan.notebooks if k in self.records},
        }

    def save(self) -> None:
        """Write the manifest."""
        disk.write_json(self._plan.reports / FILE, self.content())


def now() -> str:
    """This moment, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_state(repository: Path) -> dict[str, Any]:
    """Commit of the repository and whether the tree differs from it; empty without git."""

    def ask(*words: str) -> str:
        command = ["git", "-C", str(repository), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


# --- what notebooks wrote -----------------------------------------------------------------------


def products(work: Path, since: float, until: float) -> list[str]:
    """What in the work folder was last written between two moments, caches left out.

    It is called only at the end of a run: what a notebook running beside this one wrote and
    removed again must not count as a product of this one.

    Args:
        work: folder of what the notebooks compute.
        since: seconds since the epoch.
        until: seconds since the epoch.

    Returns:
        Paths in `work`; a folder with many such files is named instead of them.
    """
    times = {
        path.relative_to(work): path.stat().st_mtime for path in work.rglob("*") if path.is_file()
    }
    written = [p for p, time in times.items() if since <= time <= until and p.parts[0] != "cache"]
    counts = Counter(path.parent for path in written)
    return sorted({str(p.parent if counts[p.parent] > MANY_FILES else p) for p in written})


def own_results(stem: str) -> list[str]:
    """What a notebook records, known before the run's end: paths in the work folder."""
    return [f"{kind}/{stem}.csv" for kind in ("results", "curves", "people")]


def marks(stem: str, record: Record, reports: Path, work: Path) -> dict[str, Any]:
    """Size, digest and times of the files that a succeeded notebook left, by place and name.

    Trainings and drawings are not among them: they carry lists of their own, which who reads them
    looks at.
    """
    names = dict.fromkeys([*record["products"], *own_results(stem)])
    names = [name for name in names if name.split("/")[0] not in ("experiments", "synthetic")]
    files = {f"work/{name}": work / name for name in names}
    pages = [reports / f"{stem}.html", reports / f"{stem}.ipynb"]
    pages += sorted(path for kind in KINDS for path in (reports / kind).glob(f"{stem}_*"))
    files |= {f"reports/{path.relative_to(reports)}": path for path in pages}
    return {
        name: {"status": list(fingerprint.status(path)), **disk.mark(path)}
        for name, path in files.items()
        if path.is_file()
    }


def results_stand(stem: str, record: Record, work: Path) -> bool:
    """Whether what a notebook recorded is what its last run left, and that run succeeded.

    Where the run left no marks, nothing speaks against it.
    """
    known = record.get("marks")
    known = known if isinstance(known, dict) else {}
    names = [f"work/{name}" for name in own_results(stem)]
    own = {name: known[name] for name in names if name in known}
    return record["state"] == "succeeded" and outputs_stand({"marks": own}, work, work)


def outputs_stand(record: Record, reports: Path, work: Path) -> bool:
    """Whether every file that a notebook left is what it was; only a touched one is read."""
    known_marks = record.get("marks")
    for name, known in (known_marks if isinstance(known_marks, dict) else {}).items():
        place, _, inside = name.partition("/")
        path = (reports if place == "reports" else work) / inside
        known = dict(known) if isinstance(known, dict) else {}
        if known.pop("status", None) != list(fingerprint.status(path)) and not disk.fits(
            path, known
        ):
            return False
    return True


def join_results(work: Path, path: Path, records: Mapping[str, Record]) -> list[str]:
    """Join the notebooks' result tables, in order of file name, with the union of their columns.

    A row that several notebooks wrote comes once. A text that a spreadsheet would take for a
    formula gets an apostrophe in front.

    Args:
        work: folder of what the notebooks compute; without tables there `path` is removed.
        path: the joined table.
        records: of the notebooks that ran, by name.

    Returns:
        Names of tables that do not stand, are damaged, or are not ours to read, and left out.
    """
    columns: dict[str, None] = {}
    rows: list[dict[str, str]] = []
    damaged = []
    for table in sorted((work / "results").glob("*.csv")):
        record = records.get(table.stem)
        try:
            if record and not results_stand(table.stem, record, work):
                raise ValueError("changed, or of a run that did not succeed")
            with table.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file, restkey="", strict=True)
                own = [{name: disk.cell(row[name]) for name in row} for row in reader]
            if not reader.fieldnames or any("" in row or None in row.values() for row in own):
                raise ValueError("rows of another length than the head")
        except (OSError, ValueError, csv.Error, TypeError, AttributeError):
            damaged.append(table.stem)
            continue
        columns |= dict.fromkeys(reader.fieldnames)
        rows += own
    if not columns:
        path.unlink(missing_ok=True)
        return damaged
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({tuple(row.items()): row for row in rows}.values())
    with disk.whole(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    return damaged
