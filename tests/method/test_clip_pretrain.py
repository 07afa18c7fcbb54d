"""Pre-training: CLIP's own loss, facts asked in words, and a teacher that stays as it is."""

from functools import partial

import open_clip
import pytest
import torch
from torch.nn import functional

from handid import backbone, recipes


@pytest.fixture
def batch(batch):
    """Batches of the minis' own image size."""
    return partial(batch, size=128)


def test_the_pre_training_loss_is_open_clips_own(batch, on_clip):
    net = on_clip("clip_pretrain")
    images, _ = batch(4)
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    pictures, sentences, scale = net.backbone.clip(images, words_to_77(words))
    theirs = open_clip.ClipLoss()(pictures, sentences, scale)
    assert sum(net.losses(images, words).values()).item() == pytest.approx(theirs.item(), abs=1e-5)


def words_to_77(words):
    return torch.nn.functional.pad(words, (0, 77 - words.shape[1]))


def test_pre_training_moves_both_encoders_and_the_temperature(batch, on_clip):
    net = on_clip("clip_pretrain")
    images, _ = batch(4)
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    sum(net.losses(images, words).values()).backward()
    clip = net.backbone.clip
    for part in (clip.visual.proj, clip.text_projection, clip.token_embedding.weight):
        assert part.grad.abs().max() > 0
    assert clip.logit_scale.grad.abs() > 0


def test_a_teacher_is_learned_from_and_stays_as_it_is(batch, on_clip):
    teacher = backbone.build("mini-RN", "random", seed=1, last_stride=2)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    net = on_clip("clip_pretrain", teacher=teacher).train()
    images, _ = batch(4)
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    net.losses(images, words)["likeness"].backward()
    assert net.backbone.clip.visual.conv1.weight.grad.abs().max() > 0
    assert not [name for name, _ in net.named_parameters() if "teacher" in name]
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())


def test_behind_a_locked_image_encoder_features_are_read_and_only_text_learns(batch, on_clip):
    choices = [backbone.tokenise(one) for one in (["a left hand", "a palm"], ["a ring", "none"])]
    open_one, net = (on_clip("clip_pretrain", choices=choices, locked=k) for k in (False, True))
    words = backbone.tokenise(["a left hand", "a palm", "a long thumb and a ring", "bare nails"])
    labels = torch.cat([torch.tensor([[0, 0], [1, 0], [1, 1], [-1, 0]]), words], dim=1)
    images, _ = batch(4)
    with torch.no_grad():
        features = net.embed(images)
    parts, same = net.losses(features, labels), open_one.losses(images, labels)
    assert {name: part.item() for name, part in parts.items()} == {
        name: pytest.approx(same[name].item(), abs=1e-6) for name in same if name != "fact"
    }
    stage, last = recipes.load("clip_lit", "resnet").stages
    moved = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    assert not moved & {id(p) for p in net.backbone.image_parameters()}
    assert moved == {id(p) for p in net.backbone._text_parameters()}
    net.parameter_groups(last)
    assert [*net.losses(features, labels)] == ["choice"]


def test_a_stage_of_choices_alone_has_a_scale_of_its_own(batch, on_clip):
    choices = [backbone.tokenise(one) for one in (["a left hand", "a palm"], ["a ring", "none"])]
    how = {"choices": choices, "locked": True}
    plain, own = (on_clip("clip_pretrain", **how, choice_scale=scale) for scale in (0.0, 400.0))
    labels = torch.cat([torch.tensor([[0, 1], [1, 0]]), backbone.tokenise(["one", "two"])], dim=1)
    features = torch.randn(2, own.backbone.dims["proj"], generator=torch.Generator().manual_seed(0))
    *_, last = recipes.load("clip_lit", "resnet").stages
    both = plain.losses(features, labels)["choice"], own.losses(features, labels)["choice"]
    assert both[0] == both[1]  # beside captions it is the learned one
    own.parameter_groups(last)
    with torch.no_grad():
        texts = functional.normalize(own.backbone.encode_words(own.words).double(), dim=1)
        scores = 400 * functional.normalize(features.double(), dim=1) @ texts.T
    wanted = -(
        scores[:, :2].log_softmax(1)[[0, 1], [0, 1]] + scores[:, 2:].log_softmax(1)[[0, 1], [1, 0]]
    )
    assert own.losses(features, labels)["choice"].item() == pytest.approx(
        wanted.mean().item(), 1e-4
    )


def test_only_matrices_inside_transformer_blocks_are_marked(on_clip):
    net = on_clip("clip_pretrain")
    stage = recipes.load("clip_pretrain", "vit").stages[0]
    groups = net.parameter_groups(stage)
    assert sum(len(group["params"]) for group in groups) == len([*net.parameters()])
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    marked = [names[id(p)] for group in groups if group["matrix"] for p in group["params"]]
    blocks = 6 + 4  # of the image and of the text encoder, each with four matrices
    assert len(marked) == 4 * blocks and all(".resblocks." in name for name in marked)


def test_the_choice_loss_is_a_loop_over_pictures_and_facts(batch, on_clip):
    tokens = [
        backbone.tokenise(["a left hand", "a right hand"]),
        backbone.tokenise(["a short thumb", "a thumb", "a long thumb"]),
    ]
    net = on_clip("clip_pretrain", choices=tokens)
    true = torch.tensor([[0, 2], [1, -1], [1, 0], [-1, -1]])
    words = backbone.tokenise(["a left hand", "a palm", "a ring", "bare nails"])
    images, _ = batch(4)
    choice = net.losses(images, torch.cat([true, words], dim=1))["choice"].item()
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
    assert choice == pytest.approx(sum(per_fact).item(), abs=1e-5)  # the first, and one other


@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
def test_an_embedding_is_the_projected_feature(backbone_name, batch, on_clip):
    net = on_clip("clip_pretrain", backbone_name=backbone_name).eval()
    with torch.inference_mode():
        embeddings = net.embed(batch(2)[0])
    assert embeddings.shape == (2, net.backbone.dims["proj"]) and embeddings.isfinite().all()
