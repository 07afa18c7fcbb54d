"""What a mistyped name is answered with."""

from handid.runner.refusal import close


def test_similar_names_come_before_a_list_of_all():
    assert close("wieghts", ["weights", "work"]) == "did you mean weights?"
    assert close("x", ["b", "a"]) == "known: a, b"
    assert close("x", []) == "known: none"
