"""Sentences that compare levels, each with its own interval: apart only where they do not overlap.

The paired differences of handid.report.differences can tell more; these need tidy rows alone.
"""

import pandas as pd

from handid.recipes import System
from handid.report.rows import labelled
from handid.report.sentences.gains import gain
from handid.report.sentences.verdicts import Verdict, compared, counted, of_levels, range_of
from handid.report.tables import by_target, of_controls, parts_of


def specialised(rows: pd.DataFrame, gains: pd.DataFrame, where: str) -> str:
    """The best convolutional network beside the best of CLIP's rows, then what training adds.

    Args:
        rows: tidy rows of the convolutional networks and of CLIP, trained and untrained.
        gains: of differences.training_gains: its systems are the convolutional networks.
        where: names the data, and says if they are synthetic.
    """
    networks = set(gains["system"])
    lines = []
    for target, part in by_target(rows).items():
        special = [key in networks for key in part["system"]]
        clip = [key not in networks and System.parse(key).trained for key in part["system"]]
        best, other = (_best(part[which]) for which in (special, clip))
        if best is None or other is None:
            present = best if other is None else other
            lines += [f"**Not answered on {target}**: only {_figure(present)} was run."]
            continue
        lines.append(
            f"**{_ANSWERS[compared(best, other)]}:** on {target}, {best['method']} finds "
            f"{best['value']:.1f} %{range_of(best)} at rank 1, and the best of CLIP's rows, "
            f"{other['label']}, {other['value']:.1f} %{range_of(other)}."
        )
    return "\n\n".join([*lines, gain(gains, f"what training adds to each network ({where})")])


_ANSWERS = {
    Verdict.HIGHER: "Better than CLIP",
    Verdict.LOWER: "Worse than CLIP",
    Verdict.UNCLEAR: "Unclear, the 95 % intervals overlap",
    Verdict.NO_INTERVAL: "Unclear, one person gives no interval",
}


def _best(rows: pd.DataFrame) -> pd.Series | None:
    """The row of the highest rank-1, among those trained where they are tested."""
    shown = labelled(rows[rows["train_set"] == rows["test_set"]], "rank1")
    return None if shown.empty else shown.iloc[int(shown["value"].argmax())]


def _figure(row: pd.Series | None) -> str:
    return "nothing" if row is None else f"{row['label']} {row['value']:.1f} %{range_of(row)}"


def parts(rows: pd.DataFrame, where: str) -> str:
    """Which number of GPA-Net's parts is best, and whether one branch does as well as both.

    Args:
        rows: tidy rows of GPA-Net, its numbers of parts and its branches.
        where: names the data, and says if they are synthetic.
    """
    targets, lines = by_target(rows), []
    for target, part in targets.items():
        place = where if len(targets) == 1 else target
        cuts = [parts_of(key) for key in part["system"]]
        names = [f"{cut[0]} by {cut[1]} parts" if cut else "" for cut in cuts]
        grid = part.assign(method=names)[[name != "" for name in names]]
        branches = of_controls(part, ["", "global_only", "local_only"])
        for some, what in ((grid, "rows by columns of parts"), (branches, "branches")):
            lines += [_highest(some, f"{what}, {place}")] if len(some) else []
    return "\n\n".join(lines)


def _highest(rows: pd.DataFrame, what: str) -> str:
    """The best of some rows, and whether each of the others is shown to be lower."""
    best, *others = [row for _, row in _sorted(rows).iterrows()]
    apart = all(compared(best, row) is Verdict.HIGHER for row in others)
    answer = f"Best: {best['label']}" if apart else "Unclear: none is shown to be best"
    start = f"**{answer}** ({what}). {best['label']} {best['value']:.1f} %{range_of(best)}"
    beside = [
        f"{row['label']} {row['value']:.1f} %{range_of(row)}, {of_levels(compared(row, best))}"
        for row in others
    ]
    return f"{start}. {'; '.join(beside) or 'Nothing else was tried'}."


def versions(rows: pd.DataFrame, where: str) -> str:
    """CLIP-FH's versions: each as described beside itself as it was run.

    Args:
        rows: tidy rows of the recipes' systems and of their control "as_run".
        where: names the data, and says if they are synthetic.
    """
    shown = labelled(rows, "rank1")
    keys = ["backbone", "train_set", "test_set"]
    lines, kinds = [], []
    for _, row in shown.iterrows():
        system = System.parse(row["system"])
        run = shown[shown["system"] == System(system.recipe, "as_run").key]
        run = run[(run[keys] == row[keys]).all(axis=1)]
        if system.control or run.empty:
            continue
        kinds.append(compared(row, run.iloc[0]))
        lines.append(
            f"- {row['label']}: described **{row['value']:.1f} %**{range_of(row)}, as run "
            f"**{run['value'].iloc[0]:.1f} %**{range_of(run.iloc[0])}: {of_levels(kinds[-1])}"
        )
    if not lines:
        return f"**No version was run both as described and as run** ({where})."
    apart = [kind for kind in kinds if kind in (Verdict.HIGHER, Verdict.LOWER)]
    start = f"**{len(apart)} of {len(lines)} versions differ from what was run**"
    if not apart:
        start = "**No version is shown to differ from what was run**"
    return "\n".join([f"{start} ({where}); rank-1 as described and as run:", "", *lines])


def summary(rows: pd.DataFrame) -> str:
    """The best system on each test set, and how many may equal it; then all, best first."""
    lines = []
    for target, part in by_target(rows).items():
        best, *others = [row for _, row in _sorted(part).iterrows()]
        near = sum(compared(best, row) is not Verdict.HIGHER for row in others)
        answer = f"{counted(near + 1, 'system')} may be best" if near else f"Best: {best['label']}"
        lines.append(
            f"**{answer}** on {target}: {best['label']} finds {best['value']:.1f} %"
            f"{range_of(best)} at rank 1; {near} of {len(others)} others are not shown to be lower."
        )
    lines = ["\n\n".join(lines), "", "Rank-1, best first:", ""]
    for _, row in _sorted(rows).iterrows():
        lines.append(f"- {row['label']}: **{row['value']:.1f} %**{range_of(row)}")
    if rows["synthetic"].any():
        lines += [
            "",
            "Synthetic rows show that the study runs and what it can resolve. They say nothing "
            "about real hands; for that, run it on the real sets.",
        ]
    return "\n".join(lines)


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    return labelled(rows, "rank1").sort_values("value", ascending=False, kind="stable")
