"""Small made-up tables that the tests of the report share; each fixture gives a function."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from handid.evidence import open_set, summary, verification
from handid.evidence.calibration import Calibration
from handid.evidence.scores import Comparisons
from handid.report import differences, tables
from handid.report.growth import Growth
from handid.report.rows import COLUMNS, WHAT, Score
from handid.report.worth import Worth, as_rows

D_R, D_L = "11k dorsal right", "11k dorsal left"
# Some titles and the keys of their systems.
SYSTEMS = {
    "CLIP-ZS": "clip_zero_shot",
    "CLIP-FT": "clip_ft",
    "CLIP-HandID": "clip_handid",
    "CLIP-ReID v5": "clip_fh_s2_v5",
    "CLIP-ReID": "clip_reid",
    "GPA-Net": "gpa_net",
    "CNN baseline": "cnn_baseline",
    "Raw pixels": "raw_pixels",
    "Colour histogram": "colour_histogram",
}


def system_of(method):
    """The key of a title: "CLIP-FT arcface" is clip_ft:arcface, for tests alone."""
    if method in SYSTEMS:
        return SYSTEMS[method]
    title, _, control = method.rpartition(" ")
    return f"{SYSTEMS[title]}:{control}" if title in SYSTEMS else method


def _row(method="CLIP-FT", metric="rank1", value=90.0, **other):
    target = other.pop("target", D_R)
    head = {"system": system_of(method), "method": method, "backbone": "ViT-B/16"}
    head |= {"train_set": target, "test_set": target, "task": "papers", "image": "whole"}
    figures = {"metric": metric, "value": value, "low": value - 4, "high": value + 2}
    counts = {"n_queries": 971, "n_gallery": 290, "n_subjects": 71, "seed": 0, "synthetic": False}
    return {**head, **figures, **counts, **other}


def _tidy(*rows):
    return pd.DataFrame([*rows], columns=COLUMNS)


@pytest.fixture
def row():
    """row(method, metric, value, **other): one tidy row, its interval 4 points below to 2 above."""
    return _row


@pytest.fixture
def tidy():
    """tidy(*rows): a table of them."""
    return _tidy


@pytest.fixture
def bars():
    """bars(*(name, value, low, high), over, method, **other): differences, as gains gives them."""

    def make(*figures, over="CLIP-FT untrained", seeds=1, **other):
        rows = []
        for name, value, low, high in figures:
            line = _row(name, value=value, low=low, high=high, **other)
            rows.append(line | {"over": over, "over_system": system_of(over), "seeds": seeds})
            rows[-1] |= {"p": np.nan, "p_holm": np.nan}
            rows[-1] |= {"seed_part": 0.2 if seeds > 1 else np.nan}
        table = pd.DataFrame(rows)
        return differences.label_again(table.assign(name=table["method"]))[differences.COLUMNS]

    return make


@pytest.fixture
def above():
    """above(*(floor, value, low, high), method, **other): differences, as margins gives them."""

    def make(*figures, method="CLIP-ZS", **other):
        rows = []
        for over, value, low, high in figures:
            line = _row(method, value=value, low=low, high=high, **other)
            over_system = system_of(over)
            names = {"over": over, "over_system": over_system, "name": f"over {over}"}
            rows.append(line | names | {"seeds": 1, "p": np.nan, "p_holm": np.nan})
            rows[-1]["seed_part"] = np.nan
        return differences.label_again(pd.DataFrame(rows))[differences.COLUMNS]

    return make


@pytest.fixture
def score():
    """score(method, first_hits, seed, target, **other): a Score of two queries per person."""

    def make(method, first_hits, seed=0, target="11k palmar left", **other):
        n = range(len(first_hits))
        queries = {"path": [f"{i}.jpg" for i in n], "subject": [i // 2 for i in n]}
        hits = {"first_hit": first_hits, "ap": [1 / hit for hit in first_hits]}
        rows = _tidy(_row(method, target=target, seed=seed, **other))
        cmc = np.cumsum(np.bincount(np.array(first_hits) - 1)) / len(first_hits)
        return Score(rows, pd.DataFrame({"run": 0, **queries, **hits}), cmc)

    return make


@pytest.fixture
def scored():
    """scored(*rows): a Score of each tidy row, as its value says: 60 people of 20 queries.

    Every system is right more often with some people, others with others, by 10 points or so.
    """

    def make(*rows):
        return [_scored(row) for row in rows]

    return make


def _scored(row):
    name = "".join(str(row[column]) for column in (*WHAT, "seed"))
    noise = np.random.default_rng(list(name.encode())).normal(0, 0.1, 60)
    shares = np.clip(row["value"] / 100 + noise - noise.mean(), 0, 1)
    hits = np.arange(20) >= np.round(20 * shares)[:, None]
    queries = pd.DataFrame({"subject": np.repeat(np.arange(60), 20), "first_hit": 1 + hits.ravel()})
    queries = queries.assign(run=0, path=queries.index.astype(str), ap=1 / queries["first_hit"])
    return Score(_tidy(row), queries, np.ones(2))


@pytest.fixture
def asked():
    """asked(*(question, correct, low, high, chance), **other): rows of differences.questions."""

    def make(*figures, **other):
        table = pd.DataFrame(figures, columns=["question", "correct", "low", "high", "chance"])
        plain = {"backbone": "mini-ViT", "weights": "mini", "set": "11k", "synthetic": True}
        return table.assign(n_images=100, label=table["question"], **(plain | other))

    return make


@pytest.fixture
def audit():
    """audit(*views, **changed): the counts of the complete real sets, but for what is changed."""

    def make(*views, **changed):
        real = tables.PUBLISHED_COUNTS.query("view in @views").reset_index(drop=True)
        return real.assign(**{"train images": 1000}).assign(**changed)

    return make


@pytest.fixture
def areas():
    """areas(maps, untrained, random): one value per query, and of random orders one list each."""

    def make(maps, untrained, random):
        orders = {"map": [[m] for m in maps], "untrained": [[u] for u in untrained]}
        return pd.DataFrame(
            [
                {"query": query, "order": name, "draw": draw, "area": area}
                for name, queries in (orders | {"random": random}).items()
                for query, draws in enumerate(queries)
                for draw, area in enumerate(draws)
            ]
        )

    return make


@pytest.fixture
def two_queries(areas):
    """Areas of two queries: means 0.3 for the map, 0.4 untrained, 0.6 and 0.7 for random orders."""
    return areas([0.2, 0.4], [0.5, 0.3], [[0.5, 0.7], [0.7, 0.7]])


PEOPLE = 45
LINE = Calibration(5.0, -3.0, -1.4, 1.3, -0.2, 0.9, PEOPLE, 990, 0.5, 0.1, 0.5)


@cache
def _compared():
    """Made-up comparisons and searches of 45 people, all tables that come of them, once."""
    rng = np.random.default_rng(0)
    one, other = np.triu_indices(PEOPLE, 1)
    mated, nonmated = rng.normal(0.8, 0.2, 90), rng.normal(0.4, 0.2, len(one))
    among = Comparisons(mated, np.tile(range(PEOPLE), 2), nonmated, np.column_stack([one, other]))
    kinds = np.tile(["mated", "absent"], PEOPLE)
    searches = {"person": np.repeat(range(PEOPLE), 2), "kind": kinds}
    searches |= {"rank": np.where(kinds == "mated", rng.integers(1, 4, 2 * PEOPLE), np.nan)}
    searches = pd.DataFrame(searches | {"score": rng.normal(0.75, 0.1, 2 * PEOPLE)})
    floor, ratios = verification.floor(PEOPLE), summary.ratios(LINE, among)
    absent, mates = (rows for _, rows in searches.groupby("kind"))
    figures = summary.figures(among, 0.6, searches, 0.8, ratios).assign(seed_part=np.nan)
    figures.loc[figures["metric"] == "eer", ["value", "low", "high"]] = [0.11, 0.09, 0.14]
    groups = pd.DataFrame(
        [
            ("gender", "female", 23, "FNMR", 0.2, 0.1, 0.3),
            ("gender", "male", 13, "FNMR", 0.1, 0.05, 0.2),
            ("skin", "dark", 5, "FNMR", np.nan, np.nan, np.nan),
        ],
        columns=["attribute", "group", "n_people", "metric", "share", "low", "high"],
    )
    return {
        "figures": figures,
        "mated": mated,
        "nonmated": nonmated,
        "det": verification.det(mated, nonmated, floor),
        "search": open_set.curve(mates["rank"], mates["score"], absent["score"]),
        "tippett": summary.tippett(among, ratios, floor),
        "entropy": summary.entropy(ratios),
        "pav": summary.pav(among, LINE),
        "groups": groups,
        "floor": floor,
    }


@pytest.fixture
def worth():
    """worth(without=[metrics], **changed): what a match is worth with a made-up system."""

    def make(without=(), **changed):
        parts = dict(_compared())
        parts["figures"] = parts["figures"][~parts["figures"]["metric"].isin(without)]
        head = {"name": "CLIP-FT", "system": "clip_ft_mini", "place": "synthetic 11k dorsal right"}
        head |= {"task": "papers", "seeds": 1, "n_people": PEOPLE, "n_development": PEOPLE}
        head |= {"n_gallery": 22, "n_extra": 0, "n_failed": 0, "set_to": 0.1, "threshold": 0.6}
        head |= {"search_threshold": 0.8, "calibration": LINE, "refusal": ""}
        about = {"method": head["name"], "backbone": "mini-ViT", "image": "whole", "seed": 0}
        about |= {"train_set": "11k dorsal right", "test_set": "11k dorsal right"}
        about |= {"n_queries": 90, "n_subjects": PEOPLE, "synthetic": True}
        about |= {name: head[name] for name in ("system", "task", "n_gallery")}
        head["rows"] = as_rows(parts["figures"], about)
        return Worth(**(head | parts | changed))

    return make


@pytest.fixture
def growth_of():
    """A made-up growth: growth_of(**fields), whose model foretells 2 points more than measured."""

    def made(**fields):
        curves = [
            (metric, kind, size, value, value - 3.0, value + 2.0, "beta" if "f" in kind else "")
            for metric, kind, size, value in (
                ("rank1", "measured", 2, 90.0),
                ("rank1", "measured", 200, 60.0),
                ("rank1", "foretold", 2, 91.0),
                ("rank1", "foretold", 1_000_000, 12.0),
                ("fpir", "measured", 2, 1.0),
                ("fpir", "measured", 200, 40.0),
                ("fpir", "foretold", 2, 1.0),
                ("fpir", "foretold", 1_000_000, 97.0),
            )
        ]
        names = ["metric", "kind", "size", "value", "low", "high", "family"]
        check = {
            "size": 170,
            "family": "beta or binormal",
            "foretold": 64.0,
            "foretold_low": 50.0,
            "foretold_high": 71.0,
        }
        check |= {"measured": 62.0, "measured_low": 58.0, "measured_high": 66.0}
        check |= {"difference": 2.0, "low": -7.0, "high": 9.0, "n_queries": 80, "n_subjects": 40}
        given = {
            "name": "11k dorsal right (synthetic): CLIP-FT, mini-ViT",
            "n_askers": 40,
            "n_queries": 80,
            "n_strangers": 200,
            "n_fitted": 30,
            "set_to": 0.1,
            "threshold": 0.83,
            "curves": pd.DataFrame(curves, columns=names).assign(n_queries=80, n_subjects=40),
            "checks": pd.DataFrame([{"metric": name} | check for name in ("rank1", "fpir")]),
        }
        return Growth(**given | fields)

    return made
