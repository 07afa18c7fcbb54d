"""Pre-training: strangers drawn once, streamed in order, a loss that falls, weights that ship."""

import json

import numpy as np
import pytest
import torch

from handid import backbone, pretrain, synthetic, train

TINY = {"epochs": 1, "batch_size": 8, "warmup_epochs": 0}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Two people a shard, in this process: workers would not see the change."""
    monkeypatch.setattr(pretrain, "SHARD_PEOPLE", 2)
    monkeypatch.setattr(pretrain, "ProcessPoolExecutor", InProcess)


class InProcess:
    def __init__(self, workers, mp_context):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, job, *words):
        job(*words)
        return self

    def result(self):
        return None


def run(folder, epochs=1, **how):
    how = {
        "device": "cpu",
        "shards": 2,
        "shards_an_epoch": 2,
        "changes": TINY | {"epochs": epochs},
    } | how
    return pretrain.pretrain("mini-ViT", folder, **how)


def test_a_shard_holds_its_people_and_what_is_known_of_each(tmp_path):
    shard = next(pretrain.Hands(tmp_path, 5, "wild").stream([1]))
    assert shard.images.shape == (16, pretrain.HEIGHT, pretrain.HEIGHT * 4 // 3, 3)
    assert sorted({facts["subject"] for facts in shard.facts}) == [2, 3]
    who = synthetic.person(5, 3)
    drawn = synthetic.photograph(who, "palmar left", 1, size=pretrain.HEIGHT, seed=5, camera="wild")
    assert np.array_equal(shard.images[-1], drawn[0])
    assert shard.facts[-1] == {"subject": 3, "view": "palmar left"} | json.loads(
        json.dumps(drawn[1])
    )


def test_shards_are_drawn_once_and_come_in_the_order_asked_for(tmp_path):
    hands = pretrain.Hands(tmp_path, 5, "wild")
    first = [shard.facts[0]["subject"] for shard in hands.stream([2, 0, 1])]
    times = [path.stat().st_mtime_ns for path in sorted(hands.folder.iterdir())]
    assert first == [4, 0, 2]
    list(hands.stream([0, 1, 2]))
    assert times == [path.stat().st_mtime_ns for path in sorted(hands.folder.iterdir())]


def test_no_study_draws_the_people_that_are_trained_or_watched():
    drawn = {0, pretrain.TRAINED, pretrain.WATCHED}  # write_11k and write_hd draw population 0
    assert len(drawn) == 3
    assert synthetic.write_11k.__kwdefaults__["seed"] == 0
    bones = [synthetic.person(population, 0).bones for population in drawn]
    assert not np.allclose(bones[0], bones[1]) and not np.allclose(bones[1], bones[2])


def test_the_finished_weights_are_those_that_were_trained_and_load_as_a_backbone(tmp_path):
    done = run(tmp_path)
    net = backbone.build("mini-ViT", str(done.weights))
    fresh = backbone.build("mini-ViT")
    moved = (net.clip.visual.proj - fresh.clip.visual.proj).abs().max()
    assert moved > 1e-3
    assert json.loads(done.weights.with_suffix(".json").read_text()) == done.card
    assert done.card["images_seen"] == 64  # both stages
    assert done.history["stage"].tolist() == ["facts", "captions"]
    assert done.history["validation"].between(0, 1).all()


def test_a_stopped_pre_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", epochs=2)
    kept, keep = [], train._Keeper.keep

    def stop_after_one(self, row, loop):
        self.seconds = 0  # a checkpoint an epoch
        keep(self, row, loop)
        kept.append(row)
        if len(kept) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(train._Keeper, "keep", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", epochs=2)
    resumed = run(tmp_path / "cut", epochs=2)
    assert len(kept) == 4  # two stages of two epochs, none twice
    assert resumed.card["sha256"] == whole.card["sha256"]


def test_more_shards_an_epoch_than_there_are_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shards_an_epoch=3 must lie between 1 and 2"):
        run(tmp_path, shards_an_epoch=3)


def test_another_generator_chooses_other_shards_and_other_words(tmp_path):
    hands = pretrain.Hands(tmp_path, 5, "wild")
    words = [
        next(pretrain._groups(hands, [0], torch.Generator().manual_seed(seed)))[1]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(words[0], words[1])
    assert words[0].shape != words[2].shape or not torch.equal(words[0], words[2])
