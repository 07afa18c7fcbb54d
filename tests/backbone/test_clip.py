"""CLIP's encoders: image features, the frozen text tower, prompts with a pseudo-token."""

import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU

from handid import backbone
from handid.backbone import positions
from handid.backbone.words import Vocabulary

MINIS = ("mini-ViT", "mini-RN")


@pytest.mark.parametrize(("name", "feat"), [("mini-ViT", 192), ("mini-RN", 768)])
def test_the_two_levels_have_the_announced_widths(minis, name, feat):
    features = minis[name](torch.zeros(2, 3, 128, 128))
    assert {k: tuple(v.shape) for k, v in features.items()} == {"feat": (2, feat), "proj": (2, 128)}
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


def test_a_words_own_embedding_as_pseudo_token_gives_open_clips_text_feature(minis):
    net = minis["mini-ViT"]
    ids = open_clip.tokenize(["A photo of a small hand"])
    word = net.clip.token_embedding(ids[:, 5])
    features = net.encode_prompt(word)  # 8 tokens computed
    assert torch.allclose(features, net.clip.encode_text(ids), atol=1e-5)  # 77 tokens computed


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


def test_quick_gelu_is_on_in_the_papers_architectures_and_the_minis_and_changes_the_features():
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
    features = net(torch.zeros(1, 3, 224, 224))
    assert {level: v.shape[1] for level, v in features.items()} == dims == net.dims
    assert grids == ([grid] if grid else [])
    assert net.token_width == 512
    assert net.encode_prompt(torch.zeros(1, 512)).shape == (1, dims["proj"])


def test_sentences_are_encoded_as_open_clip_does_though_less_is_computed(minis):
    texts = ["the palm of a left hand", "a photo", "a right hand with three rings and a long thumb"]
    for net in minis.values():
        theirs = net.clip.encode_text(open_clip.tokenize(texts))
        assert backbone.tokenise(texts).shape[1] < 77
        assert torch.allclose(net.encode_text(texts), theirs, atol=1e-5)


@pytest.mark.parametrize("name", MINIS)
def test_the_tokens_come_with_the_features_that_the_forward_pass_gives(minis, name):
    images = torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    tokens, features = minis[name].tokens(images), minis[name](images)
    assert tokens["patches"].shape == (3, 64, 128)
    for level, feature in features.items():
        assert torch.allclose(tokens[level], feature, atol=1e-5), level


def test_a_vits_patches_are_open_clips_own_tokens_projected(minis):
    net = minis["mini-ViT"]
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    theirs = net.clip.visual.forward_intermediates(
        images, indices=1, normalize_intermediates=True, output_fmt="NLC"
    )["image_intermediates"][-1]
    patches = net.tokens(images)["patches"]
    assert torch.allclose(patches, theirs @ net.clip.visual.proj, atol=1e-5)


def test_a_resnets_feature_is_the_mean_of_its_patches_where_the_attention_pool_asks_nothing():
    """Without a query all shares are alike: 64 cells and their average, made here."""
    net = backbone.build("mini-RN")
    pool = net.clip.visual.attnpool
    with torch.no_grad():
        pool.q_proj.weight.zero_()
        pool.q_proj.bias.zero_()
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    tokens = net.tokens(images)
    average = pool.c_proj(pool.v_proj(tokens["feat"] + pool.positional_embedding[0]))
    expected = (average + tokens["patches"].sum(1)) / 65
    assert torch.allclose(tokens["proj"], expected, atol=1e-5)


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
    early = net.tokens(images)["early"]
    handle.remove()
    expected = seen[0][:, 0] if name == "mini-ViT" else seen[0].mean((2, 3))
    assert torch.equal(early, expected)


@pytest.mark.parametrize(("name", "cells"), [("mini-ViT", 8 * 4), ("mini-RN", 8 * 4)])
def test_an_upright_image_gives_fewer_patches_and_its_positions_are_stretched_in_two(
    minis, name, cells
):
    net = minis[name]
    images = torch.randn(2, 3, 128, 64, generator=torch.Generator().manual_seed(0))
    tokens = net.tokens(images)
    assert tokens["patches"].shape == (2, cells, 128)
    assert tokens["proj"].shape == (2, 128) and tokens["proj"].isfinite().all()
    flat = torch.arange(64.0).reshape(8, 8).flatten()[:, None].expand(-1, 3)
    table = torch.cat([torch.full((1, 3), 7.0), flat])
    grid = positions.on_grid(table, torch.zeros(1, 3, 8, 4))
    assert torch.equal(grid[0], table[0])
    rows = grid[1:, 0].reshape(8, 4)  # each the mean of two neighbours in its own row
    assert torch.allclose(rows, torch.arange(64.0).reshape(8, 4, 2).mean(2))


def test_torch_compile_reads_a_prompt_once_and_gives_the_same_text(monkeypatch):
    encoder, asked = backbone.build("mini-ViT"), []
    read = Vocabulary.prompt
    monkeypatch.setattr(Vocabulary, "prompt", lambda *given: asked.append(given) or read(*given))
    vectors = torch.randn(2, 1, encoder.token_width, generator=torch.Generator().manual_seed(0))
    prompt = "A {} hand that nobody has asked about"
    compiled = torch.compile(encoder.encode_prompt, backend="eager")
    with torch.no_grad():
        texts = [compiled(vectors, prompt) for _ in range(3)]
        assert len(asked) == 1
        assert torch.equal(texts[-1], encoder.encode_prompt(vectors, prompt))
