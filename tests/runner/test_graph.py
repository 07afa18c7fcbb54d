"""The graph: each behind all that it needs, none on another, no arrow that others imply."""

from pathlib import Path

from handid.runner import graph
from handid.runner.notebook import Notebook

NEEDS = {"00": [], "01": ["00"], "02": ["00"], "03": ["02"], "09": ["00", "02", "03", "01"]}


def drawn(needs=NEEDS, lines=2):
    books = {s: Notebook(Path(f"{s}.ipynb"), [], {}, {}, n, False) for s, n in needs.items()}
    return graph.graph(books, {s: ["x"] * lines for s in needs}, dict.fromkeys(needs, "succeeded"))


def test_a_notebook_stands_behind_all_that_it_needs():
    place = {box.stem: box.x for box in drawn().boxes}
    assert all(place[need] + graph.WIDTH < place[s] for s, needs in NEEDS.items() for need in needs)
    assert place["01"] == place["02"]


def test_no_box_lies_on_another_and_all_lie_in_the_drawing():
    made = drawn(lines=5)
    for one in made.boxes:
        assert one.x + one.width <= made.width and one.y + one.height <= made.height
        for other in made.boxes:
            apart = one.x != other.x or abs(one.y - other.y) >= one.height
            assert one is other or apart


def test_an_arrow_that_others_imply_is_left_out():
    assert graph.direct("09", NEEDS) == ["03", "01"]
    assert len(drawn().arrows) == 5
    assert drawn().words.endswith("09 needs 00, 02, 03, 01.")


def test_a_need_of_no_selected_notebook_is_no_box():
    assert drawn({"03": ["02"]}).words == "What each notebook needs: 03 needs none."


def test_what_was_left_is_counted_by_folder():
    products = ["results/a.csv", "experiments/x", "experiments/y", "note.txt"]
    assert graph.left(products) == ["experiments: 2", "other files: 1", "results: 1"]
