"""One notebook in its own process: starting it, stopping it, and judging how it ended.

`python -m handid.runner.process SCRATCH` is that process. Which notebooks run is not decided here.
"""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from handid import disk
from handid.runner import environment
from handid.runner.notebook import Cell, has_number, numbered

NOTEBOOKS = "HANDID_NOTEBOOKS"  # environment variable: the folder from which paths count
GRACE_SECONDS = 10
RESULT = "result.json"
PREFIX = "handid-"  # of a notebook's folder of temporary files; its runner's number follows
LONGEST_FOLDER = 60  # characters: a socket's path may have about 100 in all


def kill_marked(marker: str) -> None:
    """Kill every process of one notebook but this one, orphans of a dead kernel included."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(environment.MARKER) == marker:
                process.kill()


def temporary() -> Path:
    """The folder of temporary files, or the system's own where that one's name is long.

    Clusters name it after job, user and disk; a socket below it would have too long a path.
    """
    own = Path(tempfile.gettempdir())
    folders = [own, *map(Path, ("/tmp", "/var/tmp"))]
    fitting = [f for f in folders if len(str(f)) <= LONGEST_FOLDER and os.access(f, os.W_OK)]
    return next(iter(fitting), own)


def sweep() -> None:
    """Remove the temporary files of notebooks whose runner and processes were killed together."""
    for folder in temporary().glob(f"{PREFIX}*-*"):
        number, own = folder.name.removeprefix(PREFIX).split("-")[0], False
        with suppress(OSError):
            own = folder.stat().st_uid == os.getuid()
        if own and number.isdecimal() and not disk.lives(int(number)):
            kill_marked(str(folder))
            shutil.rmtree(folder, ignore_errors=True)


# --- in the notebook's process ------------------------------------------------------------------


def obey_stop() -> None:
    """Kill the kernel when the runner says so or dies: both close this process's standard input."""
    while os.read(sys.stdin.fileno(), 1024):  # sys.stdin.read holds a lock that Python's end needs
        pass
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end:  # again and again: a kernel may just be starting
        kill_marked(os.environ[environment.MARKER])
        time.sleep(0.2)
    os._exit(1)


def run(scratch: Path) -> None:
    """Execute the notebook that scratch/job.json names; leave out.ipynb and result.json there.

    papermill's own verdict is not kept, it calls killed notebooks completed: `verdict` judges.
    """
    os.umask(0o077)
    threading.Thread(target=obey_stop, daemon=True).start()
    import logging

    import papermill

    from handid.runner import kernel

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    job, number = disk.read_json(scratch / "job.json"), 0

    def note_cell(cell: Cell, cell_index: int) -> None:
        nonlocal number
        number += has_number(cell)
        disk.write_json(scratch / "cell.json", {"cell": number})

    # Sockets in a private folder: no open port, no port taken twice.
    sockets = len(str(scratch)) <= LONGEST_FOLDER + len(f"/{PREFIX}4194304-12345678")
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
            config=kernel.configured(scratch / "kernel.json", sockets=sockets),
        )
    except Exception as error:  # whatever papermill or the kernel died of is the notebook's cause
        result = {"error": type(error).__name__, "message": str(error)}
    leave(scratch, result)
    if os.getppid() != job["runner"]:
        shutil.rmtree(scratch, ignore_errors=True)  # the runner is dead: nobody will judge


def leave(scratch: Path, result: dict[str, str]) -> None:
    """Write how it went; where the disk is too full for that, the exit code says so."""
    try:
        disk.write_json(scratch / RESULT, result)
    except OSError as error:
        if not disk.is_full(error):
            raise
        print(error, file=sys.stderr)
        sys.exit(errno.ENOSPC)


# --- the verdict --------------------------------------------------------------------------------


def verdict(cells: Iterable[Cell], result: dict[str, str], cell: int) -> tuple[str, str]:
    """State and cause of an executed notebook, judged from what really happened.

    Args:
        cells: the executed notebook's cells.
        result: what `run` wrote; empty if it did not live to write.
        cell: number of the code cell that was started last.

    Returns:
        State, and one line why; the line is empty for 'succeeded'.
    """
    if disk.is_full(OSError(result.get("message", ""))):
        return "failed", f"cell {cell}: {disk.full('temporary files').strerror}"
    if not result:
        return "killed", f"cell {cell}: the notebook's process was killed (out of memory?)"
    if result["error"] == "DeadKernelError":
        return "killed", f"cell {cell}: the kernel was killed (out of memory?)"
    if result["error"] not in ("", "PapermillExecutionError"):
        return "failed", f"cell {cell}: {result['error']}: {_last_line(result['message'])}"
    return _first_error(cells) or ("succeeded", "")


def result_of(live: "Running") -> dict[str, str]:
    """What an ended process left of how it went; empty if it did not live to tell."""
    if live.process.returncode == errno.ENOSPC:
        return {"error": "OSError", "message": os.strerror(errno.ENOSPC)}
    return disk.read_json(live.scratch / RESULT)


def _first_error(cells: Iterable[Cell]) -> tuple[str, str] | None:
    """State and cause from the first exception, or from the first cell that never ran."""
    never_executed = 0
    for number, cell in numbered(cells):
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                state = "exited" if output["ename"] == "SystemExit" else "failed"
                message = f"{output['ename']}: {_last_line(output['evalue'])}".rstrip(": ")
                return state, f"cell {number}: {message}"
        if cell["source"].strip() and cell["execution_count"] is None:
            never_executed = never_executed or number
    return ("failed", f"cell {never_executed} was never executed") if never_executed else None


def _last_line(text: str) -> str:
    """The last line that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


# --- in the runner ------------------------------------------------------------------------------


@dataclass
class Running:
    """A notebook's live process and what was measured of it so far.

    Attributes:
        process: the notebook's process, `run` above.
        scratch: its folder of temporary files.
        deadline: `seconds` at which it is stopped, or killed if it was stopped.
        started: seconds since the epoch.
        peak: largest resident memory so far, MiB.
        stopped: state and cause, if it was stopped.
    """

    process: subprocess.Popen[bytes]
    scratch: Path
    deadline: float
    started: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)
    peak: float = 0.0
    stopped: tuple[str, str] | None = None
    _measured: float = -1.0

    @property
    def seconds(self) -> float:
        """Since it began, whatever becomes of the clock meanwhile."""
        return time.monotonic() - self.began

    @property
    def cell(self) -> int:
        """Number of the code cell that was started last."""
        return disk.read_json(self.scratch / "cell.json").get("cell", 0)

    def measure(self) -> None:
        """Keep the largest sum of resident memory, in MiB, over the process and its descendants."""
        if (now := self.seconds) - self._measured < 0.5:
            return
        self._measured, total = now, 0
        with suppress(psutil.Error):  # of a process that ended meanwhile
            top = psutil.Process(self.process.pid)
            for process in [top, *top.children(recursive=True)]:
                total += process.memory_info().rss
        self.peak = max(self.peak, total / 2**20)

    def stop(self, state: str, cause: str) -> None:
        """Ask the process to kill its kernel and save what there is; `deadline` is its last."""
        self.stopped = state, f"cell {self.cell}: {cause}"
        self.deadline = self.seconds + GRACE_SECONDS
        self.close_input()

    def close_input(self) -> None:
        """Close the process's standard input, which tells a live one to stop."""
        if self.process.stdin:
            self.process.stdin.close()


def scratch_folder(*options: str) -> Path:
    """A new folder of temporary files, with a kernel, `handid`: this interpreter, with options."""
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=temporary()))
    except OSError as error:
        raise disk.full(temporary()) if disk.is_full(error) else error from None
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *options]
    specification = {"argv": kernel, "display_name": "handid", "language": "python"}
    disk.write_json(scratch / "kernels" / "handid" / "kernel.json", specification)
    return scratch


def launch(notebook: Path, injected: dict[str, Any], log: Path, jobs: int) -> Running:
    """Start a notebook's process, with a kernel that is this interpreter whatever is registered.

    Args:
        notebook: its file; its folder is the working directory.
        injected: parameters.
        log: file for what the process prints.
        jobs: number of notebooks that share the cores.
    """
    scratch = scratch_folder()
    paths = [str(notebook), str(scratch / "out.ipynb")]
    job = {"paths": paths, "parameters": injected, "runner": os.getpid()}
    disk.write_json(scratch / "job.json", job)
    with disk.anew(log) as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "handid.runner.process", str(scratch)],
            cwd=notebook.parent,
            env=environment.variables(scratch, jobs) | {NOTEBOOKS: str(notebook.parent)},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C reaches the runner only, which then stops them
        )
    return Running(process, scratch, float("inf"))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
