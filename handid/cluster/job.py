"""What a worker does for a job: it looks whether it is fit for it, and does it.

These functions are sent whole (`by_value`), because a worker of another release would not find
them and never answer. Of this package they use only what they import in their own bodies.
"""

import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that Dask sends with its code, and with what it calls in its own module."""
    import cloudpickle

    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.loads(cloudpickle.dumps(function))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def do(wanted: Mapping[str, str], places: Sequence[str], call: bytes) -> Any:
    """On a worker: what a call returns.

    Args:
        wanted: versions that must be the same here.
        places: folders and files that must be seen here.
        call: a pickled function and its arguments, read once this worker is known to fit.

    Raises:
        ValueError: one sentence that names the worker; the call's own error as it is.
    """
    from distributed import get_worker

    worker = get_worker().name
    check_threads(worker, get_worker().state.nthreads)  # it may have come after the first look
    check_versions(worker, wanted)
    unseen = [place for place in places if not os.path.exists(place)]
    if unseen:
        raise ValueError(
            f"Worker {worker} does not see {unseen[0]}: mount it there under this path, or name a "
            "place that all machines share."
        )
    function, arguments = pickle.loads(call)  # noqa: S301 - of the one who sent this code
    return function(*arguments)


def check_threads(worker: Any, threads: int) -> None:
    """Refuse a worker that does several jobs in one process: their random numbers would mix."""
    if threads != 1:
        raise ValueError(
            f"Worker {worker} does {threads} jobs at a time in one process: start it with "
            "--nthreads 1 (and --nworkers for several)."
        )


def check_versions(worker: Any, wanted: Mapping[str, str]) -> None:
    """Refuse a worker whose results could differ."""
    try:
        own = versions()
    except Exception as error:  # of another release anything may be missing
        raise ValueError(
            f"Worker {worker} has no HandID or another release ({type(error).__name__}): install "
            "the same versions and start it again."
        ) from None
    for name, version in wanted.items():
        if own.get(name) != version:
            raise ValueError(
                f"Worker {worker} has {name} {own.get(name)}, not {version}: install the same "
                "versions and start it again."
            )


def versions() -> dict[str, str]:
    """What must be the same on all machines, so that the results are."""
    from handid import fingerprint

    return {**fingerprint.versions(), "HandID": fingerprint.whole_package("runner")}


async def leave() -> None:
    """On a worker: end its process, which a nanny renews."""
    os._exit(1)
