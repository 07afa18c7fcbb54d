"""A study whose disk fills at random moments: one sentence, nothing lost, and it goes on.

`python benchmarks/full_disk.py [COUNT] [SEED]`, as root on Linux: the disk is a tmpfs of its own.
At a random moment of the study something else takes all that is free of it. Right is: the study
ends with one sentence that names the place, or with the right figures if it needed no more room;
and when there is room again, the same command gives the right figures. In turn it is
benchmarks/damage.py's small study in one process, and notebook 00 by the front door.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SENTENCE = "is full: free some space and run again"
STUDY = "import sys; sys.path.insert(0, 'benchmarks'); from pathlib import Path; import damage; "
SIZE = "400m"


def commands(disk: Path) -> dict[str, list[str]]:
    """The two studies, all of whose files lie on a disk."""
    figures = f"{STUDY}print(damage.figures(Path({str(disk / 'study')!r})))"
    places = ["--work", f"{disk}/runs", "--reports", f"{disk}/reports", "--only", "00"]
    return {
        "study": [sys.executable, "-c", figures],
        "runner": [sys.executable, "run_notebooks.py", "--profile", "smoke", *places],
    }


def start(command: list[str], disk: Path) -> subprocess.Popen[str]:
    """Start a study; its temporary files lie on the disk too."""
    (disk / "t").mkdir(exist_ok=True)
    own = {"TMPDIR": f"{disk}/t", "PYTHONPATH": str(ROOT)}
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | own, **how)


def fill(disk: Path) -> Path:
    """Take all that is free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filler


def result(name: str, disk: Path, said: str) -> str:
    """What must be the same at the end of every study of a kind."""
    if name == "study":
        return said
    figures = sorted((disk / "reports/smoke/figures").glob("*.png"))
    return " ".join(str(hash(path.read_bytes())) for path in figures)


def attempt(name: str, seconds: float, right: str | None) -> tuple[str, float, str]:
    """How a study ended whose disk filled after so many seconds; its seconds and its result."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
        try:
            begin, run = time.monotonic(), start(commands(disk)[name], disk)
            while run.poll() is None and time.monotonic() < begin + seconds:
                time.sleep(0.02)
            filler = fill(disk) if run.poll() is None else None
            out, err = run.communicate()
            taken, how = time.monotonic() - begin, "ended before"
            if filler is not None:
                told = SENTENCE in f"{out}{err}" and run.returncode != 0
                how = "told" if told else "needed no more room" if run.returncode == 0 else "FAULT"
                if how == "FAULT":
                    print(out[-1500:], err[-1500:])
                filler.unlink()
                run = start(commands(disk)[name], disk)
                out, err = run.communicate()
            same = run.returncode == 0 and right in (None, result(name, disk, out))
            if not same:
                print(out[-1500:], err[-1500:])
            return how if same else "FAULT afterwards", taken, result(name, disk, out)
        finally:
            subprocess.run(["umount", folder], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=20)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    given = parser.parse_args()
    rng, counts = random.Random(given.seed), Counter()
    undisturbed = {name: attempt(name, float("inf"), None)[1:] for name in ("study", "runner")}
    for number in range(given.count):
        name = ("study", "runner")[number % 2]
        seconds, right = undisturbed[name]
        counts[name, attempt(name, rng.uniform(0, seconds), right)[0]] += 1
        print(dict(counts), flush=True)
    sys.exit(any("FAULT" in how for _, how in counts))


if __name__ == "__main__":
    main()
