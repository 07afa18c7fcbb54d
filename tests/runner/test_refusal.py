"""What a mistyped name is answered with."""

from handid.runner.refusal import Refused, close, lines


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
