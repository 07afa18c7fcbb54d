"""What is published names nothing of the machine."""

import sys
import tempfile

import pytest

from handid.runner import privacy


@pytest.fixture
def mask(tmp_path, monkeypatch):
    """A mask in the home of alice, who has a data folder elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path / "alice"))
    return privacy.Mask(["/srv/disk/hands", "/x"])


def test_paths_become_short(mask, tmp_path):
    for text, shown in {
        f"{privacy.REPOSITORY}/runs/demo": "runs/demo",
        f"in {privacy.REPOSITORY}": "in .",
        f"{tmp_path}/alice/w.pt": "~/w.pt",
        "/srv/disk/hands/a.jpg": "…/hands/a.jpg",
        "/srv/disk/hands-2/a.jpg": "/srv/disk/hands-2/a.jpg",
        f"{tempfile.gettempdir()}/x": "…/x",
        "runs/tmp/x": "runs/tmp/x",
        "/x/y": "/x/y",  # too short to say anything
    }.items():
        assert mask(text) == shown
    assert sys.prefix not in mask(f"{sys.prefix}/bin/python")


def test_folders_inside_a_data_set_are_left_out_for_they_may_name_people(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    mask = privacy.Mask([], {str(tmp_path / "case 7/hands"): "mine"})
    root = f"{tmp_path}/case 7/hands"
    for text, shown in {
        f"{root}/Ann Smith/left/1.jpg is empty": "…/mine/1.jpg is empty",
        f"({root}/ann/1.jpg, {root}/ben/2.jpg)": "(…/mine/1.jpg, …/mine/2.jpg)",
        f"{root}: laid out": "…/mine: laid out",
        f"'{root}'": "'…/mine'",
        f"{root}-2/a": "~/case 7/hands-2/a",
    }.items():
        assert mask(text) == shown


def test_a_path_after_a_colour_code_becomes_short(mask):
    text = f"\x1b[0;32m{privacy.REPOSITORY}/handid/disk.py\x1b[0m:\x1b[1m/srv/disk/hands\x1b[0m"
    assert mask(text) == "\x1b[0;32mhandid/disk.py\x1b[0m:\x1b[1m…/hands\x1b[0m"


def test_lists_and_mappings_are_masked_and_pictures_are_not(mask):
    content = {"a": ["/srv/disk/hands", 3], "image/png": "/srv/disk/hands", "b": {"c": None}}
    shown = {"a": ["…/hands", 3], "image/png": "/srv/disk/hands", "b": {"c": None}}
    assert mask(content) == shown


def test_absolute_paths_are_found_at_any_depth():
    content = {"work": "/w", "data": {"11k": "/a", "HD": ""}, "seeds": [0, "/b"], "name": "x/y"}
    assert list(privacy.absolute_paths(content)) == ["/w", "/a", "/b"]
    backbones = ["ViT-B-16:/c/w.pt", "timm:resnet50:/d.pth", "ViT-B-32:openai", "RN50"]
    assert list(privacy.absolute_paths({"backbones": backbones})) == ["/c/w.pt", "/d.pth"]


@pytest.mark.parametrize(
    "before", ["\\n", "\x1b[31m", "\x1b[0;31mFile ", "'", "=", "file://", "(", "u"]
)
def test_a_path_is_shortened_whatever_stands_before_it(tmp_path, before):
    data = "/srv/photos/of/people"
    assert "photos" not in privacy.Mask([data])(f"x{before}{data}/Hand_1.jpg")


def test_a_relative_path_of_a_command_line_becomes_one_that_the_mask_knows(tmp_path, monkeypatch):
    (tmp_path / "ann").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for word in ("../ann", "11k=../ann", "--data=11k=../ann"):
        assert privacy.absolute(word) == word.replace("../ann", f"{tmp_path}/ann")
    for word in ("ann", "--force", "backbones=[ViT-B/16]", "--set=x=1/2"):
        assert privacy.absolute(word) == word
