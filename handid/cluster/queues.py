"""Workers that a batch system starts: Slurm, PBS, LSF and the others that dask-jobqueue knows."""

import re
import shutil
import time
from pathlib import Path
from typing import Any

from handid.cluster.places import INSTALL, Queue

# The largest thresholds that the C library would find by itself: why, says connection.py.
KEEPS = "export MALLOC_TRIM_THRESHOLD_=67108864 MALLOC_MMAP_THRESHOLD_=33554432"
LONGEST = 400  # characters of what a batch system says


def opened(found: Queue) -> Any:
    """A cluster whose workers are asked for, each a job of its own, speaking TLS.

    Raises:
        ValueError: one sentence, for options that Dask does not know, or jobs that are not taken.
    """
    try:
        import dask_jobqueue
    except ImportError:
        raise ValueError(INSTALL) from None
    kinds = [name for name in dir(dask_jobqueue) if name.endswith("Cluster")]
    (name,) = [kind for kind in kinds if kind.lower() == f"{found.queue}cluster"]
    kind = getattr(dask_jobqueue, name)
    command = kind.job_cls.submit_command.split()[0]
    if shutil.which(command) is None:
        raise ValueError(f"There is no {command} here: run this where {found.queue} takes jobs.")
    how, (job, refusals) = _options(found), _told(kind.job_cls)
    try:
        cluster = kind(**how, job_cls=job)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise ValueError(f"{name} refuses its options: {_line(error)}") from None
    while len(cluster.workers) < len(cluster.worker_spec):  # all have been asked for
        time.sleep(0.05)
    if refusals:
        cluster.close()
        raise ValueError(f"{found.queue} takes no job with these options: {refusals[0]}")
    return cluster


def _options(found: Queue) -> dict[str, Any]:
    """What dask-jobqueue's class gets.

    Raises:
        ValueError: one sentence.
    """
    from distributed.security import Security

    how = {"processes": 1, "cores": 1, **found.options, "n_workers": found.jobs}
    if how["cores"] != how["processes"]:
        raise ValueError(
            f"{how['cores']} cores and {how['processes']} processes would do several jobs in one "
            "process: write as many processes as cores (job_cpu asks for more processors)."
        )
    own_lines = how.get("job_script_prologue", [])
    if not isinstance(own_lines, list):
        raise ValueError("job_script_prologue is a list of lines: write it with brackets.")
    how |= {"job_script_prologue": [KEEPS, *own_lines]}
    return {"security": Security.temporary(), "shared_temp_directory": str(Path.home())} | how


def _told(kind: type) -> tuple[type, list[str]]:
    """A kind of job, and where its refusals are put: Dask would log them, and wait for ever."""
    from distributed.core import Status

    refusals: list[str] = []

    class Told(kind):
        async def start(self) -> None:
            try:
                await super().start()
            except (RuntimeError, ValueError, OSError) as error:
                refusals.append(_line(error))
                self.status = Status.running  # there is no job that could be ended

    return Told, refusals


def _line(error: Exception) -> str:
    """What an error says, in one line; of a command's, what it said itself."""
    text = str(error)
    said = re.search(r"stdout:\n(.*)\nstderr:\n(.*)", text, re.DOTALL)
    words = " ".join(said.groups() if said else [text]).split()
    return " ".join(words)[:LONGEST].rstrip(".") + "."
