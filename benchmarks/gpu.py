"""What one GPU gives, in at most eight minutes: every method at full size, and the plain recipe.

No network: weights are random, photographs are noise. For each method images/s, the share of the
card's measured peak, and memory, in fp32 and bf16, step by step, replayed as a graph, and compiled;
the papers' own way beside it; several trainings at once; the evaluation; whether CPU and GPU, and
bf16 and fp32, agree; what Table I would take. `--mini` runs every part on a CPU in a minute.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import evaluation
import numpy as np
import pandas as pd
import plain
import results
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from handid import backbone, embed, method, recipes, train
from handid.image import augment, sampler
from handid.study import Study
from handid.train import loop

NETWORKS = [
    *((name, base) for name in ("clip_ft", "clip_handid") for base in ("ViT-B/16", "RN50")),
    *((name, base) for name in ("clip_reid", "promptsg") for base in ("ViT-B/16", "RN50")),
    *(("gpa_net", "ResNet50"), ("mba_net", "ResNet50"), ("abd_net", "ResNet50")),
    *(("rga_net", "ResNet50"), ("cnn_baseline", "ResNet50"), ("cnn_baseline", "VGG19-bn")),
]
MINI = [("clip_ft_mini", "mini-ViT"), ("gpa_net_mini", "EfficientNet-Lite0")]
COMPILED = NETWORKS[:2]
N_IDENTITIES = 72  # 11k Hands, dorsal right
# Training images of dorsal right, dorsal left, palmar right, palmar left, and HD.
TABLE_I = (890, 735, 905, 928, 2156)
Row = tuple[str, float, str]  # variant, value, unit


class Bench:
    """What all parts share.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace):
        self.mini, self.end = options.mini, time.monotonic() + options.seconds
        self.device = "cpu" if options.mini else "cuda"
        self.networks = MINI if options.mini else NETWORKS
        self.steps = 2 if options.mini else 20
        self.peaks: dict[str, float] = {}
        self.speeds: dict[tuple[str, str], float] = {}
        self.failures: list[str] = []

    def engine(self, precision: str, **how: bool) -> train.Engine:
        """Where and how a part runs."""
        return train.Engine(self.device, precision, progress=False, **how)

    def fails(self, what: str, error: Exception) -> None:
        """Note a failure and go on."""
        self.failures.append(what)
        reason = str(error).partition("\n")[0]
        print(f"{what} failed: {type(error).__name__}: {reason}", flush=True)

    def wait(self) -> None:
        """Until the GPU has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()


# --- parts ------------------------------------------------------------------------------------


def peak(bench: Bench) -> Iterator[Row]:
    """The largest rate of products of matrices, which shares refer to."""
    side = 256 if bench.mini else 8192
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with bench.engine(precision).autocast():
            a, b = (torch.randn(side, side, device=bench.device).to(dtype) for _ in range(2))
            _ = a @ b
            bench.wait()
            start = time.perf_counter()
            for _ in range(bench.steps):
                _ = a @ b
            bench.wait()
        bench.peaks[precision] = 2 * side**3 * bench.steps / (time.perf_counter() - start)
        yield f"peak {precision}", bench.peaks[precision] / 1e12, "TFLOP/s"


def network(name: str, base: str, mini: bool) -> tuple[method.Method, Any, int]:
    """A method with random weights, the last stage of its recipe, and its images' side."""
    changes: dict[str, Any] = {"warmup_epochs": 0, "milestones": [], "schedule": "step"}
    changes |= {"batch_size": 4, "images_per_identity": 2} if mini else {}
    plan = recipes.load(name, backbone.architecture(base).family, changes)
    shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
    encoder = backbone.build(base, "random", **shape)
    net = method.build(plan.method, encoder, N_IDENTITIES, **plan.options)
    return net, plan, encoder.image_size


def batches(plan: Any, size: int, steps: int, device: str) -> Callable[..., Iterable]:
    """Augmented batches of noise that is on the device, as study.training makes them."""
    side = round(size * plan.augment.resize)
    count = plan.stages[-1].batch_size * steps
    pixels = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8).to(device)
    codes = torch.arange(count) % max(2, min(N_IDENTITIES, count // 4))
    labels, extra = codes.to(device), plan.augment
    change = augment.Augmentation(size, extra.flip, extra.jitter, extra.erasing, plan.mean_std)

    def epoch(stage, generator):
        rows = list(sampler.order(codes.tolist(), stage, generator))[:steps]
        chances = [{"rows": r} | change.draws(len(r), side, side, generator) for r in rows]
        for chance in augment.sent([{"chosen": c.pop("rows"), **c} for c in chances], device):
            yield change.apply(pixels[chance["chosen"]], chance), labels[chance["chosen"]]

    return epoch


def methods(bench: Bench) -> Iterator[Row]:
    """Every method at the batch of its recipe."""
    for name, base in bench.networks:
        net, plan, size = network(name, base, bench.mini)
        source = batches(plan, size, bench.steps, bench.device)
        flops = 0.0
        for label, precision, how in _ways(name, base):
            variant = f"{plan.title}, {base}: {label}"
            if time.monotonic() > bench.end:
                return
            try:
                engine = bench.engine(precision, **how)
                speed, memory, counted = measured(net, plan, source, engine, bench, not flops)
            except (RuntimeError, ValueError) as error:
                bench.fails(variant, error)
                continue
            flops = flops or counted
            bench.speeds[name, base] = max(speed, bench.speeds.get((name, base), 0.0))
            yield variant, speed, "images/s"
            yield variant, 100 * speed * flops / bench.peaks[precision], "% of peak"
            yield variant, memory, "MiB"


def _ways(name: str, base: str) -> Iterator[tuple[str, str, dict[str, bool]]]:
    yield "fp32", "fp32", {}
    yield "bf16", "bf16", {}
    yield "bf16, graph", "bf16", {"graphs": True}
    yield "bf16, recomputed", "bf16", {"recompute": True}
    if (name, base) in COMPILED:
        yield "bf16, compiled, graph", "bf16", {"compile": True, "graphs": True}


def measured(
    net: method.Method, plan: Any, source: Callable, engine: train.Engine, bench: Bench, count: bool
) -> tuple[float, float, float]:
    """Images/s of a second epoch, peak MiB, and operations per image if they are to be counted."""
    if bench.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    engine.place(net)
    stage, flops = plan.stages[-1], 0.0
    with loop.recomputed(net, engine.recompute):
        one = loop._Loop(net, stage, engine, {})
        if count:
            with FlopCounterMode(display=False) as counter:
                one.run_epoch(0, source, seed=0)
            flops = counter.get_total_flops() / (stage.batch_size * bench.steps)
        else:
            one.run_epoch(0, source, seed=0)
        speed = one.run_epoch(0, source, seed=1)["images_per_second"]
    memory = torch.cuda.max_memory_allocated() / 2**20 if bench.device == "cuda" else 0.0
    return speed, memory, flops


def plainly(bench: Bench) -> Iterator[Row]:
    """The papers' way: JPEGs opened by a loader's processes, fp32, the loss asked for each step."""
    name, base = bench.networks[0]
    net, plan, size = network(name, base, bench.mini)
    with tempfile.TemporaryDirectory() as folder:
        files = noise(Path(folder), 4 if bench.mini else 64)
        rows = pd.DataFrame({"path": files * (2 if bench.mini else 12)})
        rows["identity"] = rows.index % 4
        loader = plain.training_loader(rows, size, plan.stages[-1], 0 if bench.mini else 16)
        start = time.perf_counter()
        plain.train(net, plan.stages[-1], loader, bench.device)
        speed = len(rows) / (time.perf_counter() - start)
    yield f"{plan.title}, {base}: plain recipe, fp32", speed, "images/s"


def noise(folder: Path, count: int) -> list[str]:
    """Photographs of 1600 x 1200 that a JPEG holds in about as many bytes as a hand."""
    rng = np.random.default_rng(0)
    files = [str(folder / f"{number}.jpg") for number in range(count)]
    for file in files:
        small = Image.fromarray(rng.integers(0, 256, (75, 100, 3), dtype=np.uint8))
        small.resize((1600, 1200), Image.Resampling.BICUBIC).save(file, quality=92)
    return files


def together(bench: Bench) -> Iterator[Row]:
    """Several trainings at once, each in a process of its own."""
    name, base = bench.networks[0]
    for jobs in (1, 2) if bench.mini else (1, 2, 4):
        context = get_context("spawn")
        barrier = context.Barrier(jobs)
        how = {"max_workers": jobs, "mp_context": context}
        with ProcessPoolExecutor(**how, initializer=_share, initargs=(barrier,)) as pool:
            task = partial(_alone, name, base, bench.mini)
            speeds = list(pool.map(task, range(jobs)))
        yield f"{name}, {base}: {jobs} at once", sum(speeds), "images/s"


_shared: dict[str, Any] = {}


def _share(barrier: Any) -> None:
    _shared["barrier"] = barrier


def _alone(name: str, base: str, mini: bool, _: int) -> float:
    """Images/s of one of several trainings, which start their measured epochs together."""
    torch.set_num_threads(1)
    bench = Bench(argparse.Namespace(mini=mini, seconds=600))
    net, plan, size = network(name, base, mini)
    engine = bench.engine("fp32" if mini else "bf16", graphs=not mini)
    engine.place(net)
    one = loop._Loop(net, plan.stages[-1], engine, {})
    one.run_epoch(0, batches(plan, size, bench.steps, bench.device), seed=0)
    many = batches(plan, size, bench.steps * (1 if mini else 5), bench.device)
    _shared["barrier"].wait(timeout=120)
    return one.run_epoch(0, many, seed=1)["images_per_second"]


def agreement(bench: Bench) -> Iterator[Row]:
    """Losses of ten steps and embeddings on CPU and GPU; rank-1 of a mini study in bf16."""
    totals, vectors = {}, {}
    for device, precision in (("cpu", "fp32"), (bench.device, "fp32"), (bench.device, "bf16")):
        net, plan, size = network("clip_ft_mini", "mini-ViT", True)
        engine = train.Engine(device, precision, progress=False)
        engine.place(net)
        torch.manual_seed(0)
        one, source = loop._Loop(net, plan.stages[-1], engine, {}), []
        torch.manual_seed(1)
        source += list(batches(plan, size, 10, "cpu")(plan.stages[-1], torch.Generator()))
        moved = [tuple(x.to(device) for x in batch) for batch in source]
        net.train()
        totals[device, precision] = [one._step(*batch, 0)["total"].item() for batch in moved]
        pixels = np.random.default_rng(0).integers(0, 256, (8, size, size, 3), dtype=np.uint8)
        prepare = partial(augment.normalise, mean_std="imagenet")
        how = {"flip_average": True, "autocast": engine.autocast}
        vectors[device, precision] = embed.embed(net, pixels, prepare, **how)
    reference = ("cpu", "fp32")
    for key in list(totals)[1:]:
        apart = np.abs(np.array(totals[key]) / np.array(totals[reference]) - 1).max()
        yield f"losses of ten steps, {key[1]} on the device and fp32 on a CPU", 100 * apart, "%"
        cosine = _cosines(vectors[key], vectors[reference]).min()
        yield f"embeddings after them, {key[1]} and fp32 on a CPU", 1 - cosine, "1 - cosine"


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def study(bench: Bench) -> Iterator[Row]:
    """Rank-1 of CLIP-FT on few drawn hands, in fp32 and in bf16."""
    with tempfile.TemporaryDirectory() as work:
        for precision in ("fp32", "bf16"):
            people = {"people": 4 if bench.mini else 24, "images_per_view": 3, "runs": 2}
            lab = Study(work=work, device=bench.device, precision=precision, **people)
            changes = {"epochs": 1 if bench.mini else 10}
            made = lab.experiment("clip_ft_mini", "mini-ViT", lab.targets[0], changes=changes)
            hits = lab.score(made).per_query["first_hit"]
            yield f"mini study, rank-1 in {precision}", 100 * hits.eq(1).mean(), "%"


def embedding(bench: Bench) -> Iterator[Row]:
    """Embedding and evaluating one model over ten draws, beside the plain way."""
    how = {"backbone": bench.networks[0][1], "device": bench.device, "threads": 1}
    options = argparse.Namespace(**how, runs=2 if bench.mini else 10, repeats=1)
    with tempfile.TemporaryDirectory() as name:
        sets = evaluation.tables(Path(name), 4 if bench.mini else 6, 3 if bench.mini else 13)
        for kind, view in (("11k", "dorsal right"), ("HD", "dorsal")):
            evaluation.compare(f"{kind}, one view", sets[kind], view, options, Path(name) / "px")
    yield from ()


def table_one(bench: Bench) -> Iterator[Row]:
    """Hours of Table I's trainings, one after another, by the best measured speed of each."""
    hours = 0.0
    for (name, base), speed in bench.speeds.items():
        plan = recipes.load(name, backbone.architecture(base).family)
        images = sum(TABLE_I) * sum(stage.epochs for stage in plan.stages)
        if name.startswith(("clip_ft", "clip_handid", "gpa_net", "cnn_baseline")):
            hours += images / speed / 3600
    yield "Table I and GPA-Net's Table 1, all trainings", hours, "hours"


PARTS = (peak, agreement, methods, plainly, together, embedding, study, table_one)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--mini", action="store_true", help="small networks on a CPU")
    parser.add_argument("--seconds", type=float, default=460, help="begin nothing after so long")
    parser.add_argument("--out", help="folder that gets results.csv instead of benchmarks/")
    options = parser.parse_args()
    if not options.mini and not torch.cuda.is_available():
        parser.error("there is no GPU here: run it with --mini")
    if options.out:
        results.FILE = Path(options.out) / "results.csv"
    bench = Bench(options)
    run(bench)
    if bench.failures:
        parser.exit(1, f"failed: {'; '.join(bench.failures)}\n")


def run(bench: Bench) -> None:
    """All parts in order, each figure kept as soon as it is there."""
    for part in PARTS:
        if time.monotonic() > bench.end:
            print(f"No time is left for {part.__name__}.", flush=True)
            continue
        try:
            for variant, value, unit in part(bench):
                figures = pd.DataFrame([{variant: value}])
                results.report("gpu", figures, unit, note=f"{part.__name__}, {bench.device}")
        except Exception as error:
            bench.fails(part.__name__, error)


if __name__ == "__main__":
    main()
