"""Full-size models with random weights: the libraries' own embeddings, one step of every method."""

import open_clip
import pytest
import timm
import torch

from handid import backbone, method, recipes

CLIPS = ["ViT-B-32", "ViT-L-14", "ViT-B-16-SigLIP", "RN101", "convnext_base"]
OTHERS = ["timm:vit_small_patch14_dinov2", "timm:resnet50", "timm:convnext_tiny"]
NAMES = [f"{name}:random" for name in [*CLIPS, *OTHERS]]
WITHOUT_TEXT = ("clip_ft",)
WITH_TEXT = ("clip_handid", "clip_reid", "promptsg")
ON_MAPS = ("cnn_baseline", "gpa_net")
SEVEN_CELLS = {"gpa_net": {"horizontal_parts": 7}}  # the published 3 do not divide these maps
pytestmark = pytest.mark.slow


@pytest.fixture(params=NAMES, scope="module")
def net(request):
    """One model after the other, each built once."""
    return backbone.build(request.param, "", last_stride=2)


@pytest.fixture
def pictures(net):
    side = net.image_size
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def words(monkeypatch):
    """SigLIP's tokenizer cannot be fetched here: another one, of 64 tokens with one per letter."""

    def tokenised(texts):
        rows = torch.ones(len(texts), 64, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            row[: len(text)] = torch.tensor([ord(letter) for letter in text])
        return rows

    load = backbone.Vocabulary._load
    monkeypatch.setattr(
        backbone.Vocabulary, "_load", lambda own: load(own) if own.is_clips else tokenised
    )
    return tokenised


def test_the_embedding_is_the_librarys_own(net, pictures, words):
    with torch.inference_mode():
        ours = net(pictures)
        if not net.has_text:
            theirs = timm.create_model(net.name.removeprefix("timm:"), num_classes=0).eval()
            theirs.load_state_dict(net.network.state_dict())
            assert torch.allclose(ours["feat"], theirs(pictures), atol=1e-5)
            return
        theirs = open_clip.create_model(net.name, load_weights=False).eval()
        theirs.load_state_dict(net.network.state_dict())
        assert torch.allclose(ours["proj"], theirs.encode_image(pictures), atol=1e-5)
        text = "a photo of a x hand"
        siglip = "SigLIP" in net.name
        numbers = words([text]) if siglip else open_clip.get_tokenizer(net.name)([text])
        expected = theirs.encode_text(numbers)
        assert torch.allclose(net.encode_text([text]), expected, atol=1e-4)
        place = text.index("x") if siglip else 5
        vector = net.network.get_submodule("text.token_embedding" if siglip else "token_embedding")(
            numbers[:, place]
        )
        prompted = net.encode_prompt(vector, "a photo of a {} hand")
        assert torch.allclose(prompted, expected, atol=1e-4)


def test_each_takes_a_step_of_every_method_that_fits(net, pictures, words):
    names = [*WITHOUT_TEXT, *(WITH_TEXT if net.has_text else ())]
    names += [*(ON_MAPS if net.channels else ()), "clip_ft_lora"]  # it stays, so it comes last
    labels = torch.tensor([0, 1])
    for name in names:
        plan = recipes.load(name, net.family, SEVEN_CELLS.get(name))
        torch.manual_seed(0)
        trainer = method.build(plan.method, net, 2, **plan.options).train()
        stage = plan.stages[-1]
        groups = [group for group in trainer.parameter_groups(stage) if group["params"]]
        optimiser = torch.optim.SGD(groups)
        few = groups[0]["params"][:8]  # a copy of all would be another network in memory
        before = [parameter.detach().clone() for parameter in few]
        sum(trainer.losses(pictures, labels).values()).backward()
        optimiser.step()
        moved = [not torch.equal(a, b) for a, b in zip(few, before, strict=True)]
        assert any(moved), name
        with torch.inference_mode():
            assert trainer.eval().embed(pictures).isfinite().all(), name
        trainer.zero_grad(set_to_none=True)
        net.requires_grad_(False)
        for parameter in net.image_parameters():
            parameter.requires_grad_(True)


def test_what_needs_text_is_refused_on_an_encoder_without(net):
    if net.has_text:
        pytest.skip("it has a text encoder")
    for name in WITH_TEXT:
        with pytest.raises(ValueError, match=f"'{name}' needs a CLIP, and {net.name} is none"):
            method.build(name, net, 2)
