"""CLIP-ReID: which stage trains what, that the words are heard, and CLIP-FH's versions of it."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from handid import backbone, checkpoint, loss, method, recipes, train
from handid.method import clip_reid
from handid.recipes import Stage

RATES = {"backbone": 1e-3, "new": 1e-2}
COMMON = {"batch_size": 4, "optimiser": "adam", "learning_rate": RATES, "weight_decay": 0.0}
PROMPTS = Stage(name="prompts", encode_once=True, epochs=2, **COMMON)
IMAGE = Stage(name="image", epochs=2, **COMMON)
FULL = {"arcface_scale": 30.0, "arcface_margin": 0.3, "centre_rate": 0.1, "unit": True}
FULL |= {"text_loss": "contrastive", "similarity": "cosine", "temperature": 0.07}
NAMES = ("mini-ViT", "mini-RN")
VERSIONS = [f"clip_fh_s2_v{n}" for n in range(1, 11)]
QUIET = train.Engine(progress=False)


@pytest.fixture
def built(on_clip):
    """built(name="mini-ViT", seed=0, **options): CLIP-ReID with three identities."""

    def of_three(name="mini-ViT", seed=0, **options):
        return on_clip("clip_reid", name, n_identities=3, seed=seed, **options)

    return of_three


def batches(stage, generator):
    shape = (4, 128) if stage.encode_once else (4, 3, 128, 128)
    yield torch.randn(shape, generator=generator), torch.tensor([0, 0, 1, 2])


def batch(stage):
    return next(iter(batches(stage, torch.Generator().manual_seed(1))))


def fit(net, stages, folder, engine=QUIET, validate=None, source=batches):
    recipe = SimpleNamespace(stages=stages, select="last")
    return train.fit(net, recipe, source, validate, folder, engine, seed=1)


def snapshot(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def moved(before, net):
    return {
        name for name, value in net.state_dict().items() if not torch.equal(before[name], value)
    }


# --- stage 1: the words ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_stage_one_moves_the_words_and_nothing_else(tmp_path, name, built):
    net = built(name)
    before = snapshot(net)
    history = fit(net, [PROMPTS], tmp_path)
    assert moved(before, net) == {"tokens"}
    assert {"image_to_text", "text_to_image"} <= set(history)


def test_every_word_of_the_batchs_people_receives_a_gradient_through_the_text_encoder(built):
    net = built()
    net.parameter_groups(PROMPTS)
    features, _ = batch(PROMPTS)
    sum(net.losses(features, torch.tensor([0, 0, 1, 1])).values()).backward()
    sizes = net.tokens.grad.abs().sum(2)
    assert (sizes[:2] > 0).all() and (sizes[2] == 0).all()
    assert all(p.grad is None for p in net.backbone.parameters())


def test_stage_one_is_the_symmetric_contrast_with_each_images_own_text(built):
    net = built()
    net.parameter_groups(PROMPTS)
    features, labels = batch(PROMPTS)
    parts = net.losses(features, labels)
    text = net.backbone.encode_prompt(net.tokens, "A photo of a {} hand.")[labels]
    expected = loss.supervised_contrastive(features, text, labels, 1.0, "dot")
    assert torch.allclose(parts["image_to_text"], expected, rtol=1e-4)
    expected = loss.supervised_contrastive(text, features, labels, 1.0, "dot")
    assert torch.allclose(parts["text_to_image"], expected, rtol=1e-4)


def test_learning_brings_the_text_of_an_identity_nearer_to_its_images(tmp_path, built):
    net = built(similarity="cosine", temperature=0.1)
    targets = torch.randn(3, 128, generator=torch.Generator().manual_seed(3))

    def source(stage, generator):
        labels = torch.tensor([0, 1, 2])
        yield from [(targets[labels], labels)] * 10

    stage = PROMPTS.model_copy(update={"epochs": 4})
    history = fit(net, [stage], tmp_path, source=source)
    assert history["total"].iloc[-1] < 0.5 * history["total"].iloc[0]
    scores = functional.normalize(net.texts(), dim=1) @ functional.normalize(targets, dim=1).T
    assert scores.argmax(1).tolist() == [0, 1, 2]


def test_several_prompts_give_the_mean_of_their_features(built):
    texts = ("A photo of a {} hand.", "{} hand image.")
    both, *each = (built(prompts=p) for p in (texts, texts[:1], texts[1:]))
    words = both.tokens
    mean = sum(single.encode_words(words) for single in each) / 2
    assert torch.allclose(both.encode_words(words), mean, atol=1e-5)
    assert not torch.allclose(each[0].encode_words(words), each[1].encode_words(words))


def test_four_words_stand_where_the_placeholder_was(built):
    net = built()
    clip, words = net.backbone.clip, torch.randn(1, 4, 128)
    numbers = backbone.tokenise(["A photo of a x x x x hand."])
    embedded = clip.token_embedding(numbers)
    embedded[:, 5:9] = words  # start, "a photo of a"
    x = embedded + clip.positional_embedding[: numbers.shape[1]]
    x = clip.transformer(x, attn_mask=clip.attn_mask[: x.shape[1], : x.shape[1]])
    expected = clip.ln_final(x[:, -1]) @ clip.text_projection
    assert torch.allclose(net.backbone.encode_prompt(words, net.prompts[0]), expected, atol=1e-5)


def test_the_text_encoder_learns_in_stage_one_if_it_is_told_to(tmp_path, built):
    net = built(train_text=True)
    before = snapshot(net)
    fit(net, [PROMPTS], tmp_path / "one")
    names = moved(before, net)
    assert "tokens" in names and "backbone.clip.transformer.resblocks.0.mlp.c_fc.weight" in names
    assert not [n for n in names if ".visual." in n or "token_embedding" in n]
    again = built(train_text=True, seed=5)
    checkpoint.load_weights(again, tmp_path / "one" / "weights.safetensors")
    assert torch.equal(again.texts(), net.texts())


def test_stage_one_is_not_validated(tmp_path, built):
    validated = []

    def validate(net):
        validated.append(net)
        return 0.5

    history = fit(built(), [PROMPTS, IMAGE], tmp_path, validate=validate)
    assert len(validated) == 2
    assert history["validation"].isna().tolist() == [True, True, False, False]


# --- stage 2: the image encoder -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_stage_two_moves_the_image_encoder_and_leaves_all_text_alone(tmp_path, name, built):
    net = built(name, centre_rate=0.1)
    before = snapshot(net)
    fit(net, [IMAGE], tmp_path)
    names = moved(before, net)
    assert not [n for n in names if n.startswith("backbone.") and ".visual." not in n]
    assert "tokens" not in names
    image = [n for n, _ in net.backbone.named_parameters() if ".visual." in n]
    assert len([n for n in names if n.removeprefix("backbone.") in image]) > 0.9 * len(image)
    for part in ("classifier.weight", "neck.weight", "neck.running_mean", "centres"):
        assert {f"heads.feat.{part}", f"heads.proj.{part}"} <= names


def test_images_of_one_identity_may_contrast_with_those_of_others(built):
    net = built(contrastive_temperature=0.1)
    net.learns_words = False
    images, labels = batch(IMAGE)
    parts = net.losses(images, labels)
    expected = loss.supervised_contrastive_within(net.backbone(images)["proj"], labels, 0.1)
    assert parts["contrastive_proj"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_losses_of_stage_two_are_those_of_the_levels(built):
    net = built()
    net.parameter_groups(IMAGE)
    images, labels = batch(IMAGE)
    parts = net.losses(images, labels)
    assert [*parts] == [
        "triplet_early",
        *("identity_feat", "triplet_feat"),
        *("identity_proj", "triplet_proj"),
        "image_to_text",
    ]
    features = net.backbone.levels(images)
    for level, feature in features.items():
        expected = loss.batch_hard_triplet(feature, labels, 0.3)
        assert torch.allclose(parts[f"triplet_{level}"], expected, rtol=1e-4)
    scores = features["proj"] @ net.texts().T
    expected = functional.cross_entropy(scores, labels, label_smoothing=0.1)
    assert torch.allclose(parts["image_to_text"], expected, rtol=1e-4)


@pytest.mark.parametrize("options", [{}, FULL])
def test_the_words_change_the_loss_and_its_gradient_on_the_image(options, built):
    results = []
    images, labels = batch(IMAGE)
    other = torch.randn(4, 128, generator=torch.Generator().manual_seed(2))
    for share in (0.0, 1.0):
        net = built(**options)
        net.tokens.data[1] += share * other
        net.parameter_groups(IMAGE)
        value = net.losses(images, labels)["image_to_text"]
        value.backward()
        results.append((value.item(), net.backbone.clip.visual.conv1.weight.grad.clone()))
    assert results[0][0] != pytest.approx(results[1][0], rel=1e-4)
    assert not torch.allclose(results[0][1], results[1][1], rtol=1e-2)


def test_a_constant_text_is_the_same_for_all_whatever_the_words_are(built):
    net = built(text="constant")
    texts = net.texts()
    assert torch.equal(texts[:1].expand(3, -1), texts)
    net.tokens.data.normal_()
    net.parameter_groups(IMAGE)
    assert torch.equal(net.texts(), texts)
    images, labels = batch(IMAGE)
    value = net.losses(images, labels)["image_to_text"]
    assert value.item() == pytest.approx(torch.tensor(3.0).log().item(), rel=1e-5)


def test_the_texts_of_stage_two_are_those_that_stage_one_has_learned(built):
    net = built()
    before = net.texts()
    net.tokens.data.normal_()
    assert net.texts() is before
    net.parameter_groups(IMAGE)
    assert not torch.allclose(net.texts(), before)


def test_texts_first_seen_in_validation_can_be_trained_with(built):
    net = built(text="constant", levels=["proj"], add_text=True)
    images, labels = batch(IMAGE)
    net.parameter_groups(IMAGE)
    with torch.inference_mode():
        net.embed(images)
    sum(net.losses(images, labels).values()).backward()
    assert net.backbone.clip.visual.conv1.weight.grad.abs().sum() > 0


def test_only_the_last_blocks_train_in_stage_two(tmp_path, built):
    net = built("mini-RN", unfreeze_blocks=1)
    before = snapshot(net)
    fit(net, [IMAGE], tmp_path)
    image = {n.split(".")[3] for n in moved(before, net) if n.startswith("backbone.")}
    assert image == {"layer4"}


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped_after", [1, 3])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, stopped_after, built):
    options = FULL | {"unfreeze_blocks": 2}
    stages = [PROMPTS, IMAGE]
    whole, first, second = (built("mini-RN", seed, **options) for seed in (0, 0, 7))
    fit(whole, stages, tmp_path / "whole")
    started = []

    def dying(stage, generator):
        started.append(stage)
        if len(started) > stopped_after:
            raise KeyboardInterrupt
        yield from batches(stage, generator)

    every_epoch = train.Engine(progress=False, checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        fit(first, stages, tmp_path / "parts", every_epoch, source=dying)
    fit(second, stages, tmp_path / "parts")
    assert moved(snapshot(whole), second) == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_embedding_is_both_features_before_the_necks(name, built):
    net = built(name).eval()
    images, _ = batch(IMAGE)
    features = net.backbone(images)
    expected = torch.cat([features["feat"], features["proj"]], dim=1)
    assert torch.equal(net.embed(images), expected)
    single = built(name, levels=["proj"]).eval()
    assert torch.equal(single.embed(images), features["proj"])
    even = built(name, unit=True).eval().embed(images)
    for part, feature in zip(
        even.split([*net.backbone.dims.values()], 1), features.values(), strict=True
    ):
        assert torch.allclose(part, functional.normalize(feature, dim=1))


def test_the_text_of_the_run_is_added_to_the_unit_feature(built):
    net = built(text="constant", levels=["proj"], add_text=True).eval()
    images, _ = batch(IMAGE)
    text = functional.normalize(net.texts()[:1], dim=1)
    features = 2 * net.embed(images) - text
    assert torch.allclose(features, functional.normalize(net.backbone(images)["proj"], dim=1))


@pytest.mark.parametrize("name", NAMES)
def test_the_early_level_is_a_block_before_the_last(name):
    net = backbone.build(name).eval()
    images, outputs = batch(IMAGE)[0], []
    net.blocks()[-2].register_forward_hook(lambda module, given, out: outputs.append(out))
    early = net.levels(images)["early"]
    expected = outputs[0][:, 0] if net.family == "vit" else outputs[0].mean((2, 3))
    assert torch.equal(early, expected)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"text": "spoken"}, "Unknown text 'spoken': choose one of learned, constant"),
        ({"text_loss": "both"}, "Unknown text_loss 'both'"),
        ({"similarity": "angle"}, "Unknown similarity 'angle'"),
        ({"levels": ["early"]}, r"levels are \['early'\]: choose of early, feat, proj"),
        ({"levels": ["last"]}, r"levels are \['last'\]"),
        ({"tokens": 0}, "tokens is 0: give a whole number from 1"),
        ({"temperature": 0}, "temperature is 0: give a number above 0"),
        ({"prompts": "A {} hand"}, "prompts is 'A {} hand': give a list"),
        ({"add_text": True}, "add_text needs text 'constant'"),
    ],
)
def test_an_option_out_of_range_is_refused(options, sentence, built):
    with pytest.raises(ValueError, match=sentence):
        built(**options)


# --- the recipes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "epochs", "rate", "weight"),
    [("vit", (120, 60), 5e-6, 0.25), ("resnet", (60, 120), 3.5e-4, 1.0)],
)
def test_clip_reid_holds_the_published_values(family, epochs, rate, weight):
    recipe = recipes.load("clip_reid", family)
    words, image = recipe.stages
    assert (words.epochs, image.epochs) == epochs
    assert words.encode_once and not image.encode_once
    assert (words.learning_rate.new, image.learning_rate.backbone) == (3.5e-4, rate)
    assert (image.batch_size, image.sampler, image.images_per_identity) == (64, "balanced", 4)
    assert image.loss_weights == {"identity_feat": weight, "identity_proj": weight}


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 7.8e-5), (5, 3.485e-4), (60, 1.755e-4), (120, 1e-6)]
)
def test_the_words_are_learned_at_the_rates_of_the_code(epoch, rate):
    words = recipes.load("clip_reid", "vit").stages[0]
    actual = words.learning_rate.new * train.rate_factor(words, epoch - 1)
    assert actual == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize("name", ["clip_reid", *VERSIONS])
def test_every_hyper_parameter_names_its_source(name):
    text = (Path(recipes.__file__).parent / f"{name}.yaml").read_text()
    text = re.sub(r"(?m)^controls:.*\n(  .*\n)+", "", text)
    valued = [n for n in text.splitlines() if re.match(r"\s*(- )?\w+: *[^\s#]", n)]
    valued = [n for n in valued if not re.match(r"(title|method|\s+- name):", n)]
    assert len(valued) >= 25
    assert [n for n in valued if not re.search(r"\b(paper|code|ours)\b", n.partition("#")[2])] == []


def test_the_mini_differs_in_its_schedule_scale_and_colours_alone():
    full, mini = (recipes.load(f"clip_reid{end}", "vit").model_dump() for end in ("", "_mini"))
    differing = {key for key in full if full[key] != mini[key]}
    assert differing == {
        *("name", "full_size", "options", "stages", "mean_std", "augment", "ablations", "search")
    }
    assert full["augment"] | {"flip": 0.0, "resize": 1.07, "erasing": 0.0} == mini["augment"]
    options = {k for k in full["options"] if full["options"][k] != mini["options"][k]}
    assert options == {"similarity", "temperature", "unit"}


@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_each_version_of_clip_fh_changes_what_the_dissertation_says(family):
    plans = {int(name.rpartition("v")[2]): recipes.load(name, family) for name in VERSIONS}
    options = {n: plan.options for n, plan in plans.items()}
    last = {n: plan.stages[1] for n, plan in plans.items()}
    arc = {n: (o["arcface_scale"], o["arcface_margin"]) for n, o in options.items()}
    assert [arc[n] for n in (5, 7, 8, 9, 10)] == [
        *((20.0, 0.3), (25.0, 0.35), (30.0, 0.35), (35.0, 0.4), (30.0, 0.4))
    ]
    assert [n for n, o in options.items() if o["triplet_margin"] is None] == [4, 9]
    assert [n for n, o in options.items() if o["centre_rate"] == 0] == [4]
    assert [n for n, o in options.items() if o["unfreeze_blocks"]] == [6, 7, 8]
    assert [n for n, s in last.items() if s.optimiser == "adam"] == [1]
    assert [n for n, s in last.items() if s.schedule == "one_cycle"] == [3, 4, 5, 6, 7]
    assert [n for n, o in options.items() if len(o["prompts"]) == 1] == [1]
    assert {n for n, s in last.items() if s.loss_weights.get("centre_proj") == 3e-4} == {9, 10}


@pytest.mark.parametrize("name", VERSIONS)
def test_the_run_of_clip_fh_heard_no_text_and_trained_on_other_colours(name):
    plain, run = recipes.load(name, "vit"), recipes.load(name, "vit", control="as_run")
    assert (plain.train_mean_std, run.train_mean_std) == ("", "none")
    assert (run.options["text"], run.options["add_text"]) == ("constant", True)
    assert run.options["arcface_scale"] == (30.0 if name in VERSIONS[:2] else 0.0)


@pytest.mark.parametrize("control", ["", "as_run"])
@pytest.mark.parametrize("name", VERSIONS)
def test_the_weighed_losses_of_each_version_are_there(name, control, built):
    plan = recipes.load(name, "vit", control=control)
    net = built(**plan.options)
    words, image = plan.stages
    net.parameter_groups(image)
    with torch.no_grad():
        parts = net.losses(*batch(image))
    assert image.loss_weights.keys() <= parts.keys()
    assert ("triplet_proj" in parts) == (plan.options["triplet_margin"] is not None)
    assert {"identity_proj", "image_to_text", "text_to_image"} <= parts.keys()


def test_levels_are_named_once():
    assert (*backbone.build("mini-ViT").levels(batch(IMAGE)[0]),) == clip_reid.LEVELS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B/16", "RN50"])
def test_a_full_size_step_of_each_stage_trains_on_the_cpu(name):
    family = backbone.architecture(name).family
    plan = recipes.load("clip_reid", family)
    torch.manual_seed(0)
    base = backbone.build(name, last_stride=plan.last_stride)
    net = method.build(plan.method, base, 3, **plan.options)
    labels = torch.tensor([0, 0, 1, 2])
    words, image = plan.stages
    for stage, images in (
        (words, torch.randn(4, base.dims["proj"])),
        (image, torch.randn(4, 3, 224, 224)),
    ):
        groups = [group for group in net.parameter_groups(stage) if group["params"]]
        net.train()
        optimiser = torch.optim.SGD(groups, lr=0.1)
        moved = groups[0]["params"][0]
        before = moved.detach().clone()
        sum(net.losses(images, labels).values()).backward()
        optimiser.step()
        assert not torch.equal(before, moved)
    assert net.eval().embed(images[:1]).shape == (1, base.dims["feat"] + base.dims["proj"])
