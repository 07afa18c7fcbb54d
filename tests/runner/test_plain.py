"""Values in YAML: plain ones are read, everything else is refused in a few words."""

import pytest

from handid.runner.plain import read_yaml


def test_plain_values_are_read():
    assert read_yaml("{a: [1, 2.5, x], b: null}") == {"a": [1, 2.5, "x"], "b": None}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: *x\n", "a value cannot refer to another one"),
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: [1", "in line"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_anything_else_is_refused_in_one_short_line(text, reason):
    with pytest.raises(ValueError, match=reason) as error:
        read_yaml(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 100
