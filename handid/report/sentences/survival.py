"""Sentences on whether the hand was recognised or the photograph, and on the controls of that."""

from collections.abc import Mapping

import pandas as pd

from handid.report.sentences.verdicts import counted, range_of
from handid.report.survival import PAPERS, WHOLE, of_image
from handid.report.tables import by_target, where

WITHOUT_HAND = ("background", "light")  # images on which no hand, no shape and no place is left
_MOST = 1000  # percent; a share that may be larger is not bounded by these people


def survival(table: pd.DataFrame, asked: pd.DataFrame) -> str:
    """Whether it is the hand or the photograph, by test set.

    The photograph too: some system or floor is above chance where no hand is left. The hand: none
    is. Unclear: not even whole photographs are recognised.

    Args:
        table: of handid.report.survival.
        asked: study.Survey.asked: which tasks were asked, and why others were not.
    """
    parts = by_target(table).items()
    return "\n\n".join(_of_target(part, target, asked) for target, part in parts)


def _of_target(part: pd.DataFrame, target: str, asked: pd.DataFrame) -> str:
    wholes, without = of_image(part, WHOLE), of_image(part, WITHOUT_HAND[0])
    if wholes.empty or without.empty:
        lacks = "no whole photograph" if wholes.empty else "no photograph without its hand"
        return f"**Not answered:** on {target}, {lacks} was asked for in the papers' task."
    leader = wholes.iloc[0]
    mine = _same(without, leader)
    leaks = _leaks(part)
    answer = "The photograph too" if len(leaks) else "The hand"
    answer = answer if leader["clear"] else "Unclear"
    start = (
        f"**{answer}:** on {target}, {_share(mine)} of rank-1 survives without the hand. "
        f"{leader['method']}, the highest on whole photographs, falls from "
        f"{leader['value']:.1f} %{range_of(leader)} to {mine['value']:.1f} %{range_of(mine)}; "
        f"guessing is right in {mine['chance']:.1f} %."
    )
    return "\n\n".join([start, _crowd(part, leaks), _elsewhere(part, leader, asked)])


def _share(row: pd.Series) -> str:
    if pd.isna(row["share"]):
        return "nothing (there is none)"
    low, high = row["share_low"], row["share_high"]
    if not high < _MOST:
        return f"{row['share']:.0f} % (too few people to bound it)"
    return f"{row['share']:.0f} % (95 % interval {low:.0f} to {high:.0f})"


def _leaks(part: pd.DataFrame) -> pd.DataFrame:
    """Rows without a hand that are above chance all the same."""
    hidden = part["image"].isin(WITHOUT_HAND) & (part["task"] == PAPERS)
    return part[hidden & part["clear"]]


def _crowd(part: pd.DataFrame, leaks: pd.DataFrame) -> str:
    """How many systems recognise something without a hand, and which is highest."""
    hidden = _hidden(part)
    best = hidden.sort_values("value", ascending=False, kind="stable").iloc[0]
    return (
        f"Without the hand, {len(leaks)} of {counted(len(hidden), 'figure')} "
        f"({', '.join(WITHOUT_HAND)}; every system and floor) "
        f"{'is' if len(leaks) == 1 else 'are'} above chance, Bonferroni's "
        f"correction made; the highest is {best['value']:.1f} %{range_of(best)}, of "
        f"{best['method']} on {best['image']}."
    )


def _hidden(part: pd.DataFrame) -> pd.DataFrame:
    """Rows of the papers' task on which no hand is left, highest first by image."""
    return pd.concat([of_image(part, image) for image in WITHOUT_HAND])


def _elsewhere(part: pd.DataFrame, leader: pd.Series, asked: pd.DataFrame) -> str:
    """What is left in the other tasks, or why they were not asked."""
    lines = []
    for task in dict.fromkeys(asked["task"]):
        if task == PAPERS:
            continue
        rows = of_image(part, WHOLE, task)
        why = asked[(asked["task"] == task) & (asked["target"] == where(part))]["not asked"]
        if rows.empty:
            lines.append(f"- {''.join(why) or f'{task}: not asked.'}")
            continue
        row = _same(rows, leader)
        lines.append(
            f"- {task}: **{_share(row)}** survives; rank-1 {row['value']:.1f} %{range_of(row)} of "
            f"{row['n_subjects']:.0f} people, guessing {row['chance']:.1f} %"
        )
    head = f"What is left of {leader['method']}'s rank-1 on whole photographs in other tasks:"
    return "\n".join([head, "", *lines]) if lines else ""


def _same(rows: pd.DataFrame, leader: pd.Series) -> pd.Series:
    """The row of the same system, backbone and training set."""
    same = ["system", "backbone", "train_set"]
    return rows[(rows[same] == leader[same]).all(axis=1)].iloc[0]


def controls(tables: Mapping[int, pd.DataFrame], study: pd.DataFrame, bursts: int = 0) -> str:
    """What the controls gave: nothing may be found without bursts, and with them the leak must be.

    Args:
        tables: of handid.report.survival, by the number of bursts in which the hands were drawn;
            0 for none.
        study: the study's own, a control as well where it is synthetic.
        bursts: in which the study's own hands were drawn.
    """
    own = study[study["synthetic"].astype(bool)]
    drawn = [("this study's own drawn hands", bursts, own)]
    drawn += [
        (f"{part['n_subjects'].max():.0f} drawn people", n, part) for n, part in tables.items()
    ]
    lines = [_control(*each) for each in drawn if len(_hidden(each[-1]))]
    if not lines:
        return "**No control:** no drawn hand was taken out of its photograph."
    failed = [line for line in lines if "**" in line]
    head = (
        f"**{len(failed)} of {counted(len(lines), 'control')} failed**"
        if failed
        else (f"**{counted(len(lines), 'control')} passed**")
    )
    return "\n".join([f"{head}:", "", *(f"- {line}" for line in lines)])


def _control(who: str, bursts: int, part: pd.DataFrame) -> str:
    best = _hidden(part).sort_values(["clear", "value"], ascending=False, kind="stable").iloc[0]
    figure = (
        f"without the hand the highest rank-1 is {best['value']:.1f} %{range_of(best)}, of "
        f"{best['method']} on {best['image']}, and guessing is right in {best['chance']:.1f} %"
    )
    if not bursts:
        verdict = "**above chance, where nothing can be known**" if best["clear"] else "at chance"
        return f"{who}, without bursts: {figure}: {verdict}."
    verdict = "the leak is found" if best["clear"] else "**the leak is not found**"
    return f"{who}, in {counted(bursts, 'burst')} per view: {figure}: {verdict}."
