"""A small study killed again and again: what it leaves in the end equals an undisturbed run.

`python benchmarks/kills.py [COUNT] [SEED]`: SIGKILL at random moments, in turn to the runner and
all of its processes, and to the runner alone, whose notebooks must then end by themselves. Every
kill is followed by the same command; a study that has finished begins anew. The study is that of
notebooks 00 and 02 in the profile smoke with 15 epochs, a checkpoint at least every second.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[1]
MARKER = "HANDID_RUN"  # environment variable of every process of a notebook
STUDY = ["--profile", "smoke", "--only", "00", "--only", "02", "--set", "changes={epochs: 15}"]
SHARE = 0.25  # of the undisturbed run's time: a kill comes at most so late
ENDING = 30.0  # seconds that a notebook may take to end after its runner was killed


class Study:
    """One command on folders of its own, started and killed as often as wanted.

    Args:
        folder: empty; gets a copy of the package, and all that the study writes.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("handid", "notebooks"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pyc*"))
        shutil.copy(ROOT / "run_notebooks.py", folder)
        loop = folder / "handid/train/engine.py"
        seldom = loop.read_text()
        often = seldom.replace(
            "checkpoint_seconds: float = 30.0", "checkpoint_seconds: float = 1.0"
        )
        assert often != seldom
        loop.write_text(often)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Remove what was computed."""
        for name in ("work", "reports", "others", "t"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "t").mkdir()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the command in a session of its own."""
        own = {"TMPDIR": f"{self.folder}/t", "PYTHONPATH": f"{self.folder}", "OMP_NUM_THREADS": "1"}
        words = ["--work", f"{self.folder}/work", "--reports", f"{self.folder}/reports"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(self.folder / "run_notebooks.py"), *STUDY, *words],
                env=os.environ | own,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self) -> list[psutil.Process]:
        """Processes of notebooks of this study."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARKER, "").startswith(f"{self.folder}/"):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def leftovers(self) -> list[str]:
        """Locks, hidden and temporary files, and what was set aside."""
        places = [self.folder / name for name in ("work", "reports", "t")]
        files = [path for place in places for path in place.rglob("*")]
        odd = (".lock", ".damaged")
        return [
            str(path.relative_to(self.folder))
            for path in files
            if path.name.startswith(".") or path.suffix in odd or path.parent.name == "t"
        ]

    def products(self, reports: str = "reports") -> dict[str, str]:
        """Digest of everything that must be the same in every run, by path; no time is in it."""
        kinds = ["work/smoke/results/*", "work/smoke/curves/*", "work/smoke/synthetic/**/*.jpg"]
        kinds += ["work/smoke/experiments/*/weights.safetensors", "work/smoke/cache/pixels/**/*"]
        kinds += [f"{reports}/smoke/figures/*", f"{reports}/smoke/results.csv"]
        files = [path for kind in kinds for path in self.folder.glob(kind) if path.is_file()]
        found = {self._name(path): _digest(path.read_bytes()) for path in files}
        # A cached square is named after its photograph's time; its content is what counts.
        pixels = sorted(v for name, v in found.items() if "/pixels/" in name)
        found = {name: value for name, value in found.items() if "/pixels/" not in name}
        for path in self.folder.glob("work/smoke/experiments/*/history.csv"):
            timeless = pd.read_csv(path).drop(columns=["seconds", "images_per_second"])
            found[self._name(path)] = _digest(timeless.to_csv().encode())
        return found | {"number of cached pixels": str(len(pixels))}

    def _name(self, path: Path) -> str:
        """A path without its key, in which the times of the drawn photographs stand."""
        name = re.sub(r"-[0-9a-f]{16}/", "/", str(path.relative_to(self.folder)))
        return name.replace("others/", "reports/", 1) if name.startswith("others/") else name


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kill(study: Study, run: subprocess.Popen[bytes], how: str) -> None:
    """Kill a run, all of it or its runner; then wait until nothing of it is alive."""
    everybody = [*psutil.Process(run.pid).children(recursive=True), *study.alive()]
    run.kill()
    run.wait()
    for process in everybody if how == "all" else ():
        if process.is_running():
            process.kill()
    end = time.monotonic() + ENDING
    while study.alive():
        if time.monotonic() > end:
            sys.exit(f"orphans live {ENDING:g} s after the runner: {study.alive()}")
        time.sleep(0.1)


def attempt(study: Study, seconds: float | None, how: str) -> str:
    """Run until the end or a kill: "finished", or in which notebook it was killed."""
    run = study.start()
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        lines = (study.folder / "log").read_text(errors="replace").splitlines()
        kill(study, run, how)
        doing = next((line for line in reversed(lines) if ": " in line), "")
        return f"killed in {doing.split(':')[0]}" if "started" in doing else "killed between"
    if run.returncode:
        sys.exit(f"exit code {run.returncode}:\n{(study.folder / 'log').read_text()[-3000:]}")
    return "finished"


def compare(study: Study, undisturbed: dict[str, str]) -> None:
    """Stop with what differs from the undisturbed run, or with what was left lying about."""
    products = study.products()
    changed = {n for n in products.keys() | undisturbed if products.get(n) != undisturbed.get(n)}
    if changed or study.leftovers() or study.alive():
        sys.exit(f"different: {sorted(changed)}; left: {study.leftovers()}, {study.alive()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    given = parser.parse_args()
    rng, counts = random.Random(given.seed), Counter()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        study = Study(Path(folder).resolve())
        start = time.monotonic()
        attempt(study, None, "")
        longest = SHARE * (time.monotonic() - start)
        undisturbed = study.products()
        study.begin_anew()
        while sum(n for what, n in counts.items() if "killed" in what) < given.count:
            how = ("all", "runner")[sum(counts.values()) % 2]
            what = attempt(study, rng.uniform(0, longest), how)
            counts[f"{what} ({how})" if what != "finished" else what] += 1
            if what == "finished":
                compare(study, undisturbed)
                study.begin_anew()
            print(dict(counts), flush=True)
        attempt(study, None, "")
        compare(study, undisturbed)
    print(f"{len(undisturbed)} products equal the undisturbed run's each time:", dict(counts))


if __name__ == "__main__":
    main()
