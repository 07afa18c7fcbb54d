"""An experiment's network: built, loaded, and what it embeds, in memory and from the cache."""

import numpy as np
import pytest
import torch

from handid import backbone, embed
from handid.image import augment
from handid.study import experiments, network

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


@pytest.fixture
def embedded(monkeypatch):
    """How many images each call of embed.embed gets."""
    counts, inner = [], embed.embed
    monkeypatch.setattr(
        embed, "embed", lambda n, i, *a, **k: counts.append(len(i)) or inner(n, i, *a, **k)
    )
    return counts


def test_an_untrained_method_embeds_as_the_trained_one_before_its_first_step(lab, squares):
    (before,) = lab.untrained("clip_ft_mini", changes=ONE_EPOCH)
    pixels = torch.from_numpy(squares(lab.table("11k")["path"][:1]))
    batch = augment.normalise(pixels, before.recipe.mean_std)
    with torch.inference_mode():
        embedding = lab.load(before).embed(batch)
        features = backbone.build("mini-ViT", "random")(batch)
    expected = torch.cat([features["feat"], features["proj"]], 1)
    assert torch.allclose(embedding, expected, atol=1e-5)


def test_a_trained_method_is_loaded_as_it_was_kept_and_ready_to_embed(lab, tuned):
    first, again = (network.load(tuned, lab.engine) for _ in range(2))
    (before,) = lab.untrained("clip_ft_mini", changes=ONE_EPOCH)
    untrained = network.load(before, lab.engine).state_dict()
    state = first.state_dict()
    assert not first.training
    assert all(torch.equal(state[key], again.state_dict()[key]) for key in state)
    assert not all(torch.equal(state[key], untrained[key]) for key in state)


def test_images_are_in_the_geometry_and_size_of_the_recipe(lab, tuned, zero_shot, squares):
    rows = lab.table("11k").iloc[:2]
    for experiment, kind in ((tuned, "squash"), (zero_shot, "crop")):
        pixels = network.images(experiment, rows, lab.photographs)
        assert np.array_equal(pixels, squares(rows["path"], kind))


def test_the_cache_gives_what_the_network_embeds(lab, zero_shot, squares):
    rows, method = lab.table("11k").iloc[:3], lab.load(zero_shot)
    stored = network.embed_rows(zero_shot, rows, lab.photographs, lab.engine)
    pictures = squares(rows["path"], "crop")
    direct = network.embed_images(zero_shot, method, pictures, lab.engine)
    assert np.allclose(stored, direct, atol=1e-5)
    batch = augment.normalise(torch.from_numpy(pictures), "clip")
    with torch.inference_mode():
        mirrored = method.embed(batch) + method.embed(batch.flip(-1))
    assert np.allclose(stored, mirrored.numpy(), atol=1e-5)  # CLIP-ZS adds the mirror image


def test_changed_code_embeds_again(lab, embedded, monkeypatch):
    experiment = lab.experiment("clip_zero_shot", "mini-RN", TARGET)
    rows = lab.table("11k").iloc[:2]
    for _ in range(2):
        network.embed_rows(experiment, rows, lab.photographs, lab.engine)
    assert embedded == [2]
    monkeypatch.setattr(experiments, "embedding_code", lambda *given: "edited")
    edited = lab.experiment("clip_zero_shot", "mini-RN", TARGET)
    assert edited.folder == experiment.folder
    network.embed_rows(edited, rows, lab.photographs, lab.engine)
    assert embedded == [2, 2]


def test_the_controls_embeddings_are_not_taken_for_the_studys(lab, weighted, zero_shot):
    own, control = weighted.experiments("clip_zero_shot", controls=["", "random_weights"])
    rows = lab.table("11k").iloc[:2]
    ours, others, plain = (
        network.embed_rows(one, rows, study.photographs, study.engine)
        for study, one in ((weighted, own), (weighted, control), (lab, zero_shot))
    )
    assert np.array_equal(others, plain) and not np.allclose(others, ours)


def test_an_untrained_prompt_that_names_the_view_is_embedded_anew_in_each_view(lab, embedded):
    views = [
        lab.experiment("clip_fh_s3_v1", "mini-ViT", target, changes={"stages": []})
        for target in ("11k dorsal right", "11k palmar left")
    ]
    assert views[0].options != views[1].options
    rows = lab.table("11k").iloc[:2]
    for experiment in (*views, *views):
        network.embed_rows(experiment, rows, lab.photographs, lab.engine)
    assert embedded == [2, 2]
