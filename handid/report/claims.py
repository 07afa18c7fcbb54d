"""Claims that are written down before a run, and what a run says of each.

A claim names two systems and which is said to be higher. Nothing is trained here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from handid import statistics
from handid.recipes import System
from handid.report import differences
from handid.report.rows import Score

COLUMNS = ["claim", "system", "over_system", "backbone", "test_set", "task", "people", "seeds"]
COLUMNS += ["value", "low", "high", "seed_part", "p", "p_holm", "held"]
LEVEL = 0.05
PEOPLE = (10, 20, 45, 71, 100, 200, 500, 1000)
SEEDS = (1, 3, 5, 10)


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        sentence: what is said.
        system: key of the system that is said to be higher.
        over: key of the one that it is compared with.
    """

    sentence: str
    system: str
    over: str

    @property
    def systems(self) -> tuple[str, str]:
        """Both keys."""
        return self.system, self.over


def claims(given: Sequence[Sequence[str]]) -> list[Claim]:
    """Claims from lists of a sentence, the system that is said to be higher, and the other one.

    Raises:
        ValueError: one sentence, for none, for a list that is no claim, or one that is there twice.
    """
    if not isinstance(given, list | tuple):
        raise ValueError(f"{given!r} are no claims: write a list of lists.")
    found = []
    for one in given:
        is_three = isinstance(one, list | tuple) and len(one) == 3
        if not is_three or not all(isinstance(text, str) and text for text in one):
            raise ValueError(
                f"{one!r} is no claim: write [sentence, system that is higher, system below it]."
            )
        found.append(Claim(*one))
        _ = [System.parse(key) for key in found[-1].systems]
    if not found:
        raise ValueError("No claim is written down: there is nothing to judge.")
    pairs = [claim.systems for claim in found]
    twice = [claim for claim in found if pairs.count(claim.systems) > 1]
    if twice or any(one == other for one, other in pairs):
        claim = twice[0] if twice else next(c for c in found if c.system == c.over)
        raise ValueError(f"'{claim.sentence}' compares what another claim, or itself, compares.")
    return found


def judged(scores: Iterable[Score], made: Sequence[Claim]) -> pd.DataFrame:
    """What the scores say of each claim, wherever both of its systems were scored.

    Args:
        scores: of several seeds, backbones, tasks and numbers of test people.
        made: the claims.

    Returns:
        One row per claim, backbone, test set, task and number of people with COLUMNS: rank-1 of the
        system minus that of the other, percentage points, its 95 % interval over people and seeds,
        p over people, and p adjusted for all rows of the table (Holm); `held` is "yes" where the
        interval and the adjusted p both say higher, "no" where both say lower, else "not shown".

    Raises:
        ValueError: one sentence, if no claim can be judged.
    """
    rows = []
    for people, part in by_people(scores).items():
        for claim in made:
            there = {score.rows["system"].iloc[0] for score in part}
            if set(claim.systems) <= there:
                own = [s for s in part if s.rows["system"].iloc[0] in claim.systems]
                table = differences.margins(own, claim.system, [claim.over])
                rows.append(table.assign(claim=claim.sentence, people=people))
    if not rows:
        raise ValueError("No claim can be judged: of none were both systems scored.")
    table = pd.concat(rows, ignore_index=True)
    table = table.assign(p_holm=statistics.holm(table["p"]))
    return table.assign(held=[_held(row) for _, row in table.iterrows()])[COLUMNS]


def _held(row: pd.Series) -> str:
    if row["p_holm"] > LEVEL or row["low"] <= 0 <= row["high"] or np.isnan(row["low"]):
        return "not shown"
    return "yes" if row["low"] > 0 else "no"


def by_people(scores: Iterable[Score]) -> dict[int, list[Score]]:
    """Scores by the number of test people who ask."""
    parts: dict[int, list[Score]] = {}
    for score in scores:
        parts.setdefault(int(score.rows["n_subjects"].iloc[0]), []).append(score)
    return parts


# --- power --------------------------------------------------------------------------------------


def variances(scores: Iterable[Score], made: Sequence[Claim], task: str = "papers") -> pd.DataFrame:
    """Variance components of each claim's difference in rank-1, in points squared.

    Returns:
        One row per claim, backbone and number of people for which two trainings or more of both
        systems were scored: claim, backbone, people, and people_part, seeds_part, rest_part of
        statistics.Components.
    """
    rows = []
    for people, part in by_people(scores).items():
        for claim in made:
            for name, table in _crossed(part, claim, task).items():
                if min(table.shape) > 1:
                    parts = statistics.components(100 * table)
                    rows.append((claim.sentence, name, people, *parts))
    columns = ["claim", "backbone", "people", "people_part", "seeds_part", "rest_part"]
    return pd.DataFrame(rows, columns=columns)


def power(components: pd.DataFrame) -> pd.DataFrame:
    """The smallest difference that is seen four times in five, by people and seeds.

    Args:
        components: as `variances` returns them; the median over its rows counts.

    Returns:
        people, seeds, points; no rows for no components.
    """
    if components.empty:
        return pd.DataFrame(columns=["people", "seeds", "points"])
    middle = components[["people_part", "seeds_part", "rest_part"]].median()
    parts = statistics.Components(*middle)
    rows = [
        (people, seeds, statistics.smallest_difference(parts, people, seeds))
        for seeds in SEEDS
        for people in PEOPLE
    ]
    return pd.DataFrame(rows, columns=["people", "seeds", "points"])


def _crossed(scores: Iterable[Score], claim: Claim, task: str) -> dict[str, np.ndarray]:
    """Backbone -> [people, seeds] differences in rank-1, of the seeds that both systems have."""
    answers: dict[str, dict[str, dict[int, pd.Series]]] = {}
    for score in scores:
        first = score.rows.iloc[0]
        if first["task"] == task and first["system"] in claim.systems:
            right = score.per_query["first_hit"].eq(1).groupby(score.per_query["subject"]).mean()
            of_backbone = answers.setdefault(first["backbone"], {})
            of_backbone.setdefault(first["system"], {})[first["seed"]] = right
    tables = {}
    for name, systems in answers.items():
        one, other = (systems.get(key, {}) for key in claim.systems)
        columns = [one[seed] - other.get(seed, _only(other)) for seed in one if _fits(seed, other)]
        if columns:
            tables[name] = np.column_stack([column.sort_index() for column in columns])
    return tables


def _only(trainings: dict[int, pd.Series]) -> pd.Series:
    return next(iter(trainings.values()))


def _fits(seed: int, trainings: dict[int, pd.Series]) -> bool:
    """Whether a training of the seed is there, or one for all: what is not trained has one seed."""
    return seed in trainings or len(trainings) == 1
