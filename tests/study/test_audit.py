"""Counts of a data set as the protocol cuts it, and its broken files."""

import shutil

import pytest

from handid import protocol


def test_the_audit_counts_what_the_protocol_gives(lab):
    counts = lab.audit("11k").set_index("view")
    query, gallery = next(protocol.monte_carlo(lab.table("11k"), "palmar left", runs=1))
    assert counts.loc["palmar left", "queries"] == len(query)
    assert (counts["gallery"] == len(gallery)).all()
    assert counts["train identities"].tolist() == counts["test identities"].tolist() == [2] * 4
    assert counts["validation images"].tolist() == [2] * 4 and set(counts["set"]) == {"11k"}
    assert lab.problems("11k").empty


def test_hds_one_view_is_counted_with_its_distractors_in_the_gallery(hd):
    (row,) = hd.audit("HD").to_dict("records")
    extra = int((hd.table("HD")["role"] == "distractor").sum())
    assert row["view"] == "dorsal" and row["gallery"] == row["test identities"] + extra


def test_images_are_counted_by_person_and_view(lab, hd):
    counts, table = lab.images_per_person("11k"), lab.table("11k")
    assert list(counts.columns) == ["view", "subject", "images"] and len(counts) == 16
    assert counts["images"].sum() == len(table)
    first = counts.iloc[0]
    same = (table["view"] == first["view"]) & (table["subject"] == first["subject"])
    assert first["images"] == same.sum()
    assert hd.images_per_person("HD")["subject"].nunique() == 4  # no distractor


def test_people_who_train_in_one_view_and_test_in_another_are_counted(lab):
    overlap = lab.overlap("11k")
    assert list(overlap) == lab.photographs.views("11k") and (overlap == 0).all(axis=None)


def test_views_that_can_be_no_target_are_named_and_left_out(own, make_folders):
    root = make_folders({"left": (4, 2), "single": (4, 1), "thumb": (1, 2)})
    study = own(root, targets=["mine left"])
    with pytest.warns(UserWarning, match="mine has views that can be no target: ") as caught:
        counts = study.audit("mine")
    sentence = str(caught[0].message)
    assert "'single' has one image only" in sentence and "'thumb' shows one person" in sentence
    assert counts["view"].tolist() == ["left"] and counts["gallery"].tolist() == [4]
    assert study.overlap("mine").columns.tolist() == ["left", "single"]


def test_broken_files_are_named_without_their_folder(open_study, make_11k, tmp_path):
    root = make_11k(tmp_path / "11k")
    first, second, third = sorted((root / "Hands").glob("*.jpg"))[:3]
    first.write_bytes(first.read_bytes()[:300])
    shutil.copyfile(second, third)
    study = open_study(tmp_path / "work", data={"11k": str(root)})
    problems = study.problems("11k")
    assert problems["path"].tolist() == [first.name, third.name]
    assert problems["problem"][0] == "truncated, damaged or of a rare kind"
    assert problems["problem"][1] == f"same bytes as {second.name}"
