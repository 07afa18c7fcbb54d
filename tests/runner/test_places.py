"""Paths that parameters hold: made absolute, watched, refused where they lead nowhere."""

import pytest

from handid.runner import places
from handid.runner.refusal import Refused


def test_inputs_are_data_sets_weights_and_models():
    parameters = {
        "data": {"11k": "/a", "HD": "", "x": "synthetic"},
        "weights": "mini",
        "cnn_weights": "",
        "model": "../m",
        "export": "/new",
        "recipes": ["clip_ft_mini", "/a/m"],
        "work": "/w",
        "seeds": [0],
        "cnn_backbones": ["RN50", "timm:resnet50:/w.pt"],
    }
    assert places.inputs(parameters) == {
        "weights": "mini",
        "model": "../m",
        **{text: text for text in ("clip_ft_mini", "/a/m", "RN50")},
        "timm:resnet50:/w.pt": "/w.pt",
        "data 11k": "/a",
        "data x": "synthetic",
    }
    assert places.inputs({"data": "text", "weights": 3}) == {}


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(Refused, match="a is a link that leads round in a circle"):
        places.real(tmp_path / "a")
    assert places.real(tmp_path / "new") == (tmp_path / "new").resolve()


@pytest.mark.parametrize("below", ["", "/x", "/x/y"])
def test_what_can_be_no_folder_is_refused_with_the_file_that_is_in_the_way(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="can be no folder, for .* is a file; name another folder"):
        places.real(tmp_path / f"file{below}")
    with pytest.raises(Refused, match="is longer than a name may be; name another folder"):
        places.real(tmp_path / ("a" * 300 + below))


def test_a_models_folder_is_found_from_where_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "mine" / "products.json").write_text("{}")
    assert places.with_place("mine") == str(tmp_path.resolve() / "mine")
    assert places.with_place("other") == "other"  # a word, such as the name of a data set
    assert places.with_place("./other") == str(tmp_path.resolve() / "other")
    assert places.with_place(7) == 7


@pytest.mark.parametrize("kind", ["no right", "no place"])
@pytest.mark.parametrize("option", ["--work", "--reports"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_starts(
    toys, monkeypatch, kind, option
):
    private = places.disk.private

    def refusing(folder):
        if "other" in str(folder):  # such as below /proc
            raise OSError(2, "No such file or directory", str(folder))
        return private(folder)

    toys.notebook("00_x", "x = 1")
    if kind == "no place":
        monkeypatch.setattr(places.disk, "private", refusing)
    else:
        monkeypatch.setattr(places.os, "access", lambda path, _: "other" not in str(path))
    with pytest.raises(Refused, match=r"other/demo cannot be written \(.*name another one with"):
        toys.main(option, toys.root / "other")
    assert not list(toys.root.rglob("manifest.json"))


def test_a_folder_is_made_for_its_owner_alone(tmp_path):
    places.made(tmp_path / "new" / "one")
    assert (tmp_path / "new" / "one").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["results", "cache", "cache/pixels"])
def test_a_folder_in_it_that_another_user_left_is_named_before_anything_starts(
    tmp_path, monkeypatch, name
):
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / "experiments" / "kept").mkdir(parents=True)  # may be written by nobody any more
    (tmp_path / "lost+found").mkdir()  # of the disk
    theirs = [tmp_path / "experiments" / "kept", tmp_path / "lost+found"]
    monkeypatch.setattr(places.os, "access", lambda path, _: path not in theirs)
    places.made(tmp_path)
    theirs.append(tmp_path / name)
    with pytest.raises(Refused, match=f"/{name} cannot be written .*make it yours, or name anoth"):
        places.made(tmp_path)
