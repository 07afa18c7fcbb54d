"""The figure of one threshold: where it stands on the DET curve of searches."""

import numpy as np
import pandas as pd

from handid.report.figures.style import COLOURS, WRONG, Drawing, canvas, drawing, styled


def rates_at(curve: pd.DataFrame, threshold: float) -> tuple[float, float]:
    """FPIR and FNIR at a threshold, shares; NaN for a curve without points.

    Args:
        curve: of open_set.curve: threshold ascending, fpir, fnir.
        threshold: any; the rates are those of the next higher threshold that tells searches apart.
    """
    if curve.empty:
        return float("nan"), float("nan")
    place = min(int(np.searchsorted(curve["threshold"], threshold)), len(curve) - 1)
    return float(curve["fpir"].iloc[place]), float(curve["fnir"].iloc[place])


@styled
def operating_point(curve: pd.DataFrame, at: float, n_gallery: int, title: str) -> Drawing:
    """The DET curve of searches, FNIR against FPIR, and the point of one threshold on it.

    Args:
        curve: of open_set.curve; without points the figure says so.
        at: the threshold, a cosine similarity; NaN for none.
        n_gallery: people enrolled when it was measured.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(3.2)
    axis = axes[0, 0]
    axis.set(xlim=(-2, 102), ylim=(-2, 106), title=title)
    if curve.empty:
        said = "not measured: too few people to search for"
        axis.text(0.5, 0.5, said, ha="center", transform=axis.transAxes)
        return drawing(figure, title, f"FNIR against FPIR: {said}.")
    axis.step(100 * curve["fpir"], 100 * curve["fnir"], where="post", color=COLOURS[0], lw=2)
    words = f"FNIR against FPIR, gallery of {n_gallery} people"
    if np.isfinite(at):
        fpir, fnir = (100 * rate for rate in rates_at(curve, at))
        axis.plot(fpir, fnir, "o", color=WRONG, ms=10)
        axis.annotate(f"{at:.2f}", (fpir, fnir), (9, 6), textcoords="offset points")
        words += f": at a threshold of {at:.2f}, {fnir:.0f} % and {fpir:.0f} %"
    axis.set_xlabel(f"somebody is named though absent (FPIR), %; {n_gallery} enrolled")
    axis.set_ylabel("enrolled, not named\n(FNIR), %")
    ends = [f"{100 * rates_at(curve, t)[1]:.0f} % at {100 * f:.0f} %" for t, f in _few(curve)]
    return drawing(figure, title, f"{words}. Along the curve FNIR is {', '.join(ends)} FPIR.")


def _few(curve: pd.DataFrame) -> list[tuple[float, float]]:
    """Five thresholds along a curve with their FPIR."""
    places = np.unique(np.linspace(0, len(curve) - 1, 5).round().astype(int))
    few = curve.iloc[places]
    return list(zip(few["threshold"], few["fpir"], strict=True))
