"""Whom a tuning sees: people of another population, or training people whom nobody tests."""

from pathlib import Path

import pytest

from handid import protocol, synthetic
from handid.data import manifest
from handid.study import strangers

TARGET = "11k dorsal right"


def test_drawn_strangers_are_of_a_population_of_their_own(lab, tmp_path, monkeypatch):
    drawn, targets = [], lab.targets
    monkeypatch.setattr(
        synthetic, "write_11k", lambda root, **how: drawn.append((root, how)) or root.mkdir()
    )
    monkeypatch.setattr(type(lab), "targets", targets)  # its people are drawn elsewhere
    moved = lab.having(work=str(tmp_path))
    apart = strangers.strangers(moved)
    ((root, how),) = drawn
    assert how["seed"] == strangers.POPULATION and how["subjects"] == lab.settings.people
    assert apart.settings.data == {"11k": str(root)} and apart.settings.targets == [TARGET]
    assert root.is_relative_to(tmp_path)
    strangers.strangers(moved)
    assert len(drawn) == 1


@pytest.fixture
def real(own, make_folders):
    """A set of one's own: 12 people of noise in two views."""
    root = make_folders({"left": (12, 3), "right": (12, 3)})
    return own(root, targets=["mine left"], images_per_view=3)


def test_of_a_real_set_only_people_whom_nobody_tests_are_seen(real):
    apart = strangers.strangers(real)
    table, seen = real.table("mine"), apart.table("mine")
    tested = set()
    for view in ("left", "right"):
        tested |= set(protocol.halves(table, view)[1]["subject"])
    trained = set(table["subject"]) - tested
    assert {str(p) for p in seen["subject"]} == {str(p) for p in trained} and len(trained) == 6
    assert len(seen) == len(table[table["subject"].isin(trained)])
    train, validate = apart.photographs.halves(apart.targets[0])
    assert not set(train["subject"]) & set(validate["subject"])


def test_nobody_to_validate_on_is_one_sentence(own, make_folders):
    few = own(make_folders({"left": (4, 3)}), targets=["mine left"])
    with pytest.raises(ValueError, match="Nobody is left to validate on: 2 of mine left's") as said:
        strangers.strangers(few)
    assert "\n" not in str(said.value)


def test_where_there_are_no_locks_the_links_of_a_faster_run_are_taken(real, monkeypatch):
    apart = strangers.strangers(real)
    before = list(apart.table("mine")["path"])
    root = Path(apart.settings.data["mine"])
    (root / manifest.LIST).unlink()
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # made anew before it could be made
    again = strangers.strangers(real)
    assert list(again.table("mine")["path"]) == before
