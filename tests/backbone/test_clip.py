"""CLIP's encoders: features, the frozen text tower, prompts with a pseudo-token, weights files."""

import hashlib
import json
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from open_clip.transformer import QuickGELU
from PIL import Image
from safetensors.torch import save_file

from handid import backbone, caption, image, synthetic

MINIS = ("mini-ViT", "mini-RN")
GOLDEN = Path(__file__).parent / "golden_mini.json"


@pytest.fixture(scope="module")
def minis():
    return {name: backbone.build(name) for name in MINIS}


@pytest.mark.parametrize(("name", "feat"), [("mini-ViT", 192), ("mini-RN", 768)])
def test_the_two_levels_have_the_announced_widths(minis, name, feat):
    found = minis[name](torch.zeros(2, 3, 128, 128))
    assert {k: tuple(v.shape) for k, v in found.items()} == {"feat": (2, feat), "proj": (2, 128)}
    assert minis[name].dims == {"feat": feat, "proj": 128}


def test_the_projected_feature_is_open_clips_own(minis):
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    for net in (minis["mini-ViT"], backbone.build("mini-RN", last_stride=2)):
        assert torch.allclose(net(images)["proj"], net.clip.encode_image(images), atol=1e-5)


def test_last_stride_one_doubles_the_grid_and_adds_no_weights():
    one, two = (backbone.build("mini-RN", last_stride=stride) for stride in (1, 2))
    grids = []
    for net in (one, two):
        handle = net.clip.visual.layer4.register_forward_hook(
            lambda module, args, out: grids.append(tuple(out.shape[2:]))
        )
        net(torch.zeros(1, 3, 128, 128))
        handle.remove()
    assert grids == [(8, 8), (4, 4)]
    new = {k: v.shape for k, v in one.state_dict().items()}
    old = {k: v.shape for k, v in two.state_dict().items()}
    assert [k for k in old if old[k] != new[k]] == ["clip.visual.attnpool.positional_embedding"]
    assert new.keys() == old.keys()


def test_only_the_image_encoder_may_train(minis):
    for net in minis.values():
        trains = {name for name, p in net.named_parameters() if p.requires_grad}
        assert trains and all(name.startswith("clip.visual.") for name in trains)
        assert {id(p) for p in net.image_parameters()} == {
            id(p) for name, p in net.named_parameters() if name in trains
        }


def test_the_prompt_puts_the_pseudo_token_at_index_five():
    words, place = backbone._tokenise_prompt("A photo of a {} hand")
    assert place == 5  # start, a, photo, of, a, S*
    assert words.shape == (1, 8)  # ..., hand, end
    assert int(words[0, -1]) == 49407


def test_a_words_own_embedding_as_pseudo_token_gives_open_clips_text_feature(minis):
    net = minis["mini-ViT"]
    ids = open_clip.tokenize(["A photo of a small hand"])
    word = net.clip.token_embedding(ids[:, 5])
    found = net.encode_prompt(word)  # 8 tokens computed
    assert torch.allclose(found, net.clip.encode_text(ids), atol=1e-5)  # 77 tokens computed


def test_the_gradient_goes_through_the_text_encoder_into_the_token(minis):
    net = minis["mini-ViT"]
    token = torch.randn(3, net.token_width, requires_grad=True)
    net.encode_prompt(token).square().sum().backward()
    assert (token.grad.abs().sum(1) > 0).all()
    assert all(p.grad is None for p in net.clip.transformer.parameters())


@pytest.mark.parametrize("prompt", ["A photo of a hand", "A {} of a {} hand"])
def test_a_prompt_without_one_place_is_refused(minis, prompt):
    with pytest.raises(ValueError, match="needs exactly one {}"):
        minis["mini-ViT"].encode_prompt(torch.zeros(1, 128), prompt)


def test_quick_gelu_is_on_in_every_architecture_and_changes_the_features():
    for name in backbone.ARCHITECTURES:
        assert backbone.architecture(name).config["quick_gelu"] is True
    net = backbone.build("mini-ViT")
    kinds = [type(block.mlp.gelu) for block in net.clip.visual.transformer.resblocks]
    assert kinds == [QuickGELU] * 6
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    quick = net(images)["proj"]
    for block in net.clip.visual.transformer.resblocks:
        block.mlp.gelu = torch.nn.GELU()
    assert (net(images)["proj"] - quick).abs().max() > 1e-4


def test_random_weights_come_from_the_seed():
    a, b, c = (backbone.build("mini-ViT", seed=seed).state_dict() for seed in (0, 0, 1))
    key = "clip.visual.conv1.weight"
    assert torch.equal(a[key], b[key]) and not torch.equal(a[key], c[key])


def test_building_leaves_the_global_random_state_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    backbone.build("mini-ViT")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", MINIS)
def test_a_weights_file_gives_its_weights_back(tmp_path, name):
    source = backbone.build(name, last_stride=2, seed=5)
    save_file(source.clip.state_dict(), tmp_path / "w.safetensors")
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    loaded = backbone.build(name, str(tmp_path / "w.safetensors"), last_stride=2)
    assert torch.equal(loaded(images)["proj"], source(images)["proj"])


def test_the_position_table_of_a_loaded_resnet_is_stretched_for_stride_one(tmp_path):
    source = backbone.build("mini-RN", last_stride=2, seed=5)
    save_file(source.clip.state_dict(), tmp_path / "w.safetensors")
    table = source.clip.visual.attnpool.positional_embedding
    found = backbone.build("mini-RN", str(tmp_path / "w.safetensors"))
    stretched = found.clip.visual.attnpool.positional_embedding
    assert stretched.shape == (65, 768)
    assert torch.equal(stretched[0], table[0])
    assert torch.allclose(stretched[1:].mean(0), table[1:].mean(0), atol=1e-2)


def test_weights_of_another_architecture_are_refused_in_one_sentence(tmp_path):
    state = backbone.build("mini-RN", last_stride=2).clip.state_dict()
    save_file(state, tmp_path / "rn.safetensors")
    with pytest.raises(ValueError, match="not those of mini-ViT .*'visual") as caught:
        backbone.build("mini-ViT", str(tmp_path / "rn.safetensors"))
    assert "\n" not in str(caught.value)


def test_weights_of_another_size_are_refused_with_both_shapes(tmp_path):
    state = backbone.build("mini-ViT").clip.state_dict()
    state["visual.proj"] = torch.zeros(192, 64)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"\(192, 64\) in the file, \(192, 128\) in the model"):
        backbone.build("mini-ViT", str(tmp_path / "w.safetensors"))


def test_a_folder_gives_each_backbone_its_own_file(tmp_path):
    source = backbone.build("mini-RN", last_stride=2, seed=5)
    save_file(source.clip.state_dict(), tmp_path / "mini-RN.safetensors")
    found = backbone.build("mini-RN", str(tmp_path), last_stride=2)
    assert torch.equal(found.clip.text_projection, source.clip.text_projection)
    with pytest.raises(ValueError, match="has no ViT-B-16.safetensors and no ViT-B-16.pt"):
        backbone.build("ViT-B/16", str(tmp_path))


def test_a_damaged_weights_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"short")
    with pytest.raises(ValueError, match="w.safetensors is no safetensors file, or is damaged"):
        backbone.build("mini-ViT", str(tmp_path / "w.safetensors"))


def test_a_pickle_is_refused_unopened(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="neither a safetensors file nor OpenAI's archive"):
        backbone.build("ViT-B/16", str(tmp_path / "w.pt"))


@pytest.mark.parametrize(
    ("name", "weights", "sentence"),
    [
        ("ViT-L/14", "random", "Unknown backbone 'ViT-L/14': choose one of ViT-B/16, RN50"),
        ("mini-ViT", "openai", "OpenAI published no weights for mini-ViT"),
        ("mini-ViT", "nowhere.safetensors", "Unknown weights 'nowhere.safetensors'"),
    ],
)
def test_unknown_names_are_refused_in_one_sentence(name, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        backbone.build(name, weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dims", "grid"),
    [("ViT-B/16", {"feat": 768, "proj": 512}, None), ("RN50", {"feat": 2048, "proj": 1024}, 14)],
)
def test_the_full_size_features_are_those_of_the_papers(name, dims, grid):
    net = backbone.build(name)
    grids = []
    if grid:
        net.clip.visual.layer4.register_forward_hook(lambda m, i, out: grids.append(out.shape[-1]))
    found = net(torch.zeros(1, 3, 224, 224))
    assert {level: v.shape[1] for level, v in found.items()} == dims == net.dims
    assert grids == ([grid] if grid else [])
    assert net.token_width == 512
    assert net.encode_prompt(torch.zeros(1, 512)).shape == (1, dims["proj"])


# --- sentences ----------------------------------------------------------------------------------


def test_sentences_are_encoded_as_open_clip_does_though_less_is_computed(minis):
    texts = ["the palm of a left hand", "a photo", "a right hand with three rings and a long thumb"]
    for net in minis.values():
        theirs = net.clip.encode_text(open_clip.tokenize(texts))
        assert backbone.tokenise(texts).shape[1] < 77
        assert torch.allclose(net.encode_text(texts), theirs, atol=1e-5)


# --- weights that ship --------------------------------------------------------------------------


def test_saved_small_and_read_again_a_mini_answers_the_same(tmp_path, minis):
    net, text = minis["mini-ViT"], ["a photo of a right hand"]
    images = torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    words = backbone.tokenise(text).unique()
    digest = backbone.save(net, words, tmp_path / "small.safetensors")
    again = backbone.build("mini-ViT", str(tmp_path / "small.safetensors"))
    assert digest == hashlib.sha256((tmp_path / "small.safetensors").read_bytes()).hexdigest()
    assert (tmp_path / "small.safetensors").stat().st_size < 9_000_000
    pairs = [
        (net(images)["proj"], again(images)["proj"]),
        (net.encode_text(text), again.encode_text(text)),
    ]
    for ours, read in pairs:  # float16 on disk
        assert not torch.equal(ours, read)
        assert torch.cosine_similarity(ours, read).min() > 0.9999


def test_a_word_that_a_mini_never_saw_gets_the_mean_of_those_it_knows(tmp_path, minis):
    words = torch.tensor([5, 7, 49406])
    backbone.save(minis["mini-ViT"], words, tmp_path / "small.safetensors")
    table = backbone.build("mini-ViT", str(tmp_path / "small.safetensors")).clip.token_embedding
    known = minis["mini-ViT"].clip.token_embedding.weight[words].half().float()
    assert torch.equal(table.weight[words], known)
    assert torch.allclose(table.weight[1234], known.mean(0))


def test_what_does_not_ship_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="No weights 'mini' of RN50 ship with this package, only"):
        backbone.build("RN50", "mini")


def test_a_shipped_file_that_was_changed_is_refused(tmp_path, monkeypatch, minis):
    monkeypatch.setattr(backbone, "SHIPPED_FOLDER", tmp_path)
    words = backbone.tokenise(["a hand"]).unique()
    digest = backbone.save(minis["mini-ViT"], words, tmp_path / "mini-ViT.safetensors")
    (tmp_path / "mini-ViT.json").write_text(json.dumps({"sha256": digest}))
    assert backbone.build("mini-ViT", "mini").name == "mini-ViT"
    (tmp_path / "mini-ViT.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(ValueError, match="differs from the file that was shipped: install again"):
        backbone.build("mini-ViT", "mini")


@pytest.mark.parametrize("name", MINIS)
def test_what_ships_is_small_and_comes_with_its_card(name):
    file, card = backbone.SHIPPED_FOLDER / f"{name}.safetensors", backbone.shipped()[name]
    assert file.stat().st_size <= 16_000_000
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {"people", "pictures", "seed", "images_seen", "training_hours", "on"} <= card.keys()
    history = pd.read_csv(file.with_suffix(".csv"))
    assert len(history) == card["epochs"]
    assert history["total"].iloc[-1] < history["total"][history["stage"] == "captions"].iloc[0]


@pytest.mark.parametrize("name", MINIS)
def test_the_shipped_weights_give_the_golden_vectors(name):
    golden = json.loads(GOLDEN.read_text())[name]
    net = backbone.build(name, "mini", last_stride=2)
    ramp = torch.linspace(-2, 2, 3 * 128 * 128).reshape(1, 3, 128, 128)
    with torch.inference_mode():
        picture = net(ramp)["proj"][0, :8]
        sentence = net.encode_text(["a photo of the back of a right hand with long fingers"])[0, :8]
    assert picture.tolist() == pytest.approx(golden["picture"], abs=2e-3)
    assert sentence.tolist() == pytest.approx(golden["sentence"], abs=2e-3)


def test_the_shipped_mini_tells_the_view_of_strangers_hands_in_words():
    net = backbone.build("mini-ViT", "mini")
    drawn = [
        synthetic.photograph(synthetic.person(77, subject), view, 0)[0]
        for subject in range(8)
        for view in synthetic.VIEWS
    ]
    pictures = [image.fit(Image.fromarray(one), ("squash", net.image_size)) for one in drawn]
    said = list(caption.CHOICES["view"])
    with torch.inference_mode():
        seen = net(image.normalise(torch.from_numpy(np.stack(pictures)), "clip"))["proj"]
        told = torch.nn.functional.normalize(net.encode_text(said), dim=1)
        answers = (seen @ told.T).argmax(dim=1)
    assert (answers == torch.arange(4).repeat(8)).float().mean() >= 0.8


# --- what each place says -----------------------------------------------------------------------


@pytest.mark.parametrize("name", MINIS)
def test_the_tokens_come_with_the_features_that_the_forward_pass_gives(minis, name):
    images = torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    found, features = minis[name].tokens(images), minis[name](images)
    assert found["patches"].shape == (3, 64, 128)
    for level, feature in features.items():
        assert torch.allclose(found[level], feature, atol=1e-5), level


def test_a_vits_patches_are_open_clips_own_tokens_projected(minis):
    net = minis["mini-ViT"]
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    theirs = net.clip.visual.forward_intermediates(
        images, indices=1, normalize_intermediates=True, output_fmt="NLC"
    )["image_intermediates"][-1]
    found = net.tokens(images)["patches"]
    assert torch.allclose(found, theirs @ net.clip.visual.proj, atol=1e-5)


def test_a_resnets_feature_is_the_mean_of_its_patches_where_the_attention_pool_asks_nothing():
    """Without a query all shares are alike: 64 cells and their average, made here."""
    net = backbone.build("mini-RN")
    pool = net.clip.visual.attnpool
    with torch.no_grad():
        pool.q_proj.weight.zero_()
        pool.q_proj.bias.zero_()
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    found = net.tokens(images)
    average = pool.c_proj(pool.v_proj(found["feat"] + pool.positional_embedding[0]))
    expected = (average + found["patches"].sum(1)) / 65
    assert torch.allclose(found["proj"], expected, atol=1e-5)


def test_the_cells_of_a_resnet_differ(minis):
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    said = minis["mini-RN"].tokens(images)["patches"]
    apart = (said - said.mean(1, keepdim=True)).norm(dim=2).mean()
    assert apart > 0.05 * said.norm(dim=2).mean()


def test_a_patch_is_told_from_its_place(minis):
    """What moves in the picture moves in the tokens: the bright square is where it was put."""
    net = minis["mini-ViT"]
    plain = torch.zeros(1, 3, 128, 128)
    bright = plain.clone()
    bright[:, :, 32:48, 80:96] = 3.0  # row 2, column 5 of 8
    changed = (net.tokens(bright)["patches"] - net.tokens(plain)["patches"])[0].norm(dim=1)
    assert changed.argmax() == 2 * 8 + 5


@pytest.mark.parametrize("name", MINIS)
def test_the_early_feature_is_that_before_the_last_block(minis, name):
    net, seen = minis[name], []
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    handle = net.blocks()[-1].register_forward_hook(lambda module, args, out: seen.append(args[0]))
    found = net.tokens(images)["early"]
    handle.remove()
    expected = seen[0][:, 0] if name == "mini-ViT" else seen[0].mean((2, 3))
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("name", "cells"), [("mini-ViT", 8 * 4), ("mini-RN", 8 * 4)])
def test_an_upright_image_gives_fewer_patches_and_its_positions_are_stretched_in_two(
    minis, name, cells
):
    net = minis[name]
    images = torch.randn(2, 3, 128, 64, generator=torch.Generator().manual_seed(0))
    found = net.tokens(images)
    assert found["patches"].shape == (2, cells, 128)
    assert found["proj"].shape == (2, 128) and found["proj"].isfinite().all()
    flat = torch.arange(64.0).reshape(8, 8).flatten()[:, None].expand(-1, 3)
    table = torch.cat([torch.full((1, 3), 7.0), flat])
    grid = backbone._positions(table, torch.zeros(1, 3, 8, 4))
    assert torch.equal(grid[0], table[0])
    rows = grid[1:, 0].reshape(8, 4)  # each the mean of two neighbours in its own row
    assert torch.allclose(rows, torch.arange(64.0).reshape(8, 4, 2).mean(2))


def test_the_nearest_word_to_a_words_own_vector_is_that_word():
    net = backbone.build("mini-ViT", "mini")
    numbers = backbone.tokenise(["ring nail"])[0, 1:3]
    vectors = 3 * net.clip.token_embedding.weight[numbers].detach()
    first, second = net.nearest_words(vectors, top=2)
    assert (first[0][0], second[0][0]) == ("ring", "nail")
    assert first[0][1] == pytest.approx(1) and first[1][1] < 1


def test_words_that_pre_training_never_met_are_nobodys_nearest():
    net = backbone.build("mini-ViT", "mini")
    unknown = backbone.tokenise(["xylophone"])[0, 1:2]
    vector = net.clip.token_embedding.weight[unknown].detach()
    ((word, cosine),) = net.nearest_words(vector, top=1)[0]
    assert "xyl" not in word and cosine < 0.999
