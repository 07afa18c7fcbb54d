"""A gallery on disk: against a plain matrix product, by blocks, and what is refused."""

import inspect
import json
import shutil
import sys

import numpy as np
import pytest

from handid import disk, gallery, metric
from handid.gallery import build, stored

faiss = pytest.importorskip("faiss")
WIDTH = 24


@pytest.fixture
def vectors():
    """600 embeddings of different lengths around 40 centres, and 30 like the first of them."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((40, WIDTH))
    rows = centres[rng.integers(40, size=600)] + 0.5 * rng.standard_normal((600, WIDTH))
    return rows * rng.uniform(0.5, 3, (600, 1)), rows[:30] + 0.1 * rng.standard_normal((30, WIDTH))


def product(questions, rows):
    """Cosines, by one matrix product."""
    lengths = [np.linalg.norm(part, axis=1, keepdims=True) for part in (questions, rows)]
    return (questions / lengths[0]) @ (rows / lengths[1]).T


def in_blocks(rows, size=100):
    return (rows[first : first + size] for first in range(0, len(rows), size))


def test_the_nearest_are_those_of_a_matrix_product(vectors, tmp_path, monkeypatch):
    rows, questions = vectors
    monkeypatch.setattr(stored, "ROWS", 128)  # several blocks
    gallery.write(tmp_path, in_blocks(rows), "m")
    found = gallery.Gallery(tmp_path, "m").nearest(questions, 7)
    similarity = product(questions, rows)
    order = np.argsort(-similarity, axis=1)[:, :7]
    assert (found.places == order).all()
    assert np.allclose(found.similarity, np.take_along_axis(similarity, order, 1), atol=1e-6)


def test_where_faiss_sees_a_gpu_it_compares_there(vectors, tmp_path, monkeypatch):
    rows, questions = vectors
    gallery.write(tmp_path, [rows], "m")
    here = gallery.Gallery(tmp_path, "m").nearest(questions, 7)
    signature, calls = inspect.signature(faiss.knn_gpu), []

    def on_gpu(*given, **how):  # this build has no GPU: the call is held to its signature
        bound = signature.bind(*given, **how).arguments
        calls.append(bound.pop("res"))
        return faiss.knn(**bound)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", lambda: "one", raising=False)
    monkeypatch.setattr(faiss, "knn_gpu", on_gpu)
    assert (gallery.Gallery(tmp_path, "m").nearest(questions, 7).places == here.places).all()
    assert calls == ["one"]
    gallery.Gallery(tmp_path, "m").nearest(questions, 2049)
    assert calls == ["one"]  # more than FAISS finds there


@pytest.mark.parametrize("length", [1.0, 1e-30, 1e30, 0.0])
def test_rows_of_any_length_are_compared_by_their_direction(length, vectors, tmp_path):
    rows = vectors[0].astype(np.float32)
    rows[0] *= np.float32(length)
    gallery.write(tmp_path, [rows], "m")
    kept = gallery.Gallery(tmp_path, "m").vectors
    expected = metric.unit_rows(rows, "x")
    assert np.allclose(kept, expected, atol=1e-6)


def test_a_graph_among_many_lists_finds_mates_too(vectors, tmp_path, monkeypatch):
    rows, questions = vectors
    monkeypatch.setattr(build, "MANY", 2)
    gallery.write(tmp_path, [rows], "m")
    gallery.compress(tmp_path)
    found = gallery.Gallery(tmp_path, "m").nearest(questions, 3)
    assert (found.places[:, 0] == np.arange(30)).mean() > 0.9


def test_a_compressed_gallery_finds_mates_and_gives_their_cosines(vectors, tmp_path, monkeypatch):
    rows, questions = vectors
    monkeypatch.setattr(stored, "ROWS", 128)
    gallery.write(tmp_path, in_blocks(rows), "m", dtype="float16")
    gallery.compress(tmp_path)
    opened = gallery.Gallery(tmp_path, "m")
    assert opened.vectors.dtype == np.float16 and isinstance(opened.vectors, np.memmap)
    found = opened.nearest(questions, 7)
    similarity = product(questions, rows)
    assert (found.places[:, 0] == np.arange(30)).mean() > 0.9
    shown = np.take_along_axis(similarity, found.places, axis=1)
    assert np.allclose(found.similarity, shown, atol=2e-3)  # of float16
    assert (np.diff(found.similarity, axis=1) <= 0).all()


def test_many_embeddings_are_compressed_unasked(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "EXACT", 500)
    gallery.write(tmp_path, [vectors[0]], "m")
    assert (tmp_path / stored.INDEX).exists()


def test_an_interrupted_compression_goes_on(vectors, tmp_path, monkeypatch):
    rows, questions = vectors
    monkeypatch.setattr(stored, "ROWS", 100)
    monkeypatch.setattr(build, "KEPT", 2)
    for name in ("once", "twice"):
        gallery.write(tmp_path / name, [rows], "m")
    gallery.compress(tmp_path / "once")
    taken, every = [], stored.Stored.rows

    def some(whole, first=0):
        for number, block in enumerate(every(whole, first)):
            if len(taken) == 6 + 5:  # six to train on, five to add
                raise KeyboardInterrupt
            taken.append(number)
            yield block

    monkeypatch.setattr(stored.Stored, "rows", some)
    with pytest.raises(KeyboardInterrupt):
        gallery.compress(tmp_path / "twice")
    assert not (tmp_path / "twice" / stored.INDEX).exists()
    monkeypatch.setattr(stored.Stored, "rows", every)
    monkeypatch.setattr(build, "_trained", None)  # nothing is trained a second time
    gallery.compress(tmp_path / "twice")
    found = [
        gallery.Gallery(tmp_path / name, "m").nearest(questions, 7) for name in ("once", "twice")
    ]
    assert (found[0].places == found[1].places).all()
    assert not list((tmp_path / "twice").glob("*.part.faiss"))


def test_what_was_not_written_cannot_be_compressed(tmp_path):
    with pytest.raises(ValueError, match="no finished gallery"):
        gallery.compress(tmp_path)


def test_a_gallery_smaller_than_top_gives_all_it_has(tmp_path):
    gallery.write(tmp_path, [np.eye(3)], "m")
    found = gallery.Gallery(tmp_path, "m").nearest(np.eye(3)[1:2], 5)
    assert found.places[0, 0] == 1 and sorted(found.places[0]) == [0, 1, 2]
    gallery.write(tmp_path, [np.eye(300)], "m")
    gallery.compress(tmp_path)
    found = gallery.Gallery(tmp_path, "m").nearest(np.eye(300)[:1], 500)
    assert found.places.shape == (1, 500) and found.places[0, 0] == 0
    assert (found.similarity[found.places < 0] == -np.inf).all() and (found.places < 0).any()


def test_an_unfinished_gallery_is_none(vectors, tmp_path):
    rows, _ = vectors
    gallery.write(tmp_path, [rows], "m")
    bad = np.where(np.arange(len(rows))[:, None] == 3, np.nan, rows)
    with pytest.raises(ValueError, match="embedding 3 is NaN"):
        gallery.write(tmp_path, [rows, bad], "m")
    with pytest.raises(ValueError, match="no finished gallery"):
        gallery.Gallery(tmp_path, "m")


@pytest.mark.parametrize("blocks", [[], [np.empty((0, WIDTH))]])
def test_an_empty_gallery_is_refused(blocks, tmp_path):
    with pytest.raises(ValueError, match=r"gallery is empty: give at least one"):
        gallery.write(tmp_path, blocks, "m")


def test_another_model_is_refused(vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0]], "m")
    with pytest.raises(ValueError, match="was embedded by another model"):
        gallery.Gallery(tmp_path, "n")


def test_blocks_and_questions_of_another_width_are_refused(vectors, tmp_path):
    rows, questions = vectors
    with pytest.raises(ValueError, match="24 numbers and then 23"):
        gallery.write(tmp_path, [rows, rows[:, 1:]], "m")
    gallery.write(tmp_path, [rows], "m")
    opened = gallery.Gallery(tmp_path, "m")
    with pytest.raises(ValueError, match="questions have 23 numbers and the gallery 24"):
        opened.nearest(questions[:, 1:], 3)
    for top in (0, -1, 2.5, True, "3"):
        with pytest.raises(
            ValueError, match=f"^top={top} finds nothing: use a whole number from 1"
        ):
            opened.nearest(questions, top)
    assert (
        opened.nearest(questions, np.int64(2)).places == opened.nearest(questions, 2).places
    ).all()


@pytest.mark.parametrize("name", [stored.VECTORS, stored.INDEX])
def test_damage_is_refused_by_name(name, vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0]], "m")
    gallery.compress(tmp_path)
    file = tmp_path / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is missing or damaged"):
        gallery.Gallery(tmp_path, "m")
    file.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=f"{name} is missing or damaged"):
        gallery.Gallery(tmp_path, "m", check=False)
    file.unlink()
    with pytest.raises(ValueError, match=f"{name} is missing or damaged"):
        gallery.Gallery(tmp_path, "m", check=False)


def test_what_is_no_index_of_faiss_is_refused(vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0]], "m")
    gallery.compress(tmp_path)
    (tmp_path / stored.INDEX).write_bytes(b"no index at all")
    about = json.loads((tmp_path / stored.ABOUT).read_text())
    about["products"][stored.INDEX]["bytes"] = len(b"no index at all")
    (tmp_path / stored.ABOUT).write_text(json.dumps(about))
    with pytest.raises(ValueError, match="index.faiss is missing or damaged"):
        gallery.Gallery(tmp_path, "m", check=False)


def test_the_index_of_another_gallery_is_refused(vectors, tmp_path):
    for name, rows in (("one", vectors[0]), ("other", vectors[0][:-1])):
        gallery.write(tmp_path / name, [rows], "m")
        gallery.compress(tmp_path / name)
    shutil.copy(tmp_path / "other" / stored.INDEX, tmp_path / "one" / stored.INDEX)
    about = json.loads((tmp_path / "one" / stored.ABOUT).read_text())
    about["products"][stored.INDEX] = disk.mark(tmp_path / "one" / stored.INDEX)
    (tmp_path / "one" / stored.ABOUT).write_text(json.dumps(about))
    with pytest.raises(ValueError, match="index.faiss is missing or damaged"):
        gallery.Gallery(tmp_path / "one", "m")


@pytest.mark.parametrize(
    "change",
    [
        {"shape": None}, {"shape": [600]}, {"shape": [600, 24, 1]}, {"shape": [-600, -24]},
        {"shape": [601, 24]}, {"shape": ["a", 24]}, {"dtype": "int8"}, {"dtype": "much"},
        {"dtype": 3}, {"products": []}, {"products": {}}, {"products": {stored.VECTORS: 7}},
        {"products": None}, {"colour": "red"}, {"shape": [float("inf"), 24]},
        {"products": {stored.VECTORS: {"bytes": 57600}, "../x": None}},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_gallery_says_of_itself_is_checked(change, vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0]], "m")
    about = json.loads((tmp_path / stored.ABOUT).read_text())
    (tmp_path / stored.ABOUT).write_text(json.dumps(about | change))
    for use in (lambda: gallery.Gallery(tmp_path, "m"), lambda: gallery.compress(tmp_path)):
        with pytest.raises(
            ValueError, match=r"gallery\.json is missing or damaged: build the gall"
        ):
            use()


def test_an_index_that_nobody_checked_names_no_embedding_that_is_not_there(vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0]], "m")
    gallery.compress(tmp_path)
    index = faiss.read_index(str(tmp_path / stored.INDEX))
    lists = faiss.extract_index_ivf(index)
    number = max(range(lists.nlist), key=lists.get_list_size)
    faiss.rev_swig_ptr(lists.invlists.get_ids(number), 1)[0] = 600
    faiss.write_index(index, str(tmp_path / stored.INDEX))
    opened = gallery.Gallery(tmp_path, "m", check=False)
    with pytest.raises(ValueError, match=r"index\.faiss is missing or damaged: build the gallery"):
        opened.nearest(vectors[0], 600)


def test_a_place_that_can_be_no_gallery_is_refused_on_one_line(vectors, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for place in (tmp_path / "file", tmp_path / "loop"):
        with pytest.raises(
            ValueError, match=r"(is no folder|links in a circle\)): name a"
        ) as caught:
            gallery.write(place, [vectors[0]], "m")
        assert "\n" not in str(caught.value)
    for place in ("x" * 5000, None):
        with pytest.raises(ValueError, match=r"name (another|a file or a folder)$"):
            gallery.Gallery(place, "m")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"^There is no finished gallery in a\\nb: build it"):
        gallery.Gallery("a\nb", "m")


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '{"model": "m"', '{"model": "m"}'])
def test_a_gallery_whose_file_was_cut_is_refused(content, vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0]], "m")
    (tmp_path / stored.ABOUT).write_text(content)
    with pytest.raises(ValueError, match=r"gallery\.json is missing or damaged: build the gallery"):
        gallery.Gallery(tmp_path, "m")


@pytest.mark.parametrize("dtype", ["int8", "float64", "much", "", None, 3])
def test_a_dtype_that_keeps_no_embedding_is_refused(dtype, vectors, tmp_path):
    with pytest.raises(ValueError, match=f"^dtype={dtype!r} keeps no embedding: use float32 or fl"):
        gallery.write(tmp_path, [vectors[0]], "m", dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_too_few_to_compress_are_refused(vectors, tmp_path):
    gallery.write(tmp_path, [vectors[0][:255]], "m")
    with pytest.raises(
        ValueError, match=r"has 255 embeddings, and a compressed index is made of 25"
    ):
        gallery.compress(tmp_path)
    gallery.write(tmp_path, [vectors[0][:256]], "m")
    gallery.compress(tmp_path)
    assert gallery.Gallery(tmp_path, "m").nearest(vectors[0][:1], 1).places[0, 0] == 0


@pytest.mark.parametrize(
    "bad", [[1.0, 2.0], [["a", "b"]], np.ones((2, 2, 2)), [3, [4]], np.array([[np.inf, 1]])]
)
def test_what_is_no_table_of_finite_numbers_is_refused(bad, tmp_path):
    with pytest.raises(ValueError, match=r"^gallery embedding"):
        gallery.write(tmp_path, [bad], "m")
    gallery.write(tmp_path, [np.eye(2)], "m")
    with pytest.raises(ValueError, match=r"^questions' embedding"):
        gallery.Gallery(tmp_path, "m").nearest(bad, 1)


def test_without_faiss_one_sentence_says_what_to_install(vectors, tmp_path, monkeypatch):
    gallery.write(tmp_path, [vectors[0]], "m")
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ValueError, match=r'pip install ".\[gallery\]"'):
        gallery.Gallery(tmp_path, "m")


@pytest.mark.parametrize("model", [None, 3, ["m"]])
def test_a_model_that_is_no_text_is_refused_before_anything_is_written(model, tmp_path):
    with pytest.raises(ValueError, match="^model=.* is no text: name what made"):
        gallery.write(tmp_path / "x", [np.eye(3)], model)
    assert not (tmp_path / "x").exists()
