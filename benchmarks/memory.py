"""GPU memory of a training step at the recipes' batches, reckoned without a GPU.

What autograd keeps for the gradient is counted, once per storage and in fp32, for two small batches
on the CPU; a batch of the recipe's size follows along the line through both. Weights, gradients and
the two moments of Adam come on top; what a GPU's libraries and kernels need is not in it.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd
import torch

from handid import backbone, method, recipes
from handid.image import augment
from handid.recipes import Recipe

METHODS = {
    "clip_ft": ("ViT-B/16", "RN50"),
    "clip_handid": ("ViT-B/16", "RN50"),
    "clip_reid": ("ViT-B/16", "RN50"),
    "promptsg": ("ViT-B/16", "RN50"),
    "cnn_baseline": ("ResNet50", "VGG19-bn"),
    "gpa_net": ("ResNet50",),
    "mba_net": ("ResNet50",),
    "abd_net": ("ResNet50",),
    "rga_net": ("ResNet50",),
}
N_IDENTITIES = 72  # 11k Hands, dorsal right
SMALL = (4, 6)  # images: two of each identity
GIB = 2**30


def kept(network: method.Method, images: torch.Tensor, labels: torch.Tensor) -> int:
    """Bytes that autograd keeps for the gradient of all losses, weights left out."""
    weights = {tensor.untyped_storage()._cdata for tensor in network.state_dict().values()}
    sizes: dict[int, int] = {}
    alive = []  # so that no address is used twice

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        alive.append(storage)
        if storage._cdata not in weights:
            sizes[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        sum(network.losses(images, labels).values())
    return sum(sizes.values())


def step(name: str, base: str) -> dict[str, object]:
    """A row of the table: the stage of a method that keeps most."""
    plan = recipes.load(name, backbone.architecture(base).family)
    shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
    encoder = backbone.build(base, "random", **shape)
    network = method.build(plan.method, encoder, N_IDENTITIES, **plan.options).train()
    side = plan.image_size or backbone.architecture(base).image_size
    rows = []
    for stage in plan.stages:
        if stage.encode_once:
            continue
        groups = network.parameter_groups(stage)  # says what trains
        few, more = (_kept(network, plan, side, batch) for batch in SMALL)
        slope = (more - few) / (SMALL[1] - SMALL[0])
        activations = few + slope * (stage.batch_size - SMALL[0])
        trained = sum(p.nbytes for group in groups for p in group["params"])
        rows.append((activations, trained, stage.batch_size))
    activations, trained, batch = max(rows)
    weights = sum(tensor.nbytes for tensor in network.state_dict().values())
    return {
        "method": f"{plan.title}, {base}",
        "batch": batch,
        "pixels": side,
        "activations, GiB": activations / GIB,
        "with weights, gradients and Adam, GiB": (activations + weights + 3 * trained) / GIB,
    }


def _kept(network: method.Method, plan: Recipe, side: int, batch: int) -> int:
    images = torch.zeros(batch, side, side, 3, dtype=torch.uint8)
    images = augment.normalise(images, plan.mean_std, plan.portrait)
    return kept(network, images, torch.arange(batch) // 2)


def main() -> None:
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args()
    rows = []
    for name, base in [(name, base) for name, bases in METHODS.items() for base in bases]:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # frees all memory
            rows.append(pool.submit(step, name, base).result())
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.1f}".format))


if __name__ == "__main__":
    main()
