"""What the tests of folders of photographs share: one small image, and a small HD."""

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def save_image():
    """A function that writes an image of one colour, and its folder if it is not there."""

    def save(path, colour=0, mode="RGB", size=(8, 6), **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path, **options)
        return path

    return save


@pytest.fixture(scope="session")
def make_hd(save_image):
    """A function that writes a small HD: main people, extra people, a stray file in each folder."""

    def write(root, main=("1_1.jpg", "1_2.JPG", "12_1.bmp"), extra=("502_1.jpg", "503_1.PNG")):
        for folder, names in (("1-501", main), ("502-712", extra)):
            for number, name in enumerate(names):
                save_image(root / "Original Images" / folder / name, colour=number + 40)
            (root / "Original Images" / folder / "Thumbs.db").write_bytes(b"stray")
        return root

    return write
