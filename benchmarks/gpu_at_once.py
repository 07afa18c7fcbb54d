"""Several networks on one GPU at once: compiled together, trained in processes and in streams."""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

import torch
from gpu_bench import ALONE, BOTH, COMPILED, Bench, Row, batches, network

from handid.train import loop

_shared: dict[str, Any] = {}


def compiling(bench: Bench) -> Iterator[Row]:
    """Networks compiled, several at a time, into torch's cache, which later parts read."""
    chosen = bench.networks if bench.mini else [p for p in bench.networks if p in COMPILED]
    start = time.perf_counter()
    workers = 1 if bench.mini else max(1, (os.cpu_count() or 2) // 2)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        tasks = {pool.submit(_compile, *pair, bench.mini): pair for pair in chosen}
        for task, pair in tasks.items():
            try:
                task.result()
            except Exception as error:
                bench.fails(f"compiling {pair}", error)
    taken = time.perf_counter() - start
    yield f"{len(chosen)} methods compiled, {workers} at a time", taken, "seconds"


def _compile(name: str, base: str, mini: bool) -> None:
    bench = Bench(argparse.Namespace(mini=mini, **ALONE))
    net, plan, size = network(name, base, mini)
    engine = bench.engine("fp32" if mini else "bf16", compile=not mini)
    engine.place(net)
    one = loop._Loop(net, plan.stages[-1], engine, {})
    one.run_epoch(0, batches(plan, size, 1, bench.device), seed=0)


def together(bench: Bench) -> Iterator[Row]:
    """Several trainings at once, each in a process of its own, alone and under NVIDIA's MPS."""
    name, base = bench.networks[0]
    for jobs in (1, 2):
        yield f"{name}, {base}: {jobs} at once", _at_once(bench, jobs), "images/s"
    for jobs in (2, 3):
        yield f"{name}, {base}: {jobs} streams of one process", _streams(bench, jobs), "images/s"
    if bench.mini or shutil.which("nvidia-cuda-mps-control") is None:
        return
    with mps():
        for jobs in (2, 3):
            yield f"{name}, {base}: {jobs} at once, MPS", _at_once(bench, jobs), "images/s"


def _at_once(bench: Bench, jobs: int) -> float:
    name, base = bench.networks[0]
    context = get_context("spawn")
    barrier = context.Barrier(jobs)
    how = {"max_workers": jobs, "mp_context": context}
    with ProcessPoolExecutor(**how, initializer=_share, initargs=(barrier,)) as pool:
        return sum(pool.map(partial(_alone, name, base, bench.mini), range(jobs)))


@contextmanager
def mps() -> Iterator[None]:
    """While it is entered, processes that are started share the GPU through NVIDIA's MPS.

    It changes no setting of the card.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        os.environ.update(own)
        control = ["nvidia-cuda-mps-control"]
        try:
            subprocess.run([*control, "-d"], check=True, timeout=20)
            yield
        finally:
            subprocess.run(control, input="quit\n", text=True, check=False, timeout=60)
            for key in own:
                del os.environ[key]


def _share(barrier: Any) -> None:
    _shared["barrier"] = barrier


def _alone(name: str, base: str, mini: bool, _: int) -> float:
    """Images/s of one of several trainings, which start their measured epochs together."""
    torch.set_num_threads(1)
    bench = Bench(argparse.Namespace(mini=mini, **ALONE))
    one, many = _warm(bench, name, base)
    _shared["barrier"].wait(timeout=90)
    return one.run_epoch(0, many, seed=1)["images_per_second"]


def _warm(bench: Bench, name: str, base: str) -> tuple[loop._Loop, Callable[..., Iterable]]:
    """A training that has begun, and the batches of a long epoch."""
    net, plan, size = network(name, base, bench.mini)
    engine = bench.engine("fp32") if bench.mini else bench.engine("bf16", **BOTH)
    engine.place(net)
    one = loop._Loop(net, plan.stages[-1], engine, {})
    one.run_epoch(0, batches(plan, size, bench.short, bench.device), seed=0)
    return one, batches(plan, size, bench.steps * (1 if bench.mini else 5), bench.device)


def _streams(bench: Bench, jobs: int) -> float:
    """Images/s of several trainings in threads of this process, each with a stream of its own."""
    trainings = [_warm(bench, *bench.networks[0]) for _ in range(jobs)]

    def run(training: tuple[loop._Loop, Callable[..., Iterable]]) -> float:
        one, many = training
        with torch.cuda.stream(torch.cuda.Stream() if bench.device == "cuda" else None):
            return one.run_epoch(0, many, seed=1)["images_per_second"]

    with ThreadPoolExecutor(jobs) as pool:
        return sum(pool.map(run, trainings))
