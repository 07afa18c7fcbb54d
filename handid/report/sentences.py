"""Tidy rows and tables -> the sentences of a report. Numbers in, words out; it measures nothing.

A sentence never says more than its interval: a difference whose interval holds zero is called
undecided, whatever its sign.
"""

import numpy as np
import pandas as pd

from handid import findings


def counts(audit: pd.DataFrame) -> str:
    """Whether every count equals the papers', and which do not."""
    both = audit.merge(findings.PUBLISHED_COUNTS, on=["set", "view"], suffixes=("", " (papers)"))
    names = list(findings.PUBLISHED_COUNTS.columns[2:])
    differ = [
        f"{row['set']} {row['view']}: {name} {row[name]:,} instead of {row[f'{name} (papers)']:,}"
        for _, row in both.iterrows()
        for name in names
        if row[name] != row[f"{name} (papers)"]
    ]
    if both.empty:
        return "The papers count none of these views."
    if not differ:
        return f"All {len(both) * len(names)} counts equal the papers'."
    return (
        f"{len(differ)} of {len(both) * len(names)} counts differ from the papers': "
        + "; ".join(differ[:4] + (["..."] if len(differ) > 4 else []))
    )


def problems(problems: pd.DataFrame, total: int) -> str:
    """How many files are broken or there twice."""
    if problems.empty:
        return f"All {total:,} files decode in full, and no two are the same."
    return f"{len(problems)} of {total:,} files are broken or there twice; the table names them."


def level(rows: pd.DataFrame, where: str) -> str:
    """How high each system stands, against chance."""
    shown = findings.labelled(rows, "rank1")
    lines = [f"**{where}**, the first answer is right for:", ""]
    for _, row in shown.iterrows():
        lines.append(f"- {row['label']}: **{row['value']:.1f} %** of queries {_range(row)}")
    lines += ["", f"Guessing would be right for {findings.chance(rows)}."]
    return "\n".join(lines)


def gain(gains: pd.DataFrame, what: str) -> str:
    """What each system adds to its reference, and whether this many people can tell."""
    if gains.empty:
        return f"**{what}**: there is nothing to compare with."
    lines = [f"**{what}**, in percentage points of rank-1:", ""]
    for _, row in gains.iterrows():
        lines.append(f"- {row['label']}: **{row['value']:+.1f}** {_range(row)}: {_verdict(row)}")
    seeds = int(gains["seeds"].max())  # what is not trained has one
    if seeds == 1:
        lines += [
            "",
            "One seed each: the interval holds the choice of people, not of the seed.",
        ]
    else:
        lines += [
            "",
            f"Trained rows are means over {seeds} seeds; the interval holds people only.",
        ]
    return "\n".join(lines)


def floors(margins: pd.DataFrame, what: str) -> str:
    """Whether the features are worth more than each floor that knows nothing of hands.

    Args:
        margins: rows of evidence.margins.
        what: opens the answer: the method, and what is synthetic.
    """
    lines = [f"**{what}**, in percentage points of rank-1:", ""]
    for _, row in findings.over_floors(margins).iterrows():
        lines.append(f"- {row['label']}: **{row['value']:+.1f}** {_range(row)}: {_verdict(row)}")
    return "\n".join([*lines, "", _floors_passed(margins)])


def _floors_passed(margins: pd.DataFrame) -> str:
    verdicts = margins.apply(_verdict, axis=1)
    lost = _times(margins.loc[verdicts.str.startswith("worse"), "over"], margins["over"])
    unsure = _times(margins.loc[verdicts.str.startswith("undecided"), "over"], margins["over"])
    if lost:
        return (
            f"**A floor does better: {lost}.** There, these features are worth less than those of "
            "a method that knows nothing of hands."
        )
    if unsure:
        return f"Not told apart from every floor by this many people: {unsure}."
    return "Every floor is passed, beyond the choice of people."


def _times(names: pd.Series, of: pd.Series) -> str:
    """Each name, and in how many of its comparisons if there are several."""
    known = of.value_counts()
    counts = names.value_counts(sort=False)
    words = [f"{n} ({k} of {known[n]})" if known[n] > 1 else n for n, k in counts.items()]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def questions(questions: pd.DataFrame) -> str:
    """How far the text answers what is to be seen, against chance."""
    if questions.empty:
        return "No question could be asked in words: no set here holds two answers to one."
    lines = ["**Questions in words**, balanced over the true answers, are answered right in:", ""]
    for name, part in findings.questions_by_set(questions).items():
        for _, row in part.iterrows():
            beside = f"chance {row['chance']:.1f} %: {_against_chance(row)}"
            range_ = "" if np.isnan(row["low"]) else f" {_range(row)}"
            what = f"{name}, {row['label']}"
            lines.append(f"- {what} **{row['correct']:.1f} %**{range_}, {beside}")
    return "\n".join(lines)


def _against_chance(row: pd.Series) -> str:
    if np.isnan(row["low"]):
        return "undecided: fewer than two people show one of the answers"
    low, high, chance = np.round([row["low"], row["high"], row["chance"]], 6)
    if low > chance:
        return "better, beyond the choice of people"
    if high < chance:
        return "worse, beyond the choice of people"
    return "undecided: the interval holds chance"


def summary(rows: pd.DataFrame) -> str:
    """The study's three questions, one line a system, and what the figures cannot say."""
    best = findings.labelled(rows, "rank1")
    lines = ["Rank-1, best first:", ""]
    for _, row in best.sort_values("value", ascending=False).iterrows():
        lines.append(f"- {row['label']}: **{row['value']:.1f} %** {_range(row)}")
    if rows["synthetic"].any():
        lines += [
            "",
            "Synthetic rows show that the study runs and what it can resolve. They say nothing "
            "about real hands; for that, run it on the real sets.",
        ]
    return "\n".join(lines)


# CLIP-FH's research questions (its section 1.4): the method that answers, and what it is held
# against. RQ5 compares backbones.
_RESEARCH = (
    ("RQ1: How well does CLIP identify hands without any fine-tuning?", "CLIP-ZS", ()),
    ("RQ2: Does fine-tuning the image encoder help?", "CLIP-FT", ("CLIP-FT untrained",)),
    (
        "RQ3: Does CLIP-ReID's prompt learning help?",
        "CLIP-ReID",
        ("CLIP-ReID untrained", "CLIP-FT", "CLIP-ReID constant_text"),
    ),
    (
        "RQ4: Does PromptSG's semantic guidance help?",
        "PromptSG",
        ("PromptSG untrained", "CLIP-FT", "PromptSG single_token"),
    ),
    ("RQ5: How do the backbones differ?", "CLIP-HandID", ()),
    (
        "RQ6: How does CLIP compare with convolutional networks made for hands?",
        "CLIP-HandID",
        ("GPA-Net", "MBA-Net"),
    ),
)


def research_questions(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """CLIP-FH's six research questions, answered by rank-1 on one test set.

    A method is held against another by their intervals: only where these do not overlap is one
    called higher, which is stricter than the paired differences of the other notebooks.

    Args:
        rows: tidy rows of all notebooks.
        target: the test set; only methods trained on it count.

    Returns:
        Columns question, answer.
    """
    shown = findings.mean_over_seeds(rows[rows["metric"] == "rank1"])
    shown = shown[(shown["test_set"] == target) & (shown["train_set"] == target)]
    lines = []
    for question, method, references in _RESEARCH:
        own = shown[shown["method"] == method]
        several = question.startswith("RQ5")
        answer = _across_backbones(own) if several else _against(shown, own, references)
        if own.empty:
            answer = f"{method} was not run."
        elif own["synthetic"].any():
            answer += " On synthetic hands only; about real hands only the real sets can tell."
        lines.append({"question": question, "answer": answer})
    return pd.DataFrame(lines)


def _against(shown: pd.DataFrame, own: pd.DataFrame, references: tuple[str, ...]) -> str:
    sentences = []
    for _, row in own.iterrows():
        sentences.append(f"{_named(row)}.")
        for name in references:
            others = shown[shown["method"] == name]
            same = others[others["backbone"] == row["backbone"]]
            for _, other in (others if same.empty else same).iterrows():
                sentences.append(f"{_compared(row, other)} {_named(other)}.")
    return " ".join(sentences)


def _across_backbones(own: pd.DataFrame) -> str:
    if len(own) < 2:
        return f"Only {', '.join(own['backbone'])} was run: --profile full runs both."
    best = own.sort_values("value", ascending=False)
    pairs = zip(best.iloc[:-1].iterrows(), best.iloc[1:].iterrows(), strict=True)
    return " ".join(
        f"{_named(a)}: {_compared(a, b).lower()} {_named(b)}." for (_, a), (_, b) in pairs
    )


def _named(row: pd.Series) -> str:
    return f"{row['method']} on {row['backbone']} {findings.interval(row)} %"


def _compared(row: pd.Series, other: pd.Series) -> str:
    if row["low"] > other["high"]:
        return "Higher than"
    if row["high"] < other["low"]:
        return "Lower than"
    return "Not told apart by its interval from"


def pretraining(cards: pd.DataFrame, curves: dict[str, pd.DataFrame]) -> str:
    """What the shipped weights are, a line a model, and what they are not."""
    if cards.empty:
        return "No weights ship with this package."
    lines = []
    for card in cards.itertuples():
        first, last = (100 * curves[card.backbone]["validation"].iloc[i] for i in (0, -1))
        lines.append(
            f"- **{card.backbone}** saw {card.images_seen:,} synthetic pictures with their "
            f"captions in {card.training_hours:.1f} hours ({card.device}, {card.on}). On hands of "
            f"strangers its mAP rose from {first:.1f} % after the first epoch to {last:.1f} %."
        )
    lines += [
        "",
        "It has never seen a photograph. What it knows of hands is what the renderer knows.",
    ]
    return "\n".join(lines)


def people(people: pd.Series, who: str) -> str:
    """How unevenly the errors fall on people."""
    always, never = int((people == 1).sum()), int((people == 0).sum())
    return (
        f"**{who}**: of {len(people)} test people, {always} are always found at rank 1 and {never} "
        f"never; the middle person is found in {100 * people.median():.0f} % of the queries."
    )


def maps(areas: pd.DataFrame, who: str) -> str:
    """Whether a map of similarity means anything: against chance, and against no training.

    Args:
        areas: of one method, see `deletion`.
        who: opens the answer: the method, and what is synthetic.
    """
    means = findings.deletion_of(areas)
    chance, untrained, size = means.loc["random"], *means.loc[["untrained", "map"], "area"]
    draws = areas.loc[areas["order"] == "random"].groupby("draw")["area"].mean()
    worse, several = int((draws > size).sum()), areas["query"].nunique()
    each = areas[areas["draw"] == 0].pivot(index="query", columns="order", values="area")
    below = int((each["map"] < each["untrained"]).sum())
    queries = "1 query" if several == 1 else f"{several} queries"
    return (
        f"**{who}**: removing first what the map marks leaves a similarity of {size:.2f} on "
        f"average ({queries}), removing places at random {chance['area']:.2f} "
        f"({chance['lowest']:.2f} to {chance['highest']:.2f}). "
        f"{_against_orders(worse, len(draws))} "
        f"The map of the same network with random weights leaves {untrained:.2f}, more than the "
        f"learned one's for {below} of {queries}. To beat chance, finding the hand is enough; what "
        "training added shows against that second map."
    )


def _against_orders(worse: int, draws: int) -> str:
    """Whether a map beats random orders of removal, of which so many are worse."""
    count = f"{worse} of {draws} random orders are worse"
    if worse == draws:
        return f"**The map beats chance**: {count}, which is luck once in {draws + 1}."
    if worse > draws / 2:
        return f"**Undecided**: {count}; for less than all of them, luck is too likely."
    return f"**The map is no better than chance**: {count}."


def _range(row: pd.Series) -> str:
    return f"(95 % interval {row['low']:.1f} to {row['high']:.1f})"


def _verdict(row: pd.Series) -> str:
    if np.isnan(row["low"]):
        return "undecided: one person makes no interval"
    if row["low"] > 0:
        return "better, beyond the choice of people"
    if row["high"] < 0:
        return "worse, beyond the choice of people"
    return "undecided: the interval holds zero"
