"""Every file that a study writes, cut, emptied, filled with noise or replaced by another one's.

`python benchmarks/damage.py [SEED]`. A small study is trained and scored; each of its files is then
damaged in each way, and the study asked again. Right is: the same figures (the file was made anew,
or nothing depends on it), or one sentence that names the file. Of photographs and cached squares,
which are many of one kind, three each are tried. Then one notebook's report: the plan must call
it stale, or the next run must write the file again.
"""

import argparse
import contextlib
import io
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from handid.study import Study

ROOT = Path(__file__).resolve().parents[1]
WAYS = ("cut", "emptied", "noise", "another's")
MANY = {".jpg": 3, ".rgb": 3}
TARGET = "11k dorsal right"


def damaged(way: str, content: bytes, other: bytes, rng: random.Random) -> bytes:
    """A file's content after one kind of damage."""
    if way == "cut":
        return content[: rng.randrange(len(content))]
    if way == "noise":
        return rng.randbytes(len(content))
    return b"" if way == "emptied" else other


def figures(work: Path, seed: int = 0) -> str:
    """A small study's results, trained or found in its folder, as text."""
    quiet = io.StringIO()
    with contextlib.redirect_stderr(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = {"people": 4, "images_per_view": 3, "runs": 2, "device": "cpu"}
        lab = Study(work=str(work), weights="random", **small)
        changes = {"epochs": 1}
        training = lab.experiment("clip_ft_mini", "mini-ViT", TARGET, seed=seed, changes=changes)
        rows = lab.record([lab.score(training)], "02_fine_tune")
    history = training.history.drop(columns=["seconds", "images_per_second"])
    return rows.to_csv() + history.to_csv()


def sample(work: Path, rng: random.Random) -> list[Path]:
    """Every file, but of kinds that are many only some."""
    files = sorted(path for path in work.rglob("*") if path.is_file())
    chosen = [path for path in files if path.suffix not in MANY]
    for suffix, number in MANY.items():
        chosen += rng.sample([path for path in files if path.suffix == suffix], number)
    return chosen


def other_of(path: Path, files: list[Path]) -> bytes:
    """What another file of the same kind holds, other than this one; noise where there is none."""
    alike = [f for f in files if f.suffix == path.suffix and f != path]
    alike.sort(key=lambda f: f.name != path.name)
    content = path.read_bytes()
    return next((f.read_bytes() for f in alike if f.read_bytes() != content), b"another")


def outcome(work: Path, path: Path, right: str) -> str:
    """What a study does with a damaged file."""
    try:
        now = figures(work)
    except (ValueError, OSError) as error:
        said = str(error)
        named = any(name in said for name in (path.name, path.parent.name)) and "\n" not in said
        return "named" if named else f"FAULT: {said[:300]}"
    except Exception as error:  # what no user should see
        return f"FAULT: {type(error).__name__}: {str(error)[:300]}"
    return "same figures" if now == right else "FAULT: other figures"


def try_work(folder: Path, rng: random.Random) -> list[tuple[str, str, str]]:
    """Kind of file, way, outcome, for everything below a study's folder."""
    work, kept = folder / "work", folder / "kept"
    figures(work, seed=1)  # another training, to take files from
    right = figures(work)
    shutil.copytree(work, kept)
    files, rows = sorted(p for p in kept.rglob("*") if p.is_file()), []
    for path in sample(kept, rng):
        for way in WAYS:
            here = work / path.relative_to(kept)
            here.write_bytes(damaged(way, path.read_bytes(), other_of(path, files), rng))
            said = outcome(work, here, right)
            rows.append((f"{path.relative_to(kept).parts[0]}: {path.name}", way, said))
            print(*rows[-1], sep=" | ", flush=True)
            if said != "same figures":
                shutil.rmtree(work)
                shutil.copytree(kept, work)
    return rows


def door(folder: Path, *words: str) -> str:
    """What the front door prints for one notebook of the smoke profile."""
    places = ["--work", f"{folder}/runs", "--reports", f"{folder}/reports"]
    command = [sys.executable, str(ROOT / "run_notebooks.py"), "--profile", "smoke", "--only", "00"]
    done = subprocess.run([*command, *places, *words], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else f"FAULT: {done.stdout}{done.stderr}"


def try_reports(folder: Path, rng: random.Random) -> list[tuple[str, str, str]]:
    """The same for everything in a report."""
    door(folder)
    reports, rows = folder / "reports" / "smoke", []
    files = sorted(path for path in reports.rglob("*") if path.is_file())
    contents = {path: path.read_bytes() for path in files}
    for path, content in contents.items():
        for way in WAYS:
            path.write_bytes(damaged(way, content, other_of(path, files), rng))
            said = door(folder, "--list")
            stale = "stale" in said
            if not stale and "FAULT" not in said:
                said = door(folder)
                stale = path.read_bytes() != damaged("emptied", b"", b"", rng) and "fresh" in said
            rows.append((f"report: {path.name}", way, "stale or made anew" if stale else said))
            print(*rows[-1], sep=" | ", flush=True)
            path.write_bytes(content)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("seed", type=int, nargs="?", default=0)
    rng = random.Random(parser.parse_args().seed)
    with tempfile.TemporaryDirectory() as folder:
        rows = try_work(Path(folder), rng) + try_reports(Path(folder), rng)
    print(Counter(said if "FAULT" not in said else "FAULT" for _, _, said in rows))
    sys.exit(any("FAULT" in said for _, _, said in rows))


if __name__ == "__main__":
    main()
