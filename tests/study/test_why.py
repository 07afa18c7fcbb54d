"""What text features know, and which loss pulls: against features that say the truth, by hand."""

import numpy as np
import pytest
import torch

from handid import backbone, method, recipes, train
from handid.study import hands, why
from handid.synthetic import caption


@pytest.fixture(autouse=True, scope="module")
def small(few_hands):
    """Two people per shard."""


@pytest.fixture(scope="module")
def drawn(small, tmp_path_factory):
    return hands.Hands(tmp_path_factory.mktemp("hands"), 5, "11k")


def test_features_that_are_the_true_sentences_are_always_right_and_others_never(drawn):
    facts = next(drawn.stream([0])).facts
    facts = [one | {"ring_finger": ("none", "index")[n % 2]} for n, one in enumerate(facts)]
    sentences = {"view": np.eye(4, 8, dtype=np.float32), "ring": np.eye(2, 8, 4, dtype=np.float32)}
    true = np.array([caption.choices(one)[:2] for one in facts])
    features = sentences["view"][true[:, 0]] - sentences["ring"][true[:, 1]]
    table = why._by_fact(features, sentences, facts)
    view, ring = table.to_dict("records")
    assert (view["fact"], view["correct"], view["chance"]) == ("view", 100.0, 25.0)
    assert ring["correct"] == 0.0 and ring["photographs"] == len(facts) == 16


def test_what_cannot_be_seen_is_not_asked(drawn):
    facts = next(drawn.stream([0])).facts
    sentences = {name: np.eye(len(t), 8, dtype=np.float32) for name, t in caption.CHOICES.items()}
    table = why._by_fact(np.ones((16, 8), np.float32), sentences, facts).set_index("fact")
    assert table.loc["nail_length", "photographs"] == 8 and table.loc["view", "photographs"] == 16
    true = np.array([caption.choices(one) for one in facts])
    several = [len(set(column) - {-1}) > 1 for column in true.T]
    assert list(table.index) == [n for n, k in zip(caption.CHOICES, several, strict=True) if k]
    assert 1 < len(table) < len(caption.CHOICES)


def test_image_and_prompt_of_each_system_are_asked(lab, drawn):
    made = [lab.experiment("clip_zero_shot_plain", "mini-ViT", lab.targets[0])]
    made += lab.untrained("clip_handid_mini") + lab.untrained("clip_reid_mini")
    table = why.told(made, drawn, train.Engine(progress=False))
    asked = table.groupby("system", sort=False)["feature"].agg(
        lambda names: list(dict.fromkeys(names))
    )
    assert asked.to_dict() == {
        "clip_zero_shot_plain": ["image"],
        "clip_handid_mini:untrained": ["image", "text"],
        "clip_reid_mini:untrained": ["image"],  # its words belong to people, not to photographs
    }
    assert list(table.columns) == why.COLUMNS and table["correct"].between(0, 100).all()


def test_a_losss_share_is_that_of_its_own_gradient():
    torch.manual_seed(0)
    net = method.build("clip_handid", backbone.build("mini-ViT", "random"), 3).eval()
    changes = {"loss_weights": {"identity_feat": 0.0, "identity_proj": 2.0}}
    stage = recipes.load("clip_handid_mini", "vit", changes).stages[0]
    images = torch.randn(6, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(6) % 3
    shares = why.pulls(net, stage, images, labels)
    norms = {}
    for name, weight in (("identity_proj", 2.0), ("image_to_text", 1.0), ("text_to_image", 1.0)):
        net.zero_grad()
        (weight * net.losses(images, labels)[name]).backward()
        own = [p.grad.square().sum() for p in net.backbone.image_parameters() if p.grad is not None]
        norms[name] = torch.stack(own).sum().sqrt().item()
    total = sum(norms.values())
    expected = {name: pytest.approx(norm / total, rel=1e-4) for name, norm in norms.items()}
    assert shares == expected | {"identity_feat": 0.0}
    assert sum(shares.values()) == pytest.approx(1)


def test_shares_are_asked_before_and_after_a_training(lab):
    made = lab.experiments("clip_handid_mini", changes={"epochs": 1})
    table = why.of_losses(lab, made)
    assert table.groupby("moment", sort=False)["share"].sum().tolist() == pytest.approx([100, 100])
    before, after = (part["share"].tolist() for _, part in table.groupby("moment", sort=False))
    assert before != after
    assert set(table["loss"]) == {
        *("identity_feat", "identity_proj", "image_to_text", "text_to_image")
    }
