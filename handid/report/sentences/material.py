"""Sentences about what a study stands on: its photographs, and the weights that ship."""

import pandas as pd

from handid.report import tables
from handid.report.sentences.verdicts import counted, listed, span


def data(audit: pd.DataFrame, problems_found: pd.DataFrame, total: int, where: str) -> str:
    """How many people, views and photographs there are, and whether they are the papers'.

    Args:
        audit: one row per view: set, view, train identities, test identities and other counts.
        problems_found: one row per broken or repeated file.
        total: number of photographs.
        where: names the data, and says if they are synthetic.
    """
    # In one view an identity is a person.
    people = audit["train identities"] + audit["test identities"]
    size = f"{span(people, ',.0f')} people in each of {counted(len(audit), 'view')}"
    if len(audit) == 1:
        size = f"{people.iloc[0]:,} people in 1 view"
    names = [
        f"{name} {listed(list(part['view']))}" for name, part in audit.groupby("set", sort=False)
    ]
    return (
        f"**{size}, {total:,} photographs** ({where}; views: {'; '.join(names)}). "
        f"{counts(audit)} {problems(problems_found, total)}"
    )


def counts(audit: pd.DataFrame) -> str:
    """Whether every count equals the papers', and which do not."""
    papers = tables.PUBLISHED_COUNTS
    both = audit.merge(papers, on=["set", "view"], suffixes=("", " (papers)"))
    names = list(papers.columns[2:])
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
    more = f" and {len(differ) - 4} more" if len(differ) > 4 else ""
    return (
        f"{len(differ)} of {len(both) * len(names)} counts "
        f"{'differs' if len(differ) == 1 else 'differ'} from those of the complete real "
        f"sets in the papers: {'; '.join(differ[:4])}{more}."
    )


def problems(problems_found: pd.DataFrame, total: int) -> str:
    """How many files are broken or there twice."""
    if problems_found.empty:
        return f"All {total:,} files decode in full, and no two are the same."
    number = len(problems_found)
    verb, them = ("is", "it") if number == 1 else ("are", "them")
    return f"{number} of {total:,} files {verb} broken or repeated; the table names {them}."


def pretraining(cards: pd.DataFrame, curves: dict[str, pd.DataFrame]) -> str:
    """Where the shipped weights come from, one line per model.

    Args:
        cards: one row per model: backbone, images_seen, training_hours, device, on; of a model
            whose image encoder was locked also view_in_words (a share, else NaN).
        curves: backbone -> its training, with `validation` (fraction) by epoch.
    """
    if cards.empty:
        return "**No weights ship with this package.**"
    is_locked = cards.reindex(columns=["view_in_words"])["view_in_words"].notna()
    drawn = cards[~is_locked]
    lines = [
        f"**From synthetic hands{' alone' if len(drawn) == len(cards) else ''}**: "
        f"{listed(list(drawn['backbone']))} never saw a photograph; all that is known there of "
        "hands is what the renderer draws.",
        "",
    ]
    for _, card in cards[is_locked].iterrows():
        lines.append(
            f"- **{card['backbone']}** sees with ImageNet's encoder, which stayed as it was "
            "published. Its text encoder learned captions, then sentences of single facts, from "
            f"{card['images_seen']:,} encoded pictures, each many times, in "
            f"{card['training_hours']:.1f} hours ({card['device']}, {card['on']}), and tells in "
            f"words the view of {100 * card['view_in_words']:.1f} % of strangers' synthetic hands."
        )
    for _, card in drawn.iterrows():
        first, last = (100 * curves[card["backbone"]]["validation"].iloc[i] for i in (0, -1))
        lines.append(
            f"- **{card['backbone']}** saw {card['images_seen']:,} synthetic pictures, first with "
            f"facts and then with captions, in {card['training_hours']:.1f} hours "
            f"({card['device']}, {card['on']}). On hands of strangers its mAP rose "
            f"from {first:.1f} % after the first epoch to {last:.1f} %."
        )
    return "\n".join(lines)
