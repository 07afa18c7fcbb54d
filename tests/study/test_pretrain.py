"""Pre-training: people of no study, drawn once, streamed in order; weights that load and resume."""

import json

import numpy as np
import pytest
import torch

from handid import backbone, checkpoint, fingerprint, synthetic
from handid.study import pretrain
from handid.study.experiment import REGISTRIES
from handid.synthetic import caption

TINY = {"epochs": 2, "batch_size": 16, "warmup_epochs": 0}


@pytest.fixture(autouse=True, scope="module")
def small():
    """Two people per shard, drawn in this process (workers would not see the change); few facts."""
    facts = dict(
        list(caption.CHOICES.items())[:4]
    )  # the text encoder reads all sentences each step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caption, "CHOICES", facts)
        patch.setattr(pretrain, "SHARD_PEOPLE", 2)
        patch.setattr(pretrain, "ProcessPoolExecutor", InProcess)
        yield


class InProcess:
    def __init__(self, workers, mp_context):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, job, *arguments):
        job(*arguments)
        return self

    def result(self):
        return None


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pre-training of two stages with two epochs each, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def run(folder, shards_per_epoch=1):
    options = {"device": "cpu", "shards": 2, "shards_per_epoch": shards_per_epoch, "changes": TINY}
    return pretrain.pretrain("mini-ViT", folder, **options)


def test_a_shard_holds_its_people_and_the_facts_of_each_photograph(tmp_path):
    shard = next(pretrain.Hands(tmp_path, 5, "wild").stream([1]))
    assert shard.images.shape == (16, pretrain.HEIGHT, pretrain.HEIGHT * 4 // 3, 3)
    assert sorted({facts["subject"] for facts in shard.facts}) == [2, 3]
    camera = {"size": pretrain.HEIGHT, "seed": 5, "camera": "wild"}
    image, facts = synthetic.photograph(synthetic.person(5, 3), "palmar left", 1, **camera)
    assert np.array_equal(shard.images[-1], image)
    assert shard.facts[-1] == {"subject": 3, "view": "palmar left"} | json.loads(json.dumps(facts))


def test_shards_are_drawn_once_and_come_in_the_order_asked_for(tmp_path):
    hands = pretrain.Hands(tmp_path, 5, "wild")
    first = [shard.facts[0]["subject"] for shard in hands.stream([2, 0, 1])]
    times = [path.stat().st_mtime_ns for path in sorted(hands.folder.iterdir())]
    assert first == [4, 0, 2]
    list(hands.stream([0, 1, 2]))
    assert times == [path.stat().st_mtime_ns for path in sorted(hands.folder.iterdir())]


def test_no_study_draws_the_people_that_are_trained_or_watched():
    populations = {0, pretrain.TRAINED, pretrain.WATCHED}  # write_11k and write_hd draw 0
    assert len(populations) == 3
    assert synthetic.write_11k.__kwdefaults__["seed"] == 0
    bones = [synthetic.person(population, 0).bones for population in populations]
    assert not np.allclose(bones[0], bones[1]) and not np.allclose(bones[1], bones[2])


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


def test_the_key_of_the_weights_follows_the_renderer_and_the_captions():
    reached = {
        name: fingerprint.code(*pretrain.TRAINING, stop=(*REGISTRIES, name))
        for name in ("synthetic.skin.skin_atlas", "synthetic.caption.caption", "loss.likeness")
    }
    assert fingerprint.code(*pretrain.TRAINING, stop=REGISTRIES) not in reached.values()
    assert len(set(reached.values())) == 3


def test_another_generator_chooses_other_shards_and_other_words(tmp_path):
    hands = pretrain.Hands(tmp_path, 5, "wild")
    words = [
        next(pretrain._groups(hands, [0], torch.Generator().manual_seed(seed)))[1]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(words[0], words[1])
    assert words[0].shape != words[2].shape or not torch.equal(words[0], words[2])
