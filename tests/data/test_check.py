"""Broken files and files that are there twice, each told in its phrase."""

import errno
import io
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handid.data import check, eleven_k


def bomb(width, height):
    """A PNG that claims so many pixels and holds next to none."""

    def chunk(kind, body):
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    body = chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def test_sound_images_of_every_kind_have_no_problem(tmp_path, rng, save_image):
    save_image(tmp_path / "rgb.jpg", colour=1)
    save_image(tmp_path / "grey.png", colour=2, mode="L")
    save_image(tmp_path / "cmyk.jpg", colour=3, mode="CMYK")
    save_image(tmp_path / "palette.png", colour=4, mode="P")
    save_image(tmp_path / "alpha.png", colour=(5, 5, 5, 200), mode="RGBA")
    save_image(tmp_path / "bits.bmp", colour=1, mode="1")
    Image.fromarray(rng.integers(0, 60000, (5, 5)).astype(np.uint16)).save(tmp_path / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    save_image(tmp_path / "turned.jpg", colour=7, exif=turned)
    found = check.problems(pd.DataFrame({"path": [str(p) for p in tmp_path.iterdir()]}))
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
        "h_large.png": bomb(11_001, 10_000),
        "i_bomb.png": bomb(14_000, 14_000),
        "j_warned.png": bomb(10_000, 10_000),
        "l_third.jpg": sound.getvalue(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in [*files, "k_gone.jpg"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check.problems(pd.DataFrame({"path": paths[::-1]}))
    twin = f"same bytes as {Path(paths[0]).name}"
    assert list(
        zip(found["path"].str[len(str(tmp_path)) + 1 :], found["problem"], strict=True)
    ) == [
        ("b_twin.jpg", twin),
        ("c_empty.jpg", "empty"),
        ("d_cut.jpg", "truncated, damaged or of a rare kind"),
        ("e_cut.png", "truncated, damaged or of a rare kind"),
        ("f_text.jpg", "not a JPEG, PNG or BMP image"),
        ("g_gif.jpg", "not a JPEG, PNG or BMP image"),
        ("h_large.png", "has more than 110 megapixels: shrink it"),
        ("i_bomb.png", "has more than 110 megapixels: shrink it"),
        ("j_warned.png", "truncated, damaged or of a rare kind"),
        ("k_gone.jpg", "missing"),
        ("l_third.jpg", twin),
    ]
    assert found.index.tolist() == list(range(11))


def test_a_file_that_may_not_be_read_is_told_in_its_phrase(tmp_path, monkeypatch, save_image):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    path = str(save_image(tmp_path / "a.png"))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = check.problems(pd.DataFrame({"path": [path]}))["problem"][0]
    assert found == "cannot be opened (Permission denied)"


def test_exactly_110_megapixels_are_judged_by_decoding(tmp_path):
    (tmp_path / "edge.png").write_bytes(bomb(11_000, 10_000))
    found = check.problems(pd.DataFrame({"path": [str(tmp_path / "edge.png")]}))
    assert found["problem"].tolist() == ["truncated, damaged or of a rare kind"]


def test_the_check_leaves_pillows_own_limits_as_they_are(tmp_path, save_image):
    before = Image.MAX_IMAGE_PIXELS
    check.problems(pd.DataFrame({"path": [str(save_image(tmp_path / "a.png"))]}))
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_table_without_paths_cannot_be_checked():
    with pytest.raises(ValueError, match="the table has no column 'path'"):
        check.problems(pd.DataFrame({"file": []}))


@pytest.mark.real_data
def test_real_photographs_are_found_and_sound(real_11k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = eleven_k.read(real_11k, missing="skip")
    assert check.problems(table.head(300)).empty
