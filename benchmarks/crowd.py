"""Drawn people by the thousand, embedded on a cluster: seconds, and the memory of all processes.

Notebook 13's way: blocks of a hundred people, each a job, then the figures of a growing gallery.
Memory is what all processes hold together, pages that they share counted for each of them; its
largest value in each tenth of the run tells whether it still grows. With --stop-after S the run is
killed after S seconds and begun again: what was drawn before is not drawn anew.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from results import report

from handid import study
from handid.study import crowd

ASKERS, TENTHS, LOOKS = 100, 10, 0.25  # people; parts of the run; seconds between two looks


def grow(work: str, where: str, people: int) -> None:
    """What notebook 13 does among so many strangers, with the network as it ships."""
    data = {"11k": "synthetic", "HD": ""}
    lab = study.Study(work=work, data=data, people=12, runs=2, seeds=[0], cluster=where)
    made = lab.experiments("clip_zero_shot")
    size = {"strangers": people - ASKERS, "fitted": people // 10, "askers": ASKERS, "shots": 2}
    lab.growth(made, "13_gallery_size", 0.1, **size, largest=1_000_000)


def watched(work: str, where: str, people: int, limit: float) -> list[float]:
    """GiB of all processes of a run at each look, until it ends or is killed after `limit`."""
    run = multiprocessing.get_context("spawn").Process(target=grow, args=(work, where, people))
    run.start()
    began, seen = time.monotonic(), []
    while run.is_alive() and time.monotonic() < began + limit:
        seen.append(sum(map(_resident, _family(run.pid))) / 2**30)
        time.sleep(LOOKS)
    if run.is_alive():
        for process in _family(run.pid):
            process.kill()
    run.join()
    if run.exitcode and time.monotonic() < began + limit:
        raise SystemExit("crowd: the run failed")
    return seen


def _family(number: int | None) -> list[psutil.Process]:
    try:
        first = psutil.Process(number)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def blocks(work: str) -> dict[str, int]:
    """Finished blocks of drawn people, and when each was."""
    folders = Path(work).glob("synthetic/crowd-*/*-*")
    return {f.name: f.stat().st_ctime_ns for f in folders if f.is_dir() and f.name[0] != "."}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--where", default="local:2")
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--stop-after", type=float, default=0, metavar="S")
    options = parser.parse_args()
    if options.people < 4 * ASKERS:
        parser.error(f"--people: {4 * ASKERS} or more")
    with tempfile.TemporaryDirectory() as work:
        before = {}
        if options.stop_after:
            watched(work, options.where, options.people, options.stop_after)
            before = blocks(work)
        began = time.perf_counter()
        seen = watched(work, options.where, options.people, float("inf"))
        seconds = time.perf_counter() - began
        after = blocks(work)
    kept = sum(after[name] == moment for name, moment in before.items())
    wanted = -(-options.people // crowd.BLOCK)
    if len(after) != wanted or kept != len(before):
        raise SystemExit(f"crowd: {len(after)} blocks of {wanted}, {kept} of {len(before)} kept")
    note = f"{options.people} people, {options.where}"
    note += f", killed before with {kept} of {wanted} blocks done" if before else ""
    report("crowd", pd.DataFrame({"drawn, embedded, fitted": [seconds]}), "seconds", note=note)
    peaks = [float(part.max()) for part in np.array_split(np.array(seen), TENTHS)]
    print("GiB by tenth of the run:", " ".join(f"{peak:.2f}" for peak in peaks))
    report("crowd", pd.DataFrame({"all processes": [max(peaks)]}), "GiB", note=note)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
