"""Independent trainings on a cluster of this machine, beside the same one after the other.

Eight small trainings of one thread each, here and on two workers of one core; the time that an
empty job takes; and, with --kills N, N runs in which a worker is killed at a random moment.
"""

import argparse
import random
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import torch
from results import report

from handid import cluster, study

CHANGES = {"epochs": 4}


def lab(work: Path, where: str, seeds: list[int]) -> study.Study:
    """A study of a dozen people whose data are drawn and decoded already."""
    data = {"11k": "synthetic", "HD": ""}
    opened = study.Study(work=str(work), data=data, people=12, runs=2, seeds=seeds, cluster=where)
    opened.table("11k")
    return opened


def weights(ready: study.Study) -> tuple[list[bytes], float]:
    """What the trainings wrote, and the seconds that they took."""
    began = time.perf_counter()
    made = ready.experiments("clip_ft_mini", changes=CHANGES)
    seconds = time.perf_counter() - began
    return [(one.folder / "weights.safetensors").read_bytes() for one in made], seconds


def kill_one(after: float, killed: list[int]) -> None:
    """Kill one worker after some seconds, and say so."""
    time.sleep(after)
    workers = [child for child in psutil.Process().children(recursive=True) if not child.children()]
    workers = [child for child in workers if "spawn_main" in " ".join(child.cmdline())]
    chosen = random.choice(workers)
    chosen.kill()
    killed.append(chosen.pid)


def with_a_kill(ready: study.Study, after: float, killed: list[int]) -> list[bytes]:
    """What the trainings wrote while a worker was killed."""
    killer = threading.Thread(target=kill_one, args=[after, killed])
    killer.start()
    found = weights(ready)[0]
    killer.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--where", default="local:2")
    parser.add_argument("--trainings", type=int, default=8)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = list(range(options.trainings))
    with tempfile.TemporaryDirectory() as folder:
        weights(lab(Path(folder) / "warm", options.where, seeds[:2]))  # workers import what they do
        began = time.perf_counter()
        cluster.run(options.where, abs, [(0.0,)] * 4, "empty jobs", [folder])
        empty = (time.perf_counter() - began) / 4
        alone, alone_seconds = weights(lab(Path(folder) / "alone", "", seeds))
        together, seconds = weights(lab(Path(folder) / "together", options.where, seeds))
        if alone != together:
            raise SystemExit("cluster: the weights differ from those of one process")
        differ, killed = 0, []
        for kill in range(options.kills):
            ready = lab(Path(folder) / f"killed{kill}", options.where, seeds[:4])
            moment = random.Random(kill).uniform(0, seconds / 2)  # of half as many trainings
            differ += with_a_kill(ready, moment, killed) != alone[:4]
        print(f"{options.kills} runs, {len(killed)} workers killed in them: {differ} differ")
    how = f"{CHANGES['epochs']} epochs of CLIP-FT, {options.where}"
    note = f"{options.trainings} trainings, {how}"
    figures = pd.DataFrame({"one after the other": [alone_seconds], "cluster": [seconds]})
    report("cluster", figures, "seconds", reference="one after the other", note=note)
    figures = pd.DataFrame({"an empty job": [empty]})
    report("cluster", figures, "seconds", reference="an empty job", note=note)
    if killed:
        figures = pd.DataFrame({f"of {len(killed)} with a killed worker": [differ]})
        report("cluster", figures, "runs that differ", note=f"4 trainings each, {how}")


if __name__ == "__main__":
    main()
