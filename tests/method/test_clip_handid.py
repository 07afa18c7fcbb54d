"""CLIP-HandID: text that learns from the image, and controls that take exactly that away."""

from functools import partial

import pytest
import torch

from handid import backbone, checkpoint, loss, method, recipes


@pytest.fixture
def batch(batch):
    """Batches of the minis' own image size."""
    return partial(batch, size=128)


# --- options --------------------------------------------------------------------------------------


def test_an_unknown_control_is_refused(on_clip):
    with pytest.raises(ValueError, match="Unknown control 'none_at_all'"):
        on_clip("clip_handid", control="none_at_all")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"similarity": "angle"}, "Unknown similarity 'angle'"),
        ({"temperature": 0}, "temperature is 0: give a number above 0"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"hidden_factor": 1.5}, "hidden_factor is 1.5: give a whole number"),
    ],
)
def test_an_option_out_of_range_is_refused_before_training(option, sentence, on_clip):
    with pytest.raises(ValueError, match=sentence):
        on_clip("clip_handid", **option)


def test_the_public_code_control_is_zero_token_with_raw_dots_at_temperature_one():
    for name in ("clip_handid", "clip_handid_mini"):
        options = recipes.load(name, "vit", control="public_code").options
        assert options["control"] == "zero_token"
        assert (options["similarity"], options["temperature"]) == ("dot", 1.0)


# --- the words and the text -----------------------------------------------------------------------


def test_the_inversion_network_is_the_papers(on_clip):
    net = on_clip("clip_handid").inversion
    kinds = [type(layer).__name__ for layer in net]
    hidden = ["Linear", "LayerNorm", "GELU", "Dropout"]
    assert kinds == [*hidden, *hidden, "Linear", "LayerNorm"]
    assert [tuple(layer.weight.shape) for layer in net if isinstance(layer, torch.nn.Linear)] == [
        (512, 128),
        (512, 512),
        (128, 512),
    ]
    assert {layer.p for layer in net if isinstance(layer, torch.nn.Dropout)} == {0.5}


@pytest.mark.parametrize("name", ["image_to_text", "text_to_image"])
def test_the_inversion_network_receives_a_gradient_from_the_text(name, batch, on_clip):
    net = on_clip("clip_handid")
    net.losses(*batch())[name].backward()
    grads = {n: p.grad for n, p in net.inversion.named_parameters()}
    assert all(g is not None and g.abs().max() > 0 for g in grads.values()), grads.keys()


def test_different_images_give_different_text_features(batch, on_clip):
    net = on_clip("clip_handid").eval()
    with torch.inference_mode():
        image = net.backbone(batch()[0])["proj"]
        text = net.backbone.encode_prompt(net.pseudo_tokens(image))
    distances = torch.cdist(text, text)[~torch.eye(6, dtype=bool)]
    assert distances.min() > 1e-3


def test_training_moves_the_pseudo_tokens(batch, on_clip):
    net = on_clip("clip_handid")
    stage = recipes.load("clip_handid_mini", "vit").stages[0]
    images, labels = batch()
    optimiser = torch.optim.Adam(net.parameter_groups(stage))
    before = [p.clone() for p in net.inversion.parameters()]
    sum(net.losses(images, labels).values()).backward()
    optimiser.step()
    assert all(
        not torch.equal(a, b) for a, b in zip(before, net.inversion.parameters(), strict=True)
    )


def test_the_text_encoder_never_receives_a_gradient(batch, on_clip):
    net = on_clip("clip_handid")
    sum(net.losses(*batch()).values()).backward()
    text = [p for n, p in net.backbone.clip.named_parameters() if not n.startswith("visual.")]
    assert text and all(p.grad is None for p in text)


# --- controls -------------------------------------------------------------------------------------


def test_zero_token_says_the_same_of_every_image(batch, on_clip):
    net = on_clip("clip_handid", control="zero_token").eval()
    with torch.inference_mode():
        text = net.backbone.encode_prompt(net.pseudo_tokens(net.backbone(batch()[0])["proj"]))
    assert torch.allclose(text, text[:1].expand_as(text), atol=1e-6)


def test_zero_token_with_raw_dots_is_the_public_codes_constant(batch, on_clip):
    """All texts equal: image to text is log B for every row, with one positive each."""
    net = on_clip("clip_handid", control="zero_token", similarity="dot", temperature=1.0)
    images, _ = batch()
    parts = net.losses(images, torch.arange(6) % 5)
    assert parts["image_to_text"].item() == pytest.approx(torch.tensor(6.0).log().item(), abs=1e-4)


def test_random_token_differs_by_image_but_never_learns(batch, on_clip):
    net = on_clip("clip_handid", control="random_token")
    stage = recipes.load("clip_handid", "vit").stages[0]
    own = {id(p) for p in net.inversion.parameters()}
    trained = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    assert not own & trained
    sum(net.losses(*batch()).values()).backward()
    assert all(p.grad is None for p in net.inversion.parameters())
    tokens = net.eval().pseudo_tokens(torch.randn(3, 128))
    assert torch.cdist(tokens, tokens)[0, 1] > 1e-2


def test_raw_dots_change_the_contrastive_losses_only(batch, on_clip):
    cosine, dot = on_clip("clip_handid").eval(), None
    dot = on_clip("clip_handid", similarity="dot", temperature=1.0).eval()
    a, b = cosine.losses(*batch()), dot.losses(*batch())
    assert torch.equal(a["identity_feat"], b["identity_feat"])
    assert (a["image_to_text"] - b["image_to_text"]).abs() > 1e-3


# --- losses and embedding -------------------------------------------------------------------------


def test_the_losses_are_equations_six_and_seven_of_the_method_itself(batch, on_clip):
    net = on_clip("clip_handid", temperature=0.2).eval()  # no dropout: the same tokens twice
    images, labels = batch()
    parts = net.losses(images, labels)
    image = net.backbone(images)["proj"]
    text = net.backbone.encode_prompt(net.pseudo_tokens(image))
    forth = loss.supervised_contrastive(image, text, labels, 0.2)
    back = loss.supervised_contrastive(text, image, labels, 0.2)
    assert torch.allclose(parts["image_to_text"], forth)
    assert torch.allclose(parts["text_to_image"], back)


def test_clip_handid_speaks_through_the_mean_of_its_prompts(batch, on_clip):
    prompts = ["A photo of a {} hand", "The {} hand of a person"]
    net, (images, labels) = on_clip("clip_handid", prompts=prompts).eval(), batch()
    with torch.inference_mode():
        image = net.backbone(images)["proj"]
        words = net.inversion(image)
        text = sum(net.backbone.encode_prompt(words, prompt) for prompt in prompts) / 2
        expected = loss.supervised_contrastive(image, text, labels, 0.07)
        assert torch.allclose(net.losses(images, labels)["image_to_text"], expected, rtol=1e-4)
    for wrong in ("A {} hand", [1], 5, []):
        with pytest.raises(ValueError, match="prompts is .*: give a list of texts"):
            on_clip("clip_handid", prompts=wrong)


@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
def test_the_embedding_does_not_use_the_text(backbone_name, batch, on_clip):
    net = on_clip("clip_handid", backbone_name=backbone_name).eval()
    images = batch()[0]
    with torch.inference_mode():
        before = net.embed(images)
        for parameter in net.inversion.parameters():
            parameter.add_(1.0)
        assert torch.equal(before, net.embed(images))


def test_a_trained_text_encoder_learns_at_the_encoders_rate_but_its_words_stay(batch, on_clip):
    net = on_clip("clip_handid", train_text=True)
    stage = recipes.load("clip_handid", "vit").stages[0]
    pretrained, new = net.parameter_groups(stage)
    assert pretrained["lr"] == stage.learning_rate.backbone
    clip = net.backbone.clip
    inside = {id(p) for p in pretrained["params"]}
    assert inside.isdisjoint({id(p) for p in new["params"]})
    text = [clip.positional_embedding, clip.text_projection, *clip.transformer.parameters()]
    text += clip.ln_final.parameters()
    sum(net.losses(*batch()).values()).backward()
    assert all(id(p) in inside and p.grad.abs().max() > 0 for p in text)
    for word in (clip.token_embedding.weight, clip.logit_scale):
        assert id(word) not in inside and word.grad is None


def test_a_trained_text_encoder_is_kept_with_the_weights_and_a_frozen_one_is_not(on_clip):
    kept = [checkpoint.trained_tensors(on_clip("clip_handid", train_text=t)) for t in (True, False)]
    name = "backbone.clip.text_projection"
    assert name in kept[0] and name not in kept[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B/16", "RN50"])
def test_a_full_size_step_trains_on_the_cpu(name):
    torch.manual_seed(0)
    net = method.build("clip_handid", backbone.build(name), 5).train()
    stage = recipes.load("clip_handid", net.backbone.family).stages[0]
    optimiser = torch.optim.Adam(net.parameter_groups(stage))
    images = torch.randn(4, 3, 224, 224)
    parts = net.losses(images, torch.tensor([0, 0, 1, 2]))
    sum(parts.values()).backward()
    before = net.inversion[0].weight.clone()
    optimiser.step()
    assert not torch.equal(before, net.inversion[0].weight)
    assert net.eval().embed(images[:1]).shape == (1, sum(net.backbone.dims.values()))
