"""The layout of anybody's hands, a folder per hand: how people are numbered, what is refused."""

import os

import pytest

from handid.data import folder

COLUMNS = ["path", "subject", "view", "identity", "role", "burst"]


def test_a_folder_of_folders_numbers_people_in_natural_order(tmp_path, save_image):
    for name in ("hand 10/a.jpg", "hand 2/a.PNG", "hand 2/b.bmp", "hand 2/notes.txt", ".git/x.jpg"):
        if name.endswith(".txt"):
            (tmp_path / name).write_text("stray")
        else:
            save_image(tmp_path / name.lower())
    table = folder.read(tmp_path)
    assert list(table.columns) == COLUMNS
    named = dict(zip(table["path"].str[len(str(tmp_path)) + 1 :], table["identity"], strict=True))
    assert named == {
        "hand 10/a.jpg": "2 hand",
        "hand 2/a.png": "1 hand",
        "hand 2/b.bmp": "1 hand",
    }
    assert set(table["view"]) == {"hand"} and set(table["role"]) == {"subject"}


def test_names_with_and_without_numbers_sort_together(tmp_path, save_image):
    for name in ("7", "b", "a10", "a9", "é", "²"):
        save_image(tmp_path / name / "1.jpg")
    table = folder.read(tmp_path)
    order = table.sort_values("subject")["path"].map(lambda path: os.path.basename(path[:-6]))
    assert order.tolist() == ["7", "a9", "a10", "b", "²", "é"]


def test_a_folder_that_is_not_there_or_holds_nothing_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder: name one that holds a folder for"):
        folder.read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no folder: expected one for each hand"):
        folder.read(tmp_path)
    (tmp_path / "ann").mkdir()
    with pytest.raises(ValueError, match=r"ann holds no image \(.jpg, .jpeg, .png, .bmp\)"):
        folder.read(tmp_path)


def test_deeper_folders_and_images_outside_are_refused(tmp_path, save_image):
    save_image(tmp_path / "ann" / "left" / "1.jpg")
    with pytest.raises(ValueError, match="left is nested too deep: put the images straight into"):
        folder.read(tmp_path)
    save_image(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match="1.jpg lies outside the hands' folders"):
        folder.read(tmp_path)


def test_links_in_a_circle_or_to_nowhere_are_refused(tmp_path, save_image):
    save_image(tmp_path / "ann" / "1.jpg")
    (tmp_path / "ann" / "loop").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ValueError, match="loop is nested too deep"):
        folder.read(tmp_path)
    (tmp_path / "ann" / "loop").unlink()
    (tmp_path / "bob").symlink_to(tmp_path / "bob")
    with pytest.raises(ValueError, match="bob is a link that leads nowhere"):
        folder.read(tmp_path)


def test_an_image_that_is_a_dead_link_counts_as_missing(tmp_path, save_image):
    save_image(tmp_path / "ann" / "1.jpg")
    (tmp_path / "ann" / "2.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 images are missing or empty .*2.jpg"):
        folder.read(tmp_path)
    with pytest.warns(UserWarning, match="1 of 2 images"):
        assert len(folder.read(tmp_path, missing="skip")) == 1


def test_an_unknown_choice_of_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="missing='keep' is unknown: use one of error, skip$"):
        folder.read(tmp_path, missing="keep")
