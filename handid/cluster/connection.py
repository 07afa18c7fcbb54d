"""Opening a cluster of Dask's, or finding the one that runs already."""

import asyncio
import atexit
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from handid.cluster import queues
from handid.cluster.places import INSTALL, Address, Local, Queue, place

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

SECONDS = 7  # to answer a first call
WORKER_BYTES = 2**30  # of a worker that trains a small network; of a larger one more
# Dask lets its workers give freed memory back at once: every operation of a small training asks for
# its pages anew then, and a step takes 1.7 times as long. Left alone the C library finds thresholds
# by itself; where Dask's own cannot be taken away, queues.KEEPS holds the largest it would find.
_TRIMS = "MALLOC_TRIM_THRESHOLD_"


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
        security = check(found)
        client = distributed.Client(found.address, timeout=SECONDS, security=security)
    else:
        client = distributed.Client(opened(found), timeout=SECONDS)
    atexit.register(client.close)  # before the cluster, whose end it would report
    return client


def check(found: Address) -> "Security | None":
    """The certificates with which a scheduler answers; None where it speaks without.

    Raises:
        ValueError: one sentence, if none answers within SECONDS: it is not there, wants other
            certificates, or is something else.
    """
    try:
        from distributed.comm.core import connect
    except ImportError:
        raise ValueError(INSTALL) from None
    security = _security(found)

    async def greet() -> None:  # Dask waits for ever for what listens and says nothing
        how = security.get_connection_args("client") if security else {}
        comm = await asyncio.wait_for(connect(found.address, timeout=SECONDS, **how), SECONDS)
        comm.abort()

    try:
        with ThreadPoolExecutor(1) as apart:  # a notebook's own thread has a loop already
            apart.submit(asyncio.run, greet()).result()
    except (OSError, TimeoutError, TypeError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"No scheduler answers at {found.address} ({reason}): start it with 'dask scheduler', "
            "and use tls:// with its certificates if it has some."
        ) from None
    return security


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
        return queues.opened(found)
    with dask.config.set({f"distributed.nanny.pre-spawn-environ.{_TRIMS}": None}):
        return distributed.LocalCluster(
            n_workers=_n_workers(found.workers),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        )


def _n_workers(asked: int) -> int:
    """How many workers: those asked for, or for 0 one per GPU, or per core, that memory holds.

    Raises:
        ValueError: one sentence, for more than this machine has cores, GPUs or memory for.
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores, gpus = cores or 1, torch.cuda.device_count()
    fitting = psutil.virtual_memory().total // WORKER_BYTES
    most = max(2, min(max(cores, gpus), fitting))  # two can be tried anywhere
    if asked > most:
        raise ValueError(
            f"local:{asked} is too many for this machine, which has {cores} cores, {gpus} GPUs and "
            f"memory for {fitting} workers: use local:{most} or fewer."
        )
    return asked or max(1, min(gpus or cores, fitting))
