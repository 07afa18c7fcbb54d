"""Which data sets targets name, and that a set nobody looks at is refused."""

import pytest

from handid.runner import targets
from handid.runner.refusal import Refused

OWN = {"data": {}, "targets": ["mine left", "11k dorsal right"], "seeds": [0]}
OTHER = {"data": {}, "cross_targets": ["HD"]}


@pytest.mark.parametrize(
    ("name", "is_named"), [("mine", True), ("11k", True), ("HD", False), ("min", False)]
)
def test_a_target_names_a_set_or_a_set_and_a_view(name, is_named):
    assert targets.named(name, OWN) is is_named
    assert targets.named(name, {"data": {}, "seeds": [0]})  # has no targets: may look at any


def test_a_set_that_no_notebook_looks_at_is_refused_naming_the_parameters():
    targets.refuse_idle(["mine"], [OWN, OTHER])
    targets.refuse_idle(["mine"], [{"targets": ["11k"]}])  # reads no photographs
    targets.refuse_idle(["known"], [OWN | {"targets": ["11k"], "enrolled": "known"}])
    with pytest.raises(Refused, match="--data yours: no target names it; add --set") as error:
        targets.refuse_idle(["mine", "yours"], [OWN, OTHER])
    assert "notebooks have cross_targets, targets" in str(error.value)
    assert "--set 'targets=[\"yours\"]'" in str(error.value)


def test_a_misspelt_set_of_a_search_is_guessed():
    search = OWN | {"targets": ["11k"], "enrolled": "enrolled", "asked": "questions"}
    for name, meant in (("enroled", "enrolled"), ("Questions", "questions")):
        with pytest.raises(Refused, match=f"--data {name}: .*did you mean {meant}"):
            targets.refuse_idle([name], [search])
