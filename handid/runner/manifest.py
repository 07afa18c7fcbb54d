"""The manifest: how a run and each of its notebooks went, true on disk after every change.

It starts nothing and draws no page.
"""

import csv
import io
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from handid import disk, fingerprint
from handid.runner.refusal import Refused

if TYPE_CHECKING:
    from handid.runner.plan import Plan, Task

FILE = "manifest.json"
MANY_FILES = 20  # more new files than this in one folder are named by their folder
MEMORY = (
    "largest sum of resident memory over a notebook's processes, "
    "read twice a second; memory they share is counted for each"
)
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
    is_over = alone or not psutil.pid_exists(content.get("pid", -1))
    needed = {"state", "key", "fingerprints", "products"}
    records = {
        stem: record
        for stem, record in content.get("notebooks", {}).items()
        if stem in stems and needed <= set(record)
    }
    for record in records.values():
        if record["state"] == "running" and is_over:
            record |= {"state": "interrupted", "cause": "the runner was killed"}
    return records


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
        where = f"reports/{reports.name}"
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
        }
        self.records[task.notebook.stem] = record
        return record

    def content(self) -> dict[str, Any]:
        """Everything that is known so far."""
        plan = self._plan
        return {
            "profile": plan.options.profile,
            "description": plan.profile.description,
            "state": self.state,
            "selected": list(plan.tasks),
            "started": self._started,
            "updated": now(),
            "pid": os.getpid(),
            "command": plan.mask(shlex.join(["run_notebooks.py", *plan.options.words])),
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


def join_results(folder: Path, path: Path) -> None:
    """Join the notebooks' result tables, in order of file name, with the union of their columns.

    A row that several notebooks wrote comes once.

    Args:
        folder: holds the tables; without any, `path` is removed.
        path: the joined table.
    """
    columns: dict[str, None] = {}
    rows: list[dict[str, str]] = []
    for table in sorted(folder.glob("*.csv")):
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns |= dict.fromkeys(reader.fieldnames or [])
            rows += reader
    if not columns:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({tuple(row.items()): row for row in rows}.values())
    with disk.whole(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
