"""What a text branch knows and how hard it pulls, in words."""

import pandas as pd

from handid.report.sentences.verdicts import listed


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
