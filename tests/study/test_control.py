"""The controls of the text branch: what is told of whom, and that a training hears it."""

import numpy as np
import pandas as pd
import pytest
import torch

from handid import backbone, fingerprint, recipes
from handid.loss import supervised_contrastive
from handid.report import sentences
from handid.study import control
from handid.synthetic import caption, framed


@pytest.fixture(scope="module")
def world():
    return framed.draw(12, 2)


def test_the_truth_is_told_of_a_person_or_of_another(world):
    told, others = control.sentences(world), control.sentences(world, control.SHIFT)
    assert [len(own) for own in told] == [control.SENTENCES] * 6
    assert others == told[control.SHIFT :] + told[: control.SHIFT]
    assert all(one != other for one, other in zip(told, others, strict=True))
    complexions = [f"a {words} complexion" for words in caption.COMPLEXIONS]
    for person, own in enumerate(told):
        true = next(f for f, p in zip(world.facts, world.people, strict=True) if p == person)
        named = {c for c in complexions for sentence in own if c in sentence}
        assert named <= {f"a {true['skin_color']} complexion"}
    assert any("complexion" in sentence for own in told for sentence in own)


def test_the_losses_are_those_of_the_paper_towards_the_given_sentences():
    net = control.Told(
        backbone.build("mini-ViT", "random"), [["one hand"], ["two hands"]], temperature=0.5
    ).eval()
    images = torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 1, 0])
    with torch.no_grad():
        parts = net.losses(images, labels)
        image = net.backbone(images)["proj"]
        text = net.backbone.encode_text(["one hand", "two hands"])[labels]
        for name, pair in (("image_to_text", (image, text)), ("text_to_image", (text, image))):
            assert parts[name] == pytest.approx(supervised_contrastive(*pair, labels, 0.5).item())
    assert {"identity_feat", "identity_proj"} < parts.keys()


def test_every_claim_is_judged_on_people_who_did_not_train(lab, monkeypatch):
    short = {"epochs": 1, "warmup_epochs": 0}
    load = recipes.load
    monkeypatch.setattr(
        control.recipes,
        "load",
        lambda *given: load(*given[:2], short | dict(*given[2:3]), *given[3:]),
    )
    table = control.verdict(lab, [0, 1], people=12, photographs=2)
    assert list(table["expected"]) == ["yes", "yes", "no more", "no more"]
    assert set(table["people"]) == {6} and set(table["seeds"]) == {2}
    assert table["value"].between(-100, 100).all() and (table["p_holm"] >= table["p"]).all()


@pytest.mark.parametrize(
    ("seeds", "numbers", "why"),
    [
        ([0], (11, 2), "11 people are not enough to ask: draw 12 or more"),
        ([0], (12, 1), "1 photographs are not enough to ask: draw 2 or more"),
        ([0], ("many", 2), "'many' people are not enough"),
        (["a"], (12, 2), "seeds"),
    ],
)
def test_what_cannot_be_asked_is_refused(lab, seeds, numbers, why):
    with pytest.raises(ValueError, match=why):
        control.verdict(lab, seeds, *numbers)


def test_the_recorded_controls_have_every_claim(lab):
    table = control.verdict(lab, [], 0)
    assert set(table["claim"]) == {claim.sentence for claim in control.CLAIMS}
    assert list(table["expected"]) == ["yes", "yes", "no more", "no more"]


@pytest.mark.parametrize(
    ("held", "answer", "count"),
    [
        (["yes", "yes", "no", "not shown"], "Both controls came out", 4),
        (["yes", "not shown", "no", "not shown"], "The controls did not come out", 3),
        (["yes", "yes", "yes", "not shown"], "The controls did not come out", 3),
    ],
)
def test_the_answer_says_whether_both_came_out(held, answer, count):
    table = pd.DataFrame({"claim": list("abcd"), "held": held, "low": -1.0, "high": 1.0})
    table = table.assign(value=np.arange(4.0), expected=["yes", "yes", "no more", "no more"])
    said = sentences.control(table)
    assert said.startswith(f"**{answer}** (synthetic): {count} of 4 claims")
    assert "- *b* (must hold)" in said and "- *c* (must not hold)" in said


def test_the_findings_are_those_recorded(lab):
    said = (fingerprint.PACKAGE.parent / "docs" / "findings.md").read_text(encoding="utf-8")
    table = control.verdict(lab, [], 0)
    for row in table[table["over_system"] == control.PLAIN].itertuples():
        assert (
            f"{row.value:.1f}{' points' * (row.value > 1)} [{row.low:.1f}, {row.high:.1f}]" in said
        )


def test_a_training_is_known_by_its_people_and_not_by_the_number_of_photographs(lab):
    plan = control._plan(lab, control.TRUE)
    many, few = framed.draw(12, 2), framed.draw(8, 3)
    assert len(many.people) == len(few.people)
    folders = {control._folder(lab, world, control.TRUE, plan, 0) for world in (many, few)}
    assert len(folders) == 2
