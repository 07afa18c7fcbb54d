"""What the tests of synthetic hands share: one data set, large enough for the study's protocol."""

import csv

import pytest

from handid.synthetic import write_11k


@pytest.fixture(scope="session")
def drawn_11k(tmp_path_factory):
    """Thirty people, five photographs per view; the folder."""
    root = tmp_path_factory.mktemp("drawn") / "11k"
    return write_11k(root, subjects=30, images=5, size=80, workers=2, progress=False)


@pytest.fixture(scope="session")
def rows_of():
    """A function that reads the rows of HandInfo.csv in a folder."""

    def read(root):
        with (root / "HandInfo.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return read
