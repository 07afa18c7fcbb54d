"""What a mistyped name is answered with."""

import pytest

from handid.runner.refusal import (
    TOO_LITTLE_MEMORY,
    Refused,
    close,
    in_memory,
    lacks_memory,
    lines,
)


def test_similar_names_come_before_a_list_of_all():
    assert close("wieghts", ["weights", "work"]) == "did you mean weights?"
    assert close("x", ["b", "a"]) == "known: a, b"
    assert close("x", []) == "known: none"


def test_a_refusal_repeats_long_names_by_their_beginning_and_end():
    for name in ("x" * 5000, "'" + "a b " * 2000 + "'", '"' + "a b " * 2000 + '"', "/p" * 3000):
        said = str(Refused(f"no notebook {name}; did you mean 00?"))
        assert said.startswith("no notebook ") and said.endswith("; did you mean 00?")
        assert len(said) < 120 and "…" in said
    path = f"/home/{'d' * 150}/hands.csv"
    assert str(Refused(f"{path} is no file")) == f"{path} is no file"


def test_no_refusal_is_longer_than_can_be_read():
    said = str(Refused("begin " + "word " * 1000 + "end"))
    assert said.startswith("begin ") and said.endswith(" end") and len(said) <= 600


def test_what_is_printed_moves_no_cursor():
    text = "bar 1\rbar 2\r\n\x1b[31mred\x1b[0m\tend\n\x1b]0;title\x07 caf\u00e9"
    assert lines(text) == "bar 2\nred     end\n\\x1b]0;title\\x07 caf\u00e9"


@pytest.mark.parametrize(
    "words",
    [
        "MemoryError",
        "ImportError: libtorch.so: failed to map segment from shared object",
        "OSError: [Errno 12] Cannot allocate memory",
        "RuntimeError: can't start new thread",
        "ParserError: Error tokenizing data. C error: out of memory",
        "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.)",
        "_ArrayMemoryError: Unable to allocate 3.00 GiB for an array with shape (9,)",
    ],
)
def test_what_wanted_memory_says_what_helps(words):
    assert in_memory(f"cell 2: {words}", "") == f"cell 2: {words}; {TOO_LITTLE_MEMORY}"
    silent = "cell 3 was never executed"  # IPython had no memory to show the error
    assert in_memory(silent, f"Traceback\n{words}\n") == f"{silent}; {TOO_LITTLE_MEMORY}"


def test_other_failures_are_told_as_they_are():
    own = "cell 2: MemoryError: a.jpg has 48 megapixels, and 1.0 are free: free some memory."
    assert in_memory(own, "MemoryError") == own
    for cause in (
        "cell 2: KeyError: 'memory'",
        "cell 2: ValueError: x",
        "cell 3 was never executed",
    ):
        assert in_memory(cause, "ValueError: x") == cause


def test_what_an_error_came_from_counts():
    try:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ImportError("no numpy") from error
    except ImportError as error:
        assert lacks_memory(error)
    assert not lacks_memory(ImportError("no numpy"))
