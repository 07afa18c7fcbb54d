"""PromptSG: that text decides where to look, and that the controls take exactly that away."""

from functools import partial

import pytest
import torch

from handid import backbone, loss, method, recipes
from handid.method._interaction import Interaction, InversionMLP

MINIS = ("mini-ViT", "mini-RN")


@pytest.fixture
def built(on_clip):
    """built(backbone_name="mini-ViT", **options): PromptSG."""
    return partial(on_clip, "promptsg")


@pytest.fixture
def batch(batch):
    """Batches of the minis' own image size."""
    return partial(batch, size=128)


def other_words(net, scale=3.0):
    """Give an inversion network other last weights: other words for the same images."""
    torch.manual_seed(9)
    with torch.no_grad():
        net.inversion[-1].bias.add_(scale * torch.randn_like(net.inversion[-1].bias))
    return net


# --- the interaction by hand ----------------------------------------------------------------------


def test_the_cross_attention_is_equation_seven():
    """One head, no blocks: softmax of q k / sqrt(d) over the patches weighs their values."""
    torch.manual_seed(0)
    net = Interaction(4, heads=1, blocks=0, context="none").double()
    text, patches = torch.randn(2, 4).double(), torch.randn(2, 3, 4).double()
    embeddings = net(text, patches)
    weights = net.attention.in_proj_weight.chunk(3)
    for row in range(2):
        keys = torch.nn.functional.layer_norm(patches[row], (4,))
        query = torch.nn.functional.layer_norm(text[row], (4,)) @ weights[0].T
        scores = [query @ (weights[1] @ key) / 4**0.5 for key in keys]
        shares = torch.stack(scores).softmax(0)
        answer = sum(share * (weights[2] @ key) for share, key in zip(shares, keys, strict=True))
        assert torch.allclose(embeddings[row], answer @ net.attention.out_proj.weight.T, atol=1e-6)


def test_patches_may_come_in_any_order_and_a_patch_that_is_looked_at_counts():
    torch.manual_seed(0)
    net = Interaction(8, heads=2, blocks=2, context="patches").eval()
    text, patches = torch.randn(2, 8), torch.randn(2, 5, 8)
    assert torch.allclose(net(text, patches), net(text, patches.flip(1)), atol=1e-5)
    changed = patches.clone()
    changed[:, 3] = torch.randn(2, 8)
    assert (net(text, patches) - net(text, changed)).abs().max() > 1e-2


def test_the_inversion_network_is_the_papers(built):
    net = built().inversion
    kinds = [type(layer).__name__ for layer in net]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear", "BatchNorm1d"]
    shapes = [tuple(layer.weight.shape) for layer in net if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(512, 128), (512, 512), (128, 512)]
    assert len(InversionMLP(4, 8, 4, layers=2)) == 4


# --- text matters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["patches", "none"])
@pytest.mark.parametrize("name", MINIS)
def test_another_text_gives_another_embedding(name, context, batch, built):
    net = built(name, context=context).eval()
    with torch.inference_mode():
        tokens = net.backbone.tokens(batch()[0])
        texts = net.backbone.encode_text(["A photo of a hand", "A drawing of two dogs"])
        first, second = (net.guided(tokens, text.expand(6, -1)) for text in texts)
    assert ((first - second).norm(dim=1) / first.norm(dim=1)).min() > 1e-3


@pytest.mark.parametrize("name", MINIS)
def test_other_words_from_the_inversion_network_change_the_embedding(name, batch, built):
    net, images = built(name).eval(), batch()[0]
    with torch.inference_mode():
        before = net.embed(images)
        after = other_words(net).embed(images)
    assert (before - after).abs().max() > 1e-3


def test_the_pseudo_token_goes_through_the_text_encoder(monkeypatch, built):
    net = built().eval()
    projected = torch.randn(3, 128)
    inputs = []
    real = net.backbone.clip.transformer.forward
    monkeypatch.setattr(
        net.backbone.clip.transformer, "forward", lambda x, **k: inputs.append(x) or real(x, **k)
    )
    net.text(projected)
    (embedded,) = inputs
    place = net.backbone.clip.positional_embedding[5]  # start, a, photo, of, a, S*, hand, end
    assert torch.allclose(embedded[:, 5], net.inversion(projected) + place, atol=1e-5)


@pytest.mark.parametrize("part", ["identity", "triplet", "image_to_text", "text_to_image"])
def test_the_inversion_network_receives_a_gradient_from_each_loss_that_text_reaches(
    part, batch, built
):
    net = built().train()
    net.losses(*batch())[part].backward()
    for name, parameter in net.inversion.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_the_text_encoder_is_frozen_but_lets_gradients_through(batch, built):
    net = built().train()
    sum(net.losses(*batch()).values()).backward()
    text = [p for n, p in net.backbone.clip.named_parameters() if not n.startswith("visual.")]
    assert text and all(p.grad is None for p in text)


@pytest.mark.parametrize("name", MINIS)
def test_all_that_trains_receives_a_gradient(name, batch, built):
    net = built(name, two_heads=True).train()
    stage = recipes.load("promptsg", net.backbone.family).stages[0]
    sum(net.losses(*batch()).values()).backward()
    trained = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    for key, parameter in net.named_parameters():
        assert (id(parameter) in trained) == (parameter.grad is not None), key


# --- the controls ---------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["patches", "none"])
@pytest.mark.parametrize("name", MINIS)
def test_over_a_single_token_text_cannot_matter(name, context, batch, built):
    net = built(name, control="single_token", context=context).eval()
    tokens = net.backbone.tokens(batch()[0])
    text = torch.randn(6, 128, requires_grad=True)
    embeddings = net.guided(tokens, text)
    assert torch.allclose(embeddings, net.guided(tokens, 100 * torch.randn(6, 128)), atol=1e-5)
    embeddings.square().sum().backward()
    assert text.grad.abs().max() < 1e-5 * tokens["proj"].abs().max()


def test_with_a_single_token_identity_teaches_the_inversion_network_nothing(batch, built):
    largest = {}
    for control in ("none", "single_token"):
        net = built(control=control).train()
        net.losses(*batch())["identity"].backward()
        largest[control] = max(p.grad.abs().max() for p in net.inversion.parameters())
    assert largest["single_token"] < 1e-4 * largest["none"]  # 0 but for rounding


def test_constant_text_is_the_fixed_prompt_for_every_image_and_nothing_is_inverted(batch, built):
    net = built(control="constant_text").train()
    text = net.text(torch.randn(3, 128))
    assert torch.equal(text, net.backbone.encode_text(["A photo of a hand"]).expand(3, -1))
    stage = recipes.load("promptsg", "vit").stages[0]
    trained = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    assert trained.isdisjoint({id(p) for p in net.inversion.parameters()})
    sum(net.losses(*batch()).values()).backward()
    assert all(p.grad is None for p in net.inversion.parameters())


# --- at test --------------------------------------------------------------------------------------


def test_the_fixed_prompt_needs_no_inversion_at_test_but_trains_it_all_the_same(batch, built):
    net = built(test_prompt="fixed")
    images, labels = batch()
    with torch.inference_mode():
        before = net.eval().embed(images)
        assert torch.equal(before, other_words(net).eval().embed(images))
    net.train().losses(images, labels)["identity"].backward()
    assert net.inversion[0].weight.grad.abs().max() > 0


def test_composed_and_fixed_prompt_give_different_embeddings(batch, built):
    images = batch()[0]
    with torch.inference_mode():
        first, second = (built(test_prompt=t).eval().embed(images) for t in ("composed", "fixed"))
    assert (first - second).abs().max() > 1e-3


def test_several_prompts_are_averaged_at_test_and_the_first_trains(built):
    prompts = ["A photo of a {} hand", "A drawing of a {} hand"]
    net, projected = built(prompts=prompts), torch.randn(3, 128)
    words = net.eval().inversion(projected)
    unit = [torch.nn.functional.normalize(net.backbone.encode_prompt(words, p)) for p in prompts]
    assert torch.allclose(net.text(projected), (unit[0] + unit[1]) / 2, atol=1e-6)
    net.train()
    expected = net.backbone.encode_prompt(net.inversion(projected), prompts[0])
    assert torch.allclose(net.text(projected), expected, atol=1e-6)


def test_a_view_that_was_not_filled_in_leaves_no_hole(built):
    assert built(prompts=["A photo of a {} {view} hand"]).prompts == ["A photo of a {} hand"]


@pytest.mark.parametrize(
    ("options", "width"),
    [
        ({"test_embedding": "module"}, 128),
        ({"test_embedding": "neck"}, 128),
        ({"test_embedding": "neck", "reduction": 32}, 32),
        ({"test_embedding": "module", "reduction": 32}, 128),
        ({"test_embedding": "both", "two_heads": True}, 192 + 128),
    ],
)
def test_the_embedding_is_as_wide_as_its_option_says(options, width, batch, built):
    net = built(**options).eval()
    with torch.inference_mode():
        embeddings = net.embed(batch(2)[0])
    assert embeddings.shape == (2, width) and embeddings.isfinite().all()


def test_a_unit_embedding_has_length_one_before_its_neck(batch, built):
    net = built(unit=True, test_embedding="module").eval()
    with torch.inference_mode():
        assert torch.allclose(net.embed(batch(3)[0]).norm(dim=1), torch.ones(3), atol=1e-5)


# --- losses ---------------------------------------------------------------------------------------


def test_the_losses_are_equation_ten_part_by_part(batch, built):
    net = built(temperature=0.2, triplet_margin=0.5, two_heads=True).eval()
    images, labels = batch()
    parts = net.losses(images, labels)
    tokens = net.backbone.tokens(images)
    text = net.text(tokens["proj"])
    embeddings = net.guided(tokens, text)

    def classified(head, features):
        return loss.label_smoothed_cross_entropy(head.classifier(head.neck(features)), labels, 0.1)

    expected = {
        "identity": classified(net.head, embeddings),
        "identity_feat": classified(net.image_head, tokens["feat"]),
        "triplet": loss.batch_hard_triplet(embeddings, labels, 0.5),
        "triplet_early": loss.batch_hard_triplet(tokens["early"], labels, 0.5),
        "triplet_feat": loss.batch_hard_triplet(tokens["feat"], labels, 0.5),
        "triplet_proj": loss.batch_hard_triplet(tokens["proj"], labels, 0.5),
        "image_to_text": loss.supervised_contrastive(tokens["proj"], text, labels, 0.2),
        "text_to_image": loss.supervised_contrastive(text, tokens["proj"], labels, 0.2),
    }
    assert parts.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(parts[name], value, atol=1e-5), name


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"control": "no_text"}, "Unknown control 'no_text': choose one of none, constant_text"),
        ({"test_prompt": "both"}, "Unknown test_prompt 'both'"),
        ({"test_embedding": "text"}, "Unknown test_embedding 'text'"),
        ({"test_embedding": "both"}, "'both' needs two_heads"),
        ({"context": "all"}, "Unknown context 'all'"),
        ({"temperature": 0}, "temperature is 0: give a number above 0"),
        ({"inversion_layers": 1}, "inversion_layers is 1: give a whole number from 2"),
        ({"blocks": -1}, "blocks is -1: give a whole number from 0"),
        ({"prompts": []}, r"prompts is \[\]: give a list of texts, each with one {}"),
        ({"prompts": "A {} hand"}, "prompts is 'A {} hand': give a list"),
        ({"prompts": ["A {} hand", "A hand"]}, "each with one {}"),
    ],
)
def test_an_option_out_of_range_is_refused_before_training(options, sentence, built):
    with pytest.raises(ValueError, match=sentence):
        built(**options)


def test_without_image_triplets_the_module_has_the_only_one(batch, built):
    parts = [*built(image_triplets=False).losses(*batch())]
    assert parts == ["identity", "triplet", "image_to_text", "text_to_image"]


def test_frozen_blocks_stay_and_their_batch_norms_keep_what_they_know(batch, built):
    net = built("mini-RN", unfreeze_blocks=1).train()
    before = {k: v.clone() for k, v in net.backbone.state_dict().items()}
    stage = recipes.load("promptsg", "resnet").stages[0]
    optimiser = torch.optim.Adam(net.parameter_groups(stage))
    sum(net.losses(*batch()).values()).backward()
    optimiser.step()
    after = net.backbone.state_dict()
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert moved and all(key.startswith("clip.visual.layer4.") for key in moved)


# --- recipes --------------------------------------------------------------------------------------

CONTRAST = {"loss_weights", "loss_warmup"}
NECK = {"neck", "reduction", "arcface_scale", "arcface_margin", "test_embedding"}
CHANGED = {  # version -> (the one it changes, what the ViT's and the ResNet's recipe change)
    2: (1, CONTRAST | {"weight_decay", "warmup_epochs", "schedule"}, "the same"),
    3: (2, {"loss_weights"}, "the same"),
    4: (3, NECK | {"loss_weights"}, "the same"),
    5: (4, {"inversion_layers", "blocks", "prompts"}, "the same"),
    6: (5, {"clip_gradients", "learning_rate"}, "the same"),
    7: (6, {"loss_weights"}, {"arcface_scale", "arcface_margin", "unfreeze_blocks"}),
    8: (
        6,
        {"reduction", "schedule", "warmup_epochs", "clip_gradients", "epochs", "loss_warmup"},
        {"reduction", "schedule", "warmup_epochs", "arcface_margin", "unfreeze_blocks"}
        | {"learning_rate"},
    ),
    9: (8, {"epochs", "loss_warmup"}, "the same"),
    10: (9, {"prompts"}, "the same"),
    11: (10, {"portrait"}, "the same"),
}


def values(version, family, control=""):
    recipe = recipes.load(f"clip_fh_s3_v{version}", family, control=control).model_dump()
    (stage,) = recipe.pop("stages")
    outside = ("name", "title", "controls", "options")
    left = {key: value for key, value in recipe.items() if key not in outside}
    return left | recipe["options"] | {k: v for k, v in stage.items() if k != "name"}


@pytest.mark.parametrize("version", CHANGED)
def test_each_version_of_clip_fh_changes_what_the_dissertation_says_and_no_more(version):
    earlier, vit, resnet = CHANGED[version]
    for family, expected in (("vit", vit), ("resnet", vit if resnet == "the same" else resnet)):
        before, after = values(earlier, family), values(version, family)
        assert before.keys() == after.keys()
        assert {key for key in after if after[key] != before[key]} == expected, family


@pytest.mark.parametrize("version", range(1, 12))
def test_as_run_text_could_not_matter_nothing_contrasted_and_training_was_not_normalised(version):
    for family in ("vit", "resnet"):
        run = values(version, family, "as_run")
        assert run["control"] == "single_token"
        assert run["test_embedding"] == "module"
        assert (run["train_mean_std"], run["mean_std"], run["sampler"]) == ("none", "clip", "plain")
        assert run["loss_weights"]["image_to_text"] == run["loss_weights"]["text_to_image"] == 0
        assert values(version, family)["loss_weights"].keys() == run["loss_weights"].keys()


@pytest.mark.parametrize("name", [n for n in recipes.names() if n.startswith("clip_fh_s3")])
def test_every_version_weighs_losses_that_there_are(name, batch, built):
    for family, backbone_name in (("vit", "mini-ViT"), ("resnet", "mini-RN")):
        recipe = recipes.load(name, family)
        net = built(backbone_name, **recipe.options).train()
        (stage,) = recipe.stages
        parts = net.losses(*batch())
        assert stage.loss_weights.keys() | stage.loss_warmup.keys() <= parts.keys()
        assert all(part.isfinite() for part in parts.values())


def test_the_published_values_are_the_papers():
    for family in ("vit", "resnet"):
        recipe = recipes.load("promptsg", family)
        (stage,) = recipe.stages
        assert (stage.epochs, stage.batch_size, stage.images_per_identity) == (60, 64, 4)
        assert (stage.learning_rate.backbone, stage.learning_rate.new) == (5e-6, 5e-5)
        assert (stage.milestones, stage.decay) == ([20, 40], 0.1)
        assert {*stage.loss_weights.values()} == {0.5}
        assert recipe.options["inversion_layers"] == 3 and recipe.options["blocks"] == 2


def test_the_mini_differs_in_its_pictures_its_schedule_and_the_triplets_on_images_alone():
    full, mini = (recipes.load(name, "vit").model_dump() for name in ("promptsg", "promptsg_mini"))
    (stage,), (own_stage,) = full.pop("stages"), mini.pop("stages")
    options, own = full.pop("options"), mini.pop("options")
    changed = {key for key in full if full[key] != mini[key]}
    assert changed == {"name", "full_size", "mean_std", "augment", "ablations", "search"}
    assert {key for key in options if options[key] != own[key]} == {"image_triplets"}
    assert mini["augment"] == recipes.load("clip_ft_mini", "vit").augment.model_dump()
    schedule = {"epochs", "batch_size", "learning_rate", "warmup_epochs", "milestones"}
    assert {key for key in stage if stage[key] != own_stage[key]} <= schedule


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B/16", "RN50"])
def test_a_full_size_step_trains_on_the_cpu(name):
    family = backbone.architecture(name).family
    recipe = recipes.load("promptsg", family)
    torch.manual_seed(0)
    net = method.build("promptsg", backbone.build(name), 5, **recipe.options).train()
    optimiser = torch.optim.Adam(net.parameter_groups(recipe.stages[0]))
    images = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    sum(net.losses(images, torch.tensor([0, 0, 1, 1])).values()).backward()
    before = net.inversion[0].weight.clone()
    optimiser.step()
    assert not torch.equal(before, net.inversion[0].weight)
    assert net.backbone.tokens(images[:1])["patches"].shape == (1, 196, net.backbone.dims["proj"])
    with torch.inference_mode():
        assert net.eval().embed(images[:1]).shape == (1, sum(net.backbone.dims.values()))
