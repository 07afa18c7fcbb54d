"""Sentences that compare levels: apart only where their difference, paired over people, says so."""

from collections.abc import Iterable, Sequence

import pandas as pd

from handid.recipes import System
from handid.report import apart
from handid.report.rows import Score, by_people, labelled, of
from handid.report.sentences.gains import gain
from handid.report.sentences.verdicts import (
    Verdict,
    counted,
    not_lower,
    of_levels,
    of_row,
    p_of,
    range_of,
)
from handid.report.tables import by_target, of_controls, parts_of


def specialised(scores: Iterable[Score], gains: pd.DataFrame, where: str) -> str:
    """The best convolutional network beside the best of CLIP's rows, then what training adds.

    Both are the best of several, so every network is compared with every of CLIP's rows.

    Args:
        scores: of the convolutional networks and of CLIP, trained and untrained.
        gains: of differences.training_gains: its systems are the convolutional networks.
        where: names the data, and says if they are synthetic.
    """
    scores, networks = list(scores), set(gains["system"])
    lines, people = [], by_people(scores)
    for target, part in by_target(of(scores)).items():
        special = [key in networks for key in part["system"]]
        clip = [key not in networks and System.parse(key).trained for key in part["system"]]
        ours, theirs = (_at_home(part[which]) for which in (special, clip))
        if not ours or not theirs:
            present = [*ours, *theirs]
            figure = _figure(present[0]) if present else "nothing"
            lines += [f"**Not answered on {target}**: only {figure} was run."]
            continue
        asked = [(one, other) for one in ours for other in theirs]
        best, other = asked[0]
        found = apart.pairs(people, asked).iloc[0]
        lines.append(
            f"**{_ANSWERS[of_row(found)]}**{p_of(found)}: on {target}, {best['method']} finds "
            f"{best['value']:.1f} %{range_of(best)} at rank 1, and the best of CLIP's rows, "
            f"{other['label']}, {other['value']:.1f} %{range_of(other)}."
        )
    return "\n\n".join([*lines, gain(gains, f"what training adds to each network ({where})")])


_ANSWERS = {
    Verdict.HIGHER: "Better than CLIP",
    Verdict.LOWER: "Worse than CLIP",
    Verdict.UNCLEAR: "Unclear, the 95 % interval of the difference includes zero",
    Verdict.NO_INTERVAL: "Unclear, one person gives no interval",
    Verdict.ONE_OF_MANY: "Unclear after Holm's correction",
}


def _at_home(rows: pd.DataFrame) -> list[pd.Series]:
    """The rows of rank-1, highest first, among those trained where they are tested."""
    return _sorted(rows[rows["train_set"] == rows["test_set"]])


def _figure(row: pd.Series) -> str:
    return f"{row['label']} {row['value']:.1f} %{range_of(row)}"


def parts(scores: Iterable[Score], where: str) -> str:
    """Which number of GPA-Net's parts is best, and whether one branch does as well as both.

    Args:
        scores: of GPA-Net, its numbers of parts and its branches.
        where: names the data, and says if they are synthetic.
    """
    scores = list(scores)
    targets, people, lines = by_target(of(scores)), by_people(scores), []
    for target, part in targets.items():
        place = where if len(targets) == 1 else target
        cuts = [parts_of(key) for key in part["system"]]
        names = [f"{cut[0]} by {cut[1]} parts" if cut else "" for cut in cuts]
        grid = part.assign(method=names)[[name != "" for name in names]]
        branches = of_controls(part, ["", "global_only", "local_only"])
        for some, what in ((grid, "rows by columns of parts"), (branches, "branches")):
            lines += [_highest(some, people, f"{what}, {place}")] if len(some) else []
    return "\n\n".join(lines)


def _highest(rows: pd.DataFrame, people: pd.DataFrame, what: str) -> str:
    """The best of some rows, and whether each of the others is shown to be lower."""
    best, *others = _sorted(rows)
    found = _beside(best, others, people)
    clear = all(of_row(row) is Verdict.LOWER for row in found)
    answer = f"Best: {best['label']}" if clear else "Unclear: none is shown to be best"
    beside = [f"{_figure(row)}, {of_levels(line)}" for row, line in zip(others, found, strict=True)]
    start = f"**{answer}** ({what}). {_figure(best)}"
    return f"{start}. {'; '.join(beside) or 'Nothing else was tried'}."


def _beside(best: pd.Series, others: Sequence[pd.Series], people: pd.DataFrame) -> list[pd.Series]:
    """The difference of each of the others to the best one."""
    found = apart.pairs(people, [(row, best) for row in others])
    return [row for _, row in found.iterrows()]


def versions(scores: Iterable[Score], where: str) -> str:
    """CLIP-FH's versions: each as described beside itself as it was run.

    Args:
        scores: of the recipes' systems and of their control "as_run".
        where: names the data, and says if they are synthetic.
    """
    scores = list(scores)
    asked = _as_run(labelled(of(scores), "rank1")) if scores else []
    if not asked:
        return f"**No version was run both as described and as run** ({where})."
    found = [row for _, row in apart.pairs(by_people(scores), asked).iterrows()]
    lines = [
        f"- {row['label']}: described **{row['value']:.1f} %**{range_of(row)}, as run "
        f"**{run['value']:.1f} %**{range_of(run)}: {of_levels(line)}"
        for (row, run), line in zip(asked, found, strict=True)
    ]
    differ = sum(of_row(row) in (Verdict.HIGHER, Verdict.LOWER) for row in found)
    start = f"**{differ} of {len(lines)} versions differ from what was run**"
    if not differ:
        start = "**No version is shown to differ from what was run**"
    return "\n".join([f"{start} ({where}); rank-1 as described and as run:", "", *lines])


def _as_run(shown: pd.DataFrame) -> list[apart.Pair]:
    """Each version and what of it was run."""
    keys, asked = ["backbone", "train_set", "test_set"], []
    for _, row in shown.iterrows():
        system = System.parse(row["system"])
        run = shown[shown["system"] == System(system.recipe, "as_run").key]
        run = run[(run[keys] == row[keys]).all(axis=1)]
        if not system.control and not run.empty:
            asked.append((row, run.iloc[0]))
    return asked


def summary(rows: pd.DataFrame, people: pd.DataFrame) -> str:
    """The best system on each test set, and how many may equal it; then all, best first.

    Args:
        rows: tidy rows of all notebooks.
        people: of rows.read_people, of the same notebooks.
    """
    lines = []
    for target, part in by_target(rows).items():
        best, *others = _sorted(part)
        near = sum(of_row(row) is not Verdict.LOWER for row in _beside(best, others, people))
        answer = f"{counted(near + 1, 'system')} may be best" if near else f"Best: {best['label']}"
        lines.append(
            f"**{answer}** on {target}: {best['label']} finds {best['value']:.1f} %"
            f"{range_of(best)} at rank 1; {not_lower(near, len(others))}."
        )
    lines = ["\n\n".join(lines), "", "Rank-1, best first:", ""]
    for row in _sorted(rows):
        lines.append(f"- {row['label']}: **{row['value']:.1f} %**{range_of(row)}")
    if rows["synthetic"].any():
        lines += [
            "",
            "Synthetic rows show that the study runs and what it can resolve. They say nothing "
            "about real hands; for that, run it on the real sets.",
        ]
    return "\n".join(lines)


def _sorted(rows: pd.DataFrame) -> list[pd.Series]:
    """The rows of rank-1, highest first, each with its label."""
    if rows.empty:
        return []
    shown = labelled(rows, "rank1").sort_values("value", ascending=False, kind="stable")
    return [row for _, row in shown.iterrows()]
