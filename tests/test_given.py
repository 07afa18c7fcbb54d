"""What callers give to the contracts: taken as it is meant, or refused in one short sentence."""

import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from handid import data, given, loss, metric, protocol, statistics
from handid.data import sets
from handid.evidence import calibration, groups, likelihood_ratio, open_set, verification

SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
PEOPLE = [0, 1, 2, 3, 4, 5]
ROWS = np.eye(6)


class Strange:
    """A list of another library that cannot be gone through, nor shown."""

    def __array__(self, *_, **__):
        raise RuntimeError("no storage")

    def __repr__(self):
        raise RuntimeError("no words")


NO_LIST = [None, 0.5, True, {1: 2}, {1, 2}, 1j, float, Strange()]
NO_LIST += [torch.ones(6, device="meta"), torch.ones(6).to_sparse()]
NO_NUMBERS = [
    "123456",
    b"123456",
    ["a"] * 6,
    [[1], [2, 3]],
    np.ones(6) * 1j,
    np.array(["2020-01-01"] * 6, "M8[D]"),
]
NO_NUMBERS += [np.zeros(6, [("score", "f8")]), pd.Series(pd.date_range("2020", periods=6))]
NO_NUMBER = [None, "0.5", [], [0.5], ROWS, True, 1j, float("nan"), pd.NA, torch.ones(6), Strange()]
NO_TABLE = [
    None,
    3,
    "table",
    [],
    {},
    {"path": ["a"]},
    ROWS,
    torch.eye(3),
    pd.Series([1]),
    Strange(),
]

CALLS = {
    metric.evaluate: (ROWS, ROWS, list("abcdef"), list("abcdef")),
    metric.ranking: (ROWS, ROWS, list("abcdef"), list("abcdef")),
    statistics.interval: (SCORES, PEOPLE),
    statistics.sign_flip: (SCORES, PEOPLE),
    statistics.holm: (SCORES,),
    statistics.balanced_accuracy: ([0, 1] * 3, list("aabbab"), PEOPLE),
    statistics.with_seeds: (SCORES, 0.1, 0.5),
    statistics.expected_best: (SCORES,),
    statistics.components: (ROWS,),
    verification.eer: (SCORES, SCORES),
    verification.error_rates: (SCORES, SCORES),
    likelihood_ratio.cllr: (SCORES, SCORES),
    likelihood_ratio.cllr_min: (SCORES, SCORES),
    likelihood_ratio.ece: (SCORES, SCORES, [0.0]),
    open_set.fnir: ([1] * 6, SCORES, 0.3),
    open_set.fpir: (SCORES, 0.3),
    calibration.fit: (SCORES, SCORES, PEOPLE, [(0, 1)] * 6),
    groups.shares: ([0, 1] * 3, PEOPLE, list("aabbab")),
}
ONE_NUMBER = {
    (statistics.interval, "level"): (SCORES, PEOPLE),
    (statistics.interval, "draws"): (SCORES, PEOPLE),
    (statistics.interval, "kind"): (SCORES, PEOPLE),
    (statistics.sign_flip, "seed"): (SCORES, PEOPLE),
    (statistics.with_seeds, "level"): (SCORES, 0.1, 0.5),
    (statistics.clopper_pearson, "right"): (),
    (statistics.smallest_difference, "people"): (statistics.Components(1, 1, 1),),
    (verification.threshold_at, "fmr"): (SCORES,),
    (verification.fnmr_at, "threshold"): (SCORES,),
    (verification.fmr_at, "threshold"): (SCORES,),
    (verification.det, "least"): (SCORES, SCORES),
    (verification.floor, "n_people"): (),
    (open_set.fnir, "threshold"): ([1] * 6, SCORES),
    (open_set.fnir, "rank"): ([1] * 6, SCORES, 0.3),
}


def refused(call, *positional, **named):
    with pytest.raises(ValueError) as caught:
        call(*positional, **named)
    text = str(caught.value)
    assert "\n" not in text and 10 < len(text) < 400
    return text


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_contract_refuses_what_is_no_list(call):
    arguments = CALLS[call]
    call_is_sound = call is not calibration.fit  # six people are too few for it
    if call_is_sound:
        call(*arguments)
    for place, argument in enumerate(arguments):
        if np.ndim(argument) == 0:
            continue
        for strange in NO_LIST:
            refused(call, *arguments[:place], strange, *arguments[place + 1 :])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize(
    "strange", NO_NUMBERS, ids=lambda value: str(np.asarray(value, object))[:9]
)
def test_a_contract_refuses_what_is_no_list_of_numbers(call, strange):
    refused(call, strange, *CALLS[call][1:])


@pytest.mark.parametrize(("call", "name"), ONE_NUMBER, ids=lambda x: getattr(x, "__name__", x))
def test_a_contract_refuses_what_is_no_number(call, name):
    others = {"size": 6} if name == "right" else {"seeds": 3} if name == "people" else {}
    for strange in NO_NUMBER:
        refused(call, *ONE_NUMBER[call, name], **{name: strange}, **others)


@pytest.mark.parametrize("name", ["halves", "views", "obstacle", "validation", "monte_carlo"])
def test_the_protocol_refuses_what_is_no_table(name):
    others = {"views": (), "validation": (0,)}.get(name, ("left",))
    for strange in NO_TABLE:
        refused(getattr(protocol, name), strange, *others)


def test_splits_and_paths_that_are_none_are_refused(tmp_path):
    for strange in NO_TABLE:
        assert "table" in refused(protocol.load_splits, tmp_path / "x.csv", strange)
    for strange in (None, 3, [None], ["ab"], [(1, 2)]):
        assert "splits" in refused(protocol.save_splits, strange, tmp_path / "x.csv")
    for strange in (None, 3, "", b"x.csv", "x\0y", ["x"]):
        assert refused(given.path, strange).endswith("is no path: name a file or a folder")


@pytest.mark.parametrize("spoilt", [None, float("nan"), pd.NA, pd.NaT])
def test_a_missing_id_is_no_person(spoilt):
    names = ["a", spoilt, "c", "d", spoilt, "f"]
    assert "an id is missing" in refused(metric.evaluate, ROWS, ROWS, names, names)
    assert "an id is missing" in refused(statistics.interval, SCORES, names)
    assert "missing" in refused(groups.shares, [0, 1] * 3, PEOPLE, names)


def test_every_kind_of_list_that_means_the_same_is_taken():
    column = pd.Series(SCORES, index=PEOPLE[::-1])
    alike = [tuple(SCORES), np.array(SCORES), iter(SCORES), dict.fromkeys(SCORES).keys(), column]
    alike += [torch.tensor(SCORES, dtype=torch.float64).requires_grad_(), column.astype("Float64")]
    alike += [np.array(SCORES, ">f8"), np.array(SCORES, object), [Fraction(s) for s in SCORES]]
    for values in alike:
        assert given.numbers(values, "values").tolist() == SCORES
    assert given.table(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1, 1]
    known = np.ma.masked_array(SCORES, mask=[0, 1, 0, 0, 0, 0])
    assert np.isnan(given.numbers(known, "values")).tolist() == known.mask.tolist()


def test_labels_are_a_column_in_the_order_of_its_rows():
    torch.manual_seed(0)
    rows, labels = torch.randn(4, 3), [0, 0, 1, 2]
    expected = loss.supervised_contrastive(rows, rows, torch.tensor(labels), 0.1)
    column = pd.Series(labels, index=[3, 2, 1, 0])
    assert loss.supervised_contrastive(rows, rows, column, 0.1).item() == expected.item()
    for strange in (None, "abcd", ["a"] * 4):
        refused(loss.supervised_contrastive, rows, rows, strange, 0.1)
    for strange in (None, rows.numpy(), 3):
        refused(loss.supervised_contrastive, rows, strange, labels, 0.1)
        refused(loss.supervised_contrastive, strange, rows, labels, 0.1)
    for strange in (None, "1", [1]):
        refused(loss.supervised_contrastive, rows, rows, labels, strange)


@pytest.mark.parametrize("value", ["x" * 999, np.zeros((50, 50)), 10**5000, Strange()], ids=type)
def test_what_a_refusal_repeats_is_one_short_line(value):
    assert "\n" not in given.shown(value) and 0 < len(given.shown(value)) <= given.LONGEST


@pytest.mark.parametrize("strange", [None, 3, "", b"x", "a\0b", "x" * 5000, [], "~nobody-here/x"])
def test_a_place_where_nothing_can_be_is_refused(strange):
    for call in (given.place, sets.layout, data.read):
        assert "Errno" not in refused(call, strange)


@given.guarded({int: "a whole number", float: "a number", str: "a text"})
def asked(one: int, *texts: str, share: float | None = None, many: Sequence[str] = (), free=None):
    """What was asked."""
    return one, texts, share, many, free


def test_arguments_of_the_annotated_kinds_are_taken():
    answer = asked(np.int64(3), "a", "b", share=1, many=("x" for _ in range(2)), free=object)
    assert answer == (3, ("a", "b"), 1, ["x", "x"], object)
    assert asked(1)[2] is None and asked.__doc__ == "What was asked."


@pytest.mark.parametrize(
    ("arguments", "named", "sentence"),
    [
        ([None], {}, "asked: one is None: give a whole number."),
        ([True], {}, "asked: one is True: give a whole number."),
        ([1.0], {}, "asked: one is 1.0: give a whole number."),
        ([1, None], {}, "asked: texts is None: give a text."),
        ([1], {"share": "x"}, "asked: share is 'x': give a number."),
        ([1], {"many": "abc"}, "asked: many is 'abc': give a list."),
        ([1], {"many": None}, "asked: many is None: give a list."),
        ([1], {"many": [1]}, "asked: many is 1: give a text."),
    ],
)
def test_an_argument_of_another_kind_is_refused_in_one_sentence(arguments, named, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        asked(*arguments, **named)
