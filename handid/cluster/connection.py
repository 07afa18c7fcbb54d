"""Opening a cluster of Dask's, or finding the one that runs already."""

import atexit
import logging
import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handid.cluster.places import Address, Local, Queue, place

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

INSTALL = 'A cluster needs Dask: pip install ".[cluster]".'
SECONDS = 8  # to answer a first call
# Dask lets its workers give freed memory back at once: every operation of a small training asks for
# its pages anew then, and a step takes 1.7 times as long. Left alone the C library finds thresholds
# by itself; where Dask's own cannot be taken away, these are the largest that it would find.
_TRIMS = "MALLOC_TRIM_THRESHOLD_"
_KEEPS = f"export {_TRIMS}=67108864 MALLOC_MMAP_THRESHOLD_=33554432"


@cache
def connected(where: str) -> "Client":
    """The client of a cluster, opened once a process.

    Raises:
        ValueError: one sentence for a text that means none, or where nobody answers.
    """
    found = place(where)
    try:
        import distributed
    except ImportError:
        raise ValueError(INSTALL) from None
    if isinstance(found, Address):
        client = _called(found)
    else:
        client = distributed.Client(opened(found), timeout=SECONDS)
    atexit.register(client.close)  # before the cluster, whose end it would report
    return client


def _called(found: Address) -> "Client":
    """The client of a scheduler that runs already.

    Raises:
        ValueError: one sentence.
    """
    import distributed

    security = _security(found)
    try:
        return distributed.Client(found.address, timeout=SECONDS, security=security)
    except (OSError, TimeoutError, TypeError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"No scheduler answers at {found.address} ({reason}): start it with 'dask scheduler', "
            "and use tls:// with its certificates if it has some."
        ) from None


def _security(found: Address) -> "Security | None":
    """The certificates of a place; None where it speaks without.

    Raises:
        ValueError: if there are none for TLS, or a file is not there.
    """
    from distributed.security import Security

    if found.address.startswith("tcp:"):
        return None
    files = {"tls_ca_file": found.ca, "tls_client_cert": found.cert, "tls_client_key": found.key}
    for file in files.values():
        if file and not Path(file).expanduser().is_file():
            raise ValueError(
                f"There is no file {Path(file).name} of the certificates of {found.address}."
            )
    given = {name: str(Path(f).expanduser()) for name, f in files.items() if f}
    security = Security(require_encryption=True, **given)
    if not security.tls_ca_file:
        raise ValueError(
            f"{found.address} needs certificates: name ca, cert and key in a YAML file, or in "
            "Dask's own configuration."
        )
    return security


def opened(found: Local | Queue) -> Any:
    """A cluster of Dask's own, with workers that do one job at a time."""
    import dask.config
    import distributed

    if isinstance(found, Queue):
        return _queued(found)
    with dask.config.set({f"distributed.nanny.pre-spawn-environ.{_TRIMS}": None}):
        return distributed.LocalCluster(
            n_workers=found.workers or _own_size(),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        )


def _own_size() -> int:
    """A worker per GPU of this machine, or per core."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return torch.cuda.device_count() or cores or 1


def _queued(found: Queue) -> Any:
    """Workers that the batch system starts, each a job of its own, speaking TLS."""
    try:
        import dask_jobqueue
    except ImportError:
        raise ValueError(INSTALL) from None
    from distributed.security import Security

    kinds = [name for name in dir(dask_jobqueue) if name.endswith("Cluster")]
    (name,) = [kind for kind in kinds if kind.lower() == f"{found.queue}cluster"]
    kind = getattr(dask_jobqueue, name)
    command = kind.job_cls.submit_command.split()[0]
    if shutil.which(command) is None:
        raise ValueError(f"There is no {command} here: run this where {found.queue} takes jobs.")
    how = {"processes": 1, "cores": 1, **found.options, "n_workers": found.jobs}
    if how["cores"] != how["processes"]:
        raise ValueError(
            f"{how['cores']} cores and {how['processes']} processes would do several jobs in one "
            "process: write as many processes as cores (job_cpu asks for more processors)."
        )
    own_lines = how.get("job_script_prologue", [])
    if not isinstance(own_lines, list):
        raise ValueError("job_script_prologue is a list of lines: write it with brackets.")
    how |= {"job_script_prologue": [_KEEPS, *own_lines]}
    own = {"security": Security.temporary(), "shared_temp_directory": str(Path.home())}
    try:
        return kind(**own | how)
    except (TypeError, ValueError, OSError) as error:
        raise ValueError(f"{name} refuses its options: {error}") from None
