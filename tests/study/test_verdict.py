"""The verdict's scores: each system with the values that were chosen for it, on its backbones."""

import pandas as pd
import pytest

from handid.report import rows
from handid.report.claims import Claim
from handid.study import tuning, verdict

GAINS = Claim("Training adds.", "clip_ft_mini", "clip_ft_mini:untrained")


def trials(*rows):
    return pd.DataFrame(
        [
            (system, system, name, 24, n, value, "", changes)
            for system, name, n, value, changes in rows
        ],
        columns=tuning.COLUMNS,
    )


def test_systems_are_trained_with_their_chosen_values_wherever_they_were_tuned(lab):
    done = trials(
        ("clip_ft_mini", "mini-ViT", 0, 30.0, {"learning_rate.new": 1e-2}),
        ("clip_ft_mini", "mini-ViT", 1, 40.0, {"learning_rate.new": 2e-2, "epochs": 1}),
    )
    both = lab.having(backbones=["mini-ViT", "mini-RN"], seeds=[0, 1])
    scores = verdict.scores(both, [GAINS], done, sizes=[4], tasks=["papers", "other hand"])
    heads = pd.DataFrame([score.rows.iloc[0] for score in scores])
    assert heads[["system", "seed", "task"]].values.tolist() == [
        ["clip_ft_mini", 0, "papers"],
        ["clip_ft_mini", 0, "other hand"],
        ["clip_ft_mini", 1, "papers"],
        ["clip_ft_mini", 1, "other hand"],
        ["clip_ft_mini:untrained", 0, "papers"],
        ["clip_ft_mini:untrained", 0, "other hand"],
    ]
    assert set(heads["backbone"]) == {"mini-ViT"}
    changes = done["changes"][1]
    own = lab.experiment("clip_ft_mini", "mini-ViT", lab.targets[0], changes=changes)
    assert lab.score(own).rows["value"].tolist() == scores[0].rows["value"].tolist()
    named, plain = rows.of(verdict.as_chosen(scores)), rows.of(scores)
    assert set(named["system"]) == {"clip_ft_mini:chosen, 2", "clip_ft_mini:untrained:chosen, 2"}
    assert named.drop(columns="system").equals(plain.drop(columns="system"))


def test_all_sizes_ask_the_same_trainings_about_people_who_train_nothing(lab):
    done = trials(("clip_ft_mini", "mini-ViT", 0, 30.0, {"epochs": 1}))
    both = lab.having(backbones=["mini-ViT"])
    scores = verdict.scores(both, [GAINS], done, sizes=[4, 8], tasks=["papers"])
    assert [score.rows["n_subjects"].iloc[0] for score in scores] == [2, 4, 2, 4]
    larger = lab.having(people=8)
    own = lab.experiment("clip_ft_mini", "mini-ViT", lab.targets[0], changes={"epochs": 1})
    trains, _ = lab.photographs.halves(lab.targets[0])
    assert not set(trains["subject"]) & set(scores[1].per_query["subject"])
    assert scores[1].rows["value"].tolist() == larger.score(own).rows["value"].tolist()


@pytest.mark.parametrize("sizes", [[8, 4], [4, 4]])
def test_sizes_that_do_not_grow_are_refused_before_anything_is_trained(lab, sizes):
    done = trials(("clip_ft_mini", "mini-ViT", 0, 30.0, {}))
    with pytest.raises(ValueError, match="do not grow: write the smallest first"):
        verdict.scores(lab, [GAINS], done, sizes=sizes, tasks=["papers"])


def test_a_system_without_trials_and_a_verdict_without_people_are_refused(lab):
    done = trials(("clip_ft_mini", "mini-RN", 0, 30.0, {}))
    with pytest.raises(ValueError, match="'clip_ft_mini' was tuned on none of mini-ViT") as said:
        verdict.scores(lab, [GAINS], done, sizes=[4], tasks=["papers"])
    assert "\n" not in str(said.value)
    with pytest.raises(ValueError, match="sizes is empty"):
        verdict.scores(lab, [GAINS], done, sizes=[], tasks=["papers"])
