"""data.py: what is read, what is refused and in which words, and what check_images finds."""

import io
import os
import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handid import data

COLUMNS = ["path", "subject", "view", "identity", "role"]
COLUMNS_11K = [
    *COLUMNS,
    *["age", "gender", "skin_color", "accessories", "nail_polish", "irregularities"],
]


def put(frame, row, column, value):
    """A copy with one cell replaced."""
    frame = frame.copy()
    frame.loc[row, column] = value
    return frame


def save_image(path, colour=0, mode="RGB", size=(8, 6), **options):
    """Write an image of one colour; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def make_hd(root, main=("1_1.jpg", "1_2.JPG", "12_1.bmp"), extra=("502_1.jpg", "503_1.PNG")):
    """A small HD: main people, extra people, and a stray file in each folder."""
    for folder, names in (("1-501", main), ("502-712", extra)):
        for number, name in enumerate(names):
            save_image(root / "Original Images" / folder / name, colour=number + 40)
        (root / "Original Images" / folder / "Thumbs.db").write_bytes(b"stray")
    return root


def bomb(width, height):
    """A PNG that claims so many pixels and holds next to none."""

    def chunk(kind, body):
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    body = chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def test_11k_becomes_a_table_with_the_documented_columns(tmp_path, make_11k):
    table = data.read_11k(make_11k(tmp_path, subjects=[7, 1050], images=2))
    assert list(table.columns) == COLUMNS_11K
    assert table.index.tolist() == list(range(16)) and table["path"].is_monotonic_increasing
    assert table["path"][0] == str(tmp_path / "Hands" / "Hand_0000001.jpg")
    assert table["identity"].iloc[[0, 15]].tolist() == ["7 dorsal right", "1050 palmar left"]
    assert set(table["role"]) == {"subject"} and set(table["view"]) == set(data.VIEWS)
    whole = table[["subject", "age", "accessories", "nail_polish", "irregularities"]]
    assert set(whole.dtypes.astype(str)) == {"int64"}
    assert table["age"][0] == 30 and table["gender"][0] == "female"
    assert table["skin_color"][0] == "medium"


def test_ids_are_numbers_so_padding_and_blanks_do_not_part_a_person(tmp_path, make_11k):
    def edit(info):
        return info.assign(id=["0001200", "1200", "1200 "])

    make_11k(tmp_path, subjects=[1200], images=3, views=["dorsal right"], edit=edit)
    assert data.read_11k(tmp_path)["identity"].tolist() == ["1200 dorsal right"] * 3


def test_hands_with_accessories_are_left_out_unless_asked_for(tmp_path, make_11k):
    make_11k(tmp_path, edit=lambda info: put(info, 5, "accessories", "1"))
    assert len(data.read_11k(tmp_path)) == 47
    table = data.read_11k(tmp_path, accessories=True)
    assert len(table) == 48 and table["accessories"].sum() == 1 and table["accessories"][5] == 1


def test_nail_polish_and_irregularities_stay(tmp_path, make_11k):
    make_11k(tmp_path, edit=lambda info: info.assign(nailPolish="1", irregularities="1"))
    assert len(data.read_11k(tmp_path)) == 48


def test_a_csv_with_nothing_but_accessories_says_how_to_read_it(tmp_path, make_11k):
    make_11k(tmp_path, size=None, edit=lambda info: info.assign(accessories="1"))
    with pytest.raises(ValueError, match="lists no hand without accessories: .*accessories=True"):
        data.read_11k(tmp_path)


def test_missing_images_are_named_counted_and_a_way_on_is_told(tmp_path, make_11k):
    make_11k(tmp_path)
    for number in (2, 3, 5, 7):
        (tmp_path / "Hands" / f"Hand_{number:07d}.jpg").unlink()
    (tmp_path / "Hands" / "Hand_0000009.jpg").write_bytes(b"")
    with pytest.raises(FileNotFoundError) as error:
        data.read_11k(tmp_path)
    text = str(error.value)
    assert "5 of 48 images are missing or empty" in text and "missing='skip'" in text
    assert "Hand_0000002.jpg" in text and "Hand_0000005.jpg, ...)" in text
    assert "Hand_0000007.jpg" not in text and "\n" not in text


def test_missing_images_can_be_skipped_with_a_warning(tmp_path, make_11k):
    make_11k(tmp_path)
    (tmp_path / "Hands" / "Hand_0000002.jpg").unlink()
    with pytest.warns(UserWarning, match=r"1 of 48 images .*Hand_0000002.jpg\): skipped") as caught:
        table = data.read_11k(tmp_path, missing="skip")
    assert table.index.tolist() == list(range(47))
    assert not table["path"].str.contains("0000002").any()
    assert caught[0].filename == __file__  # the warning points at the caller's line


def test_a_complete_set_gives_no_warning(tmp_path, make_11k):
    make_11k(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(data.read_11k(tmp_path, missing="skip")) == 48


def test_rows_without_a_file_can_be_kept_to_count_them(tmp_path, make_11k):
    table = data.read_11k(make_11k(tmp_path, size=None), missing="keep")
    assert len(table) == 48 and not (tmp_path / "Hands" / "Hand_0000001.jpg").exists()


def test_skipping_everything_is_refused(tmp_path, make_11k):
    make_11k(tmp_path, size=None)
    with (
        pytest.warns(UserWarning, match="48 of 48"),
        pytest.raises(FileNotFoundError, match="no image is left: all 48 are missing"),
    ):
        data.read_11k(tmp_path, missing="skip")


def test_any_other_choice_of_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="missing='ignore' is unknown: use one of error, skip, ke"):
        data.read_11k(tmp_path, missing="ignore")
    for reader in (data.read_hd, data.read_folder):
        with pytest.raises(ValueError, match="missing='keep' is unknown: use one of error, skip$"):
            reader(tmp_path, missing="keep")


def test_a_folder_without_hand_info_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="HandInfo.csv is missing: name the folder that"):
        data.read_11k(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda info: info.drop(columns="aspectOfHand"),
            "lacks the column 'aspectOfHand': it has id, age, gender",
        ),
        (lambda info: put(info, 3, "id", "12a"), "id is '12a' in data row 4, expected a whole"),
        (lambda info: put(info, 3, "id", ""), "id is '' in data row 4, expected a whole number"),
        (lambda info: put(info, 0, "id", "-5"), "id is '-5' in data row 1, expected a whole"),
        (lambda info: put(info, 0, "id", "1" * 30), "in data row 1, expected a whole number"),
        (lambda info: put(info, 47, "accessories", "no"), "accessories is 'no' in data row 48"),
        (
            lambda info: put(info, 9, "age", "27.5"),
            "age is '27.5' in data row 10, expected a whole",
        ),
        (
            lambda info: put(info, 2, "aspectOfHand", "dorsal"),
            "aspectOfHand is 'dorsal' in data row 3, expected one of dorsal right, dorsal left",
        ),
        (
            lambda info: put(info, 1, "imageName", "../a.jpg"),
            "imageName is '../a.jpg' in data row 2",
        ),
        (
            lambda info: put(info, 1, "imageName", ""),
            "imageName is '' in data row 2, expected a file",
        ),
        (
            lambda info: put(info, 1, "imageName", "Hand_0000001.jpg"),
            "lists Hand_0000001.jpg twice: two copies of a file name",
        ),
        (lambda info: info.iloc[:0], "HandInfo.csv lists no image"),
        (lambda info: pd.DataFrame(), "is not a readable CSV file"),
    ],
)
def test_a_bad_csv_is_refused_in_one_sentence(tmp_path, make_11k, edit, message):
    make_11k(tmp_path, edit=edit)
    with pytest.raises(ValueError, match=message) as error:
        data.read_11k(tmp_path)
    assert "\n" not in str(error.value) and "female" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"id,age\n1,2,3,4\n1,2\n1,2,3,4,5\n", b"id\n\xff\xfe\x00"]
)
def test_a_file_that_is_no_csv_is_refused(tmp_path, content):
    (tmp_path / "HandInfo.csv").write_bytes(content)
    with pytest.raises(ValueError, match="is not a readable CSV file|lacks the column"):
        data.read_11k(tmp_path)


def test_a_row_that_is_cut_short_is_refused(tmp_path, make_11k):
    make_11k(tmp_path)
    text = (tmp_path / "HandInfo.csv").read_text().splitlines()
    (tmp_path / "HandInfo.csv").write_text("\n".join([*text[:-1], text[-1][:12]]))
    with pytest.raises(ValueError, match="accessories is '' in data row 48, expected a who"):
        data.read_11k(tmp_path)


def test_a_csv_saved_by_a_spreadsheet_with_a_mark_at_its_start_is_read(tmp_path, make_11k):
    make_11k(tmp_path)
    text = (tmp_path / "HandInfo.csv").read_bytes()
    (tmp_path / "HandInfo.csv").write_bytes(b"\xef\xbb\xbf" + text)
    assert len(data.read_11k(tmp_path)) == 48


def test_the_order_of_the_csv_does_not_change_the_table(tmp_path, make_11k):
    first = data.read_11k(make_11k(tmp_path))
    make_11k(tmp_path, edit=lambda info: info.iloc[::-1])
    pd.testing.assert_frame_equal(data.read_11k(tmp_path), first)


@pytest.mark.real_data
def test_the_real_11k_has_the_published_counts(real_11k):
    table = data.read_11k(real_11k, missing="keep")
    assert len(data.read_11k(real_11k, accessories=True, missing="keep")) == 11_076
    assert len(table) == 7_865 and table["subject"].nunique() == 172
    people = table.groupby("view")["subject"].nunique()
    assert people[list(data.VIEWS)].tolist() == [143, 146, 143, 151]
    mended = table[table["path"].str.endswith("Hand_0009853.jpg")]
    assert mended["identity"].tolist() == ["1200000 dorsal right"]


@pytest.mark.real_data
def test_real_photographs_are_found_and_sound(real_11k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = data.read_11k(real_11k, missing="skip")
    assert data.check_images(table.head(300)).empty


def test_hd_becomes_a_table_in_which_extra_people_are_distractors(tmp_path):
    table = data.read_hd(make_hd(tmp_path))
    assert list(table.columns) == COLUMNS and len(table) == 5
    assert table["subject"].tolist() == [12, 1, 1, 1502, 1503]  # by path: 12_1.bmp before 1_1.jpg
    assert table["role"].tolist() == ["subject"] * 3 + ["distractor"] * 2
    assert table["identity"].tolist() == [f"{n} dorsal" for n in (12, 1, 1, 1502, 1503)]
    assert set(table["view"]) == {"dorsal"}
    assert table["path"][2] == str(tmp_path / "Original Images" / "1-501" / "1_2.JPG")


def test_hd_may_be_named_by_its_inner_folder(tmp_path):
    outer = data.read_hd(make_hd(tmp_path))
    pd.testing.assert_frame_equal(data.read_hd(tmp_path / "Original Images"), outer)


def test_hd_without_its_main_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no folder 1-501: name HD's folder"):
        data.read_hd(tmp_path)


def test_hd_without_its_extra_folder_goes_on_only_if_asked(tmp_path):
    save_image(tmp_path / "1-501" / "1_1.jpg")
    with pytest.raises(FileNotFoundError, match="no folder 502-712, so the gallery lacks HD's ext"):
        data.read_hd(tmp_path)
    with pytest.warns(UserWarning, match="502-712.*: skipped") as caught:
        assert data.read_hd(tmp_path, missing="skip")["role"].tolist() == ["subject"]
    assert caught[0].filename == __file__


def test_an_hd_file_without_a_number_is_refused(tmp_path):
    make_hd(tmp_path, main=["1_1.jpg", "hand_2.jpg"])
    with pytest.raises(ValueError, match="hand_2.jpg starts with no id: expected <number>_"):
        data.read_hd(tmp_path)


def test_a_main_and_an_extra_person_of_one_number_are_refused(tmp_path):
    make_hd(tmp_path, main=["1_1.jpg", "1502_1.jpg"])
    with pytest.raises(
        ValueError, match="1502 is an id in 1-501 and also, with 1000 added, in 502"
    ):
        data.read_hd(tmp_path)


def test_a_folder_of_folders_numbers_people_in_natural_order(tmp_path):
    for name in ("hand 10/a.jpg", "hand 2/a.PNG", "hand 2/b.bmp", "hand 2/notes.txt", ".git/x.jpg"):
        if name.endswith(".txt"):
            (tmp_path / name).write_text("stray")
        else:
            save_image(tmp_path / name.lower())
    table = data.read_folder(tmp_path)
    assert list(table.columns) == COLUMNS
    named = dict(zip(table["path"].str[len(str(tmp_path)) + 1 :], table["identity"], strict=True))
    assert named == {
        "hand 10/a.jpg": "2 hand",
        "hand 2/a.png": "1 hand",
        "hand 2/b.bmp": "1 hand",
    }
    assert set(table["view"]) == {"hand"} and set(table["role"]) == {"subject"}


def test_names_with_and_without_numbers_sort_together(tmp_path):
    for name in ("7", "b", "a10", "a9", "é", "²"):
        save_image(tmp_path / name / "1.jpg")
    table = data.read_folder(tmp_path)
    order = table.sort_values("subject")["path"].map(lambda path: os.path.basename(path[:-6]))
    assert order.tolist() == ["7", "a9", "a10", "b", "²", "é"]


def test_a_folder_that_is_not_there_or_holds_nothing_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder: name one that holds a folder for"):
        data.read_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no folder: expected one for each hand"):
        data.read_folder(tmp_path)
    (tmp_path / "ann").mkdir()
    with pytest.raises(ValueError, match=r"ann holds no image \(.jpg, .jpeg, .png, .bmp\)"):
        data.read_folder(tmp_path)


def test_deeper_folders_and_images_outside_are_refused(tmp_path):
    save_image(tmp_path / "ann" / "left" / "1.jpg")
    with pytest.raises(ValueError, match="left is nested too deep: put the images straight into"):
        data.read_folder(tmp_path)
    save_image(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match="1.jpg lies outside the hands' folders"):
        data.read_folder(tmp_path)


def test_links_in_a_circle_or_to_nowhere_are_refused(tmp_path):
    save_image(tmp_path / "ann" / "1.jpg")
    (tmp_path / "ann" / "loop").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ValueError, match="loop is nested too deep"):
        data.read_folder(tmp_path)
    (tmp_path / "ann" / "loop").unlink()
    (tmp_path / "bob").symlink_to(tmp_path / "bob")
    with pytest.raises(ValueError, match="bob is a link that leads nowhere"):
        data.read_folder(tmp_path)


def test_an_image_that_is_a_dead_link_counts_as_missing(tmp_path):
    save_image(tmp_path / "ann" / "1.jpg")
    (tmp_path / "ann" / "2.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 images are missing or empty .*2.jpg"):
        data.read_folder(tmp_path)
    with pytest.warns(UserWarning, match="1 of 2 images"):
        assert len(data.read_folder(tmp_path, missing="skip")) == 1


def test_sound_images_of_every_kind_have_no_problem(tmp_path, rng):
    save_image(tmp_path / "rgb.jpg", colour=1)
    save_image(tmp_path / "grey.png", colour=2, mode="L")
    save_image(tmp_path / "cmyk.jpg", colour=3, mode="CMYK")
    save_image(tmp_path / "palette.png", colour=4, mode="P")
    save_image(tmp_path / "alpha.png", colour=5, mode="RGBA")
    save_image(tmp_path / "bits.bmp", colour=1, mode="1")
    Image.fromarray(rng.integers(0, 60000, (5, 5)).astype(np.uint16)).save(tmp_path / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    save_image(tmp_path / "turned.jpg", colour=7, exif=turned)
    found = data.check_images(pd.DataFrame({"path": [str(p) for p in tmp_path.iterdir()]}))
    assert found.empty and list(found.columns) == ["path", "problem"]


def test_every_kind_of_bad_file_is_told_in_its_phrase(tmp_path, rng):
    sound = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)).save(sound, "JPEG")
    picture = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)).save(picture, "PNG")
    gif = io.BytesIO()
    Image.new("L", (4, 4)).save(gif, "GIF")
    files = {
        "a_first.jpg": sound.getvalue(),
        "b_twin.jpg": sound.getvalue(),
        "c_empty.jpg": b"",
        "d_cut.jpg": sound.getvalue()[: len(sound.getvalue()) // 2],
        "e_cut.png": picture.getvalue()[: len(picture.getvalue()) // 2],
        "f_text.jpg": b"not an image at all",
        "g_gif.jpg": gif.getvalue(),
        "h_large.png": bomb(5001, 5000),
        "i_bomb.png": bomb(14_000, 14_000),
        "j_warned.png": bomb(10_000, 10_000),
        "l_third.jpg": sound.getvalue(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in [*files, "k_gone.jpg"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = data.check_images(pd.DataFrame({"path": paths[::-1]}))
    twin = f"same bytes as {paths[0]}"
    assert list(
        zip(found["path"].str[len(str(tmp_path)) + 1 :], found["problem"], strict=True)
    ) == [
        ("b_twin.jpg", twin),
        ("c_empty.jpg", "zero-byte"),
        ("d_cut.jpg", "truncated or damaged"),
        ("e_cut.png", "truncated or damaged"),
        ("f_text.jpg", "not a JPEG, PNG or BMP image"),
        ("g_gif.jpg", "not a JPEG, PNG or BMP image"),
        ("h_large.png", "more than 25 megapixels"),
        ("i_bomb.png", "more than 25 megapixels"),
        ("j_warned.png", "more than 25 megapixels"),
        ("k_gone.jpg", "missing"),
        ("l_third.jpg", twin),
    ]
    assert found.index.tolist() == list(range(11))


def test_a_file_that_may_not_be_read_is_told_in_its_phrase(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("not yours")

    path = str(save_image(tmp_path / "a.png"))
    monkeypatch.setattr(data.Image, "open", refuse)
    assert data.check_images(pd.DataFrame({"path": [path]}))["problem"][0] == "cannot be opened"


def test_exactly_25_megapixels_are_judged_by_decoding(tmp_path):
    (tmp_path / "edge.png").write_bytes(bomb(5000, 5000))
    found = data.check_images(pd.DataFrame({"path": [str(tmp_path / "edge.png")]}))
    assert found["problem"].tolist() == ["truncated or damaged"]


def test_the_check_leaves_pillows_own_limits_as_they_are(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    data.check_images(pd.DataFrame({"path": [str(save_image(tmp_path / "a.png"))]}))
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_table_without_paths_cannot_be_checked():
    with pytest.raises(ValueError, match="the table has no column 'path'"):
        data.check_images(pd.DataFrame({"file": []}))
