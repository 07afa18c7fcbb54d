"""Targets, tables and pixels of a study, and what broken or absent photographs lead to."""

import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handid import data, disk, protocol
from handid.data.sets import Target
from handid.image import cache
from handid.study import photographs, sources
from handid.synthetic import VIEWS

TARGET = "11k dorsal right"


# --- targets ------------------------------------------------------------------------------------


def test_an_unknown_target_is_refused(lab):
    with pytest.raises(ValueError, match="Unknown target 'lfw': .*; the sets are 11k, HD") as error:
        _ = lab.having(targets=["lfw"]).targets
    assert "\n" not in str(error.value)


def test_targets_are_a_set_and_a_view_whichever_way_they_are_written(lab, hd):
    assert lab.targets == [Target("11k", "dorsal right")]
    assert hd.targets == [Target("HD")]
    for study, target in ((lab, Target("11k", "palmar left")), (hd, Target("HD", "dorsal"))):
        assert study.photographs.target(str(target)) == target
        assert study.photographs.target(target) == target


def test_the_only_view_of_a_set_need_not_be_named(hd):
    for text in ("HD", "HD dorsal"):
        assert hd.photographs.view(hd.photographs.target(text)) == "dorsal"
    short, full = (hd.photographs.halves(Target("HD", view)) for view in ("", "dorsal"))
    for rows, same in zip(short, full, strict=True):
        pd.testing.assert_frame_equal(rows, same)


def test_a_target_without_a_view_is_refused_naming_the_views_of_its_set(lab):
    views = "dorsal left, dorsal right, palmar left, palmar right"
    with pytest.raises(ValueError) as error:
        lab.photographs.halves(Target("11k"))
    assert str(error.value) == (
        f"'11k' names no view: write '11k dorsal left'; the set has {views}."
    )


def test_a_view_that_is_not_there_names_the_views_that_are(lab):
    with pytest.raises(ValueError, match="no image shows the view 'dorsal middle': .*dorsal right"):
        lab.experiment("clip_zero_shot", "mini-ViT", "11k dorsal middle")


def test_a_target_without_a_folder_is_left_out_and_said(lab):
    study = lab.having(targets=[TARGET, "HD"])
    with pytest.warns(UserWarning, match="No folder is given for HD: left out") as caught:
        assert study.targets == [Target("11k", "dorsal right")]
    assert "--data HD=PATH" in str(caught[0].message)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert study.sets == ["11k"]


def test_no_folder_at_all_says_which_option_gives_one(lab):
    study = lab.having(data={"11k": "", "HD": ""})
    with pytest.raises(ValueError, match="No folder is given for 11k dorsal right. Give it with"):
        _ = study.targets
    with pytest.raises(ValueError, match="No folder is given for 11k: use --data 11k=PATH"):
        study.table("11k")


def test_titles_say_synthetic_where_the_photographs_are(lab, tmp_path):
    study = lab.having(data={"11k": "synthetic", "HD": str(tmp_path)})
    assert study.label(TARGET) == "synthetic 11k dorsal right"
    assert study.label("HD") == "HD"


# --- tables -------------------------------------------------------------------------------------


def test_a_drawn_set_is_drawn_once_and_read_once(lab, monkeypatch):
    monkeypatch.setattr(sources.synthetic, "write_11k", lambda *a, **k: pytest.fail("drawn"))
    same = lab.having(runs=3)
    pd.testing.assert_frame_equal(same.table("11k"), lab.table("11k"))
    assert same.table("11k") is same.table("11k")
    assert lab.table("11k").groupby("view")["subject"].nunique().tolist() == [4] * 4


def test_a_study_made_of_another_reads_what_is_new_to_it_alone(lab, open_study, monkeypatch):
    lab = open_study(Path(lab.settings.work))  # nobody has read anything with this one
    first, before = lab.photographs.listed("11k"), data.read
    read = []
    monkeypatch.setattr(data, "read", lambda root, **how: read.append(how) or before(root, **how))
    other = lab.having(backbones=["EfficientNet-Lite0"]).photographs
    assert other.listed("11k") is first and not read
    lab.having(missing="skip").photographs.listed("11k")
    other.listed("11k", accessories=True)
    assert len(read) == 2


def test_other_numbers_of_people_are_another_drawing(lab, monkeypatch, tmp_path):
    drawn = []

    def write(root, subjects, images, bursts, views):
        drawn.append((root.name, subjects, images, bursts, len(views)))
        root.mkdir()
        disk.write_products(root, [])

    monkeypatch.setattr(sources.synthetic, "write_11k", write)
    fewer = VIEWS[:3]
    for people, images, bursts, views in (
        (4, 3, 0, VIEWS),
        (5, 3, 0, VIEWS),
        (4, 2, 0, VIEWS),
        (4, 3, 0, VIEWS[::-1]),
        (4, 3, 2, VIEWS),
        (4, 3, 0, fewer),
        (4, 3, 0, fewer[::-1]),
    ):
        numbers = {"people": people, "images_per_view": images, "bursts": bursts}
        other = lab.having(work=str(tmp_path), views=list(views), **numbers)
        with pytest.raises(ValueError, match="no data set that is known"):
            other.table("11k")
    sizes = [(4, 3, 0, 4), (5, 3, 0, 4), (4, 2, 0, 4), (4, 3, 2, 4), (4, 3, 0, 3)]
    assert [what[1:] for what in drawn] == sizes
    assert len({what[0] for what in drawn}) == len(sizes)


def test_halves_and_splits_are_the_protocols(lab):
    target, table = Target("11k", "dorsal right"), lab.table("11k")
    for rows, same in zip(
        lab.photographs.halves(target), protocol.halves(table, "dorsal right"), strict=True
    ):
        pd.testing.assert_frame_equal(rows, same)
    splits = list(lab.photographs.splits(target, 3))
    expected = list(protocol.monte_carlo(table, "dorsal right", runs=3))
    assert len(splits) == 3
    for split, same in zip(splits, expected, strict=True):
        for rows, rows_too in zip(split, same, strict=True):
            pd.testing.assert_frame_equal(rows, rows_too)


# --- anybody's sets -----------------------------------------------------------------------------


def re_arranged(table, folder):
    """A table's photographs as links: a folder per person, and a list -> the two folders."""
    people, listed = folder / "people", folder / "listed"
    lines = ["path;subject;view"]
    for row in table.itertuples():
        for place in (people / str(row.subject) / row.view, listed / "photographs"):
            place.mkdir(parents=True, exist_ok=True)
            (place / Path(row.path).name).symlink_to(Path(row.path).resolve())
        lines.append(f"photographs/{Path(row.path).name};{row.subject:07d};{row.view}")
    (listed / "hands.csv").write_text("\n".join(lines), encoding="utf-16")
    return people, listed


def assert_same_splits(study, other, target, runs):
    """Training, validation, query and gallery of two studies hold the same file names in order."""

    def names(one):
        place = one.photographs.target(target)
        halves = one.photographs.halves(place)
        parts = [*halves, *protocol.validation(halves[0], 0)]
        parts += [rows for split in one.photographs.splits(place, runs) for rows in split]
        return [[Path(path).name for path in rows["path"]] for rows in parts]

    assert names(study) == names(other)


@pytest.mark.parametrize("kind", [0, 1], ids=["a folder per person", "a list"])
def test_a_set_re_arranged_gives_the_same_splits_and_figures(lab, tmp_path, kind):
    root = re_arranged(lab.table("11k"), tmp_path)[kind]
    other = lab.having(work=str(tmp_path / "work"), data={"11k": str(root)})
    assert_same_splits(lab, other, TARGET, 3)
    for recipe, changes in (("clip_zero_shot", {}), ("clip_ft_mini", {"epochs": 1})):
        ours, theirs = (
            study.score(study.experiment(recipe, "mini-ViT", TARGET, changes=changes)).rows
            for study in (lab, other)
        )
        assert ours["synthetic"].all() and not theirs["synthetic"].any()
        pd.testing.assert_frame_equal(
            ours.drop(columns="synthetic"), theirs.drop(columns="synthetic")
        )


@pytest.mark.slow
@pytest.mark.real_data
def test_the_real_11k_re_arranged_gives_the_same_splits_and_figures(real_11k, open_study, tmp_path):
    views = ["dorsal right", "palmar left"]
    options = {"missing": "skip", "targets": [f"11k {view}" for view in views], "weights": "mini"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = open_study(tmp_path / "work", data={"11k": str(real_11k)}, **options)
        others = [
            open_study(tmp_path / "work", data={"11k": str(root)}, **options)
            for root in re_arranged(study.table("11k"), tmp_path)
        ]
        for other, target in product(others, options["targets"]):
            assert_same_splits(study, other, target, 3)
            ours, theirs = (
                one.score(one.experiment("clip_zero_shot_plain", "mini-ViT", target)).rows
                for one in (study, other)
            )
            pd.testing.assert_frame_equal(ours, theirs)


def test_a_folder_per_person_is_a_set_of_one_view(own, make_folders):
    study = own(make_folders({"": (4, 2)}))
    assert [len(rows) for rows in study.photographs.halves(study.targets[0])] == [4, 4]
    assert study.photographs.view(study.targets[0]) == "hand" and study.name == "mine"


def test_a_view_that_has_no_name_is_no_word_of_a_prompt(own, make_folders, lab):
    study = own(make_folders({"": (4, 2)}))
    prompts = {"options": {"prompts": ["A photo of a {} {view} hand."]}}
    asked = [
        one.experiment("clip_reid_mini", "mini-ViT", target, changes={**prompts, "epochs": 1})
        for one, target in ((study, "mine"), (lab, TARGET))
    ]
    assert [one.options["prompts"] for one in asked] == [
        ["A photo of a {} {view} hand."],  # the method leaves it out
        ["A photo of a {} dorsal right hand."],
    ]


def test_targets_that_cannot_be_are_left_out_and_said(own, make_folders):
    root = make_folders({"left": (4, 2), "single": (4, 1), "thumb": (1, 2)})
    targets = ["mine left", "mine single", "mine thumb", "mine right", "mine left"]
    study = own(root, targets=targets)
    with pytest.warns(UserWarning, match="Left out of every table and figure: ") as caught:
        assert study.targets == [Target("mine", "left")]
    assert caught[0].filename == __file__
    sentence = str(caught[0].message)
    assert "'mine single' (no query is left: each test identity" in sentence
    assert "'mine thumb' (the view 'thumb' shows one person only" in sentence
    assert "'mine right' (no image shows the view 'right': the table has left, sin" in sentence
    assert own(root).targets == [Target("mine")]  # the only view of which there can be one
    assert len(study.score(study.experiment("clip_zero_shot", "mini-ViT", "mine left")).rows) == 5


@pytest.mark.parametrize(
    ("views", "target", "sentence"),
    [
        (
            {"": (4, 1)},
            "mine",
            "No target can be trained and tested: 'mine' (no query is left: each",
        ),
        (
            {"left": (4, 1)},
            "mine left",
            "No target can be trained and tested: 'mine left' (no query",
        ),
        (
            {"left": (4, 2), "right": (4, 2)},
            "mine",
            "'mine' names no view: write 'mine left'; the s",
        ),
        (
            {"left": (4, 2)},
            "mine right",
            "No target can be trained and tested: 'mine right' (no ima",
        ),
        (
            {"left": (4, 2)},
            "my right",
            "Unknown target 'my right': write 'NAME view', or 'NAME' whe",
        ),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_one_sentence(
    own, make_folders, views, target, sentence
):
    study = own(make_folders(views), targets=[target])
    with pytest.raises(ValueError) as error:
        _ = study.targets
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


# --- broken photographs -------------------------------------------------------------------------


@pytest.fixture
def broken(make_11k, tmp_path):
    """A folder as 11k with one truncated, one empty and one missing photograph."""
    root = make_11k(tmp_path / "11k", images=4)
    first, second, third = sorted((root / "Hands").glob("*.jpg"))[:3]
    first.write_bytes(first.read_bytes()[:200])
    second.write_bytes(b"")
    third.unlink()
    return root


def test_broken_photographs_stop_the_study_with_one_sentence(open_study, broken, tmp_path):
    study = open_study(tmp_path / "work", data={"11k": str(broken)})
    with pytest.raises(FileNotFoundError, match="missing='skip'|missing=\"skip\"") as error:
        study.table("11k")
    assert "\n" not in str(error.value)


def test_skip_goes_on_without_broken_photographs_and_says_so(open_study, broken, tmp_path):
    study = open_study(tmp_path / "work", data={"11k": str(broken)}, missing="skip")
    with pytest.warns(UserWarning) as caught:
        table = study.table("11k")
    assert len(table) == 4 * 4 * 4 - 3
    sentences = [str(warning.message) for warning in caught]
    assert any("2 of 64 images are missing or empty" in sentence for sentence in sentences)
    (unreadable,) = [warning for warning in caught if "1 of 62" in str(warning.message)]
    assert "left out, because missing is 'skip'" in str(unreadable.message)
    assert unreadable.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = study.score(study.experiment("clip_zero_shot", "mini-ViT", TARGET))
    assert score.rows["value"].between(0, 100).all()
    assert not score.rows["synthetic"].any()


def test_what_was_decoded_before_an_unreadable_file_is_kept(
    open_study, make_11k, tmp_path, monkeypatch
):
    root = make_11k(tmp_path / "11k", subjects=4, images=2)
    bad = sorted((root / "Hands").glob("*.jpg"))[5]
    whole = bad.read_bytes()
    bad.write_bytes(whole[:200])
    with pytest.raises(ValueError, match=f"1 of 32 photographs cannot be used: .*{bad.name}"):
        open_study(tmp_path / "work", data={"11k": str(root)}).table("11k")
    bad.write_bytes(whole)
    calls, decode = [], cache.decode
    monkeypatch.setattr(cache, "decode", lambda path: calls.append(path) or decode(path))
    open_study(tmp_path / "work", data={"11k": str(root)}).table("11k")
    assert calls == [str(bad)]


# --- pixels -------------------------------------------------------------------------------------


def test_pixels_are_those_of_the_files_in_their_order(lab, squares):
    paths = lab.table("11k")["path"][:3].tolist()[::-1]
    for kind in ("squash", "crop"):
        pixels = lab.photographs.pixels(paths, (kind, 128))
        assert pixels.dtype == np.uint8 and np.array_equal(pixels, squares(paths, kind))


def test_pictures_that_are_not_to_be_shown_are_grey(lab):
    paths = lab.table("11k")["path"][:2]
    shown, hidden = (lab.photographs.pictures(paths, show=show, size=64) for show in (True, False))
    assert len(shown) == len(hidden) == 2
    assert all(picture.shape == (64, 64, 3) for picture in [*shown, *hidden])
    assert all((picture == photographs.GREY).all() for picture in hidden)
    assert all(picture.std() > 0 for picture in shown)


def test_photographs_are_scaled_to_256_before_a_crop_of_224():
    assert [photographs.training_side(size) for size in (224, 128)] == [256, 146]


def test_rows_have_places_in_their_table(lab):
    table = lab.table("11k").iloc[5:20]
    assert photographs.positions(table, table.iloc[[7, 0, 3]]).tolist() == [7, 0, 3]
