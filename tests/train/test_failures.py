"""A GPU that is too small, or lost: one sentence, and the checkpoint stays."""

import pytest
import torch

from handid import backbone, checkpoint, method, recipes, train
from handid.train import failures


@pytest.fixture
def small_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 12 * 2**30))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 10.5 * 2**30)


def test_a_step_that_does_not_fit_says_how_much_and_what_helps(small_gpu):
    said = "64 images does not fit the GPU: it held 10.5 GiB .* 1.0 of 12.0 are free .*2.00 GiB.*: "
    said += r"use steps=\[recompute\] or precision bf16"
    with pytest.raises(MemoryError, match=said), failures.explained("cuda", 64):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 ..")


def test_a_lost_gpu_leaves_the_checkpoint_and_the_training_goes_on(tmp_path):
    plan = recipes.load("clip_ft_mini", "vit", {"epochs": 2, "select": "last"})
    batch, calls = (torch.randn(4, 3, 128, 128), torch.arange(4) % 2), []

    def batches(stage, generator):
        calls.append(1)
        if len(calls) == 2:
            raise torch.AcceleratorError("CUDA error: unspecified launch failure\nmore")
        yield batch

    engine = train.Engine(checkpoint_seconds=0, progress=False)
    nets = [method.build(plan.method, backbone.build("mini-ViT"), 2, **plan.options) for _ in "12"]
    with pytest.raises(RuntimeError, match="stopped .*launch failure.: run it again, .*checkpoint"):
        train.fit(nets[0], plan, batches, None, tmp_path, engine, seed=0)
    assert (tmp_path / "checkpoint.safetensors").exists()
    history = train.fit(nets[1], plan, batches, None, tmp_path, engine, seed=0)
    assert len(history) == 2 and len(calls) == 3 and checkpoint.is_finished(tmp_path)
