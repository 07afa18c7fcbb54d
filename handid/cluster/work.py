"""Doing jobs on a cluster, and what becomes of them when something ends before they do."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, cast

from tqdm import tqdm

from handid.cluster import job
from handid.cluster.connection import connected
from handid.cluster.places import Address, Queue, place

if TYPE_CHECKING:
    from distributed import Client, Future

LOOKS = 5  # seconds between two looks for workers
ALONE = 120  # seconds that a call waits for workers when there are none


def run(
    where: str,
    function: Callable[..., Any],
    jobs: Sequence[tuple],
    label: str,
    places: Sequence[str],
) -> list[Any]:
    """Do jobs on a cluster, as many at a time as it has workers.

    A job whose worker dies is done again on another one; what it left on the shared disk, such as a
    checkpoint, it finds there. Whatever ends this call before all are done ends the jobs too.

    Args:
        where: see `place`.
        function: importable by the workers; called with a job's members.
        jobs: the arguments of each call.
        label: of the bar of progress.
        places: folders and files that every worker must see under these paths.

    Returns:
        What each call returned, in the order of the jobs.

    Raises:
        ValueError: one sentence; a job's own error as it is.
    """
    if not jobs:
        return []
    client = connected(where)  # which says so where there is no Dask
    import cloudpickle
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    calls = [cloudpickle.dumps((function, arguments)) for arguments in jobs]
    own = f"{function.__name__}-{uuid.uuid4().hex}"
    sent = []
    try:
        _check_workers(client)
        do, wanted = job.by_value(job.do), job.versions()
        sent += [
            client.submit(do, wanted, list(places), call, key=f"{own}-{i}", pure=False)
            for i, call in enumerate(calls)
        ]
        _await(client, where, sent, f"{label}, {client.dashboard_link}")
        return [future.result() for future in sent]
    except KilledWorker:
        raise ValueError(
            "A job was lost with its worker several times, perhaps for want of memory: give the "
            "cluster fewer workers, or more memory each."
        ) from None
    except (CancelledError, CommClosedError):
        connected.cache_clear()
        raise ValueError(
            f"The cluster {where} is gone: start it again and run again; what is done is kept."
        ) from None
    finally:
        _end(client, [future for future in sent if not future.done()])


def _await(client: "Client", where: str, sent: Sequence["Future"], label: str) -> None:
    """Wait for jobs, under a bar of progress; the first that failed raises what it raised.

    Raises:
        ValueError: one sentence, where no worker has been there for ALONE seconds. A batch system
            may let them wait as long as it likes.
    """
    from distributed import wait

    left, seen, known = set(sent), time.monotonic(), set()
    found = place(where)
    patient = isinstance(found, Queue) or (isinstance(found, Address) and found.patient)
    with tqdm(total=len(sent), desc=label) as bar:
        while left:
            try:
                how = {"timeout": LOOKS, "return_when": "FIRST_COMPLETED"}
                done, left = cast(Any, wait(list(left), **how))
            except TimeoutError:
                done = set()
            for future in done:
                future.result()
            bar.update(len(done))
            workers = {} if done else _workers(client)
            if workers.keys() - known:  # what cannot read a message never answers it
                _check_workers(client)
                known |= workers.keys()
            if done or patient or workers:
                seen = time.monotonic()
            elif time.monotonic() > seen + ALONE:
                raise ValueError(
                    f"No worker has been at the cluster {where} for {ALONE} seconds: start some, "
                    "and run again; what is done is kept."
                )


def _check_workers(client: "Client") -> None:
    """Refuse workers that cannot do jobs as this process would, those that came later too.

    Raises:
        ValueError: one sentence that names the worker.
    """
    workers = _workers(client)
    found = cast(Any, client.get_versions())
    wanted = found["client"]["packages"]
    _check_releases("The scheduler", found["scheduler"]["packages"], wanted)
    for address, worker in workers.items():
        job.check_threads(worker["name"], worker["nthreads"])
        if address in found["workers"]:
            packages = found["workers"][address]["packages"]
            _check_releases(f"Worker {worker['name']}", packages, wanted)


def _check_releases(who: str, packages: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse what could not even read a message: code of another Python, or another Dask."""
    for name, digits in (("python", 2), ("distributed", 3)):
        own, ours = (".".join(each[name].split(".")[:digits]) for each in (packages, wanted))
        if own != ours:
            raise ValueError(
                f"{who} has {name} {own}, not {ours}: install the same versions and start it again."
            )


def _workers(client: "Client") -> dict[str, Any]:
    """What the scheduler says of its workers; CancelledError where it is gone."""
    info = client.scheduler_info(n_workers=-1)
    if client.status != "running" or "workers" not in info:
        raise CancelledError
    return info["workers"]


def _end(client: "Client", left: Sequence["Future"]) -> None:
    """Take back jobs that are not done, and end the workers that are at them: nannies renew them.

    A job is a thread that nothing else could stop.
    """
    if not left or client.status != "running":
        return
    keys = {future.key for future in left}
    busy = [name for name, at in cast(Any, client.processing()).items() if keys & set(at)]
    client.cancel(list(left), force=True)
    if busy:
        client.run(job.by_value(job.leave), workers=busy, wait=False)


def number() -> int:
    """On a worker: its number among those of its machine, 0 where it has none."""
    from distributed import get_worker

    name = str(get_worker().name).rpartition("-")[2]
    return int(name) if name.isdecimal() else 0
