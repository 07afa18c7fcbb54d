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

import psutil
import pytest
import torch

from handid.cluster import connection, places, queues

Client = pytest.importorskip("distributed").Client
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "cluster.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if not kind for line in block.strip().splitlines()]
COMMANDS += re.findall(r"`(python [^`\n]+)`", TEXT)
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
    start = "python run_notebooks.py --profile smoke --only 02 --cluster local"
    code, shown = run(words_of(start, 0, tmp_path), tmp_path)
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
    words = words_of("python run_notebooks.py --cluster lab", port, tmp_path)
    code, shown = run([*words, "--profile", "smoke", "--only", "02"], tmp_path)
    assert code == 0, shown


@pytest.fixture
def batch_system(tmp_path, monkeypatch):
    """A Slurm of this machine: what is submitted begins at once, what is cancelled ends."""
    pytest.importorskip("dask_jobqueue")
    begins = f'cp "$1" "$1.own"; setsid sh "$1.own" >> {tmp_path}/jobs.log 2>&1 < /dev/null &'
    for name, lines in (("sbatch", f'{begins}\necho "$!"'), ("scancel", 'kill -- "-$1"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_a_run_on_a_batch_system(tmp_path, batch_system, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "slurm.yaml").write_text(FILES["slurm.yaml"].replace("jobs: 8", "jobs: 2"))
    words = words_of("python run_notebooks.py --profile table1", 0, tmp_path)
    data = [word for word in words if "=PATH" in word]
    words = [word for word in words if word not in ("--data", *data)]
    words = [{"table1": "smoke"}.get(word, word) for word in words]  # the papers' photographs
    code, shown = run([*words, "--only", "02"], tmp_path)
    assert code == 0, shown
    assert "End worker" in (tmp_path / "jobs.log").read_text()  # it did not end by itself


def test_the_plan_of_a_study_needs_no_photographs(tmp_path):
    words = words_of("python run_notebooks.py --list --profile paper", 0, tmp_path)
    (tmp_path / "PATH").mkdir()
    code, shown = run(words, tmp_path)
    assert code == 0, shown
    assert "different trainings" in shown


def test_every_command_is_one_that_these_tests_run():
    text = Path(__file__).read_text()
    starts = re.findall(r"words_of\(\"([^\"]+)\"|start = \"([^\"]+)\"", text)
    starts = tuple("".join(start) for start in [*starts, queues.KEEPS])
    assert [c for c in COMMANDS if not c.startswith(starts)] == []


def test_workers_keep_the_memory_that_they_freed(monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)  # Dask leaves it to a process
    assert queues.KEEPS in COMMANDS
    with connection.opened(places.Local(workers=1)) as cluster, Client(cluster) as client:
        seen = client.submit(dict, os.environ).result()
        faults = client.submit(faults_of_tensors).result()
    assert "MALLOC_TRIM_THRESHOLD_" not in seen and seen["OMP_NUM_THREADS"] == "1"
    assert faults < 2_000  # 51,200 where each tensor's pages are given back


def test_more_workers_than_the_machine_can_hold_are_refused():
    with pytest.raises(ValueError, match=r"^local:99999999 is too many for this machine, which ha"):
        connection.opened(places.Local(workers=99999999))


def test_as_many_workers_as_cores_or_gpus_that_memory_holds(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert connection._n_workers(0) == min(8, psutil.virtual_memory().total // 2**30)
    monkeypatch.setattr(
        connection.psutil, "virtual_memory", lambda: SimpleNamespace(total=5 * 2**30)
    )
    assert connection._n_workers(0) == connection._n_workers(5) == 5
    with pytest.raises(ValueError, match="8 cores, 0 GPUs and memory for 5 workers: use local:5 "):
        connection._n_workers(6)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert connection._n_workers(0) == 4


def faults_of_tensors():
    """Faults of 200 tensors of a megabyte, one after the other, of 256 pages each."""
    for _ in range(20):
        torch.ones(2**18)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        torch.ones(2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
