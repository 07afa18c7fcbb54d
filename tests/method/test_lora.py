"""LoRA: few numbers learn, it adds nothing at first, and folded in it gives the same embedding."""

import pytest
import torch

from handid import checkpoint, method, recipes
from handid.method import _lora

METHODS = ("clip_ft", "clip_handid", "clip_reid", "promptsg")
EVERY = pytest.mark.parametrize(
    ("name", "backbone_name"),
    [*((name, "mini-ViT") for name in METHODS), ("clip_ft", "mini-RN")],
)


@pytest.fixture
def images(batch):
    return batch(size=128)


def shaken(net):
    """The same method as if LoRA had learned something."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05, generator=torch.Generator().manual_seed(len(name)))
    return net.eval()


@EVERY
def test_lora_adds_nothing_before_its_first_step(name, backbone_name, on_clip, images):
    plain, adapted = (
        on_clip(name, backbone_name=backbone_name, lora_rank=rank).eval() for rank in (0, 4)
    )
    ours = {k: v for k, v in adapted.state_dict().items() if not k.startswith("backbone.")}
    plain.load_state_dict(ours, strict=False)  # heads are drawn after LoRA
    with torch.inference_mode():
        assert torch.allclose(adapted.embed(images[0]), plain.embed(images[0]), atol=1e-5)


@EVERY
def test_folded_into_the_weights_it_gives_the_same_embedding(name, backbone_name, on_clip, images):
    net = shaken(on_clip(name, backbone_name=backbone_name, lora_rank=4))
    plain = on_clip(name, backbone_name=backbone_name)
    with torch.inference_mode():
        before = net.embed(images[0])
        net.fold()
        folded = net.embed(images[0])
        net.fold()  # once is enough
        assert torch.equal(net.embed(images[0]), folded)
        assert torch.allclose(folded, before, atol=2e-4, rtol=1e-3)
        features = [one.backbone(images[0])["proj"] for one in (net, plain)]
    assert (features[0] - features[1]).norm() > 3e-3 * features[1].norm()  # it does something


def test_a_layer_of_rank_r_computes_what_the_paper_says(on_clip):
    """W x + alpha / r B A x, with alpha / r = 2; oracle: the formula, for a layer of 192 x 768."""
    net = shaken(on_clip("clip_ft", lora_rank=3))
    layer = net.backbone.blocks()[0].mlp.c_fc
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    x = torch.randn(5, 192, generator=torch.Generator().manual_seed(0))
    expected = x @ layer.base_layer.weight.T + layer.base_layer.bias + _lora.SCALE * x @ a.T @ b.T
    assert (a.shape, b.shape) == ((3, 192), (768, 3))
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_an_attention_adds_it_once_to_each_of_its_two_matrices(on_clip):
    """Oracle: torch's own attention with the formula's matrices."""
    attention = shaken(on_clip("clip_ft", lora_rank=3)).backbone.blocks()[0].attn
    layers = {"in_proj_weight": attention, "out_proj.weight": attention.out_proj}
    plain = torch.nn.MultiheadAttention(192, attention.num_heads, batch_first=True).eval()
    state = {"in_proj_bias": attention.in_proj_bias, "out_proj.bias": attention.out_proj.bias}
    for name, layer in layers.items():
        beside = layer.parametrizations[name.split(".")[-1]]
        state[name] = beside.original + _lora.SCALE * beside[0].lora_B @ beside[0].lora_A
    plain.load_state_dict(state)
    x = torch.randn(2, 5, 192, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(attention(x, x, x)[0], plain(x, x, x)[0], atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_on_after_a_pass_without_gradients(name, on_clip, images):
    net = on_clip(name, lora_rank=2)
    frozen = {n: p.clone() for n, p in net.named_parameters() if not p.requires_grad}
    with torch.inference_mode():
        net.eval().embed(images[0])
    sum(net.train().losses(*images).values()).backward()
    assert all(torch.equal(p, frozen[n]) for n, p in net.named_parameters() if n in frozen)


@pytest.mark.parametrize("blocks", [None, 2])
def test_only_lora_and_what_is_new_learn_and_are_kept(blocks, on_clip, images):
    net = on_clip("clip_ft", lora_rank=4, unfreeze_blocks=blocks).train()
    learns = {n for n, p in net.named_parameters() if p.requires_grad}
    inside = {name for name in learns if name.startswith("backbone.")}
    assert inside and all("lora_" in name for name in inside)
    n_blocks = 6 if blocks is None else blocks
    # per block in rank 4: attention 192 -> 576 and 192 -> 192, and two layers of 192 x 768
    per_block = 4 * ((192 + 576) + (192 + 192) + 2 * (192 + 768))
    assert sum(dict(net.named_parameters())[n].numel() for n in inside) == n_blocks * per_block
    assert {n for n in checkpoint.trained_tensors(net) if n.startswith("backbone.")} == inside
    sum(net.losses(*images).values()).backward()
    groups = net.parameter_groups(recipes.load("clip_ft_lora", "vit").stages[0])
    moved = {id(p) for p in groups[0]["params"]}
    assert moved == {id(p) for n, p in net.named_parameters() if n in inside}
    with_gradient = [n for n, p in net.named_parameters() if n in inside and p.grad is not None]
    assert set(with_gradient) == inside


@pytest.mark.parametrize("rank", [-1, 1.5, True])
def test_a_rank_that_is_no_whole_number_is_refused(rank, on_clip):
    with pytest.raises(ValueError, match=f"lora_rank is {rank}: give a whole number from 0"):
        on_clip("clip_ft", lora_rank=rank)


def test_lora_without_a_block_to_sit_in_is_refused(on_clip):
    with pytest.raises(ValueError, match="mini-ViT has no layers in blocks that LoRA could adapt"):
        on_clip("clip_ft", lora_rank=4, unfreeze_blocks=0)


def test_a_convolutional_baseline_takes_no_lora(encoder):
    with pytest.raises(ValueError, match="'gpa_net' has no option 'lora_rank'"):
        method.build("gpa_net", encoder(), 2, lora_rank=4)
