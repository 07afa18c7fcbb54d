"""Two runners and a notebook on one work folder at the same time, against one runner alone.

`python benchmarks/together.py`: what they leave must equal, file by file, what one run leaves in a
folder of its own; both reports must hold the same figures.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from kills import Study

STUDY = ["--profile", "smoke", "--only", "00", "--only", "02"]
VALUES = {"people": 8, "images_per_view": 3, "runs": 2, "changes": {"epochs": 1}}  # the profile's
CORES = str(len(os.sched_getaffinity(0)))  # threads of a runner's notebook: a training's key


def runner(study: Study, reports: str) -> subprocess.Popen[bytes]:
    """A runner with reports of its own."""
    words = ["--work", f"{study.folder}/work", "--reports", f"{study.folder}/{reports}"]
    return _start(study, [str(study.folder / "run_notebooks.py"), *STUDY, *words])


def notebook(study: Study) -> subprocess.Popen[bytes]:
    """Notebook 02 by plain papermill, as somebody at JupyterLab would run it."""
    values = study.folder / "values.yaml"
    values.write_text(yaml.safe_dump({"work": f"{study.folder}/work/smoke"} | VALUES))
    files = [str(study.folder / "notebooks/02_fine_tune.ipynb"), str(study.folder / "out.ipynb")]
    return _start(study, ["-m", "papermill", *files, "-f", str(values), "-k", "python3"])


def _start(study: Study, words: list[str]) -> subprocess.Popen[bytes]:
    own = {"TMPDIR": f"{study.folder}/t", "PYTHONPATH": str(study.folder), "OMP_NUM_THREADS": CORES}
    with (study.folder / "log").open("ab") as log:
        how = {"stdout": log, "stderr": log, "cwd": study.folder}
        return subprocess.Popen([sys.executable, *words], env=os.environ | own, **how)


def finish(study: Study, *runs: subprocess.Popen[bytes]) -> None:
    """Wait; stop at the first that fails."""
    for run in runs:
        if run.wait():
            sys.exit(f"exit code {run.returncode}:\n{(study.folder / 'log').read_text()[-3000:]}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="together-") as folder:
        study = Study(Path(folder).resolve())
        finish(study, runner(study, "reports"))
        alone = study.products()
        study.begin_anew()
        finish(study, runner(study, "reports"), runner(study, "others"), notebook(study))
        left = [name for name in study.leftovers() if not name.startswith("t/")]  # papermill's own
        for reports in ("reports", "others"):
            products = study.products(reports)
            differ = {n for n in alone.keys() | products if alone.get(n) != products.get(n)}
            print(f"{reports}: {len(products)} products, different: {sorted(differ)}")
            if differ or left:
                sys.exit(f"left: {left}")


if __name__ == "__main__":
    main()
