"""Data sets and targets as a user writes them, and which layout a folder has."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from handid import data
from handid.data import eleven_k, folder, hd, manifest
from handid.data.sets import DataSet, Target, label

SETS = ["11k", "HD", "HD old"]


# --- targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("11k dorsal right", Target("11k", "dorsal right")),
        ("HD", Target("HD")),
        ("HD dorsal", Target("HD", "dorsal")),
        ("HD old", Target("HD old")),  # the longest name of a set that fits
        ("HD old hand", Target("HD old", "hand")),
        ("HD older", Target("HD", "older")),
        ("11k  palmar left ", Target("11k", "palmar left")),
    ],
)
def test_a_target_is_a_set_and_a_view(text, target):
    assert Target.parse(text, SETS) == target


@pytest.mark.parametrize("target", [Target("11k", "dorsal right"), Target("HD")])
def test_a_target_is_written_as_it_is_read(target):
    assert Target.parse(str(target), SETS) == target
    assert str(target) == f"{target.set} {target.view}".strip()


@pytest.mark.parametrize("text", ["lfw", "", "11khands", "hd", "dorsal right"])
def test_a_target_that_begins_with_no_set_is_refused_naming_the_sets(text):
    with pytest.raises(ValueError, match=f"Unknown target '{text}': write 'NAME view'") as error:
        Target.parse(text, SETS)
    assert str(error.value).endswith("the sets are 11k, HD, HD old.")
    assert "\n" not in str(error.value)


def test_without_any_set_that_is_said():
    with pytest.raises(ValueError, match="the sets are none"):
        Target.parse("11k", [])


def test_equal_targets_are_one_key():
    assert len({Target("HD"), Target.parse("HD", SETS), Target("HD", "dorsal")}) == 2


def test_titles_say_synthetic_wherever_the_photographs_are():
    assert label(Target("11k", "dorsal right"), synthetic=True) == "synthetic 11k dorsal right"
    assert label("HD", synthetic=False) == "HD"


def test_a_set_is_synthetic_only_if_it_says_so():
    assert DataSet("11k", "synthetic").synthetic
    assert not DataSet("11k", "/data/synthetic").synthetic
    assert not DataSet("11k", "").synthetic


@pytest.mark.parametrize("name", ["11k", "HD"])
def test_a_drawn_set_has_the_layout_of_its_name(name):
    assert DataSet(name, "synthetic").layout == name and DataSet(name, "").layout == ""


# --- layouts ------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path, make_11k, make_hd, save_image):
    """A folder of each layout, and the reader of it."""
    make_11k(tmp_path / "a")
    make_hd(tmp_path / "b")
    for place in ("c/ann", "c/bob", "d/ann", "d/bob"):
        save_image(tmp_path / place / "1.PNG")
    (tmp_path / "c" / "hands.csv").write_text("path,subject,view\nann/1.PNG,1,x\nbob/1.PNG,2,x\n")
    return {
        "11k": (tmp_path / "a", eleven_k),
        "HD": (tmp_path / "b", hd),
        "manifest": (tmp_path / "c", manifest),
        "folder": (tmp_path / "d", folder),
    }


def test_each_layout_is_recognised_and_read(folders):
    assert list(folders) == list(data.LAYOUTS)
    for name, (root, reader) in folders.items():
        assert data.layout(root) == data.layout(str(root)) == name
        assert DataSet("mine", str(root)).layout == name
        pd.testing.assert_frame_equal(data.read(root), reader.read(root))


def test_hds_inner_folder_is_recognised_too(folders):
    inner = folders["HD"][0] / "Original Images"
    assert data.layout(inner) == "HD"
    assert len(data.read(inner)) == 5


def test_what_is_asked_of_a_reader_reaches_it(tmp_path, make_11k):
    def edit(info):
        return info.assign(accessories=["1", *info["accessories"][1:]])

    make_11k(tmp_path, edit=edit)
    (tmp_path / "Hands" / "Hand_0000002.jpg").unlink()
    with pytest.warns(UserWarning, match="1 of 48 images are missing"):
        table = data.read(tmp_path, accessories=True, missing="skip")
    assert len(table) == 47 and table["accessories"].sum() == 1


@pytest.mark.parametrize("inside", [[], ["notes.txt"], ["ann/notes.txt"], [".git/1.jpg"]])
def test_a_folder_of_no_layout_is_refused_naming_the_layouts(tmp_path, save_image, inside):
    for name in inside:
        save_image(tmp_path / name, format="JPEG")
    with pytest.raises(ValueError, match="no data set that is known here") as error:
        data.read(tmp_path)
    assert all(name in str(error.value) for name in data.LAYOUTS)
    assert "\n" not in str(error.value)


def test_a_folder_of_two_layouts_is_refused_naming_both(folders):
    root = folders["11k"][0]
    (root / "hands.csv").write_text("path,subject,view\n")
    with pytest.raises(ValueError, match=r"two data sets at once \(11k and manifest\)") as error:
        data.read(root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["11k", "HD", "manifest"])
def test_a_data_set_one_folder_deeper_is_named(folders, name):
    root = folders[name][0]
    above = root.parent / "above"
    above.mkdir()
    root.rename(above / root.name)
    with pytest.raises(
        ValueError, match=f"above is no data set itself, but .*above/{root.name} is"
    ):
        data.read(above)


def test_what_is_no_folder_is_refused(tmp_path, save_image):
    file = save_image(tmp_path / "1.jpg")
    for root in (file, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=f"{root} is no folder: name the one that"):
            data.layout(root)


def test_the_users_home_may_be_written_short(folders, monkeypatch):
    root = folders["11k"][0]
    monkeypatch.setenv("HOME", str(root.parent))
    assert data.layout(f"~/{root.name}") == "11k"
    assert len(data.read(f"~/{root.name}")) == 48


# --- a new layout: one file and one line, tried on a copy of the package --------------------------

EXAMPLE = Path(__file__).parent / "example" / "flat.py"
LINE = '    "flat": "flat",\n'
STUDIED = """
from handid import data
from handid.study import Study

study = Study(work="w", data={"mine": "mine"}, targets=["mine left"], weights="random", runs=2)
rows = study.score(study.experiment("clip_zero_shot", "mini-ViT", "mine left")).rows
print(data.__file__, data.layout("mine"), rows["test_set"][0], rows["n_subjects"][0])
"""


@pytest.mark.slow
def test_one_file_and_one_line_make_a_layout_that_is_studied(tmp_path, save_image):
    package = tmp_path / "handid"
    shutil.copytree(Path(data.__file__).parents[1], package)
    shutil.copy(EXAMPLE, package / "data")
    registry = package / "data" / "sets.py"
    first = "LAYOUTS = {\n"
    registry.write_text(registry.read_text().replace(first, first + LINE))
    for number, person in enumerate(("ann", "bob", "cat", "dan")):
        for shot in (1, 2):
            save_image(tmp_path / "mine" / f"{person}_left_{shot}.jpg", colour=40 * number + shot)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", STUDIED]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    module, _, result = done.stdout.partition(" ")
    assert Path(module).is_relative_to(tmp_path), done.stderr
    assert result.strip() == "flat mine left 2"


def test_contributing_shows_this_layout():
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert EXAMPLE.read_text(encoding="utf-8").strip() in text and LINE.strip() in text


ODD = "a\n1 of 5\u2028\x1b[31m.jpg"  # a file's name that would begin lines of its own


def _people(root):
    for person in ("ann", "bob"):
        (root / person).mkdir(parents=True)
        for number in (1, 2):
            (root / person / f"{number}.jpg").write_bytes(b"x")
    return root


def test_a_name_with_a_line_break_stands_on_one_line_of_every_refusal(tmp_path):
    beside = _people(tmp_path / "beside")
    (beside / ODD).touch()
    empty = _people(tmp_path / "empty")
    (empty / "ann" / ODD).touch()
    folder = _people(tmp_path / "folder")
    (folder / "a\nb").mkdir()
    for root, error in ((beside, ValueError), (empty, FileNotFoundError), (folder, ValueError)):
        with pytest.raises(error, match=r"a\\n(1 of 5|b)") as said:
            data.read(root)
        assert str(said.value).isprintable()


def test_a_name_with_a_line_break_stands_on_one_line_of_every_warning(tmp_path):
    root = _people(tmp_path / "set")
    (root / "ann" / ODD).touch()
    (root / "ann" / ODD.replace("jpg", "heic")).touch()
    with pytest.warns(UserWarning, match=r"a\\n1 of 5\\u2028\\x1b") as told:
        assert len(data.read(root, missing="skip")) == 4
    assert len(told) == 2 and all(str(one.message).isprintable() for one in told)
