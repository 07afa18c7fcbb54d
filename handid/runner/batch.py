"""Run planned notebooks, each in its own process, and keep a manifest that tells the truth.

It decides neither what should run (plan.py) nor how pages look (report.py).
"""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from handid import disk

MARKER = "HANDID_RUN"  # environment variable that every process of one notebook inherits
INJECTED = "injected-parameters"  # papermill's tag; its cell has no number
GRACE_SECONDS = 10
MANY_FILES = 20
POOLS = ("OMP_NUM", "MKL_NUM", "OPENBLAS_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM")
ENDINGS = {"killed": "was killed", "blocked": "was blocked", "interrupted": "was interrupted"}


def write_json(path: Path, thing: Any) -> None:
    """Write JSON in one step."""
    with disk.whole(path) as part:
        part.write_text(json.dumps(thing, indent=1, ensure_ascii=False), encoding="utf-8")


def read_json(path: Path) -> dict:
    """What a JSON file holds; empty if it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


# ---------------------------------------------------------------- one notebook, in its own process


def kill_marked(marker: str) -> None:
    """Kill every process of one notebook but this one, orphans of a dead kernel included."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == marker:
                process.kill()
        except (psutil.Error, OSError):
            continue


def obey_stop() -> None:
    """Kill the kernel when the runner says so or dies: both close this process's standard input."""
    sys.stdin.buffer.read()
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end:  # again and again: a kernel may just be starting
        kill_marked(os.environ[MARKER])
        time.sleep(0.2)
    os._exit(1)


def run_one(scratch: Path) -> None:
    """Execute the notebook that scratch/job.json names; leave out.ipynb and result.json there.

    papermill's own verdict is not kept, it calls killed notebooks completed: `verdict` judges.
    """
    threading.Thread(target=obey_stop, daemon=True).start()
    import logging

    import papermill
    from traitlets.config import Config

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    job, number = read_json(scratch / "job.json"), 0

    def note_cell(cell, cell_index):
        nonlocal number
        number += cell.cell_type == "code" and INJECTED not in cell.metadata.get("tags", [])
        write_json(scratch / "cell.json", {"cell": number})

    config = Config()
    if os.name == "posix":  # sockets in a private folder: no open port, no port taken twice
        config.KernelManager.transport = "ipc"
        config.KernelManager.connection_file = str(scratch / "kernel.json")
    result = {"error": "", "message": ""}
    try:
        papermill.execute_notebook(
            *(path.replace("{", "{{").replace("}", "}}") for path in job["paths"]),
            parameters=job["parameters"],
            kernel_name="handid",
            language="python",
            progress_bar=False,
            log_output=True,
            on_cell_start=note_cell,
            config=config,
        )
    except Exception as error:  # whatever papermill or the kernel died of is the notebook's cause
        result = {"error": type(error).__name__, "message": str(error)}
    write_json(scratch / "result.json", result)
    if os.getppid() != job["runner"]:
        shutil.rmtree(scratch, ignore_errors=True)  # the runner is dead: nobody will judge


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def first_error(cells: list[dict]) -> tuple[str, str] | None:
    """State and cause from the first exception, or from the first cell that never ran."""
    number, never = 0, 0
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        number += INJECTED not in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                state = "exited" if output["ename"] == "SystemExit" else "failed"
                said = f"{output['ename']}: {last_line(output['evalue'])}".rstrip(": ")
                return state, f"cell {number}: {said}"
        if "".join(cell["source"]).strip() and cell["execution_count"] is None:
            never = never or number
    return ("failed", f"cell {never} was never executed") if never else None


def verdict(cells: list[dict], result: dict[str, str], at: int) -> tuple[str, str]:
    """State and cause of an executed notebook, judged from what really happened.

    Args:
        cells: the executed notebook's cells.
        result: what run_one wrote; empty if it did not live to write.
        at: number of the code cell that was started last.

    Returns:
        State, and one line why; the line is empty for 'succeeded'.
    """
    if not result:
        return "killed", f"cell {at}: the notebook's process was killed (out of memory?)"
    if result["error"] == "DeadKernelError":
        return "killed", f"cell {at}: the kernel was killed (out of memory?)"
    if result["error"] not in ("", "PapermillExecutionError"):
        return "failed", f"cell {at}: {result['error']}: {last_line(result['message'])}"
    return first_error(cells) or ("succeeded", "")


@dataclass
class Running:
    """A notebook's live process and what was seen of it so far."""

    process: subprocess.Popen
    scratch: Path
    deadline: float
    started: float = field(default_factory=time.time)
    measured: float = 0.0
    peak: float = 0.0
    stopped: tuple[str, str] | None = None

    @property
    def cell(self) -> int:
        """Number of the code cell that was started last."""
        return read_json(self.scratch / "cell.json").get("cell", 0)

    def measure(self) -> None:
        """Keep the largest sum of resident memory, in MiB, over the process and its descendants."""
        if time.time() - self.measured < 0.5:
            return
        self.measured, total = time.time(), 0
        try:
            top = psutil.Process(self.process.pid)
            for process in [top, *top.children(recursive=True)]:
                total += process.memory_info().rss
        except psutil.Error:
            pass  # a process that ended meanwhile
        self.peak = max(self.peak, total / 2**20)

    def stop(self, state: str, why: str) -> None:
        """Ask the process to kill its kernel and save what there is; `deadline` is its last."""
        self.stopped = state, f"cell {self.cell}: {why}"
        self.deadline = time.time() + GRACE_SECONDS
        self.process.stdin.close()


def environment(scratch: Path, repository: Path, jobs: int) -> dict[str, str]:
    """A notebook's environment: its share of the cores, this repository, this interpreter."""
    linux = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1
    paths = [str(repository), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    threads = dict.fromkeys((f"{pool}_THREADS" for pool in POOLS), str(max(1, cores // jobs)))
    return (
        kept
        | threads
        | {
            MARKER: str(scratch),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "JUPYTER_PATH": str(scratch),
            "JUPYTER_RUNTIME_DIR": str(scratch),
            "IPYTHONDIR": str(scratch / "ipython"),
        }
    )


def launch(notebook: Path, injected: dict, log: Path, repository: Path, jobs: int) -> Running:
    """Start a notebook's process, with a kernel that is this interpreter whatever is registered."""
    scratch = Path(tempfile.mkdtemp(prefix="handid-"))
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": kernel, "display_name": "handid", "language": "python"}
    write_json(scratch / "kernels" / "handid" / "kernel.json", spec)
    paths = [str(notebook), str(scratch / "out.ipynb")]
    job = {"paths": paths, "parameters": injected, "runner": os.getpid()}
    write_json(scratch / "job.json", job)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "handid.batch", str(scratch)],
            cwd=notebook.parent,
            env=environment(scratch, repository, jobs),
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C reaches the runner only, which then stops them
        )
    return Running(process, scratch, float("inf"))


# ---------------------------------------------------------------- the batch


class Batch:
    """Runs tasks in the order of their needs; the manifest is true after every change."""

    def __init__(self, plan: Any, pages: Any):
        """Take over a plan, with what earlier runs left.

        Args:
            plan: a handid.plan.Plan.
            pages: a handid.report.Pages.
        """
        self.plan, self.pages = plan, pages
        self.options, self.tasks, self.records = plan.options, plan.tasks, plan.records
        self.reports, self.work = plan.folders["reports"], plan.folders["work"]
        self.running: dict[str, Running] = {}
        self.ran: dict[str, tuple[float, float]] = {}
        self.state, self.started, self.git = "running", now(), git_state(plan.repository)

    def run(self) -> int:
        """Run what is stale.

        Returns:
            Exit code: 0 all succeeded, 1 something did not, 130 interrupted.
        """
        waiting = [stem for stem, task in self.tasks.items() if task.stale]
        if self.options.jobs > 1:
            waiting.sort(key=lambda stem: not self.tasks[stem].notebook.long)
        try:
            self.prepare()
            while waiting or self.running:
                self.start_what_can(waiting)
                for stem in list(self.running):
                    self.watch(stem)
                self.show_progress()
                time.sleep(0.05)
            states = {self.state_of(stem) for stem in self.tasks}
            self.state = "succeeded" if states <= {"succeeded"} else "failed"
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut this short
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.interrupt()
            self.state = "interrupted"
        finally:
            self.close()
        return {"succeeded": 0, "interrupted": 130}.get(self.state, 1)

    def prepare(self) -> None:
        """Note what is fresh, and make a page for every notebook so that no link is ever dead."""
        for folder in (self.reports, self.work):
            folder.mkdir(parents=True, exist_ok=True)
        for stem, task in self.tasks.items():
            if not task.stale:
                self.records[stem]["skipped"] = True
                self.say(f"{stem}: fresh, skipped")
        self.save()
        for stem in self.plan.notebooks:
            page, record = self.reports / f"{stem}.html", self.records.get(stem, {})
            if not page.exists() or not record or record.get("style") != self.pages.style:
                self.render(stem)

    def start_what_can(self, waiting: list[str]) -> None:
        """Start or block every waiting notebook whose needs are decided."""
        for stem in list(waiting):
            needs = [need for need in self.tasks[stem].notebook.needs if need in self.tasks]
            undecided = [need for need in needs if need in waiting or need in self.running]
            bad = [n for n in needs if n not in undecided and self.state_of(n) != "succeeded"]
            if bad:
                waiting.remove(stem)
                state = self.state_of(bad[0])
                cause = f"it needs {bad[0]}, which {ENDINGS.get(state, state)}"
                self.records[stem] = self.new_record(stem) | {"state": "blocked", "cause": cause}
                self.finish(stem)
            elif not undecided and len(self.running) < self.options.jobs:
                waiting.remove(stem)
                self.start(stem)

    def state_of(self, stem: str) -> str:
        """State of a notebook so far."""
        return self.records.get(stem, {}).get("state", "not run")

    def new_record(self, stem: str) -> dict[str, Any]:
        """A notebook's entry in the manifest before anything is known of how it went."""
        return {
            "state": "running",
            "cause": "",
            "skipped": False,
            "started": now(),
            "seconds": None,
            "peak_memory_mib": None,
            "parameters": self.tasks[stem].shown,
            "key": self.tasks[stem].key,
            "fingerprints": self.tasks[stem].fingerprints,
            "versions": self.plan.versions,
            "git": self.git,
            "products": [],
        }

    def start(self, stem: str) -> None:
        """Start a notebook's process."""
        task, log = self.tasks[stem], self.reports / f"{stem}.log"
        live = launch(
            task.notebook.path, task.injected, log, self.plan.repository, self.options.jobs
        )
        if self.options.timeout:
            live.deadline = live.started + self.options.timeout
        self.running[stem] = live
        self.records[stem] = self.new_record(stem) | {"pid": live.process.pid}
        self.save()
        self.say(f"{stem}: started ({task.stale})")

    def watch(self, stem: str) -> None:
        """Measure a running notebook, stop it at its time limit, conclude it when it has ended."""
        live = self.running[stem]
        live.measure()
        if live.process.poll() is not None:
            self.conclude(stem)
        elif time.time() > live.deadline and live.stopped:
            live.process.kill()
        elif time.time() > live.deadline:
            live.stop("timed out", f"stopped after {self.options.timeout:g} s (--timeout)")

    def conclude(self, stem: str) -> None:
        """Judge an ended notebook, keep its outputs, and clear away what it left running."""
        live = self.running.pop(stem)
        kill_marked(str(live.scratch))
        document = read_json(live.scratch / "out.ipynb")
        result = read_json(live.scratch / "result.json")
        state, cause = verdict(document.get("cells", []), result, live.cell)
        if live.stopped and state != "succeeded":
            state, cause = live.stopped
        executed = self.reports / f"{stem}.ipynb"
        if document:
            write_json(executed, self.plan.mask(without_papermill(document)))
        else:  # an earlier run's outputs must not stand under this run's name
            executed.unlink(missing_ok=True)
        log = self.reports / f"{stem}.log"
        text = self.plan.mask(log.read_text(encoding="utf-8", errors="replace"))
        log.write_text(text, encoding="utf-8")
        shutil.rmtree(live.scratch, ignore_errors=True)
        self.records[stem] |= {
            "state": state,
            "cause": self.plan.mask(cause),
            "seconds": round(time.time() - live.started, 1),
            "peak_memory_mib": round(live.peak),
        }
        self.ran[stem] = live.started, time.time()
        self.finish(stem)

    def products(self, since: float, until: float) -> list[str]:
        """What in the work folder was last written between two moments, caches left out.

        Asked only at the end of a run: what a notebook running beside this one wrote and removed
        again must not count as a product of this one. Folders of many files stand for them.
        """
        files = [path.relative_to(self.work) for path in self.work.rglob("*") if path.is_file()]
        times = {path: (self.work / path).stat().st_mtime for path in files}
        made = [p for p in files if since <= times[p] <= until and p.parts[0] != "cache"]
        crowd = Counter(path.parent for path in made)
        return sorted({str(p.parent if crowd[p.parent] > MANY_FILES else p) for p in made})

    def finish(self, stem: str) -> None:
        """Save, render and say how a notebook ended."""
        self.save()
        self.render(stem)
        self.write_index()
        record = self.records[stem]
        parts = [record["state"], self.pages.duration(record["seconds"]), record["cause"]]
        self.say(f"{stem}: {', '.join(part for part in parts if part)}")

    def interrupt(self) -> None:
        """Stop everything that runs."""
        for live in self.running.values():
            live.stop("interrupted", "stopped by Ctrl-C")
        while self.running:
            for stem in list(self.running):
                self.watch(stem)
            time.sleep(0.05)
        for record in self.records.values():  # ended in the very moment of Ctrl-C, unjudged
            if record["state"] == "running":
                record |= {"state": "interrupted", "cause": "stopped by Ctrl-C"}

    @property
    def manifest(self) -> dict[str, Any]:
        """The whole truth so far."""
        return {
            "profile": self.options.profile,
            "description": self.plan.profile.description,
            "state": self.state,
            "selected": list(self.tasks),
            "started": self.started,
            "updated": now(),
            "pid": os.getpid(),
            "command": self.plan.mask(shlex.join(["run_notebooks.py", *self.options.words])),
            "git": self.git,
            "versions": self.plan.versions,
            "peak_memory_mib": "largest sum of resident memory over a notebook's processes, "
            "read twice a second; memory they share is counted for each",
            "notebooks": {k: self.records[k] for k in self.plan.notebooks if k in self.records},
        }

    def save(self) -> None:
        """Write the manifest."""
        write_json(self.reports / "manifest.json", self.manifest)

    def document(self, stem: str) -> dict:
        """A notebook as it was last executed, else as it lies in the folder; paths shortened."""
        executed = self.reports / f"{stem}.ipynb"
        ran = executed.exists() and self.state_of(stem) not in ("not run", "blocked", "running")
        source = executed if ran else self.plan.notebooks[stem].path
        return self.plan.mask(self.pages.load(source))

    def render(self, stem: str) -> None:
        """Write a notebook's page; one that cannot be written is that notebook's failure."""
        record, notebook = self.records.get(stem, {}), self.plan.notebooks[stem]
        default = self.plan.mask(notebook.defaults)
        rows = [
            (name, value, notebook.meanings.get(name, ""), value != default.get(name))
            for name, value in record.get("parameters", default).items()
        ]
        try:
            self.pages.page(stem, self.document(stem), record, rows)
        except Exception as error:  # a fault of the page must not lose how the notebook went
            cause = f"its page could not be written: {type(error).__name__}: {error}"
            self.records[stem] = record | {"state": "failed", "cause": self.plan.mask(cause)}
        if record:
            self.records[stem]["style"] = self.pages.style

    def write_index(self) -> Path:
        """Write the page of all notebooks."""
        documents = {stem: self.document(stem) for stem in self.plan.notebooks}
        return self.pages.index(self.manifest, documents)

    def close(self) -> None:
        """Write results.csv, the manifest's last word and the index; print the summary."""
        if self.state == "running":  # an error of the runner itself is on its way out
            self.state = "failed"
        for stem, (since, until) in self.ran.items():
            if self.state_of(stem) == "succeeded":
                self.records[stem]["products"] = self.products(since, until)
        join_results(self.work / "results", self.reports / "results.csv")
        self.save()
        self.say("\n" + "\n".join(self.summary()))
        self.say(f"{self.state}: {self.write_index()}")

    def summary(self) -> list[str]:
        """A line a selected notebook: state, time, memory, cause."""
        lines = []
        for stem in self.tasks:
            record = self.records.get(stem, {})
            state = "fresh" if record.get("skipped") else self.state_of(stem)
            memory = f"{record['peak_memory_mib']} MiB" if record.get("peak_memory_mib") else ""
            time_taken = self.pages.duration(record.get("seconds"))
            cause = record.get("cause", "")
            lines.append(f"{stem:<20} {state:<11} {time_taken:>12} {memory:>10}  {cause}".rstrip())
        return lines

    def say(self, line: str) -> None:
        """Print a line of progress, over the live line if there is one."""
        print(("\r\033[K" if sys.stderr.isatty() else "") + line, flush=True)

    def show_progress(self) -> None:
        """On a terminal: which cell each running notebook is in."""
        if sys.stderr.isatty() and self.running:
            cells = [
                f"{stem} cell {live.cell}, {time.time() - live.started:.0f} s"
                for stem, live in self.running.items()
            ]
            print("\r\033[K" + " | ".join(cells)[:79], end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- small things


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


def without_papermill(document: dict) -> dict:
    """The notebook without papermill's metadata and error cells: they hold paths, and may lie."""
    mark = "papermill-error-cell-tag"
    document["cells"] = [c for c in document["cells"] if mark not in c["metadata"].get("tags", [])]
    for thing in [document, *document["cells"]]:
        thing["metadata"].pop("papermill", None)
    return document


def join_results(folder: Path, path: Path) -> None:
    """Join the notebooks' result tables, in order of file name, with the union of their columns.

    A row that several notebooks wrote comes once.
    """
    columns: dict[str, None] = {}
    rows = []
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


if __name__ == "__main__":
    run_one(Path(sys.argv[1]))
