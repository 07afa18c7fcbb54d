"""What one GPU gives, in at most eight minutes: every method at full size, and the plain recipe.

No network: weights are random, photographs are noise. For each method images/s, the share of the
card's measured peak, and memory, in fp32 and bf16, step by step, replayed as a graph, and compiled;
the papers' own way beside it; several trainings at once, with and without NVIDIA's MPS; a whole
training; how long the GPU waits; a card of 12 GB; the evaluation; whether CPU and GPU, and bf16 and
fp32, agree; what Table I would take. `--mini` runs every part on a CPU in three minutes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import evaluation
import gpu_at_once
import numpy as np
import pandas as pd
import plain
import results
import torch
from gpu_bench import BOTH, COMPILED, MINI, N_IDENTITIES, WAYS, Bench, Row, batches, network
from PIL import Image
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from handid import backbone, embed, method, metric, recipes, train
from handid.image import augment
from handid.study import Study
from handid.train import loop

# Training images of dorsal right, dorsal left, palmar right, palmar left, and HD.
TABLE_I = (890, 735, 905, 928, 2156)


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


def methods(bench: Bench) -> Iterator[Row]:
    """Every method at the batch of its recipe."""
    for name, base in bench.networks:
        net, plan, size = network(name, base, bench.mini)
        flops = 0.0
        for label, precision, how in bench.chosen_ways(name, base):
            variant = f"{plan.title}, {base}: {label}"
            if time.monotonic() > bench.end:
                return
            try:
                engine = bench.engine(precision, **how)
                speed, memory, counted = measured(net, plan, size, engine, bench, not flops)
            except (RuntimeError, ValueError) as error:
                bench.fails(variant, error)
                continue
            flops = flops or counted
            bench.speeds[name, base] = max(speed, bench.speeds.get((name, base), 0.0))
            yield variant, speed, "images/s"
            yield variant, 100 * speed * flops / bench.peaks[precision], "% of peak"
            yield variant, memory, "MiB"


def measured(
    net: method.Method, plan: Any, size: int, engine: train.Engine, bench: Bench, count: bool
) -> tuple[float, float, float]:
    """Images/s of a second epoch, peak MiB, and operations per image if they are to be counted."""
    if bench.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.compiler.reset()
    engine.place(net)
    stage, flops = plan.stages[-1], 0.0
    steps = min(bench.steps, max(2, 640 // stage.batch_size))
    with loop.recomputed(net, engine.recompute):
        if count:
            with FlopCounterMode(display=False) as counter:
                alone = loop._Loop(net, stage, bench.engine(engine.precision), {})
                alone.run_epoch(0, batches(plan, size, 1, bench.device), seed=0)
            flops = counter.get_total_flops() / stage.batch_size
        one = loop._Loop(net, stage, engine, {})
        one.run_epoch(0, batches(plan, size, bench.short, bench.device), seed=0)
        speed = one.run_epoch(0, batches(plan, size, steps, bench.device), seed=1)
    memory = torch.cuda.max_memory_allocated() / 2**20 if bench.device == "cuda" else 0.0
    return speed["images_per_second"], memory, flops


def waiting(bench: Bench) -> Iterator[Row]:
    """How much of an epoch the device does nothing, and what it does most."""
    kind = ProfilerActivity.CPU if bench.mini else ProfilerActivity.CUDA
    for name, base in [pair for pair in bench.networks if pair in COMPILED or bench.mini]:
        net, plan, size = network(name, base, bench.mini)
        engine = bench.engine("fp32") if bench.mini else bench.engine("bf16", **BOTH)
        engine.place(net)
        one = loop._Loop(net, plan.stages[-1], engine, {})
        one.run_epoch(0, batches(plan, size, bench.short, bench.device), seed=0)
        source = batches(plan, size, bench.steps, bench.device)
        bench.wait()
        with profile(activities=[kind]) as trace:
            one.run_epoch(0, source, seed=1)
        events = [e for e in trace.events() or () if bench.mini or e.device_type.name == "CUDA"]
        spans = [(e.time_range.start, e.time_range.end) for e in events]
        yield f"{plan.title}, {base}: the device does nothing", 100 * _idle(spans), "% of an epoch"
        by = "self_cpu_time_total" if bench.mini else "self_cuda_time_total"
        print(trace.key_averages().table(sort_by=by, row_limit=14, max_name_column_width=70))


def _idle(spans: Iterable[tuple[float, float]]) -> float:
    """The share of the time from the first span to the last that none covers."""
    spans = sorted(spans)
    end, busy = spans[0][0], 0.0
    for start, stop in spans:
        busy += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return 1 - busy / (end - spans[0][0])


def whole(bench: Bench) -> Iterator[Row]:
    """A whole training as the study does it: as many photographs as dorsal right has, validated."""
    name, base = bench.networks[0]
    for label, precision, how in bench.chosen_ways(name, base):
        if "graphs" not in how or time.monotonic() > bench.end:
            continue
        net, plan, size = network(name, base, bench.mini, {"epochs": bench.epochs})
        stage = plan.stages[-1]
        source = batches(plan, size, max(1, TABLE_I[0] // stage.batch_size), bench.device)
        source = batches(plan, size, 2, bench.device) if bench.mini else source
        rng = np.random.default_rng(0)
        held_out = rng.integers(0, 256, (2 * N_IDENTITIES, size, size, 3), dtype=np.uint8)
        engine = bench.engine(precision, **how)
        validate = partial(_validated, held_out, engine)
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            history = train.fit(net, plan, source, validate, folder, engine, seed=0)
        taken = time.perf_counter() - start
        own = f"{plan.title}, {base}: of these in steps after the first epoch"
        what = f"{stage.epochs} epochs of dorsal right, {label}"
        yield f"{plan.title}, {base}: {what}", taken, "seconds"
        yield own, history["seconds"][1:].sum(), "seconds"


def _validated(held_out: np.ndarray, engine: train.Engine, net: method.Method) -> float:
    prepare = partial(augment.normalise, mean_std="clip")
    found = embed.embed(net, held_out, prepare, flip_average=False, autocast=engine.autocast)
    people, half = np.arange(N_IDENTITIES), len(found) // 2
    return metric.evaluate(found[:half], found[half:], people, people).rank(1)


def small_card(bench: Bench) -> Iterator[Row]:
    """ABD-Net at its batch of 64 and 384 pixels with no more memory than a card of 12 GB gives."""
    name, base = MINI[1] if bench.mini else ("abd_net", "ResNet50")
    if bench.device == "cuda":
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(11.2 * 2**30 / total)  # the rest: the driver's
        torch.cuda.reset_peak_memory_stats()
    net, plan, size = network(name, base, bench.mini)
    engine = bench.engine("fp32" if bench.mini else "bf16", recompute=True)
    speed, memory, _ = measured(net, plan, size, engine, bench, False)
    yield f"{plan.title}, {base}: recomputed, in 11.2 GiB", speed, "images/s"
    yield f"{plan.title}, {base}: recomputed, in 11.2 GiB", memory, "MiB"
    if bench.device == "cuda":
        held = torch.cuda.max_memory_reserved() / 2**20
        torch.cuda.set_per_process_memory_fraction(1.0)
        yield f"{plan.title}, {base}: recomputed, in 11.2 GiB, held", held, "MiB"


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


def agreement(bench: Bench) -> Iterator[Row]:
    """Losses of ten steps and embeddings after them; without dropout, whose draws differ."""
    expected, wanted = _ten_steps(train.Engine("cpu"))
    replays = (False,) if bench.mini else (False, True)
    for precision, graphs in product(("fp32", "bf16"), replays):
        losses, found = _ten_steps(bench.engine(precision, graphs=graphs))
        how = f"{precision}{', graph' if graphs else ''} on the device and fp32 on a CPU"
        yield f"losses of ten steps, {how}", 100 * np.abs(losses / expected - 1).max(), "%"
        yield f"embeddings after them, {how}", 1 - _cosines(found, wanted).min(), "1 - cosine"


def _ten_steps(engine: train.Engine) -> tuple[np.ndarray, np.ndarray]:
    """Losses of ten steps, and embeddings of eight images after them."""
    torch.manual_seed(0)
    net, plan, size = network("clip_ft_mini", "mini-ViT", True)
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    engine.place(net)
    one, stage = loop._Loop(net, plan.stages[-1], engine, {}), plan.stages[-1]
    torch.manual_seed(1)
    made = list(batches(plan, size, 10, "cpu")(stage, torch.Generator()))
    net.train()
    losses = []
    for images, labels in made:
        batch = images.to(engine.device), labels.to(engine.device)
        losses.append(one.replay(partial(one._step, epoch=0), *batch, 0)["total"].item())
    pixels = np.random.default_rng(0).integers(0, 256, (8, size, size, 3), dtype=np.uint8)
    prepare = partial(augment.normalise, mean_std="imagenet")
    how = {"flip_average": True, "autocast": engine.autocast}
    return np.array(losses), embed.embed(net, pixels, prepare, **how)


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


PARTS = (
    *(peak, gpu_at_once.compiling, methods, waiting, small_card, whole),
    *(gpu_at_once.together, agreement),
    *(plainly, embedding, study, table_one),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--mini", action="store_true", help="small networks on a CPU")
    parser.add_argument("--seconds", type=float, default=460, help="begin nothing after so long")
    parser.add_argument("--out", help="folder that gets results.csv instead of benchmarks/")
    parser.add_argument("--methods", nargs="*", default=[], help="recipes or RECIPE@BACKBONE")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--epochs", type=int, help="of the whole training; 70, and 2 of --mini")
    names = [part.__name__ for part in PARTS]
    parser.add_argument("--parts", nargs="*", default=names, choices=names, help="in this order")
    options = parser.parse_args()
    options.epochs = options.epochs or (2 if options.mini else 70)
    if not options.mini and not torch.cuda.is_available():
        parser.error("there is no GPU here: run it with --mini")
    if options.out:
        results.FILE = Path(options.out) / "results.csv"
    bench = Bench(options)
    run(bench, [part for name in options.parts for part in PARTS if part.__name__ == name])
    if bench.failures:
        parser.exit(1, f"failed: {'; '.join(bench.failures)}\n")


def run(bench: Bench, parts: Iterable[Callable[[Bench], Iterator[Row]]]) -> None:
    """Parts in order, each figure kept as soon as it is there."""
    for part in parts:
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
