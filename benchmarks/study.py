"""Wall time and peak memory of a whole batch run of the notebooks, the first time and again."""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
from results import report

SCRIPT = Path(__file__).resolve().parents[1] / "run_notebooks.py"


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            )
        except OSError:  # it has just ended
            continue
    processes = [root]
    for process in processes:  # grows while it is read
        processes += [child for child, parent in parents.items() if parent == process]
    return processes


def memory(process: int) -> float:
    """MiB: the proportional share where the system tells it, else the resident set."""
    for file, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return 0.0


def run(words: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of one run."""
    start, peak, pause = time.perf_counter(), 0.0, 0.02
    with subprocess.Popen([sys.executable, str(SCRIPT), *words]) as process:
        while process.returncode is None:
            peak = max(peak, sum(memory(number) for number in tree(process.pid)))
            with suppress(subprocess.TimeoutExpired):
                process.wait(pause)
            pause = min(0.5, 1.2 * pause)  # short at first: a second run lasts half a second
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"study: run_notebooks.py ended with exit code {process.returncode}")
    return seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data", action="append", default=[], metavar="NAME=FOLDER")
    options = parser.parse_args()
    words = ["--profile", options.profile, "--jobs", str(options.jobs)]
    words += [word for pair in options.data for word in ("--data", pair)]
    with tempfile.TemporaryDirectory() as folder:
        words += ["--reports", f"{folder}/reports", "--work", f"{folder}/runs"]
        runs = {name: run(words) for name in ("first run", "second run")}
    note = f"profile {options.profile}, {options.jobs} at a time; memory: PSS summed over processes"
    for number, unit in enumerate(("seconds", "MiB")):
        figures = pd.DataFrame({name: [run[number]] for name, run in runs.items()})
        report("study", figures, unit, reference="first run", note=note)


if __name__ == "__main__":
    main()
