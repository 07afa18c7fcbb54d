"""A worker's own look at itself: one of another release answers, and is refused by its name."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handid.cluster import connection, job, work

distributed = pytest.importorskip("distributed")
ONE = {"threads_per_worker": 1, "dashboard_address": ":0"}
ROOT = Path(__file__).resolve().parents[2]


def test_what_is_sent_whole_needs_no_module_there():
    import cloudpickle

    sent = cloudpickle.dumps(job.by_value(job.versions))
    code = (
        "import sys, pickle; pickle.loads(sys.stdin.buffer.read()); print('handid' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], input=sent, capture_output=True, check=True
    )
    assert shown.stdout.strip() == b"False"


def test_another_version_of_anything_is_named():
    job.check_versions("w", job.versions())
    with pytest.raises(ValueError, match=r"^Worker w has torch \d.*, not 1\.0: install the same"):
        job.check_versions("w", job.versions() | {"torch": "1.0"})
    with pytest.raises(ValueError, match=r"^Worker w has jax None, not 1\.0: install the same"):
        job.check_versions("w", {"jax": "1.0"})


def replaced(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def without_digest(package):
    replaced(package / "fingerprint.py", "def whole_package(", "def whole(")


OTHER = "has no HandID or another release"
OLD = {  # what a release may lack, and what its worker is told
    "clusters": (lambda package: shutil.rmtree(package / "cluster"), "has HandID .*, not "),
    "the digest": (without_digest, rf"{OTHER} \(AttributeError\): install the same versions"),
    "everything": (shutil.rmtree, rf"{OTHER} \(ModuleNotFoundError\): install the same versions"),
}


@pytest.mark.slow
@pytest.mark.parametrize("lacks", OLD)
def test_a_worker_of_another_release_is_refused_within_ten_seconds(lacks, tmp_path):
    package = tmp_path / "handid"
    shutil.copytree(ROOT / "handid", package, ignore=shutil.ignore_patterns("__pycache__"))
    change, sentence = OLD[lacks]
    change(package)
    block = "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f)]"
    with distributed.LocalCluster(n_workers=0, **ONE) as cluster:
        where = cluster.scheduler_address
        code = f"{block}\nfrom distributed.cli import dask_worker as w; w.main()"
        words = [sys.executable, "-c", code, where, "--nthreads", "1", "--name", "old"]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        worker = subprocess.Popen([*words, "--no-nanny"], cwd=tmp_path, env=environment)
        try:
            connection.connected(where).wait_for_workers(1, timeout=60)
            began = time.monotonic()
            with pytest.raises(ValueError, match=f"^Worker old {sentence}"):
                work.run(where, os.getpid, [(), ()], "jobs", [str(tmp_path)])
            assert time.monotonic() - began < 10
        finally:
            worker.terminate()
            worker.wait(20)
            connection.connected(where).close()
    connection.connected.cache_clear()
