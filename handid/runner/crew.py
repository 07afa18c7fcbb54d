"""A cluster that lives as long as one run of notebooks, all of which send it their jobs."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from handid import cluster, disk
from handid.cluster.places import Address, Local
from handid.runner import environment, process
from handid.runner.places import located
from handid.runner.refusal import Refused

SECONDS = 120  # for a cluster to open; workers may come later


def check(where: str) -> None:
    """Refuse a text that means no cluster, and an address where no scheduler answers.

    Raises:
        Refused: one sentence.
    """
    try:
        found = cluster.place(where)
    except ValueError as error:
        raise Refused(f"--cluster: {error}") from None
    if isinstance(found, Address):
        parts = urlsplit(found.address)
        try:
            socket.create_connection((parts.hostname, parts.port), timeout=5).close()
        except OSError as error:
            raise Refused(
                f"--cluster: nobody listens at {found.address} ({error.strerror or error}); start "
                "a scheduler there with 'dask scheduler'"
            ) from None
        try:
            cluster.check(found)
        except ValueError as error:
            raise Refused(f"--cluster: {error}") from None


def sharing(where: str, jobs: int) -> int:
    """Among how many processes the cores are divided: notebooks, or workers of this machine."""
    found = cluster.place(where) if where else None
    return max(jobs, found.workers) if isinstance(found, Local) else jobs


@contextmanager
def hosted(where: str, log: Path) -> Iterator[str]:
    """What notebooks get as their parameter: `where`, or the file that says where it was opened.

    Args:
        where: as the command line says it; "" for none.
        log: file for what the cluster prints.

    Raises:
        Refused: one sentence, if it does not open.
    """
    if not where or isinstance(cluster.place(where), Address):
        yield located(where)  # a notebook works in a folder of its own
        return
    scratch = process.scratch_folder()
    file = scratch / "cluster.yaml"
    with disk.anew(disk.private(log.parent) / log.name) as out:
        live = subprocess.Popen(
            [sys.executable, "-m", "handid.cluster", where, str(file)],
            env=environment.variables(scratch, sharing(where, 1)),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C reaches the runner only
        )
    try:
        _wait(live, file, log)
        yield str(file)
    finally:
        assert live.stdin
        live.stdin.close()
        try:
            live.wait(process.GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            live.kill()
        process.kill_marked(str(scratch))
        shutil.rmtree(scratch, ignore_errors=True)


def _wait(live: subprocess.Popen[bytes], file: Path, log: Path) -> None:
    """Wait for the file that says where the cluster is.

    Raises:
        Refused: if it does not come.
    """
    end = time.monotonic() + SECONDS
    while not file.exists():
        if live.poll() is not None or time.monotonic() > end:
            told = disk.read_json(file.with_suffix(".json")).get("refused")
            raise Refused(f"--cluster: {told or f'no cluster opened; {log.name} says why'}")
        time.sleep(0.05)
