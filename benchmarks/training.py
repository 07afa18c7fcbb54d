"""Images per second and peak memory of training steps, and what the short prompt gains.

The steps are train.fit's own, on random pixels and random weights; each method runs in a process
of its own, in turn. The prompt: 8 tokens (backbone.encode_prompt) against CLIP's full 77.
"""

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import open_clip
import torch
from results import in_turn, rate, report

from handid import backbone, method, recipes, train

METHODS = ("clip_ft", "clip_handid")
N_IDENTITIES = 72


def measure(name: str, options: argparse.Namespace, engine: train.Engine) -> tuple[float, float]:
    """Images per second and peak MiB of one method, after a first epoch that does not count."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    base = backbone.build(options.backbone)
    changes = {"epochs": 2, "batch_size": options.batch, "select": "last"}
    plan = recipes.load(name, base.family, changes)
    images = torch.randn(options.batch, 3, base.image_size, base.image_size, device=engine.device)
    labels = torch.arange(options.batch, device=engine.device) % N_IDENTITIES
    network = method.build(plan.method, base, N_IDENTITIES, **plan.options)

    def batches(stage, generator):
        yield from [(images, labels)] * options.steps

    with tempfile.TemporaryDirectory() as folder:
        history = train.fit(network, plan, batches, None, folder, engine, seed=0)
    return history["images_per_second"].iloc[-1], peak_memory(engine.device)


def peak_memory(device: str) -> float:
    """MiB: of this process on the CPU, of torch's tensors on a GPU."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def alone(task, *given):
    """The task's result, from a fresh process whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(task, *given).result()


def full_prompt(base: backbone.Backbone, tokens: torch.Tensor) -> torch.Tensor:
    """What encode_prompt gives, from all 77 positions as CLIP computes them."""
    clip, (word, text) = base.clip, open_clip.tokenize(["x", backbone.PROMPT.format("x")])
    x = clip.token_embedding(text.to(tokens.device)).repeat(len(tokens), 1, 1)
    x[:, int((text == word[1]).nonzero())] = tokens.to(x.dtype)
    x = clip.transformer(x + clip.positional_embedding, attn_mask=clip.attn_mask)
    return clip.ln_final(x[:, int(text.argmax())]) @ clip.text_projection


def prompts(options: argparse.Namespace, engine: train.Engine) -> dict:
    """Forward and backward through both prompts, after a check in fp32 that they agree."""
    torch.set_num_threads(options.threads)
    base = backbone.build(options.backbone).to(engine.device)
    tokens = torch.randn(options.batch, base.token_width, device=engine.device, requires_grad=True)
    ways = {"full prompt, 77 tokens": partial(full_prompt, base)}
    ways["short prompt, 8 tokens"] = base.encode_prompt
    torch.testing.assert_close(*(way(tokens) for way in ways.values()), rtol=1e-3, atol=1e-3)

    def steps(way):
        for _ in range(options.steps):
            with engine.autocast():
                total = way(tokens).float().square().sum()
            float(torch.autograd.grad(total, tokens)[0].sum())  # waits for a GPU

    count = options.batch * options.steps
    return {name: lambda way=way: rate(lambda: steps(way), count) for name, way in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="mini-ViT", help="a name in backbone.ARCHITECTURES")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "fp16"))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--batch", type=int, default=20, help="the papers: 20 (ViT), 4 (RN50)")
    parser.add_argument("--steps", type=int, default=5, help="of one repetition")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    how = {"device": options.device, "precision": options.precision, "compile": options.compile}
    engine = train.Engine(**how, checkpoint_seconds=float("inf"), progress=False)
    runs = {name: partial(alone, measure, name, options, engine) for name in METHODS}
    measured = in_turn(runs, options.repeats)
    note = f"{options.backbone}, batch {options.batch}, {options.device}, {options.precision}"
    note += f", {options.threads} threads" + (", compiled" if options.compile else "")
    for number, unit in enumerate(("images/s", "MiB")):
        figures = measured.map(lambda pair, number=number: pair[number])
        report("training", figures, unit, reference=METHODS[0], note=note)
    figures = in_turn(prompts(options, engine), options.repeats)
    report("training", figures, "prompts/s", reference=figures.columns[0], note=note)


if __name__ == "__main__":
    main()
