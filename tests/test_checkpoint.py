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
    left = ["history.csv", "products.json", "weights.safetensors"]
    assert sorted(f.name for f in tmp_path.iterdir()) == left


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


def spoilt(content, other):
    """What a power cut, a bad disk or a wrong copy leave of a file."""
    return {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "noise": bytes(reversed(content)),
        "one bit": content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
        "another run's": other,
    }


SPOILT = list(spoilt(b"abcd", b""))


@pytest.fixture
def other(tmp_path_factory):
    """The folder of another training of the same kind, which went on otherwise."""
    folder = tmp_path_factory.mktemp("other")
    kept = keeper(Toy(seed=5), folder)
    kept.keep(row(0.7), steps)
    (folder / "c").write_bytes((folder / "checkpoint.safetensors").read_bytes())
    (folder / "b").write_bytes((folder / "best.safetensors").read_bytes())
    kept.finish()
    return folder


@pytest.mark.parametrize("name", ["weights.safetensors", "history.csv", "products.json"])
@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_product_is_named_with_what_mends_it(tmp_path, other, name, how):
    folder = keeper(Toy(), tmp_path)
    folder.keep(row(0.5), steps)
    folder.finish()
    file = tmp_path / name
    file.write_bytes(spoilt(file.read_bytes(), (other / name).read_bytes())[how])
    with pytest.raises(ValueError, match=r"damaged or another training's: run with --force") as one:
        checkpoint.finished(Toy(), tmp_path)
    assert str(tmp_path) in str(one.value) and "\n" not in str(one.value)


@pytest.mark.parametrize("name", ["weights.safetensors", "history.csv", "products.json"])
def test_a_training_of_which_something_is_missing_is_not_finished(tmp_path, name):
    keeper(Toy(), tmp_path).finish()
    assert checkpoint.is_finished(tmp_path)
    (tmp_path / name).unlink()
    assert not checkpoint.is_finished(tmp_path)


def test_a_training_that_ended_may_be_moved(tmp_path):
    net = Toy()
    folder = keeper(net, tmp_path / "a")
    folder.keep(row(0.5), steps)
    folder.finish()
    (tmp_path / "a").rename(tmp_path / "b")
    moved = Toy(seed=1)
    assert checkpoint.finished(moved, tmp_path / "b") is not None and same(net, moved)


@pytest.mark.parametrize(("name", "foreign"), [("checkpoint", "c"), ("best", "b")])
@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_checkpoint_is_set_aside_and_the_training_begins_anew(
    tmp_path, other, name, foreign, how
):
    keeper(Toy(), tmp_path).keep(row(0.5), steps)
    file = tmp_path / f"{name}.safetensors"
    file.write_bytes(spoilt(file.read_bytes(), (other / foreign).read_bytes())[how])
    with pytest.warns(UserWarning, match=f"{name}.safetensors is damaged. It is set aside"):
        again = keeper(Toy(), tmp_path)
    assert vars(again.progress) == vars(checkpoint.Progress())
    assert {f.name for f in tmp_path.glob("*.safetensors")} == set()
    assert (tmp_path / f"{name}.safetensors.damaged").exists()


def test_damaged_weights_are_named(tmp_path):
    keeper(Toy(), tmp_path).finish()
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="weights.safetensors is damaged"):
        checkpoint.load_weights(Toy(), file)
