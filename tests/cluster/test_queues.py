"""Batch systems: what dask-jobqueue is given, and refusals, which come as one sentence."""

import pytest

from handid.cluster import queues
from handid.cluster.places import Queue

pytest.importorskip("dask_jobqueue")
MEMORY = {"memory": "2GB"}


def sbatch(folder, monkeypatch, lines):
    """Let a command of that name be found, and only it."""
    (folder / "sbatch").write_text(f"#!/bin/sh\n{lines}\n")
    (folder / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_workers_job_keeps_freed_memory_and_ones_own_lines():
    given = queues._options(Queue(queue="slurm", jobs=3, options={"job_script_prologue": ["own"]}))
    assert given["job_script_prologue"] == [queues.KEEPS, "own"]
    assert given["n_workers"] == 3 and given["security"].require_encryption


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"cores": 4}, "^4 cores and 1 processes would do several jobs in one process: write"),
        ({"job_script_prologue": "a"}, "^job_script_prologue is a list of lines: write it with"),
        ({"colour": "red"}, "^SLURMCluster refuses its options: Got unexpected .*'colour'"),
        ({"memory": "much"}, "^SLURMCluster refuses its options: .*much"),
        ({"memory": None}, "^SLURMCluster refuses its options: .*memory"),
    ],
)
def test_options_that_mean_nothing_are_refused_in_one_line(wrong, sentence, tmp_path, monkeypatch):
    sbatch(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(ValueError, match=sentence) as refusal:
        queues.opened(Queue(queue="slurm", jobs=1, options=MEMORY | wrong))
    assert "\n" not in str(refusal.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("echo 'sbatch: error: invalid partition: gpu\nsbatch: failed' >&2\nexit 1", "on: gpu sba"),
        ("echo 'your account has no hours left'", "no hours left"),  # and no number of a job
    ],
)
def test_what_takes_no_job_is_told_in_one_line(lines, said, tmp_path, monkeypatch):
    sbatch(tmp_path, monkeypatch, lines)
    with pytest.raises(ValueError, match=f"^slurm takes no job with .*{said}") as refusal:
        queues.opened(Queue(queue="slurm", jobs=2, options=MEMORY))
    assert "\n" not in str(refusal.value)


def test_where_there_is_no_batch_system_its_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="^There is no sbatch here: run this where slurm takes"):
        queues.opened(Queue(queue="slurm", jobs=1))
