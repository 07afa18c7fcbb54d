"""Figures about people: photographs that each has, and how often each is recognised."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from handid.report import rows
from handid.report.figures.style import COLOURS, WRONG, Drawing, canvas, drawing, styled, titled


@styled
def images_per_person(counts: pd.DataFrame, title: str) -> Drawing:
    """How many photographs there are per person, one panel per view.

    Args:
        counts: one row per person and view, columns `view` and `images`.
        title: of the figure; says if the set is synthetic.
    """
    views = sorted(counts["view"].unique())
    figure, axes = canvas(2.4, 1, len(views), sharex=True, sharey=True)
    for axis, view in zip(axes.flat, views, strict=True):
        sns.histplot(
            counts[counts["view"] == view],
            x="images",
            discrete=counts["images"].max() <= 40,
            color=COLOURS[0],
            edgecolor="white",
            ax=axis,
        )
        axis.set(xlabel="photographs per person", ylabel="people")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_title(view, fontweight="normal", fontsize=9.5)
    titled(figure, title)
    words = [
        f"{view}: {len(images)} people, {images.min()} to {images.max()} photographs, "
        f"median {images.median():.0f}"
        for view, images in counts.groupby("view")["images"]
    ]
    return drawing(figure, title, f"Histograms, one per view; {'; '.join(words)}.")


@styled
def by_person(per_query: pd.DataFrame, title: str) -> Drawing:
    """Rank-1 of each test person, worst first: one dot per person.

    Args:
        per_query: of a score: columns `subject` and `first_hit`.
        title: of the figure; says if the set is synthetic.
    """
    shares = 100 * rows.by_person(per_query)
    figure, axes = canvas(2.3)
    axis = axes[0, 0]
    axis.plot(np.arange(1, len(shares) + 1), shares.to_numpy(), "o", color=COLOURS[0], ms=5)
    axis.axhline(shares.mean(), color=WRONG, lw=1.2)
    axis.annotate("mean over people", (1, shares.mean()), (0, 4), textcoords="offset points")
    axis.set(xlabel="test people, worst first", ylabel="rank-1, %", ylim=(-4, 104), title=title)
    words = (
        f"{len(shares)} test people: lowest {shares.min():.0f} %, median {shares.median():.0f} %, "
        f"highest {shares.max():.0f} %, mean over people {shares.mean():.1f} %"
    )
    return drawing(figure, title, f"{words}.")
