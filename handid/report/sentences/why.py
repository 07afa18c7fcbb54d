"""What a text branch knows and how hard it pulls, in words."""

import pandas as pd

from handid.report.sentences.verdicts import counted, listed

_HELD = {"yes": "Held", "no": "The other way", "not shown": "Not shown"}


def why(told: pd.DataFrame, pulls: pd.DataFrame) -> str:
    """How many facts each system's text tells above chance, and the share of its text losses.

    Args:
        told: one row per system, feature and fact: method, backbone, feature, fact, correct, low,
            chance.
        pulls: one row per system, moment and loss: method, backbone, moment, loss, share.
    """
    lines, most = [], 0
    for (method, name, feature), part in told.groupby(
        ["method", "backbone", "feature"], sort=False
    ):
        known = part[part["low"] > part["chance"]]
        most = max(most, len(known)) if feature == "text" else most
        facts = listed(list(known["fact"])) if len(known) else "none"
        lines.append(
            f"- {method}, {name}, {feature}: {len(known)} of {len(part)} facts above chance "
            f"({facts})."
        )
    for (method, name, moment), part in pulls.groupby(["method", "backbone", "moment"], sort=False):
        text = part.loc[part["loss"].isin(("image_to_text", "text_to_image")), "share"].sum()
        lines.append(
            f"- {method}, {name}, {moment} training: the losses between image and text have "
            f"{text:.0f} % of the gradients' length."
        )
    n_facts = told["fact"].nunique()
    answer = "Something" if most else "Nothing that was asked"
    head = f"**{answer}: at best {most} of {n_facts} facts** of synthetic strangers are told "
    head += "above chance by the prompt with the word that a method made (95 % intervals, each for "
    head += "itself: of many facts, one in forty would be by luck)."
    return "\n".join([head, "", *lines])


def control(table: pd.DataFrame) -> str:
    """Whether both controls of the text branch came out, and each claim in a line.

    Args:
        table: as claims.judged returns it, with `expected`: "yes" for a claim that must hold.
    """
    came_out = (table["held"] == "yes") == (table["expected"] == "yes")
    answer = "Both controls came out" if came_out.all() else "The controls did not come out"
    lines = [
        f"**{answer}** (synthetic): {int(came_out.sum())} of {counted(len(table), 'claim')} are as "
        "they are where text encoder and losses work: true sentences help, and others do not.",
        "",
    ]
    for row in table.itertuples():
        wanted = "must hold" if row.expected == "yes" else "must not hold"
        lines.append(
            f"- *{row.claim}* ({wanted}) {_HELD[str(row.held)]}: {row.value:+.1f} points "
            f"[{row.low:.1f}, {row.high:.1f}]."
        )
    return "\n".join(lines)
