"""What a study says of itself: synthetic or real, random or not, and nothing twice."""

import getpass
import html
import platform
import re

import mistune
import pandas as pd

from handid.study import histories, machine, preface, words

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


def test_titles_and_preface_say_synthetic_and_random(lab):
    assert lab.name == "synthetic 11k dorsal right"
    assert "synthetic hands" in lab.preface() and "random weights" in lab.preface()


def test_the_name_of_several_targets_are_these_and_what_is_synthetic(lab, make_11k, tmp_path):
    assert (
        lab.having(targets=[TARGET, "11k palmar left"]).name
        == "synthetic 11k dorsal right and 11k palmar left"
    )
    mine = str(make_11k(tmp_path / "mine"))
    real = lab.having(data={"11k": "synthetic", "mine": mine}, targets=["mine dorsal right"])
    assert real.name == "mine dorsal right"
    both = real.having(targets=[TARGET, "mine dorsal right"])
    assert both.name == "11k dorsal right and mine dorsal right (partly synthetic)"


def test_a_title_names_the_target_the_method_and_the_backbone(lab, tuned):
    title = "synthetic 11k dorsal right: CLIP-FT, mini-ViT"
    assert lab.title(tuned) == title
    assert lab.having(seeds=[0, 1]).title(tuned) == f"{title}, seed 0"


def test_the_preface_counts_real_photographs_and_people(open_study, make_11k, tmp_path):
    root = make_11k(tmp_path / "11k", images=2)
    study = open_study(tmp_path / "work", data={"11k": str(root)}, weights=str(tmp_path / "a.pt"))
    words = study.preface()
    assert "- 11k: 32 real photographs of 4 people, layout 11k\n" in words
    assert "synthetic" not in words
    assert "- mini-ViT: weights a.pt" in words and str(tmp_path) not in words


def test_two_studies_say_once_what_they_have_in_common(lab):
    lines = preface(lab, lab.having(backbones=["mini-RN"])).splitlines()
    assert len(lines) == len(set(lines)) == len(lab.preface().splitlines()) + 1
    assert any("mini-ViT" in line for line in lines) and any("mini-RN" in line for line in lines)


def test_the_preface_says_whose_the_small_clips_weights_are(lab):
    words = lab.having(weights="mini").preface()
    assert "this package's own small CLIP" in words and "not OpenAI's" in words
    assert "people who are not in this study" in words and "random" not in words


def test_the_preface_names_the_weights_of_each_backbone(lab):
    backbones = ["mini-ViT", "ViT-B-32:laion2b_s34b_b79k", "mini-RN", "ViT-S-16:random"]
    lines = lab.having(backbones=backbones, weights="").preface().splitlines()
    assert any(line.startswith("- mini-ViT, mini-RN: **this package's own") for line in lines)
    tag = r"laion2b\_s34b\_b79k"
    assert f"- ViT-B-32:{tag}: weights {tag}" in lines
    assert any(line.startswith("- ViT-S-16:random: **random weights**") for line in lines)


def test_the_machine_is_told_without_its_or_the_users_name(lab):
    environment = machine.environment("cpu")
    assert environment["device"] == "cpu" and environment["torch"]
    assert environment["on"].startswith(platform.machine())
    told = " ".join(environment.values())
    assert not any(name and name in told for name in (platform.node(), getpass.getuser()))


def test_histories_are_named_by_what_differs(lab, tuned, no_training):
    assert list(histories([tuned])) == ["CLIP-FT"]
    pd.testing.assert_frame_equal(histories([tuned])["CLIP-FT"], tuned.history)
    study = lab.having(seeds=[0, 1], targets=[TARGET, "11k palmar left"])
    names = list(histories(study.experiments("clip_ft_mini", changes=ONE_EPOCH)))
    assert names == [
        "CLIP-FT, 11k dorsal right, 0",
        "CLIP-FT, 11k dorsal right, 1",
        "CLIP-FT, 11k palmar left, 0",
        "CLIP-FT, 11k palmar left, 1",
    ]


def test_a_files_name_is_no_markdown():
    name = "[a](http://b) `c` __d__ ![e](f) <i> *g* ~~h~~ &lt; $i$.pt"
    page = str(mistune.create_markdown(escape=False, plugins=["strikethrough"])(words.plain(name)))
    assert re.findall(r"<\w+", page) == ["<p"]
    assert html.unescape(page) == f"<p>{name}</p>\n"
