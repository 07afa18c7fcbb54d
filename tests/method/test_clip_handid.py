"""The three doors, and the one thing the paper is about: text that learns from the image."""

import numpy as np
import open_clip
import pytest
import torch

from handid import backbone, image, loss, method, recipes, train

CNN = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")  # test_method_cnn.py has these
NAMES = tuple(name for name in method.METHODS if name not in ("clip_pretrain", *CNN))
WIDTHS = {
    "clip_zero_shot": lambda widths: widths["proj"],
    "clip_ft": lambda widths: sum(widths.values()),
    "clip_handid": lambda widths: sum(widths.values()),
    "promptsg": lambda widths: widths["proj"],
    "clip_reid": lambda widths: sum(widths.values()),
    "clip_pretrain": lambda widths: widths["proj"],
    "raw_pixels": lambda widths: 3 * 32 * 32,
    "colour_histogram": lambda widths: 8**3,
}


def built(name, seed=0, backbone_name="mini-ViT", **options):
    torch.manual_seed(seed)
    return method.build(name, backbone.build(backbone_name), 5, **options)


def batch(count=6):
    images = torch.randn(count, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(count) % 3


# --- the registry -------------------------------------------------------------------------------


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Unknown method 'clip_hand': choose one of clip_zero_sho"):
        method.build("clip_hand", None, 2)


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="'clip_handid' has no option 'tau': it has heads, prompts, temp"
    ):
        method.build("clip_handid", None, 2, tau=1.0)


def test_zero_shot_takes_either_level_and_refuses_others():
    net, images = built("clip_zero_shot", level="feat").eval(), batch(2)[0]
    assert torch.equal(net.embed(images), net.backbone(images)["feat"])
    assert torch.equal(built("clip_zero_shot").eval().embed(images), net.backbone(images)["proj"])
    with pytest.raises(ValueError, match="Unknown level 'text': use feat or proj"):
        built("clip_zero_shot", level="text")


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid", "clip_reid", "promptsg"])
@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
def test_every_clip_method_takes_portraits_and_its_positions_learn(name, backbone_name):
    net, (images, labels) = built(name, backbone_name=backbone_name).train(), batch()
    sum(net.losses(image.upright(images), labels).values()).backward()
    tables = ["clip.visual.positional_embedding", "clip.visual.attnpool.positional_embedding"]
    (table,) = [p for n, p in net.backbone.named_parameters() if n in tables]
    assert table.grad.abs().max() > 0


def test_an_unknown_control_is_refused():
    with pytest.raises(ValueError, match="Unknown control 'none_at_all'"):
        built("clip_handid", control="none_at_all")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"similarity": "angle"}, "Unknown similarity 'angle'"),
        ({"temperature": 0}, "temperature is 0: give a number above 0"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"hidden_factor": 1.5}, "hidden_factor is 1.5: give a whole number"),
    ],
)
def test_an_option_out_of_range_is_refused_before_training(option, sentence):
    with pytest.raises(ValueError, match=sentence):
        built("clip_handid", **option)


def test_the_public_code_control_is_zero_token_with_raw_dots_at_temperature_one():
    for name in ("clip_handid", "clip_handid_mini"):
        options = recipes.load(name, "vit", control="public_code").options
        assert options["control"] == "zero_token"
        assert (options["similarity"], options["temperature"]) == ("dot", 1.0)


@pytest.mark.parametrize("recipe", recipes.names())
def test_every_recipe_builds_its_method(recipe):
    plan = recipes.load(recipe, "vit")
    if plan.method in CNN:
        pytest.skip("on ImageNet's encoders: test_method_cnn.py")
    assert isinstance(built(plan.method, **plan.options), method.Method)


# --- the doors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
@pytest.mark.parametrize("name", NAMES)
def test_an_embedding_is_one_row_an_image_and_finite(name, backbone_name):
    net = built(name, backbone_name=backbone_name).eval()
    widths = net.backbone.dims
    expected = WIDTHS[name](widths)
    with torch.inference_mode():
        found = net.embed(batch()[0])
    assert found.shape == (6, expected) and found.isfinite().all()


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid"])
def test_losses_are_named_finite_scalars_with_gradients(name):
    parts = built(name).losses(*batch())
    names = ["identity_feat", "identity_proj"]
    names += ["image_to_text", "text_to_image"] if name == "clip_handid" else []
    assert [*parts] == names
    assert all(p.ndim == 0 and p.isfinite() and p.requires_grad for p in parts.values())


@pytest.mark.parametrize("name", ["clip_zero_shot", "raw_pixels", "colour_histogram"])
def test_zero_shot_and_the_floors_have_nothing_to_train(name):
    net = built(name)
    assert net.losses(*batch()) == {} and net.parameter_groups(None) == []


def test_a_fresh_classifier_is_undecided():
    net = built("clip_ft")
    parts = net.losses(*batch())  # classifier weights are near 0: every class is equally likely
    assert parts["identity_feat"].item() == pytest.approx(torch.tensor(5.0).log().item(), abs=0.02)


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid"])
def test_image_encoder_and_new_layers_train_at_their_own_rates(name):
    stage = recipes.load(name, "vit").stages[0]
    net = built(name)
    image, new = net.parameter_groups(stage)
    assert (image["lr"], new["lr"]) == (5e-6, 5e-5)
    assert {id(p) for p in image["params"]} == {id(p) for p in net.backbone.image_parameters()}
    trained = {id(p) for group in (image, new) for p in group["params"]}
    names = [n for n, p in net.named_parameters() if id(p) not in trained]
    text = [n for n in names if n.startswith("backbone.clip.") and ".visual." not in n]
    assert set(names) - set(text) == {
        "heads.feat.neck.bias",
        "heads.proj.neck.bias",
    }  # frozen at zero
    assert len(text) > 10


# --- floors -------------------------------------------------------------------------------------


def photographs(count=3, size=128):
    """[B, H, W, 3] bytes, with dark and bright ones and the ends of the scale; and normalised."""
    noise = np.random.default_rng(0)
    pixels = noise.integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    pixels[0] //= 4
    pixels[1, :4] = 255
    return pixels, image.normalise(
        torch.from_numpy(pixels), recipes.load("raw_pixels", "vit").mean_std
    )


def test_raw_pixels_are_the_means_of_blocks():
    pixels, images = photographs()
    blocks = pixels.reshape(3, 32, 4, 32, 4, 3).mean(axis=(2, 4))  # [B, 32, 32, RGB]
    found = built("raw_pixels").embed(images).reshape(3, 3, 32, 32)
    expected = blocks.transpose(0, 3, 1, 2) / 127.5 - 1
    assert np.allclose(found.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", [128, 224])
def test_the_colour_histogram_is_numpys_joint_one(size):
    pixels, images = photographs(size=size)
    found = built("colour_histogram").embed(images).numpy()
    for row, picture in zip(found, pixels, strict=True):
        counts, _ = np.histogramdd(picture.reshape(-1, 3) / 255, bins=8, range=[(0, 1)] * 3)
        assert np.allclose(row**2, counts.ravel() / size**2, atol=1e-7)
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_the_colour_histogram_knows_no_place_and_raw_pixels_do():
    _, images = photographs()
    moved = images.roll(40, dims=-1)
    histogram, raw = built("colour_histogram"), built("raw_pixels")
    assert torch.equal(histogram.embed(images), histogram.embed(moved))
    assert not torch.allclose(raw.embed(images), raw.embed(moved), atol=0.1)


@pytest.mark.parametrize("name", ["raw_pixels", "colour_histogram"])
def test_a_floor_knows_nothing_of_the_network(name):
    _, images = photographs()
    one, other = built(name, seed=0), built(name, seed=1, backbone_name="mini-RN")
    assert torch.equal(one.embed(images), other.embed(images))


# --- CLIP-HandID --------------------------------------------------------------------------------


def test_the_inversion_network_is_the_papers():
    net = built("clip_handid").inversion
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
def test_the_inversion_network_receives_a_gradient_from_the_text(name):
    net = built("clip_handid")
    net.losses(*batch())[name].backward()
    grads = {n: p.grad for n, p in net.inversion.named_parameters()}
    assert all(g is not None and g.abs().max() > 0 for g in grads.values()), grads.keys()


def test_different_images_give_different_text_features():
    net = built("clip_handid").eval()
    with torch.inference_mode():
        image = net.backbone(batch()[0])["proj"]
        text = net.backbone.encode_prompt(net.pseudo_tokens(image))
    distances = torch.cdist(text, text)[~torch.eye(6, dtype=bool)]
    assert distances.min() > 1e-3


def test_training_moves_the_pseudo_tokens():
    net = built("clip_handid")
    stage = recipes.load("clip_handid_mini", "vit").stages[0]
    images, labels = batch()
    optimiser = torch.optim.Adam(net.parameter_groups(stage))
    before = [p.clone() for p in net.inversion.parameters()]
    sum(net.losses(images, labels).values()).backward()
    optimiser.step()
    assert all(
        not torch.equal(a, b) for a, b in zip(before, net.inversion.parameters(), strict=True)
    )


def test_the_text_encoder_never_receives_a_gradient():
    net = built("clip_handid")
    sum(net.losses(*batch()).values()).backward()
    text = [p for n, p in net.backbone.clip.named_parameters() if not n.startswith("visual.")]
    assert text and all(p.grad is None for p in text)


def test_zero_token_says_the_same_of_every_image():
    net = built("clip_handid", control="zero_token").eval()
    with torch.inference_mode():
        text = net.backbone.encode_prompt(net.pseudo_tokens(net.backbone(batch()[0])["proj"]))
    assert torch.allclose(text, text[:1].expand_as(text), atol=1e-6)


def test_zero_token_with_raw_dots_is_the_public_codes_constant():
    """All texts equal: image to text is log B for every row, with one positive each."""
    net = built("clip_handid", control="zero_token", similarity="dot", temperature=1.0)
    images, _ = batch()
    parts = net.losses(images, torch.arange(6) % 5)
    assert parts["image_to_text"].item() == pytest.approx(torch.tensor(6.0).log().item(), abs=1e-4)


def test_random_token_differs_by_image_but_never_learns():
    net = built("clip_handid", control="random_token")
    stage = recipes.load("clip_handid", "vit").stages[0]
    own = {id(p) for p in net.inversion.parameters()}
    trained = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    assert not own & trained
    sum(net.losses(*batch()).values()).backward()
    assert all(p.grad is None for p in net.inversion.parameters())
    tokens = net.eval().pseudo_tokens(torch.randn(3, 128))
    assert torch.cdist(tokens, tokens)[0, 1] > 1e-2


def test_raw_dots_change_the_contrastive_losses_only():
    cosine, dot = built("clip_handid").eval(), None
    dot = built("clip_handid", similarity="dot", temperature=1.0).eval()
    a, b = cosine.losses(*batch()), dot.losses(*batch())
    assert torch.equal(a["identity_feat"], b["identity_feat"])
    assert (a["image_to_text"] - b["image_to_text"]).abs() > 1e-3


def test_the_losses_are_equations_six_and_seven_of_the_method_itself():
    net = built("clip_handid", temperature=0.2).eval()  # no dropout: the same tokens twice
    images, labels = batch()
    parts = net.losses(images, labels)
    image = net.backbone(images)["proj"]
    text = net.backbone.encode_prompt(net.pseudo_tokens(image))
    forth = loss.supervised_contrastive(image, text, labels, 0.2)
    back = loss.supervised_contrastive(text, image, labels, 0.2)
    assert torch.allclose(parts["image_to_text"], forth)
    assert torch.allclose(parts["text_to_image"], back)


@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
def test_the_embedding_does_not_use_the_text(backbone_name):
    net = built("clip_handid", backbone_name=backbone_name).eval()
    images = batch()[0]
    with torch.inference_mode():
        before = net.embed(images)
        for parameter in net.inversion.parameters():
            parameter.add_(1.0)
        assert torch.equal(before, net.embed(images))


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid"])
@pytest.mark.parametrize("heads", ["feat", "proj"])
def test_one_head_classifies_and_embeds_its_own_level_alone(name, heads):
    two, one = built(name).eval(), built(name, heads=heads).eval()
    images, labels = batch()
    parts = [*one.losses(images, labels)]
    text = ["image_to_text", "text_to_image"] if name == "clip_handid" else []
    assert parts == [f"identity_{heads}", *text]
    widths = two.backbone.dims
    assert one.embed(images).shape == (6, widths[heads])
    own = slice(0, widths["feat"]) if heads == "feat" else slice(widths["feat"], None)
    assert torch.equal(one.embed(images), two.embed(images)[:, own])  # fresh necks are alike


def test_unknown_heads_are_refused():
    with pytest.raises(ValueError, match="Unknown heads 'three': choose one of both, feat, proj"):
        built("clip_ft", heads="three")


def test_a_trained_text_encoder_learns_at_the_encoders_rate_but_its_words_stay():
    net = built("clip_handid", train_text=True)
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


def test_a_trained_text_encoder_is_kept_with_the_weights_and_a_frozen_one_is_not():
    kept = [train._trained_tensors(built("clip_handid", train_text=t)) for t in (True, False)]
    name = "backbone.clip.text_projection"
    assert name in kept[0] and name not in kept[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B/16", "RN50"])
def test_a_full_size_step_trains_on_the_cpu(name):
    net = built("clip_handid", backbone_name=name).train()
    stage = recipes.load("clip_handid", net.backbone.family).stages[0]
    optimiser = torch.optim.Adam(net.parameter_groups(stage))
    images = torch.randn(4, 3, 224, 224)
    parts = net.losses(images, torch.tensor([0, 0, 1, 2]))
    sum(parts.values()).backward()
    before = net.inversion[0].weight.clone()
    optimiser.step()
    assert not torch.equal(before, net.inversion[0].weight)
    assert net.eval().embed(images[:1]).shape == (1, sum(net.backbone.dims.values()))


# --- pre-training -------------------------------------------------------------------------------


def test_the_pre_training_loss_is_open_clips_own():
    net = built("clip_pretrain")
    images, _ = batch(4)
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    pictures, sentences, scale = net.backbone.clip(images, words_to_77(words))
    theirs = open_clip.ClipLoss()(pictures, sentences, scale)
    assert sum(net.losses(images, words).values()).item() == pytest.approx(theirs.item(), abs=1e-5)


def words_to_77(words):
    return torch.nn.functional.pad(words, (0, 77 - words.shape[1]))


def test_pre_training_moves_both_encoders_and_the_temperature():
    net = built("clip_pretrain")
    images, _ = batch(4)
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    sum(net.losses(images, words).values()).backward()
    clip = net.backbone.clip
    for part in (clip.visual.proj, clip.text_projection, clip.token_embedding.weight):
        assert part.grad.abs().max() > 0
    assert clip.logit_scale.grad.abs() > 0


def test_a_teacher_is_learned_from_and_stays_as_it_is():
    teacher = backbone.build("mini-RN", "random", seed=1, last_stride=2)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    net = built("clip_pretrain", teacher=teacher).train()
    images, _ = batch(4)
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    net.losses(images, words)["likeness"].backward()
    assert net.backbone.clip.visual.conv1.weight.grad.abs().max() > 0
    assert not [name for name, _ in net.named_parameters() if "teacher" in name]
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())


def test_only_matrices_inside_transformer_blocks_are_marked():
    net = built("clip_pretrain")
    stage = recipes.load("clip_pretrain", "vit").stages[0]
    groups = net.parameter_groups(stage)
    assert sum(len(group["params"]) for group in groups) == len([*net.parameters()])
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    marked = [names[id(p)] for group in groups if group["matrix"] for p in group["params"]]
    blocks = 6 + 4  # of the image and of the text encoder, each with four matrices
    assert len(marked) == 4 * blocks and all(".resblocks." in name for name in marked)


def test_the_choice_loss_is_a_loop_over_pictures_and_facts():
    tokens = [
        backbone.tokenise(["a left hand", "a right hand"]),
        backbone.tokenise(["a short thumb", "a thumb", "a long thumb"]),
    ]
    net = built("clip_pretrain", choices=tokens)
    true = torch.tensor([[0, 2], [1, -1], [1, 0], [-1, -1]])
    words = backbone.tokenise(["a left hand", "a palm", "a ring", "bare nails"])
    images, _ = batch(4)
    found = net.losses(images, torch.cat([true, words], dim=1))["choice"].item()
    pictures = net.embed(images).double()
    scale = net.backbone.clip.logit_scale.double().exp()
    per_fact = []
    for fact, sentences in enumerate(tokens):
        texts, parts = net.backbone.encode_words(sentences).double(), []
        for picture, answer in zip(pictures, true[:, fact].tolist(), strict=True):
            if answer < 0:
                continue
            odds = torch.stack([scale * torch.cosine_similarity(picture, t, dim=0) for t in texts])
            parts.append(odds.exp().sum().log() - odds[answer])
        per_fact.append(sum(parts) / len(parts))
    assert found == pytest.approx(sum(per_fact).item(), abs=1e-5)  # the first, and one other
