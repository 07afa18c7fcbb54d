"""What a training is fed: training people only, augmented images or features, and its prompts."""

import numpy as np
import pytest
import torch

from handid import metric, protocol, train
from handid.data.sets import Target
from handid.image import augment, cache
from handid.study import altered, network

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


def test_only_training_people_are_seen_in_training_and_validation(lab, monkeypatch):
    seen, pixels = set(), cache.pixels

    def spy(paths, *args, **kwargs):
        seen.update(paths)
        return pixels(paths, *args, **kwargs)

    monkeypatch.setattr(cache, "pixels", spy)
    lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH, seed=8)
    trains, tests = protocol.halves(lab.table("11k"), "dorsal right")
    assert seen == set(trains["path"])
    assert not seen & set(tests["path"])


def test_half_of_the_products_is_no_training(lab, tuned, monkeypatch):
    calls = []
    monkeypatch.setattr(train, "fit", lambda *given, **how: calls.append((given[4], how)))
    (tuned.folder / "history.csv").rename(tuned.folder / "history.away")
    try:
        lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)
    finally:
        (tuned.folder / "history.away").rename(tuned.folder / "history.csv")
    assert calls == [(tuned.folder, {"seed": 0})]


# --- batches ------------------------------------------------------------------------------------


@pytest.fixture
def given(lab, monkeypatch):
    """What train.fit would get: network, recipe, batches and validation, of given(recipe, ...)."""

    def collect(recipe, **how):
        received = []
        monkeypatch.setattr(train, "fit", lambda *args, **_: received.extend(args[:4]))
        lab.experiment(recipe, "mini-ViT", TARGET, seed=3, **how)
        return received

    return collect


def test_an_epoch_has_every_training_image_once_with_its_identity(lab, given):
    _, plan, batches, _ = given("clip_ft_mini")
    rows, _ = protocol.validation(lab.photographs.halves(Target("11k", "dorsal right"))[0], 3)
    sizes = rows.groupby("identity").size().tolist()
    labels, pictures = [], []
    for images, numbers in batches(plan.stages[0], torch.Generator().manual_seed(0)):
        assert images.shape[1:] == (3, 128, 128) and images.dtype == torch.float32
        labels += numbers.tolist()
        pictures += [picture.numpy().tobytes() for picture in images]
    assert np.bincount(labels).tolist() == sizes
    assert len(set(pictures)) == len(rows)


@pytest.mark.parametrize(("control", "mean_std"), [("", "imagenet"), ("as_run", "none")])
def test_a_stage_that_encodes_once_gets_the_features_of_plain_training_images(
    lab, given, squares, monkeypatch, control, mean_std
):
    network, plan, batches, _ = given("clip_fh_s2_v1", control=control)
    calls, forward = [], type(network.backbone).forward
    monkeypatch.setattr(
        type(network.backbone), "forward", lambda *a: calls.append(len(a[1])) or forward(*a)
    )
    generator = torch.Generator().manual_seed(0)
    (features, labels) = next(iter(batches(plan.stages[0], generator)))
    again, _ = next(iter(batches(plan.stages[0], generator)))
    assert len(calls) == 1 and calls[0] == len(features)  # one batch here, seen once
    rows, _ = protocol.validation(lab.photographs.halves(Target("11k", "dorsal right"))[0], 3)
    assert torch.bincount(labels).tolist() == rows.groupby("identity").size().tolist()
    pixels = torch.from_numpy(squares(rows["path"]))
    with torch.no_grad():
        plain = network.backbone(augment.normalise(pixels, mean_std))["proj"]
    for batch in (features, again):  # each in an order of its own
        assert torch.allclose(batch.sum(0), plain.sum(0), rtol=1e-4, atol=1e-3)
        assert torch.cdist(batch, plain).amin(1).max() < 1e-2
    images, _ = next(iter(batches(plan.stages[1], generator)))
    assert images.shape[1:] == (3, 128, 128)
    assert (images.min() >= 0) == (mean_std == "none")


def test_the_view_stands_in_the_prompts_of_the_target(given):
    network, *_ = given("clip_fh_s2_v1")
    assert network.prompts == ["A photo of {}'s dorsal right hand for identification."]


# --- validation ---------------------------------------------------------------------------------


def test_validation_ranks_first_training_images_for_those_held_out(lab, given, squares):
    method, plan, _, validate = given("clip_ft_mini")
    trains, _ = lab.photographs.halves(Target("11k", "dorsal right"))
    rows, held_out = protocol.validation(trains, 3)
    first = rows.groupby("identity", sort=True).head(1)
    with torch.inference_mode():
        query, gallery = (
            method.eval().embed(network.prepared(plan)(torch.from_numpy(squares(part["path"]))))
            for part in (held_out, first)
        )
    expected = metric.evaluate(query, gallery, held_out["identity"], first["identity"]).mAP
    assert validate(method) == pytest.approx(expected)


def test_without_a_second_photograph_nothing_is_validated(
    open_study, make_11k, tmp_path, monkeypatch
):
    def edit(info):  # one photograph of each training person in the view
        shown = info["aspectOfHand"].eq("dorsal right") & info["id"].isin(["0000000", "0000001"])
        return info[~(shown & info.duplicated(["id", "aspectOfHand"]))]

    received = []
    monkeypatch.setattr(train, "fit", lambda *args, **_: received.extend(args))
    root = make_11k(tmp_path / "11k", edit=edit)
    study = open_study(tmp_path / "work", data={"11k": str(root)})
    study.experiment("clip_ft_mini", "mini-ViT", TARGET)
    assert received[3] is None


# --- without the shortcut -----------------------------------------------------------------------


def test_a_training_on_hands_sees_and_validates_on_hands_alone(given, lab, monkeypatch):
    asked, inner = [], network.images
    monkeypatch.setattr(network, "images", lambda *args: asked.append(args[3]) or inner(*args))
    _, plan, batches, _ = given("clip_ft_mini", control="hand_only")
    _, _, whole, _ = given("clip_ft_mini")
    assert plan.image == "hand" and asked == ["hand"] * 2 + ["whole"] * 2
    corners = batches.images[:, :6, :6].float()
    assert (corners == 255).all() and not torch.equal(batches.images, whole.images)


def test_other_backgrounds_keep_the_hands_of_half_the_batch(given):
    _, plan, batches, _ = given("clip_ft_mini", control="other_backgrounds")
    assert len(batches.covers) == len(batches.images)
    assert 0.05 < float((batches.covers == 255).float().mean()) < 0.6
    every = torch.arange(len(batches.images))
    draws = batches.draws(plan.stages[-1], every, torch.Generator().manual_seed(0))
    plain = batches.augment.apply(batches.images, draws)
    mixed = batches.seen(plan.stages[-1], draws)
    assert mixed.shape == plain.shape and not torch.equal(mixed, plain)


def test_photographs_without_a_hand_are_not_trained_on_and_counted(lab, monkeypatch):
    rows = lab.photographs.halves(Target("11k", "dorsal right"))[0]
    doubted = list(rows["path"].iloc[:2])
    monkeypatch.setattr(
        altered.alter, "doubts", lambda paths, folder: {p: "is dark" for p in paths if p in doubted}
    )
    with pytest.warns(
        UserWarning, match=f"2 of {len(rows)} photographs have no 'hand' to train on: they are left"
    ):
        kept = altered.kept(rows, lab.photographs, "hand")
    assert set(rows["path"]) - set(kept["path"]) == set(doubted)
    with pytest.warns(UserWarning, match="no 'background' to train on: they keep their own"):
        covers, grounds = altered.grounds(rows, lab.photographs, ("squash", 32))
    assert (covers[:2] == 255).all() and (covers[2:] == 0).any()
    assert len(covers) == len(rows) and len(grounds) == len(rows) - 2
    doubted += list(rows["path"])
    with pytest.raises(ValueError, match="have no 'hand' to train on"):
        altered.kept(rows, lab.photographs, "hand")
