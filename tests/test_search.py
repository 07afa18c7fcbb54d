"""search.py: candidates against a plain loop, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pytest

from handid import gallery, search
from handid.search import Embedded

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guide.md"


@pytest.fixture
def world(rng):
    """30 photographs of 7 people, in mixed order, and 11 questions."""
    names = rng.permutation([f"p{number % 7}" for number in range(30)]).tolist()
    enrolled = Embedded(rng.normal(size=(30, 8)), names, "model")
    questions = Embedded(rng.normal(size=(11, 8)), [f"q{n}" for n in range(11)], "model")
    return questions, enrolled


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_candidates_are_those_of_a_plain_loop(world):
    questions, enrolled = world
    found = search.candidates(questions, enrolled, top=3)
    for number, vector in enumerate(questions.vectors):
        of_person = {}
        for place, name in enumerate(enrolled.names):
            of_person.setdefault(name, []).append((cosine(vector, enrolled.vectors[place]), place))
        means = {name: np.mean([s for s, _ in each]) for name, each in of_person.items()}
        best = sorted(means, key=means.get, reverse=True)[:3]
        rows = found[found["question"] == number]
        assert rows["rank"].tolist() == [1, 2, 3]
        assert rows["candidate"].tolist() == best
        np.testing.assert_allclose(rows["similarity"], [means[name] for name in best], rtol=1e-12)
        assert rows["photograph"].tolist() == [max(of_person[name])[1] for name in best]


def test_blocks_and_the_order_of_enrolment_change_nothing(world, monkeypatch, rng):
    questions, enrolled = world
    whole = search.candidates(questions, enrolled)
    monkeypatch.setattr(search, "BLOCK", 61)
    order = rng.permutation(30)
    mixed = Embedded(enrolled.vectors[order], [enrolled.names[i] for i in order], "model")
    again = search.candidates(questions, mixed)
    assert again["candidate"].tolist() == whole["candidate"].tolist()
    np.testing.assert_allclose(again["similarity"], whole["similarity"], rtol=1e-12)
    assert order[again["photograph"]].tolist() == whole["photograph"].tolist()


def test_more_candidates_than_people_are_all_people(world):
    found = search.candidates(*world, top=50)
    assert (found.groupby("question").size() == 7).all()


@pytest.fixture
def on_disk(world, tmp_path):
    """The enrolled photographs as a gallery on disk."""
    pytest.importorskip("faiss")
    gallery.write(tmp_path, [world[1].vectors], "model")
    return gallery.Gallery(tmp_path, "model")


def test_a_gallery_on_disk_gives_the_same_candidates(world, on_disk):
    questions, enrolled = world
    whole = search.candidates(questions, enrolled, top=4)
    found = search.among(questions, on_disk, enrolled.names, top=4)
    same = ["question", "rank", "candidate", "photograph"]
    assert found[same].equals(whole[same])
    np.testing.assert_allclose(found["similarity"], whole["similarity"], atol=1e-6)


def test_the_guides_lines_find_what_they_say(world, tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    questions, enrolled = world
    (lines,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    given = {"blocks": [enrolled.vectors], "model": "model", "names": enrolled.names}
    given |= {"questions": questions.vectors, "question_names": questions.names}
    monkeypatch.chdir(tmp_path)
    exec(lines, given)
    whole = search.candidates(questions, enrolled, top=5)
    assert given["found"]["candidate"].equals(whole["candidate"])


def test_of_a_gallery_on_disk_only_people_of_near_photographs_are_compared(
    world, on_disk, monkeypatch
):
    questions, enrolled = world
    monkeypatch.setattr(search, "NEAREST", 2)
    found = search.among(questions, on_disk, enrolled.names)
    near = on_disk.nearest(questions.vectors, 2).places
    for number, rows in found.groupby("question"):
        assert set(rows["candidate"]) == {enrolled.names[place] for place in near[number]}
        for row in rows.itertuples():
            own = [place for place, name in enumerate(enrolled.names) if name == row.candidate]
            mean = np.mean([cosine(questions.vectors[number], enrolled.vectors[p]) for p in own])
            assert row.similarity == pytest.approx(mean, abs=1e-6)


def test_a_gallery_on_disk_refuses_what_means_nothing(world, on_disk):
    questions, enrolled = world
    with pytest.raises(ValueError, match="29 names for embeddings of shape"):
        search.among(questions, on_disk, enrolled.names[1:])
    other = Embedded(questions.vectors, questions.names, "another")
    with pytest.raises(ValueError, match="two models"):
        search.among(other, on_disk, enrolled.names)
    with pytest.raises(ValueError, match="1 enrolled person: a search needs two"):
        search.among(questions, on_disk, ["me"] * 30)


def test_a_question_unlike_everything_is_alone(world):
    _, enrolled = world
    hands = Embedded(np.abs(enrolled.vectors), enrolled.names, "model")
    asked = np.stack([np.abs(enrolled.vectors[3]), -np.ones(8)])
    alone = search.loners(Embedded(asked, ["a hand", "a cat"], "model"), hands)
    assert alone.tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "another"}, "two models"),
        ({"vectors": np.zeros((0, 8)), "names": []}, "no question"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(world, change, message):
    questions, enrolled = world
    given = vars(questions) | change
    with pytest.raises(ValueError, match=message):
        search.candidates(Embedded(**given), enrolled)


def test_one_person_and_no_candidates_are_refused(world):
    questions, enrolled = world
    with pytest.raises(ValueError, match="1 enrolled person: a search needs two"):
        search.candidates(questions, Embedded(enrolled.vectors, ["me"] * 30, "model"))
    for top in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match=f"^top={top} shows nobody: use a whole number from 1"):
            search.candidates(questions, enrolled, top=top)


def test_embeddings_of_two_widths_are_refused(world):
    questions, enrolled = world
    narrow = Embedded(questions.vectors[:, 1:], questions.names, "model")
    for ask in (search.candidates, search.loners):
        with pytest.raises(
            ValueError, match="^Questions have 7 numbers and enrolled photographs 8"
        ):
            ask(narrow, enrolled)


def test_vectors_that_do_not_fit_are_refused(world):
    with pytest.raises(ValueError, match="1 names for"):
        Embedded(np.zeros((2, 3)), ["a"], "model")
    questions, enrolled = world
    broken = Embedded(np.full_like(enrolled.vectors, np.nan), enrolled.names, "model")
    with pytest.raises(ValueError, match="NaN or infinite"):
        search.candidates(questions, broken)


@pytest.mark.parametrize("top", [None, "5", 1.5, 0, -1])
def test_a_number_of_candidates_that_is_none_is_refused(world, top):
    with pytest.raises(ValueError, match=r"top=.* shows nobody: use a whole number from 1"):
        search.candidates(*world, top)


@pytest.mark.parametrize("name", [None, float("nan")])
def test_a_photograph_of_nobody_is_refused(name):
    enrolled = Embedded(np.eye(3), ["a", "b", name], "m")
    with pytest.raises(ValueError, match="An enrolled photograph has no name: say whose hand"):
        search.candidates(enrolled, enrolled)
    with pytest.raises(ValueError, match=r"1 names for embeddings of shape \(\)"):
        Embedded(None, ["a"], "m")
    plain = Embedded([[1, 0], [0, 1]], ["a", "b"], "m")
    assert search.candidates(plain, plain, 1)["candidate"].tolist() == ["a", "b"]


def test_what_is_no_embedding_and_no_list_of_names_is_refused():
    known = search.Embedded(np.eye(3), ["a", "b", "c"], "m")
    for wrong in (None, np.eye(3), ["a"]):
        for ask in (search.candidates, search.loners):
            with pytest.raises(ValueError, match="questions is .*: give embeddings with their na"):
                ask(wrong, known)
    for names in (None, 3, "abc"):
        with pytest.raises(ValueError, match="The names are .*: give one per row"):
            search.Embedded(np.eye(3), names, "m")
