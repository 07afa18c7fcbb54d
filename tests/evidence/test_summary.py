"""summary.py: figures that only the order of scores decides, bands, and what curves end at."""

import numpy as np
import pandas as pd
import pytest

from handid.evidence import likelihood_ratio, summary, verification
from handid.evidence.calibration import fit
from handid.evidence.scores import Comparisons


@pytest.fixture
def among(simulated, rng):
    mated, people, nonmated, pairs = simulated(rng, 25)
    return Comparisons(mated, people, nonmated, np.array(pairs))


@pytest.fixture
def searches(rng):
    kinds = np.tile(["mated", "absent", "extra"], 40)
    ranks = np.where(kinds == "mated", rng.integers(1, 8, 120), np.nan)
    scores = rng.normal(0, 1, 120)
    people = np.repeat(np.arange(40), 3)
    return pd.DataFrame({"person": people, "kind": kinds, "rank": ranks, "score": scores})


def test_a_monotone_map_of_scores_changes_no_rate(among, searches):
    plain = summary.figures(among, 0.4, searches, 0.1, None)
    mapped = among._replace(mated=np.exp(among.mated), nonmated=np.exp(among.nonmated))
    found = searches.assign(score=np.exp(searches["score"]))
    again = summary.figures(mapped, np.exp(0.4), found, np.exp(0.1), None)
    pd.testing.assert_frame_equal(plain, again)
    least, mapped_least = (
        likelihood_ratio.cllr_min(parts.mated, parts.nonmated) for parts in (among, mapped)
    )
    assert mapped_least == pytest.approx(least)


def test_the_order_of_comparisons_changes_nothing(among, searches, rng):
    one, other = rng.permutation(len(among.mated)), rng.permutation(len(among.nonmated))
    mixed = Comparisons(
        among.mated[one], among.people[one], among.nonmated[other], among.pairs[other]
    )
    plain = summary.figures(among, 0.4, searches, 0.1, None)
    again = summary.figures(mixed, 0.4, searches.sample(frac=1, random_state=0), 0.1, None)
    pd.testing.assert_frame_equal(plain, again)


def test_a_search_is_missed_by_rank_by_threshold_or_by_failure(searches):
    mated = searches["kind"] == "mated"
    searches = searches.assign(score=np.where(mated & (searches.index < 12), np.nan, 1.0))
    found = dict(summary._identification(searches, 0.5)[i][:2] for i in range(5))
    n_failed, ranks = 4, searches.loc[mated, "rank"]
    assert found["miss1"] == pytest.approx((searches[mated].iloc[4:]["rank"] > 1).sum() / 40 + 0.1)
    assert found["fnir5"] == pytest.approx(((ranks.iloc[4:] > 5).sum() + n_failed) / 40)
    assert found["fpir"] == found["fpir_extra"] == 1


def test_nobody_searches_and_no_threshold_leave_no_row(among, searches):
    nobody = summary.figures(among, np.nan, searches.iloc[:0], np.nan, None)
    assert nobody["metric"].tolist() == ["eer"]
    absent = summary.figures(among, 0.4, searches.query("kind == 'mated'"), 0.1, None)
    assert not {"fpir", "fpir_extra"} & set(absent["metric"])


def test_costs_are_those_of_the_ratios_and_a_failure_has_none(among, searches):
    pairs = list(map(tuple, among.pairs.tolist()))
    line = fit(among.mated, among.nonmated, among.people.tolist(), pairs)
    failed = among._replace(mated=np.append(among.mated, np.nan), people=np.append(among.people, 0))
    ratios = summary.ratios(line, failed)
    found = summary.figures(failed, 0.4, searches, 0.1, ratios).set_index("metric")["value"]
    same, other = ratios[0][:-1], ratios[1]
    assert found["cllr"] == pytest.approx(likelihood_ratio.cllr(same, other))
    assert found["cllr_cal"] == pytest.approx(found["cllr"] - found["cllr_min"])
    wrong = likelihood_ratio.misleading(same, other)
    assert found[["misleading_mated", "misleading_nonmated"]].tolist() == pytest.approx(wrong)


def test_a_tippett_band_holds_its_curve_and_is_never_thinner_than_the_floor(among):
    pairs = list(map(tuple, among.pairs.tolist()))
    line = fit(among.mated, among.nonmated, among.people.tolist(), pairs)
    floor = verification.floor(25)
    table = summary.tippett(among, summary.ratios(line, among), floor)
    for kind in ("mated", "nonmated"):
        assert (table[f"{kind}_low"] <= table[kind]).all()
        assert (table[kind] <= table[f"{kind}_high"]).all()
        assert (table.loc[table[kind] == 0, f"{kind}_high"] >= floor).all()
        assert (table.loc[table[kind] == 1, f"{kind}_low"] <= 1 - floor).all()
    assert table["llr"].is_monotonic_increasing and (table["llr"] == 0).any()


def test_what_is_not_calibrated_has_empty_curves(among):
    assert summary.tippett(among, None, 0.1).empty
    assert summary.entropy(None).empty and summary.pav(among, None).empty
