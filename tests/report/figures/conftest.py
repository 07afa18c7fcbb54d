"""What figures are drawn from in these tests, and how a figure is read."""

import io
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from handid.report import figures
from handid.report.rows import Score


@pytest.fixture
def title():
    return "synthetic 11k dorsal right: rank-1"


@pytest.fixture
def read():
    """Read a figure: read.texts(thing), read.line(axis, n), read.bars(axis), read.png(figure)."""

    def texts(thing):
        return [text.get_text() for text in thing.findobj(Text) if text.get_text()]

    def line(axis, number=0):
        return [np.asarray(data, dtype=float).tolist() for data in axis.lines[number].get_data()]

    def bars(axis):
        (collection,) = [c for c in axis.collections if isinstance(c, LineCollection)]
        return [(s[0][0], s[1][0]) for s in collection.get_segments()]

    def png(figure):
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # missing glyphs, a layout that collapsed
            figure.savefig(buffer, format="png", dpi=30)
        return buffer.getvalue()

    return SimpleNamespace(texts=texts, line=line, bars=bars, png=png)


@pytest.fixture
def scores(row, tidy):
    """Tidy rows of two systems."""
    first = row("CLIP-ZS", value=60.25, low=55.0, high=65.0, synthetic=True)
    return tidy(first, row("CLIP-FT", value=90.5, low=88.0, high=93.0, synthetic=True))


@pytest.fixture
def gains():
    columns = ["label", "value", "low", "high", "p", "p_holm"]
    rows = [["CLIP-FT", 2.04, 1.0, 3.0, 0.004, 0.008], ["x", -1.5, -3.0, 0.5, 0.1, 0.1]]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def questions():
    columns = ["label", "correct", "low", "high", "chance", "p_holm"]
    rows = [["Which view is it?", 62.04, 55.0, 70.0, 25.0, 0.001]]
    rows += [["Is there a ring?", 50.0, np.nan, np.nan, 50.0, np.nan]]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def confusion():
    names = ["back", "palm"]
    return pd.DataFrame([[75.0, 25.0], [0.0, 100.0]], index=names, columns=names)


@pytest.fixture
def grid():
    table = pd.DataFrame([[10.0, 20.0], [30.0, 5.0]], index=[1, 2], columns=[1, 3])
    return table.rename_axis(index="Hp", columns="Vp")


@pytest.fixture
def heat():
    """Two systems on two images in one task, one of them not measured on one."""
    table = pd.DataFrame([[50.0, np.nan], [3.0, 1.0]], index=["A", "B"], columns=["whole", "hole"])
    return {"papers": table}, {"papers": table > 20}


@pytest.fixture
def decline():
    """A system under one severity of blur, query only and both."""
    rows = [
        ("query only", 0.0, 60.0),
        ("query only", 2.0, 40.0),
        ("query and gallery", 0.0, 60.0),
        ("query and gallery", 2.0, 50.0),
    ]
    table = pd.DataFrame(rows, columns=["degraded", "amount", "value"])
    about = {"label": "CLIP-FT", "kind": "blur", "unit": "pixels"}
    figures = {"low": table["value"] - 5, "high": table["value"] + 5, "severity": table["amount"]}
    return table.assign(**about, **figures)


@pytest.fixture
def curves(row, tidy):
    """curves({method: [G] fractions}, **other): a list of Scores."""

    def make(by_method, **other):
        return [
            Score(tidy(row(method, **other)), pd.DataFrame(), np.asarray(cmc))
            for method, cmc in by_method.items()
        ]

    return make


@pytest.fixture
def history():
    return pd.DataFrame(
        {
            "stage": "train",
            "epoch": [1, 2, 3],
            "learning_rate": 1e-3,
            "identity": [3.0, 1.0, 0.5],
            "triplet": [1.0, 1.0, 0.5],
            "total": [4.0, 2.0, 1.255],
            "validation": [0.5, 0.9, 0.8],
            "seconds": 1.0,
            "images_per_second": 9.0,
        }
    )


@pytest.fixture
def counts():
    views = ["dorsal left"] * 3 + ["palmar left"] * 2
    return pd.DataFrame({"view": views, "images": [2, 3, 3, 5, 1]})


@pytest.fixture
def per_query():
    """Three people, who are found never, half of the time and always."""
    hits = [(7, 2), (7, 3), (3, 1), (3, 2), (5, 1)]
    return pd.DataFrame(hits, columns=["subject", "first_hit"])


@pytest.fixture
def picture():
    """picture(shade): 8 x 8 pixels of one grey."""
    return lambda shade: np.full((8, 8, 3), shade, dtype=np.uint8)


@pytest.fixture
def queries(picture):
    return [picture(10), picture(20)]


@pytest.fixture
def matches(picture):
    return [
        [(picture(11), True, 0.912), (picture(12), False, 0.5)],
        [(picture(21), False, 0.7), (picture(22), False, 0.25)],
    ]


@pytest.fixture
def maps(picture, areas):
    """What saliency gives for two queries."""
    pairs = [(np.eye(4) / 10, np.eye(4) / 20), (np.full((4, 4), -0.1), np.eye(4))]
    mottled = [np.arange(192, dtype=np.uint8).reshape(8, 8, 3) + shade for shade in (0, 20)]
    return SimpleNamespace(
        queries=mottled,
        matches=[picture(20), picture(10)],
        labels=["match, rank 1  0.91", "match, rank 4  0.50"],
        found=[SimpleNamespace(query_map=query, match_map=match) for query, match in pairs],
        curves={
            "map": np.array([[0.9, 0.3, 0.1]]),
            "untrained": np.array([[0.9, 0.6, 0.1]]),
            "random": np.array([[0.9, 0.4, 0.1], [0.9, 0.8, 0.1]]),
        },
        areas=areas([0.2, 0.4], [0.5, 0.3], [[0.5, 0.7], [0.7, 0.7]]),
    )


def _trial():
    """The figures of a fair trial."""
    tried = {"method": "CLIP-FT", "backbone": "mini-ViT"}
    trials = pd.DataFrame([tried | {"trials": n, "best": 60.0 + n} for n in (1, 2, 3)])
    sizes = [{"people": n, "seeds": 5, "points": 100 / n} for n in (10, 100)]
    shares = [tried | {"moment": "before", "loss": loss, "share": 50.0} for loss in ("id", "text")]
    return {
        "expected_best": (figures.expected_best, trials),
        "smallest_difference": (figures.smallest_difference, pd.DataFrame(sizes)),
        "pulls": (figures.pulls, pd.DataFrame(shares)),
    }


def _evidence(worth):
    """The figures of what a match is worth, of two systems, one of them not calibrated."""
    names = ("similarities_of_pairs", "det", "open_set", "tippett", "entropy", "pav")
    refused = worth(name="GPA-Net", calibration=None, refusal="19 people are too few.")
    systems = [worth(), refused]
    drawn = {name: (getattr(figures, name), systems) for name in names}
    search = systems[0].search
    drawn |= {"operating_point": (figures.operating_point, search, 0.7, 22)}
    return drawn | {"group_errors": (figures.group_errors, worth())}


@pytest.fixture
def cases(request, picture, curves):
    """Every figure with what it is drawn from: name -> (function, *arguments before the title)."""
    given = request.getfixturevalue
    grown = given("growth_of")()
    two = {"CLIP-ZS": np.linspace(0.5, 1, 30), "CLIP-FT": np.linspace(0.9, 1, 30)}
    history = given("history")
    return {
        "growth": (figures.growth, grown),
        "contact_sheet": (figures.contact_sheet, [picture(n) for n in range(8)], list("abcdefgh")),
        "images_per_person": (figures.images_per_person, given("counts")),
        "scores": (figures.scores, given("scores")),
        "differences": (figures.differences, given("gains")),
        "questions": (figures.questions, given("questions")),
        "confusion": (figures.confusion, given("confusion")),
        "similarities": (figures.similarities, np.eye(5)),
        "heat_maps": (figures.heat_maps, *given("heat")),
        "decline": (figures.decline, given("decline"), [picture(9), picture(3)]),
        "grids": (figures.grids, {"ours": given("grid"), "published": given("grid") + 40}),
        "cmc": (figures.cmc, curves(two)),
        "training": (figures.training, {"CLIP-FT": history, "CLIP-HandID": history}),
        "loss_parts": (figures.loss_parts, history),
        "retrieval": (figures.retrieval, given("queries"), given("matches")),
        "similarity_maps": (figures.similarity_maps, given("maps")),
        "by_person": (figures.by_person, given("per_query")),
        "candidates": (
            figures.candidates,
            [(picture(1), "q.jpg")],
            [[(picture(2), "ann", 0.91, True), (picture(3), "bob", 0.5, False)]],
        ),
        **_evidence(given("worth")),
        **_trial(),
    }
