"""The layout of anybody's hands, a folder per person: names, views, and what is refused."""

import unicodedata

import pytest

from handid import protocol
from handid.data import folder

COLUMNS = ["path", "subject", "view", "identity", "role", "burst"]


def test_a_folder_per_person_is_a_set_of_one_view(tmp_path, save_image):
    for name in ("hand 10/a.jpg", "hand 2/a.PNG", "hand 2/b.bmp", ".git/x.jpg"):
        save_image(tmp_path / name, format="PNG")
    (tmp_path / "hand 2" / "notes.txt").write_text("stray")
    table = folder.read(tmp_path)
    assert list(table.columns) == COLUMNS
    named = dict(zip(table["path"].str[len(str(tmp_path)) + 1 :], table["identity"], strict=True))
    assert named == {
        "hand 10/a.jpg": "hand 10 hand",
        "hand 2/a.PNG": "hand 2 hand",
        "hand 2/b.bmp": "hand 2 hand",
    }
    assert set(table["view"]) == {"hand"} and set(table["role"]) == {"subject"}


def test_folders_in_a_persons_folder_are_views(tmp_path, save_image):
    for name in ("ann/left palm/1.jpg", "ann/right/2.jpg", "bob/left palm/3.jpg"):
        save_image(tmp_path / name)
    table = folder.read(tmp_path)
    assert table["identity"].tolist() == ["ann left palm", "ann right", "bob left palm"]
    assert table["view"].tolist() == ["left palm", "right", "left palm"]


def test_people_named_by_whole_numbers_are_numbers(tmp_path, save_image):
    for name in ("0000007/a.jpg", "12/b.jpg"):
        save_image(tmp_path / name)
    table = folder.read(tmp_path)
    assert table["subject"].dtype == "int64" and table["subject"].tolist() == [7, 12]
    save_image(tmp_path / "ann" / "c.jpg")
    assert folder.read(tmp_path)["subject"].tolist() == ["0000007", "12", "ann"]


def test_the_natural_order_of_names_decides_who_trains(tmp_path, save_image):
    for name in ("p10", "p9", "p1", "p2"):
        save_image(tmp_path / name / "1.jpg")
    train, test = protocol.halves(folder.read(tmp_path), "hand")
    assert set(train["subject"]) == {"p1", "p2"} and set(test["subject"]) == {"p9", "p10"}


def test_the_table_is_sorted_by_file_name_whatever_the_folders(tmp_path, save_image):
    for name in ("z/1.jpg", "a/2.jpg", "m/2.jpg", "a/3.jpg"):
        save_image(tmp_path / name)
    shown = folder.read(tmp_path)["path"].str[len(str(tmp_path)) + 1 :].tolist()
    assert shown == ["z/1.jpg", "a/2.jpg", "m/2.jpg", "a/3.jpg"]


def test_names_are_composed_as_people_type_them(tmp_path, save_image):
    for person in ("ann", "bob"):
        save_image(tmp_path / person / unicodedata.normalize("NFD", "Rücken") / "1.jpg")
    assert set(folder.read(tmp_path)["view"]) == {"Rücken"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no folder: expected one per person"),
        (["ann/", "bob/1.jpg"], r"ann holds no image \(.jpg, .jpeg, .png, .bmp\)"),
        (["ann/1.jpg", "bob/left/1.jpg"], "ann holds images and .*bob holds folders of views: giv"),
        (["ann/1.jpg", "ann/left/1.jpg", "bob/left/1.jpg"], r"1.jpg lies beside folders: move it"),
        (["1.jpg", "ann/1.jpg", "bob/1.jpg"], "1.jpg lies beside folders: move it to .*/PERSON/"),
        (["ann/left/deep/1.jpg", "bob/left/1.jpg"], "deep is nested too deep: put the images"),
        (["ann/left/", "bob/left/1.jpg"], "left holds no image"),
        (["7/1.jpg", "007/1.jpg"], "007 and 7 are the same name: rename one of them"),
        (["ann/left/1.jpg", "ann/left /2.jpg", "bob/left/1.jpg"], "left and left  are the same na"),
        (["ann/1.jpg", "ann/2.jpg"], "holds the folder of one person only, ann: two are needed.$"),
        (["set/ann/1.jpg", "set/bob/1.jpg"], "only, set: .*; if its folders are the people, name"),
        (["ann/a$b$/1.jpg", "bob/a$b$/1.jpg"], r"The view 'a\$b\$' cannot be shown in titles"),
        (["ann/_x/1.jpg", "bob/_x/1.jpg"], "The view '_x' cannot be shown: a name|The view '_x' c"),
        (["ann/left/1.jpg", "ann left/hand/1.jpg", "ann/left hand/2.jpg"], "'ann left hand' is of"),
    ],
)
def test_what_contradicts_the_layout_is_refused_in_one_sentence(
    tmp_path, save_image, files, message
):
    for name in files:
        if name.endswith("/"):
            (tmp_path / name).mkdir(parents=True)
        else:
            save_image(tmp_path / name)
    with pytest.raises(ValueError, match=message) as error:
        folder.read(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder: name one that holds a folder per"):
        folder.read(tmp_path / "nowhere")


def test_links_in_a_circle_or_to_nowhere_are_refused(tmp_path, save_image):
    for person in ("ann", "cat"):
        save_image(tmp_path / person / "left" / "1.jpg")
    (tmp_path / "ann" / "left" / "loop").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ValueError, match="loop is nested too deep"):
        folder.read(tmp_path)
    (tmp_path / "ann" / "left" / "loop").unlink()
    (tmp_path / "bob").symlink_to(tmp_path / "bob")
    with pytest.raises(ValueError, match="bob is a link that leads nowhere"):
        folder.read(tmp_path)


def test_an_image_that_is_a_dead_link_counts_as_missing(tmp_path, save_image):
    for name in ("ann/1.jpg", "bob/1.jpg"):
        save_image(tmp_path / name)
    (tmp_path / "ann" / "2.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"1 of 3 images are missing or empty .*2.jpg"):
        folder.read(tmp_path)
    with pytest.warns(UserWarning, match="1 of 3 images"):
        assert len(folder.read(tmp_path, missing="skip")) == 2


def test_an_unknown_choice_of_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="missing='keep' is unknown: use one of error, skip$"):
        folder.read(tmp_path, missing="keep")


def test_images_of_another_kind_are_told_with_their_number(tmp_path, save_image):
    for person in ("ann", "bob"):
        save_image(tmp_path / person / "1.jpg")
    (tmp_path / "bob" / "IMG_2.HEIC").write_bytes(b"x")
    (tmp_path / "bob" / "scan.tif").write_bytes(b"x")
    (tmp_path / "bob" / ".hidden.tif").write_bytes(b"x")
    with pytest.warns(UserWarning, match="2 images are of a kind .* first is IMG_2.HEIC"):
        assert len(folder.read(tmp_path)) == 2
