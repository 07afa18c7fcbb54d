"""protocol.py: who trains, asks and is searched; what a seed fixes; splits as files; refusals."""

import warnings

import numpy as np
import pandas as pd
import pytest

from handid import protocol
from handid.data import eleven_k

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
PUBLISHED = {  # view: train and test identities, train_all, train and validation images, queries
    "dorsal right": (72, 71, 962, 890, 72, 971),
    "dorsal left": (73, 73, 808, 735, 73, 988),
    "palmar right": (72, 71, 977, 905, 72, 917),
    "palmar left": (76, 75, 1004, 928, 76, 948),
}
LAST_TRAINS = {
    "dorsal right": 1050,
    "dorsal left": 1037,
    "palmar right": 1051,
    "palmar left": 1042,
}


def make_table(people=6, images=4, views=("dorsal right", "palmar left"), root="/data/Hands"):
    """A made-up table: ids 10, 20, ..., file names that do not follow their order."""
    rows = [
        (f"{root}/{(person * 7 + n * 3) % 10}_{person}_{view[0]}_{n}.jpg", 10 * person, view)
        for person in range(1, people + 1)
        for view in views
        for n in range(images)
    ]
    table = pd.DataFrame(rows, columns=["path", "subject", "view"])
    table["identity"] = table["subject"].astype(str) + " " + table["view"]
    return table.assign(role="subject")


def make_hd(main=6, extra=3):
    """A made-up HD: one view, `extra` people of 5 images each who only fill the gallery."""
    table = make_table(main, views=["dorsal"], root="/data/1-501")
    crowd = make_table(extra, images=5, views=["dorsal"], root="/data/502-712")
    crowd = crowd.assign(subject=crowd["subject"] + 1000, role="distractor")
    crowd["identity"] = crowd["subject"].astype(str) + " dorsal"
    return pd.concat([table, crowd], ignore_index=True)


def paths(splits):
    """The files of each query and each gallery, without their order."""
    return [tuple(frozenset(part["path"]) for part in split) for split in splits]


def without(table, *dropped):
    """All but the images of an identity after its first."""
    lone = table["identity"].isin(dropped) & table.duplicated("identity")
    return table[~lone]


def test_the_first_half_of_the_people_in_order_trains():
    train, test = protocol.halves(make_table(people=6), "palmar left")
    assert sorted(set(train["subject"])) == [10, 20, 30]
    assert sorted(set(test["subject"])) == [40, 50, 60]
    assert set(train["view"]) | set(test["view"]) == {"palmar left"}
    assert len(train) == len(test) == 12


def test_of_an_odd_number_the_larger_half_trains():
    train, test = protocol.halves(make_table(people=5), "dorsal right")
    assert sorted(set(train["subject"])) == [10, 20, 30]
    assert sorted(set(test["subject"])) == [40, 50]


def test_people_are_ordered_as_numbers_and_not_as_text():
    table = make_table(people=12)  # as text, 100 stands before 20
    assert max(protocol.halves(table, "dorsal right")[0]["subject"]) == 60


def test_halves_are_rows_of_the_table_with_its_index():
    table = make_table().set_index(np.arange(100, 148))
    for part in protocol.halves(table, "palmar left"):
        pd.testing.assert_frame_equal(part, table.loc[part.index])


def test_each_view_is_parted_by_its_own_people():
    table = make_table(people=6)
    table = table[(table["view"] == "palmar left") | (table["subject"] > 20)]
    assert sorted(set(protocol.halves(table, "dorsal right")[0]["subject"])) == [30, 40]
    overlap = protocol.person_overlap(table)
    assert overlap.loc["dorsal right", "palmar left"] == 1  # 40
    assert overlap.loc["palmar left", "dorsal right"] == 0
    assert (np.diag(overlap) == 0).all()
    assert overlap.index.name == "train_view" and overlap.columns.name == "test_view"


def test_distractors_are_in_neither_half():
    train, test = protocol.halves(make_hd(main=6), "dorsal")
    assert sorted(set(train["subject"])) == [10, 20, 30]
    assert sorted(set(test["subject"])) == [40, 50, 60]


def test_validation_takes_one_image_of_each_identity():
    train = protocol.halves(make_table(), "dorsal right")[0]
    rest, validation = protocol.validation(train, seed=0)
    assert validation["identity"].value_counts().to_dict() == dict.fromkeys(
        set(train["identity"]), 1
    )
    assert set(rest.index) | set(validation.index) == set(train.index)
    assert not set(rest.index) & set(validation.index)


def test_validation_leaves_an_only_image_in_training():
    train = without(protocol.halves(make_table(), "dorsal right")[0], "20 dorsal right")
    rest, validation = protocol.validation(train, seed=0)
    assert "20 dorsal right" in set(rest["identity"]) and len(validation) == 2
    lone = train[train["identity"] == "20 dorsal right"]
    assert [len(part) for part in protocol.validation(lone, seed=0)] == [1, 0]


def test_validation_follows_its_seed_and_not_the_order_of_rows():
    train = protocol.halves(make_table(people=20), "dorsal right")[0]
    drawn = set(protocol.validation(train, seed=0)[1].index)
    assert drawn == set(protocol.validation(train.iloc[::-1], seed=0)[1].index)
    assert drawn != set(protocol.validation(train, seed=1)[1].index)


def test_a_split_asks_with_all_test_images_but_the_one_in_the_gallery():
    table = make_table()
    test = protocol.halves(table, "dorsal right")[1]
    splits = list(protocol.monte_carlo(table, "dorsal right", runs=3, seed=0))
    assert len(splits) == 3
    for query, gallery in splits:
        own = gallery[gallery["view"] == "dorsal right"]
        assert set(own.index) | set(query.index) == set(test.index)
        assert not set(own.index) & set(query.index)
        assert own["identity"].is_unique and set(own["identity"]) == set(query["identity"])
        pd.testing.assert_frame_equal(query, table.loc[query.index])
        pd.testing.assert_frame_equal(gallery, table.loc[gallery.index])


def test_the_gallery_holds_one_image_of_every_test_identity_of_every_view():
    table = make_table(people=6)
    _, gallery = next(protocol.monte_carlo(table, "dorsal right"))
    expected = {f"{n} {view}" for n in (40, 50, 60) for view in ("dorsal right", "palmar left")}
    assert sorted(gallery["identity"]) == sorted(expected)


def test_no_training_image_is_asked_or_searched():
    table = make_table()
    train = set(protocol.halves(table, "dorsal right")[0].index)
    for query, gallery in protocol.monte_carlo(table, "dorsal right"):
        assert not train & (set(query.index) | set(gallery.index))


def test_all_images_of_all_distractors_are_in_every_gallery_and_never_ask():
    table = make_hd(main=6, extra=3)
    for query, gallery in protocol.monte_carlo(table, "dorsal", runs=4):
        assert gallery["role"].value_counts().to_dict() == {"distractor": 15, "subject": 3}
        assert set(query["role"]) == {"subject"} and len(query) == 3 * 4 - 3


def test_ten_runs_are_the_default_and_they_differ():
    table = make_table(people=20)
    drawn = paths(protocol.monte_carlo(table, "dorsal right"))
    assert len(drawn) == 10 and len({gallery for _, gallery in drawn}) == 10


def test_every_image_is_drawn_about_equally_often():
    table = make_table(people=2, views=["dorsal"])
    counts = np.zeros(4)
    for _, gallery in protocol.monte_carlo(table, "dorsal", runs=400):
        counts[gallery.index[0] - 4] += 1
    assert counts.sum() == 400 and counts.min() > 70 and counts.max() < 130  # 100 +- 3.5 sd


def test_a_run_has_the_same_gallery_whichever_view_asks():
    table = make_table(people=20)
    right = paths(protocol.monte_carlo(table, "dorsal right", seed=3))
    left = paths(protocol.monte_carlo(table, "palmar left", seed=3))
    assert [gallery for _, gallery in right] == [gallery for _, gallery in left]
    assert all(a[0].isdisjoint(b[0]) for a, b in zip(right, left, strict=True))


def test_a_run_does_not_depend_on_how_many_are_asked_for():
    table = make_table(people=20)
    few, many = (paths(protocol.monte_carlo(table, VIEWS[0], runs=n)) for n in (2, 5))
    assert few == many[:2]


def test_a_seed_fixes_the_splits_and_another_changes_them():
    table = make_table(people=20)
    splits = paths(protocol.monte_carlo(table, "dorsal right", seed=1))
    assert splits == paths(protocol.monte_carlo(table, "dorsal right", seed=1))
    assert splits != paths(protocol.monte_carlo(table, "dorsal right", seed=2))


def test_the_order_of_rows_does_not_change_the_splits(rng):
    table = make_table(people=20)
    shuffled = table.iloc[rng.permutation(len(table))]
    expected = paths(protocol.monte_carlo(table, "dorsal right"))
    assert expected == paths(protocol.monte_carlo(shuffled, "dorsal right"))
    renumbered = shuffled.reset_index(drop=True)
    assert expected == paths(protocol.monte_carlo(renumbered, "dorsal right"))


def test_the_place_of_the_files_does_not_change_the_splits():
    here, there = make_table(people=20), make_table(people=20, root="/elsewhere/of/11k/Hands")
    pairs = zip(
        protocol.monte_carlo(here, "dorsal right"),
        protocol.monte_carlo(there, "dorsal right"),
        strict=True,
    )
    for (query, gallery), (other_query, other_gallery) in pairs:
        assert query.index.equals(other_query.index) and gallery.index.equals(other_gallery.index)


def test_other_peoples_images_do_not_change_whom_a_gallery_shows():
    table = make_table(people=6)
    fewer = table[(table["identity"] != "50 dorsal right") | table.duplicated("identity")]
    for (_, full), (_, less) in zip(
        protocol.monte_carlo(table, "dorsal right"),
        protocol.monte_carlo(fewer, "dorsal right"),
        strict=True,
    ):
        kept = full["identity"] != "50 dorsal right"
        assert set(full.index[kept]) <= set(less.index)


def test_a_lone_image_is_searched_but_never_asks_and_that_is_said_once():
    table = without(make_table(people=6), "50 dorsal right")
    with pytest.warns(UserWarning, match="1 of 3 test identities of 'dorsal right' have") as caught:
        splits = list(protocol.monte_carlo(table, "dorsal right"))
    assert len(caught) == 1 and caught[0].filename == __file__
    for query, gallery in splits:
        assert "50 dorsal right" in set(gallery["identity"])
        assert "50 dorsal right" not in set(query["identity"])


def test_a_lone_image_of_another_view_is_no_cause_to_warn():
    table = without(make_table(people=6), "50 palmar left")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(protocol.monte_carlo(table, "dorsal right", runs=2))) == 2


def test_lone_images_only_are_refused():
    with pytest.raises(ValueError, match="no query is left: each test identity of 'dorsal right'"):
        protocol.monte_carlo(make_table(images=1), "dorsal right")


def test_faults_are_told_when_the_splits_are_asked_for_and_not_later():
    table = make_table()
    with pytest.raises(
        ValueError, match="no image shows the view 'dorsal': the table has dorsal r"
    ):
        protocol.monte_carlo(table, "dorsal")
    for options in ({"runs": 0}, {"runs": 1.5}, {"runs": True}, {"seed": -1}, {"seed": "0"}):
        with pytest.raises(ValueError, match="must be a whole number from"):
            protocol.monte_carlo(table, "dorsal right", **options)
    with pytest.raises(ValueError, match="seed=-1 must be a whole number from 0"):
        protocol.validation(table, seed=-1)


def test_numbers_are_in_order_of_size_and_names_in_natural_order():
    assert protocol.in_order(pd.Series([10, 9, 100, 9])) == [9, 10, 100]
    names = ["b", "é", "a10", "a9", "7", "²", "B", "a9b2", "10"]
    assert protocol.in_order(names) == ["7", "10", "B", "a9", "a9b2", "a10", "b", "²", "é"]


def test_people_with_names_are_cut_in_natural_order_whatever_the_order_of_rows():
    table = make_table(people=12)
    table["subject"] = "ann " + (table["subject"] // 10).astype(str)
    train, test = protocol.halves(table.iloc[::-1], "dorsal right")
    assert set(train["subject"]) == {f"ann {n}" for n in range(1, 7)}
    assert set(test["subject"]) == {f"ann {n}" for n in range(7, 13)}


def test_a_view_of_one_person_gives_the_gallery_nobody_and_stops_no_other_view():
    table = make_table()
    lone = table["view"].eq("palmar left") & table["subject"].ne(10)
    others = table[~lone].reset_index(drop=True)
    assert protocol.views(others) == ["dorsal right"]
    assert protocol.person_overlap(others).shape == (1, 1)
    plain = table[table["view"] == "dorsal right"].reset_index(drop=True)
    split = protocol.monte_carlo(others, "dorsal right")
    assert paths(split) == paths(protocol.monte_carlo(plain, "dorsal right"))


def test_what_keeps_a_view_from_being_a_target_is_said():
    table = make_table(images=1)
    assert protocol.obstacle(make_table(people=4), "dorsal right") == ""
    assert "3 people show the view" in protocol.obstacle(make_table(people=3), "dorsal right")
    assert "has one image only" in protocol.obstacle(table, "dorsal right")
    assert "one person only" in protocol.obstacle(make_table(people=1), "dorsal right")
    assert "no image shows the view 'hand'" in protocol.obstacle(table, "hand")


def test_a_view_of_one_person_cannot_be_parted():
    with pytest.raises(ValueError, match="the view 'dorsal right' shows one person only"):
        protocol.halves(make_table(people=1), "dorsal right")


def test_a_view_that_only_distractors_show_is_not_there():
    with pytest.raises(ValueError, match="no image shows the view 'dorsal': the table has $"):
        protocol.halves(make_hd().query("role == 'distractor'"), "dorsal")


def test_a_table_that_is_none_is_refused():
    table = make_table()
    for act in (
        lambda bad: protocol.halves(bad, "dorsal right"),
        lambda bad: protocol.monte_carlo(bad, "dorsal right"),
        lambda bad: protocol.validation(bad, seed=0),
        lambda bad: protocol.obstacle(bad, "dorsal right"),
        protocol.views,
        protocol.person_overlap,
    ):
        with pytest.raises(ValueError, match="the table lacks the column 'identity'"):
            act(table.drop(columns="identity"))
        with pytest.raises(ValueError, match="the table is empty"):
            act(table.iloc[:0])
        with pytest.raises(ValueError, match="repeats an index label: call reset_index"):
            act(pd.concat([table, table]))


@pytest.mark.parametrize("table", [make_table(), make_hd()], ids=["11k", "hd"])
def test_splits_come_back_from_their_file_as_they_were(tmp_path, table):
    splits = list(protocol.monte_carlo(table, table["view"][0], runs=12))
    protocol.save_splits(splits, tmp_path / "splits.csv")
    for (query, gallery), (saved_query, saved_gallery) in zip(
        splits, protocol.load_splits(tmp_path / "splits.csv", table), strict=True
    ):
        pd.testing.assert_frame_equal(saved_query, query)
        pd.testing.assert_frame_equal(saved_gallery, gallery)


def test_a_file_of_splits_holds_run_part_and_image_and_nothing_else(tmp_path):
    table = make_table(people=2, images=2, views=["dorsal"]).assign(age=30)
    protocol.save_splits(protocol.monte_carlo(table, "dorsal", runs=1), tmp_path / "s.csv")
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0] == "run,part,image" and len(lines) == 3
    assert lines[1].startswith("0,gallery,Hands/") and lines[2].startswith("0,query,Hands/")


def test_a_file_of_splits_holds_wherever_the_data_lies_and_repeats_byte_for_byte(tmp_path):
    here, there = make_table(), make_table(root="/elsewhere/Hands").iloc[::-1]
    for name, table in (("here.csv", here), ("there.csv", there)):
        protocol.save_splits(protocol.monte_carlo(table, "dorsal right"), tmp_path / name)
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    query, gallery = protocol.load_splits(tmp_path / "here.csv", there)[0]
    assert query["path"].str.startswith("/elsewhere/").all() and len(gallery) == 6


def test_an_image_that_the_table_lacks_is_refused(tmp_path):
    table = make_table()
    protocol.save_splits(protocol.monte_carlo(table, "dorsal right"), tmp_path / "s.csv")
    lost = protocol.halves(table, "dorsal right")[1].index[0]
    with pytest.raises(
        ValueError, match="1 images of .*s.csv are not in the table, the first is H"
    ):
        protocol.load_splits(tmp_path / "s.csv", table.drop(index=lost))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a readable CSV file"),
        ("run,part,image\n", "lacks query or gallery rows"),
        ("run,image\n0,a\n", "has not the columns run, part, image"),
        ("run,part,image\n0,query,a/1.jpg\n", "lacks query or gallery rows"),
        ("run,part,image\n0,query,a/1.jpg\n0,probe,a/2.jpg\n", "lacks query or gallery rows"),
        ("run,part,image\n0,query,a/1.jpg\n0,gallery,a/1.jpg\n", "names an image twice"),
        (
            "run,part,image\n,query,a/1.jpg\n0,query,a/2.jpg\n0,gallery,a/3.jpg\n",
            "or a value in a row",
        ),
    ],
)
def test_a_file_that_holds_no_splits_is_refused(tmp_path, content, message):
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        protocol.load_splits(tmp_path / "s.csv", make_table())


def test_files_that_cannot_be_told_apart_are_refused(tmp_path):
    table = make_table(people=2, images=2, views=["dorsal"])
    protocol.save_splits(protocol.monte_carlo(table, "dorsal", runs=1), tmp_path / "s.csv")
    twice = pd.concat([table, table.assign(path="/b" + table["path"])], ignore_index=True)
    with pytest.raises(ValueError, match="two images of the table are both called Hands/"):
        protocol.load_splits(tmp_path / "s.csv", twice)


def test_no_file_and_no_split_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.csv is missing: write it with save_splits"):
        protocol.load_splits(tmp_path / "none.csv", make_table())
    with pytest.raises(ValueError, match="there is no split to write"):
        protocol.save_splits([], tmp_path / "s.csv")


def test_the_published_protocol_in_small(tmp_path, make_11k):
    # 5 people: 3 train, 2 test. 3 images a view: 9 train_all, 6 + 3; 2 * 2 queries; 4 * 2 gallery.
    table = eleven_k.read(make_11k(tmp_path, subjects=5, images=3, size=None), missing="keep")
    for view in VIEWS:
        train, test = protocol.halves(table, view)
        rest, validation = protocol.validation(train, seed=0)
        query, gallery = next(protocol.monte_carlo(table, view))
        counts = [len(part) for part in (train, test, rest, validation, query, gallery)]
        assert counts == [9, 6, 6, 3, 4, 8]


@pytest.mark.real_data
@pytest.mark.parametrize("view", VIEWS)
def test_the_real_csv_gives_the_published_counts(real_11k, view):
    table = eleven_k.read(real_11k, missing="keep")
    train, test = protocol.halves(table, view)
    rest, validation = protocol.validation(train, seed=0)
    assert train["subject"].max() == LAST_TRAINS[view] < test["subject"].min()
    splits = list(protocol.monte_carlo(table, view))
    assert len(splits) == 10 and {len(gallery) for _, gallery in splits} == {290}
    counts = train["identity"].nunique(), test["identity"].nunique(), len(train), len(rest)
    assert {(*counts, len(validation), len(query)) for query, _ in splits} == {PUBLISHED[view]}


@pytest.mark.real_data
def test_on_the_real_csv_people_train_in_one_view_and_test_in_another(real_11k):
    overlap = protocol.person_overlap(eleven_k.read(real_11k, missing="keep"))
    assert overlap.loc["dorsal right", "dorsal left"] == 4
    assert overlap.loc["palmar right", "dorsal left"] == 5
    assert overlap.to_numpy().sum() == 19


def test_a_table_without_a_value_or_with_a_column_twice_is_refused():
    table = pd.DataFrame(
        {"path": list("abcd"), "subject": [1, 1, 2, 2], "view": "left", "role": "subject"}
    ).assign(identity=lambda rows: rows["subject"].astype(str))
    assert protocol.views(table) == ["left"]
    for column in table:
        spoilt = table.astype(object)
        spoilt.loc[1, column] = None
        with pytest.raises(ValueError, match="the table lacks values"):
            protocol.halves(spoilt, "left")
    twice = pd.concat([table, table["view"]], axis=1)
    with pytest.raises(ValueError, match="the table lacks the column 'view'"):
        protocol.views(twice)
