"""Growing galleries of drawn people and of a set's own, and what is refused."""

import numpy as np
import pytest

from handid import metric, synthetic
from handid.report import rows
from handid.study import crowd, growth, network

SIZE = growth.Size(strangers=8, fitted=3, askers=4, shots=1, largest=1000)


@pytest.fixture(scope="module")
def grown(lab, zero_shot):
    return lab.growth([zero_shot], "13_gallery_size", 0.1, **SIZE._asdict())[0]


def test_measured_shares_are_those_of_a_plain_matrix(lab, zero_shot, grown):
    embedder = network.Embedder(zero_shot, lab.photographs, lab.engine)
    found = crowd.kept(embedder, crowd.blocks(12, 4, 1)[0])
    asked, people = (metric.unit_rows(part, "x") for part in (found.queries, found.gallery))
    similarity = asked @ people.T
    mates = similarity[np.arange(4), found.asked]
    before = (similarity[:, 4:] >= mates[:, None]).mean(axis=1)
    curve = grown.curves.query("metric == 'rank1' and kind == 'measured'").set_index("size")
    assert curve.loc[2, "value"] == pytest.approx(100 * (1 - before).mean())


def test_rank_1_falls_and_fpir_rises_with_the_gallery_and_so_do_their_bounds(grown):
    curves = grown.curves.dropna()
    assert len(curves) > 10
    for (name, _), curve in curves.groupby(["metric", "kind"]):
        sign, bound = (-1, "high") if name == "rank1" else (1, "low")
        assert (sign * np.diff(curve["value"]) >= -1e-9).all()
        assert (sign * np.diff(curve[bound]) >= -1e-9).all()


def test_people_in_several_blocks_give_the_same(lab, zero_shot, grown, monkeypatch):
    monkeypatch.setattr(crowd, "BLOCK", 5)  # askers; askers and strangers; strangers
    (found,) = lab.growth([zero_shot], "13_gallery_size", 0.1, **SIZE._asdict())
    names = ["value", "low", "high"]
    assert np.allclose(found.curves[names], grown.curves[names], atol=0.1, equal_nan=True)
    assert found.threshold == pytest.approx(grown.threshold, abs=1e-5)


def test_an_interrupted_crowd_goes_on_with_the_next_block(lab, zero_shot, grown, monkeypatch):
    monkeypatch.setattr(crowd, "BLOCK", 6)
    drawn, draw = [], synthetic.write_crowd

    def interrupted_once(root, *given, **how):
        drawn.append(root.name)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        draw(root, *given, **how)

    monkeypatch.setattr(synthetic, "write_crowd", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        lab.growth([zero_shot], "13_gallery_size", 0.1, **SIZE._asdict())
    (found,) = lab.growth([zero_shot], "13_gallery_size", 0.1, **SIZE._asdict())
    assert drawn == ["0-6-4x1", "6-6", "6-6"]
    assert found.threshold == pytest.approx(grown.threshold, abs=1e-5)


def test_the_results_are_written_under_the_notebooks_name(lab, grown):
    table = rows.read(lab.settings.work, ["13_gallery_size"])
    assert {"rank1", "fpir"} <= set(table["metric"]) and "gallery of 8" in set(table["task"])
    asking = table.groupby("metric")["n_subjects"].first()
    assert asking["rank1"] == 4 and asking["fpir"] == 2  # the others set the threshold
    assert grown.n_queries == 4 and grown.n_strangers == 8 and grown.n_fitted == 3


def test_a_set_of_folders_is_sub_sampled(own, make_folders):
    study = own(make_folders({"left": (16, 3)}))
    made = study.experiments("clip_zero_shot")
    (found,) = study.growth(made, "13_gallery_size", 0.1, **SIZE._asdict())
    assert found.n_strangers == 7 and found.n_fitted == 2 and found.n_askers == 8
    assert found.curves["size"].max() == 1000


def test_a_set_with_too_few_people_to_check_on_is_refused(own, make_folders):
    study = own(make_folders({"left": (6, 3)}))  # three test people
    made = study.experiments("clip_zero_shot")
    with pytest.raises(ValueError, match="has 3 people to search among: 4 or more are needed"):
        study.growth(made, "13_gallery_size", 0.1, **SIZE._asdict())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"askers": 3}, "askers=3"),
        ({"shots": 0}, "shots=0"),
        ({"fitted": 8}, "fitted=8"),
        ({"strangers": 8.5}, "strangers=8.5 must be a whole number"),
        ({"largest": 7}, "largest=7"),
        ({"set_to": 1.0}, "set_to=1.0"),
    ],
)
def test_sizes_that_tell_nothing_are_refused_before_anything_is_trained(lab, change, word):
    with pytest.raises(ValueError, match=word):
        lab.expect_growth(**{"set_to": 0.1} | SIZE._asdict() | change)


def test_sizes_run_in_steps_of_one_two_and_five():
    assert growth.sizes(2, 60) == [2, 5, 10, 20, 50, 60]
    assert growth.sizes(2, 100) == [2, 5, 10, 20, 50, 100]
