"""docs/cluster.md: its commands do what it says, on this machine with workers of their own."""

import os
import re
import resource
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from handid.cluster import connection, places

Client = pytest.importorskip("distributed").Client
dask_jobqueue = pytest.importorskip("dask_jobqueue")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "cluster.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if not kind for line in block.strip().splitlines()]
FILES = {block.partition("\n")[0].strip("# "): block for kind, block in BLOCKS if kind == "yaml"}


def words_of(start, port, folder):
    """The document's command that starts so, with this interpreter and this port."""
    (line,) = [line for line in COMMANDS if line.startswith(start)]
    words = shlex.split(line.replace("8786", str(port)).replace("HOST", "127.0.0.1"))
    if words[0] == "python":
        own = ["--work", f"{folder}/runs", "--reports", f"{folder}/reports"]
        return [sys.executable, str(ROOT / words[1]), *words[2:], *own]
    return [sys.executable, "-m", *words] if words[0] == "dask" else words


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def begin(tmp_path):
    """Begin a command that goes on until the test ends."""
    begun = []

    def start(words):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        begun.append(subprocess.Popen(words, cwd=tmp_path, env=environment))

    yield start
    for process in reversed(begun):
        process.terminate()
        process.wait(20)


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=900)
    return done.returncode, done.stdout + done.stderr


def until_it_listens(port):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as call:
            if call.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)


def test_a_run_with_workers_of_its_own(tmp_path):
    code, shown = run(
        words_of("python run_notebooks.py --profile smoke --only 02 --cluster local", 0, tmp_path),
        tmp_path,
    )
    assert code == 0, shown


def test_a_scheduler_and_workers_that_run_already(tmp_path, port, begin):
    begin(words_of("dask scheduler --host", port, tmp_path))
    begin(words_of("dask worker tcp", port, tmp_path))
    until_it_listens(port)
    start = "python run_notebooks.py --profile smoke --only 02 --cluster tcp"
    code, shown = run(words_of(start, port, tmp_path), tmp_path)
    assert code == 0, shown


def test_certificates_of_ones_own(tmp_path, port, begin):
    code, shown = run(words_of("openssl", port, tmp_path), tmp_path)
    assert code == 0, shown
    begin([*words_of("dask scheduler --port", port, tmp_path), "--host", "127.0.0.1"])
    begin(words_of("dask worker tls", port, tmp_path))
    until_it_listens(port)
    lab = FILES["lab.yaml"].replace("HOST:8786", f"127.0.0.1:{port}")
    (tmp_path / "lab.yaml").write_text(lab)
    words = words_of(
        "python run_notebooks.py --profile smoke --only 02 --cluster local", 0, tmp_path
    )
    code, shown = run(["lab.yaml" if w.startswith("local") else w for w in words], tmp_path)
    assert code == 0, shown


def test_a_batch_system_that_is_not_there_is_told_in_one_sentence(tmp_path):
    (tmp_path / "slurm.yaml").write_text(FILES["slurm.yaml"])
    words = words_of(
        "python run_notebooks.py --profile smoke --only 02 --cluster local", 0, tmp_path
    )
    code, shown = run(
        [str(tmp_path / "slurm.yaml") if w.startswith("local") else w for w in words], tmp_path
    )
    assert code == 2, shown
    assert len(shown.strip().splitlines()) == 1
    assert "sbatch" in shown


def test_workers_keep_the_memory_that_they_freed(monkeypatch):
    given = {}

    class SLURMCluster:
        job_cls = SimpleNamespace(submit_command="sbatch --parsable")

        def __init__(self, **options):
            given.update(options)

    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)  # Dask leaves it to a process
    monkeypatch.setattr(dask_jobqueue, "SLURMCluster", SLURMCluster)
    monkeypatch.setattr(connection.shutil, "which", lambda command: command)
    connection.opened(places.Queue(queue="slurm", jobs=1, options={"job_script_prologue": ["own"]}))
    for wrong, said in (
        ({"cores": 4}, "4 cores and 1 processes"),
        ({"job_script_prologue": "a"}, "list"),
    ):
        with pytest.raises(ValueError, match=said):
            connection.opened(places.Queue(queue="slurm", jobs=1, options=wrong))
    kept, own = given["job_script_prologue"]
    assert own == "own" and kept in COMMANDS  # as docs/cluster.md says it for one's own workers
    with connection.opened(places.Local(workers=1)) as cluster, Client(cluster) as client:
        seen = client.submit(dict, os.environ).result()
        faults = client.submit(faults_of_tensors).result()
    assert "MALLOC_TRIM_THRESHOLD_" not in seen and seen["OMP_NUM_THREADS"] == "1"
    assert faults < 2_000  # 51,200 where each tensor's pages are given back


def faults_of_tensors():
    """Faults of 200 tensors of a megabyte, one after the other, of 256 pages each."""
    for _ in range(20):
        torch.ones(2**18)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        torch.ones(2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
