"""What it gains to keep freed memory, as the runner has notebooks do (runner/environment.py).

GPA-Net's mini on EfficientNet-Lite0 embeds and trains on noise, in two processes at a time, as two
notebooks do; once with the C library's own settings and once with the runner's.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from results import in_turn, report

from handid import backbone, method, recipes
from handid.backbone.folding import fold_norms
from handid.runner import environment

BATCH, SIZE = 16, 128


def speed(what: str, batches: int) -> float:
    """Images/s of one process that embeds or trains."""
    torch.manual_seed(0)
    base = backbone.build("EfficientNet-Lite0", weights="random")
    plan = recipes.load("gpa_net_mini", base.family, {})
    network = method.build(plan.method, base, BATCH, **plan.options)
    images, labels = torch.randn(BATCH, 3, SIZE, SIZE), torch.arange(BATCH) // 4

    def embedding() -> None:
        with torch.inference_mode():
            network.embed(images)

    def training() -> None:
        sum(network.losses(images, labels).values()).backward()
        network.zero_grad()

    step = {"embedding": embedding, "training": training}[what]
    if what == "embedding":
        network.eval()
        fold_norms(base)
    step()
    start = time.perf_counter()
    for _ in range(batches):
        step()
    return BATCH * batches / (time.perf_counter() - start)


def together(what: str, batches: int, memory: dict[str, str]) -> float:
    """Images/s of two processes that do it at the same time, both together."""
    command = [sys.executable, __file__, "--one", what, "--batches", str(batches)]
    with tempfile.TemporaryDirectory() as scratch:
        own = environment.variables(Path(scratch), jobs=10**6) | memory
        how = {"env": own, "stdout": subprocess.PIPE, "text": True}
        both = [subprocess.Popen(command, **how) for _ in range(2)]
        return sum(float(one.communicate()[0]) for one in both)


def main() -> None:
    """Both ways in turn, or one process of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", choices=("embedding", "training"), help="only this process")
    options = parser.parse_args()
    if options.one:
        print(speed(options.one, options.batches))
        return
    for what in ("embedding", "training"):
        own, kept = f"{what}: the C library's own", f"{what}: kept"
        run = partial(together, what, options.batches)
        none = dict.fromkeys(environment.MEMORY, "")
        calls = {own: partial(run, none), kept: partial(run, environment.MEMORY)}
        figures = in_turn(calls, options.repeats)
        note = f"GPA-Net mini, batch {BATCH}, {SIZE} pixels, two processes at a time, both together"
        report("allocator", figures, "images/s", reference=own, note=note)


if __name__ == "__main__":
    main()
