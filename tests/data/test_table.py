"""The one data structure: its columns and order, and what every layout refuses alike."""

import warnings

import pytest

from handid.data import table


@pytest.fixture
def photographs(tmp_path, save_image):
    """A table of four files, of which two hold an image."""
    names = [f"{number}.jpg" for number in range(4)]
    for name in names[:2]:
        save_image(tmp_path / name)
    (tmp_path / names[2]).write_bytes(b"")
    paths = [str(tmp_path / name) for name in names]
    return table.build(path=paths, subject=[1, 1, 2, 2], view="hand")


def test_rows_are_sorted_by_path_and_an_identity_is_a_person_and_a_view():
    frame = table.build(
        path=["c", "a", "b"],
        subject=[3, 20, 3],
        view=["palm", "palm", "back"],
        role=["subject", "distractor", "subject"],
        age=[30, 40, 50],
    )
    assert list(frame.columns) == ["path", "subject", "view", "identity", "role", "burst", "age"]
    assert frame["path"].tolist() == ["a", "b", "c"] and frame.index.tolist() == [0, 1, 2]
    assert frame["identity"].tolist() == ["20 palm", "3 back", "3 palm"]
    assert frame["age"].tolist() == [40, 50, 30]
    assert frame["role"].tolist() == ["distractor", "subject", "subject"]
    assert str(frame["subject"].dtype) == "int64"


def test_people_are_numbers_where_all_their_names_are():
    for names, expected in ((["007", "12"], [7, 12]), (["007", "ann"], ["007", "ann"])):
        frame = table.build(path=["a", "b"], subject=names, view="hand")
        assert frame["subject"].tolist() == expected
        assert frame["identity"].tolist() == [f"{name} hand" for name in expected]


@pytest.mark.parametrize(
    "name", ["", " ann", "-ann", "a/b", "a\\b", "a$b", "a\nb", "a\u202eb", "x" * 61]
)
def test_a_name_that_titles_cannot_show_is_refused(name):
    for cells in ({"subject": [name], "view": "hand"}, {"subject": ["ann"], "view": name}):
        with pytest.raises(ValueError, match="cannot be shown in titles: a name begins") as error:
            table.build(path=["a"], **cells)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["Ann", "007", "Zoë O'Neill", "left, flat (2)", "手", "x" * 60])
def test_other_names_are_free(name):
    assert table.build(path=["a"], subject=["ann"], view=name)["view"].tolist() == [name]


def test_files_that_are_absent_or_empty_stop_the_reading(photographs):
    with pytest.raises(FileNotFoundError, match=r"2 of 4 images .*2.jpg.*3.jpg\): put them in pl"):
        table.without_missing(photographs, "error")


def test_files_that_are_absent_or_empty_are_left_out_if_asked(photographs):
    with pytest.warns(UserWarning, match="2 of 4 images are missing or empty .*: skipped"):
        left = table.without_missing(photographs, "skip")
    assert left["path"].tolist() == photographs["path"][:2].tolist()
    assert left.index.tolist() == [0, 1]


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_where_no_file_is_left_skipping_is_not_suggested(photographs, missing):
    with pytest.raises(FileNotFoundError, match="no image is left: all 2 are missing") as error:
        table.without_missing(photographs[2:], missing)
    assert "skip" not in str(error.value)


def test_a_complete_table_is_given_back_without_a_warning(photographs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(table.without_missing(photographs[:2], "skip")) == 2


def test_a_choice_is_one_of_those_there_are():
    table.check_choice("skip")
    table.check_choice("keep", ("error", "skip", "keep"))
    with pytest.raises(ValueError, match="missing='' is unknown: use one of error, skip$"):
        table.check_choice("")


def test_images_of_a_folder_are_listed_sorted_whatever_their_case(tmp_path, save_image):
    for name in ("b.jpg", "a.PNG", "c.Bmp", ".hidden.jpg", "notes.jpeg.txt"):
        save_image(tmp_path / name, format="PNG")
    assert [path.name for path in table.list_images(tmp_path)] == ["a.PNG", "b.jpg", "c.Bmp"]


def test_an_empty_and_a_nested_folder_are_refused(tmp_path, save_image):
    with pytest.raises(ValueError, match="holds no image"):
        table.list_images(tmp_path)
    save_image(tmp_path / "deeper" / "1.jpg")
    with pytest.raises(ValueError, match="deeper is nested too deep"):
        table.list_images(tmp_path)
