"""A stand-in takes whatever is done with it, and shows nothing of Python's own names."""

import pytest

from handid.runner.unknown import Unknown


def test_it_has_every_attribute_takes_every_call_and_comes_apart_in_two():
    thing = Unknown()
    first, second = thing.rows(1, people=2)["x"]
    assert isinstance(first, Unknown) and isinstance(second.of.it, Unknown) and len(thing) == 2
    assert isinstance(1 + thing * 2 - 3, Unknown) and isinstance(thing / 2 >= 1, Unknown)
    assert f"{thing:.1f} of {thing}" == "? of ?"


def test_it_does_not_pretend_to_be_what_python_asks_for():
    with pytest.raises(AttributeError, match="__array__"):
        Unknown().__array__()
