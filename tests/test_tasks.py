"""tasks.py: who asks and who is searched; seeds and files; what a set cannot be asked."""

import pandas as pd
import pytest

from handid import protocol, tasks
from handid.data import eleven_k

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
REAL = {  # view: task -> people, people left out, queries of the first run, gallery
    "dorsal right": {
        "papers": (71, 0, 971, 290),
        "bursts apart": (4, 67, 42, 290),
        "other hand": (56, 15, 837, 56),
        "other side": (71, 0, 1042, 71),
    },
    "dorsal left": {
        "papers": (73, 0, 988, 290),
        "bursts apart": (5, 68, 58, 290),
        "other hand": (60, 13, 847, 60),
        "other side": (73, 0, 1061, 73),
    },
    "palmar right": {
        "papers": (71, 0, 917, 290),
        "bursts apart": (2, 69, 28, 290),
        "other hand": (58, 13, 830, 58),
        "other side": (70, 1, 971, 70),
    },
    "palmar left": {
        "papers": (75, 0, 948, 290),
        "bursts apart": (3, 72, 25, 290),
        "other hand": (62, 13, 854, 62),
        "other side": (71, 4, 962, 71),
    },
}


def make_table(people=8, images=4, views=VIEWS, bursts=2):
    """Ids 1 to `people`; the photographs of a hand in `bursts` bursts, in turn."""
    rows = [
        (f"/data/Hands/{person}_{view.replace(' ', '')}_{n}.jpg", person, view, n % bursts)
        for person in range(1, people + 1)
        for view in views
        for n in range(images)
    ]
    table = pd.DataFrame(rows, columns=["path", "subject", "view", "burst"])
    table["identity"] = table["subject"].astype(str) + " " + table["view"]
    return table.assign(role="subject")


def test_the_papers_task_is_monte_carlo():
    table = make_table()
    for ours, theirs in zip(
        tasks.draws(table, "dorsal right", "papers", runs=3),
        protocol.monte_carlo(table, "dorsal right", runs=3),
        strict=True,
    ):
        assert all(a.equals(b) for a, b in zip(ours, theirs, strict=True))


def test_bursts_apart_leaves_no_mate_of_the_querys_burst():
    table = make_table()
    table.loc[table["subject"] == 8, "burst"] = 0  # one burst only: never asks
    for query, gallery in tasks.draws(table, "dorsal right", "bursts apart", runs=5):
        mates = query.merge(gallery, on="identity", suffixes=("", " of mate"))
        assert len(mates) == len(query) and (mates["burst"] != mates["burst of mate"]).all()
        assert set(query["subject"]) == {5, 6, 7} and len(query) == 3 * 2
        assert len(gallery) == 4 * 4  # all views' test people, as in the papers


@pytest.mark.parametrize(
    ("view", "task", "searched"),
    [
        ("dorsal right", "other hand", "dorsal left"),
        ("dorsal left", "other hand", "dorsal right"),
        ("palmar left", "other hand", "palmar right"),
        ("dorsal right", "other side", "palmar right"),
        ("palmar left", "other side", "dorsal left"),
    ],
)
def test_another_view_is_searched_one_photograph_per_person(view, task, searched):
    table = make_table()
    table = table[~((table["subject"] == 8) & (table["view"] == searched))]
    for query, gallery in tasks.draws(table, view, task, runs=3):
        assert set(query["view"]) == {view} and set(gallery["view"]) == {searched}
        assert gallery["subject"].tolist() == [5, 6, 7]
        assert set(query["subject"]) == {5, 6, 7} and len(query) == 12


def test_names_that_are_no_utf_8_are_drawn_and_kept(tmp_path):
    table = make_table()
    table["path"] = table["path"].str.replace("_0", "_\udcff0")
    drawn = list(tasks.few(tasks.draws(table, VIEWS[0], "other hand", 2), 3))
    protocol.save_splits(drawn, tmp_path / "splits.csv")
    for ours, read in zip(drawn, protocol.load_splits(tmp_path / "splits.csv", table), strict=True):
        assert all(a.equals(b) for a, b in zip(ours, read, strict=True))


@pytest.mark.parametrize("task", list(tasks.TASKS))
def test_draws_depend_on_seed_and_run_and_not_on_row_order(task):
    table = make_table()
    shuffled = table.sample(frac=1, random_state=1)

    def galleries(rows, seed):
        return [set(gallery["path"]) for _, gallery in tasks.draws(rows, VIEWS[0], task, 4, seed)]

    assert galleries(table, 0) == galleries(shuffled, 0)
    assert galleries(table, 0) != galleries(table, 1)
    assert len(set(map(frozenset, galleries(table, 0)))) > 1


@pytest.mark.parametrize("task", list(tasks.TASKS))
def test_draws_are_written_to_and_read_from_csv(task, tmp_path):
    table = make_table()
    splits = list(tasks.draws(table, VIEWS[0], task, runs=2))
    protocol.save_splits(splits, tmp_path / "splits.csv")
    for ours, again in zip(
        splits, protocol.load_splits(tmp_path / "splits.csv", table), strict=True
    ):
        assert all(a.equals(b) for a, b in zip(ours, again, strict=True))


@pytest.mark.parametrize(
    ("table", "view", "task", "sentence"),
    [
        (make_table(), "dorsal right", "twins", "Unknown task 'twins'"),
        (make_table(bursts=1), "dorsal right", "bursts apart", "photographs of two bursts"),
        (make_table(views=["hand"]), "hand", "other hand", "as right is to left"),
        (make_table(views=["hand"]), "hand", "other side", "as dorsal is to palmar"),
        (make_table(views=VIEWS[:1]), "dorsal right", "other hand", "has no view"),
        (make_table(), "dorsal", "other hand", "no image shows the view 'dorsal'"),
        (make_table(), None, "other side", "no image shows the view None"),
        (
            make_table().drop(columns="view"),
            "dorsal right",
            "other hand",
            "lacks the column 'view'",
        ),
        (make_table().drop(columns="burst"), VIEWS[0], "bursts apart", "lacks the column 'burst'"),
        (make_table(), "dorsal right", ["papers"], r"Unknown task \['papers'\]"),
    ],
)
def test_what_a_set_cannot_answer_is_one_sentence(table, view, task, sentence):
    with pytest.raises(ValueError, match=sentence):
        tasks.draws(table, view, task)


@pytest.mark.parametrize("task", list(tasks.TASKS))
@pytest.mark.parametrize(("option", "value"), [("runs", 0), ("runs", 1.5), ("seed", -1)])
def test_impossible_runs_and_seeds_are_told_when_the_splits_are_asked_for(task, option, value):
    with pytest.raises(ValueError, match=f"{option}={value} must be a whole number from"):
        tasks.draws(make_table(), "dorsal right", task, **{option: value})


def test_people_who_cannot_be_mistaken_for_another_are_no_task():
    table = make_table(people=4)
    table = table[(table["subject"] < 4) | (table["view"] != "dorsal left")]
    with pytest.raises(ValueError, match="Fewer than two test people"):
        tasks.draws(table, "dorsal right", "other hand")


def test_counts_say_who_is_left_out():
    table = make_table()
    table.loc[table["subject"] == 8, "burst"] = 0
    rows = tasks.counts(table, "dorsal right").set_index("task")
    assert rows.loc["bursts apart"].tolist() == [3, 1, 6, 16]
    assert rows.loc["other hand"].tolist() == [4, 0, 16, 4]
    assert "bursts apart" not in tasks.counts(make_table(bursts=1), VIEWS[0])["task"].tolist()


@pytest.mark.real_data
def test_on_the_real_csv_542_of_583_hands_are_one_burst(real_11k):
    table = eleven_k.read(real_11k, missing="keep")
    bursts = table.groupby("identity")["burst"].nunique()
    assert (len(bursts), int((bursts == 1).sum())) == (583, 542)


@pytest.mark.real_data
@pytest.mark.parametrize("view", VIEWS)
def test_the_real_csv_gives_these_counts(real_11k, view):
    rows = tasks.counts(eleven_k.read(real_11k, missing="keep"), view)
    assert {row[0]: row[1:] for row in rows.itertuples(index=False, name=None)} == REAL[view]


def test_few_queries_are_the_same_photographs_in_every_run_and_order():
    table = make_table(images=6)
    drawn = list(tasks.draws(table, "dorsal right", "papers", runs=4))
    few = list(tasks.few(drawn, 2))
    for (query, gallery), (asked, searched) in zip(drawn, few, strict=True):
        assert searched is gallery and set(asked.index) < set(query.index)
        assert asked.groupby("identity").size().eq(2).all()
        assert set(asked["identity"]) == set(query["identity"])
    others = {path for asked, _ in few for path in asked["path"]}
    assert len(others) <= 4 * few[0][0]["identity"].nunique()  # a gallery replaces some
    shuffled = [(query.sample(frac=1, random_state=1), gallery) for query, gallery in drawn]
    for (asked, _), (again, _) in zip(few, tasks.few(shuffled, 2), strict=True):
        assert set(asked.index) == set(again.index)
    assert [len(query) for query, _ in tasks.few(drawn, 0)] == [len(query) for query, _ in drawn]


@pytest.mark.parametrize("queries", [-1, None, "2", 1.5, True])
def test_an_impossible_number_of_queries_is_refused(queries):
    with pytest.raises(ValueError, match="^queries=.* must be a whole number from 0$"):
        list(tasks.few([], queries))


@pytest.mark.parametrize("task", ["papers", None, ["other hand"], "left"])
def test_a_task_that_asks_no_other_view_is_refused(task):
    with pytest.raises(ValueError, match="asks no other view: other hand and other side do"):
        tasks.other_view(make_table(), VIEWS[0], task)
