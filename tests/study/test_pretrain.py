"""Pre-training: people of no study, drawn once, streamed in order; weights that load and resume."""

import json

import pytest
import torch

from handid import backbone, checkpoint, fingerprint
from handid.study import hands, pretrain
from handid.study.experiment import REGISTRIES
from handid.synthetic import caption

# Muon, which takes most of a step here, is resumed in tests/train.
TINY = {"epochs": 2, "batch_size": 16, "warmup_epochs": 0, "optimiser": "adamw"}


@pytest.fixture(autouse=True, scope="module")
def small(few_hands):
    """Few people per shard, and few facts: the text encoder reads all sentences in each step."""
    facts = dict(list(caption.CHOICES.items())[:4])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caption, "CHOICES", facts)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pre-training of two stages with two epochs each, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def run(folder, shards_per_epoch=1):
    options = {"device": "cpu", "shards": 2, "shards_per_epoch": shards_per_epoch, "changes": TINY}
    return pretrain.pretrain("mini-ViT", folder, **options)


def test_the_finished_weights_are_those_that_were_trained_and_load_as_a_backbone(whole):
    finished, _ = whole
    net = backbone.build("mini-ViT", str(finished.weights))
    fresh = backbone.build("mini-ViT")
    assert (net.clip.visual.proj - fresh.clip.visual.proj).abs().max() > 1e-3
    assert json.loads(finished.weights.with_suffix(".json").read_text()) == finished.card
    assert finished.card["sha256"] == fingerprint.file(finished.weights)
    assert finished.card["images_seen"] == 64  # both stages, two epochs each
    assert finished.history["stage"].tolist() == ["facts"] * 2 + ["captions"] * 2
    assert finished.history["validation"].between(0, 1).all()


def test_a_stopped_pre_training_goes_on_to_the_same_weights(whole, tmp_path, monkeypatch):
    finished, folder = whole
    (tmp_path / "pretrain").mkdir()
    (tmp_path / "pretrain" / "hands").symlink_to(folder / "pretrain" / "hands")
    rows, keep = [], checkpoint.Keeper.keep

    def stop_after_one(self, row, optimiser_tensors):
        self.seconds = 0  # a checkpoint after each epoch
        keep(self, row, optimiser_tensors)
        rows.append(row)
        if len(rows) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Keeper, "keep", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    resumed = run(tmp_path)
    assert len(rows) == 4  # two stages of two epochs, none twice
    assert resumed.card["sha256"] == finished.card["sha256"]


def test_more_shards_per_epoch_than_there_are_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shards_per_epoch=3 must lie between 1 and 2"):
        run(tmp_path, shards_per_epoch=3)


def test_a_network_without_a_text_encoder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'clip_pretrain' is not for backbones of family 'cnn'"):
        pretrain.pretrain(
            "EfficientNet-Lite0", tmp_path, shards=1, shards_per_epoch=1, device="cpu"
        )


def test_a_convolutional_network_of_timms_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'timm:resnet18' is not pre-trained here: use one of ViT"):
        pretrain.pretrain("timm:resnet18", tmp_path, shards=1, shards_per_epoch=1, device="cpu")
    assert not list(tmp_path.iterdir())


def test_the_key_of_the_weights_follows_the_renderer_and_the_captions():
    reached = {
        name: fingerprint.code(*pretrain.TRAINING, stop=(*REGISTRIES, name))
        for name in ("synthetic.skin.skin_atlas", "synthetic.caption.caption", "loss.likeness")
    }
    assert fingerprint.code(*pretrain.TRAINING, stop=REGISTRIES) not in reached.values()
    assert len(set(reached.values())) == 3


def test_another_generator_chooses_other_shards_and_other_words(tmp_path):
    drawn = hands.Hands(tmp_path, 5, "wild")
    words = [
        next(pretrain._groups(drawn, [0], torch.Generator().manual_seed(seed)))[1]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(words[0], words[1])
    assert words[0].shape != words[2].shape or not torch.equal(words[0], words[2])


@pytest.mark.parametrize("count", [None, "1", 1.0, 0])
def test_shards_that_are_no_number_are_refused(tmp_path, count):
    for counts in (
        {"shards": count, "shards_per_epoch": 1},
        {"shards": 1, "shards_per_epoch": count},
    ):
        with pytest.raises(
            ValueError, match="^shards(_per_epoch)?=.* must be a whole number from 1"
        ):
            pretrain.pretrain("mini-ViT", tmp_path, **counts)
