"""A training's folder: what is kept of a method, when, and what is refused on the way back."""

import math

import pytest
import torch
from torch import nn

from handid import checkpoint


class Toy(nn.Module):
    """A backbone whose second half is frozen, and a head with a layer that is never trained."""

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.backbone = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4).requires_grad_(False))
        self.head = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2).requires_grad_(False))
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)


def keeper(net, folder, seconds=0.0, select="last"):
    return checkpoint.Keeper(net, select, folder, seconds)


def row(validation=math.nan, **more):
    return {"stage": "train", "epoch": 0, "validation": validation, **more}


def steps():
    return {"optimiser.0.0.step": torch.tensor(3.0)}


def same(a, b):
    tensors = checkpoint.trained_tensors(a)
    return all(torch.equal(v, b.state_dict()[k]) for k, v in tensors.items())


def test_a_frozen_part_of_the_backbone_is_not_kept_and_everything_else_is():
    names = checkpoint.trained_tensors(Toy()).keys()
    assert Toy().state_dict().keys() - names == {"backbone.1.weight", "backbone.1.bias"}
    assert {"backbone.0.weight", "head.0.running_mean", "head.1.weight"} <= names


def test_a_checkpoint_gives_back_the_method_the_optimiser_and_the_progress(tmp_path):
    net, other = Toy(), Toy(seed=1)
    first = keeper(net, tmp_path)
    first.progress.stage, first.progress.epoch = 1, 4
    first.keep(row(0.25, total=1.5), steps)
    again = keeper(other, tmp_path)
    assert same(net, other)
    assert vars(again.progress) == vars(first.progress)
    assert again.progress.history == [row(0.25, total=1.5)]
    assert {k: float(v) for k, v in again.optimiser_tensors.items() if k.startswith("opt")} == {
        "optimiser.0.0.step": 3.0
    }


def test_no_checkpoint_is_written_before_its_time(tmp_path):
    keeper(Toy(), tmp_path, seconds=1000.0).keep(row(), lambda: pytest.fail("asked too early"))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("select", "kept"), [("best", 1), ("last", 2)])
def test_the_weights_of_the_chosen_epoch_are_left(tmp_path, select, kept):
    net = Toy()
    folder, weights = keeper(net, tmp_path, select=select), []
    for validation in (0.2, 0.9, 0.3):
        with torch.no_grad():
            net.backbone[0].weight.add_(1.0)
        weights.append(net.backbone[0].weight.clone())
        folder.keep(row(validation), steps)
    history = folder.finish()
    assert history["validation"].tolist() == [0.2, 0.9, 0.3]
    assert torch.equal(net.backbone[0].weight, weights[kept])
    assert sorted(f.name for f in tmp_path.iterdir()) == ["history.csv", "weights.safetensors"]


def test_only_a_training_that_ended_is_finished(tmp_path):
    net, other = Toy(), Toy(seed=1)
    assert checkpoint.finished(other, tmp_path) is None
    folder = keeper(net, tmp_path)
    folder.keep(row(0.5), steps)
    assert checkpoint.finished(other, tmp_path) is None and not same(net, other)
    folder.finish()
    history = checkpoint.finished(other, tmp_path)
    assert history is not None and history["validation"].tolist() == [0.5]
    assert same(net, other)


def test_weights_of_another_method_are_refused(tmp_path):
    keeper(Toy(), tmp_path).finish()
    for other in (nn.Sequential(nn.Linear(2, 2)), nn.Sequential()):
        with pytest.raises(ValueError, match="holds another method's or another backbone's weight"):
            checkpoint.load_weights(other, tmp_path / "weights.safetensors")


def test_weights_of_another_shape_are_refused(tmp_path):
    keeper(Toy(), tmp_path).finish()
    wider = Toy()
    wider.head[1] = nn.Linear(4, 3)
    with pytest.raises(ValueError, match="holds another method's or another backbone's weights"):
        checkpoint.load_weights(wider, tmp_path / "weights.safetensors")


def test_damaged_weights_name_the_file_to_remove(tmp_path):
    keeper(Toy(), tmp_path).finish()
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="weights.safetensors is damaged: remove it and run again"):
        checkpoint.load_weights(Toy(), file)


def test_a_damaged_checkpoint_names_the_file_to_remove(tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="checkpoint.safetensors is damaged: remove it"):
        keeper(Toy(), tmp_path)
