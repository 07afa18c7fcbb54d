"""Folders that the package draws: where a file system has no locks, two runs may draw one."""

from types import SimpleNamespace

import pytest

from handid import synthetic
from handid.study import sources


def settings(work):
    numbers = {"people": 2, "images_per_view": 2, "bursts": 0}
    return SimpleNamespace(work=str(work), views=synthetic.VIEWS, **numbers)


def test_a_set_that_another_run_drew_meanwhile_is_taken(tmp_path, monkeypatch):
    own, faster = synthetic.write_11k, []

    def slow(root, **how):
        own(root, **how)  # what a second run has done by now
        faster.append(sorted(root.rglob("*")))
        own(root, **how)

    monkeypatch.setattr(sources.synthetic, "write_11k", slow)
    root = sources.drawn("11k", settings(tmp_path))
    assert [sorted(root.rglob("*"))] == faster and not list(root.parent.glob("*.lock"))


def test_what_is_in_the_way_and_no_set_is_told(tmp_path):
    with pytest.raises(FileExistsError), sources.drawing(tmp_path / "set"):
        raise FileExistsError
