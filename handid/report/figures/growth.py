"""A growing gallery as curves: what was measured, and what is foretold beyond it."""

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from handid.report.figures.style import Drawing, canvas, dash, drawing, styled, titled
from handid.report.growth import METRICS, Growth

_KINDS = ("foretold", "measured")


@styled
def growth(found: Growth, title: str) -> Drawing:
    """Rank-1 and FPIR by the number of people enrolled, with bands over people.

    Args:
        found: of one system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(3.3, 1, 2)
    for axis, (name, label) in zip(axes.flat, METRICS.items(), strict=True):
        _panel(axis, found, name)
        axis.set_title(label, fontweight="normal", fontsize=9.5)
    axes[0, 0].set(ylabel="searches, %")
    titled(figure, title)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    words = "; ".join(_words(found, name) for name in METRICS)
    return drawing(figure, title, f"{words}.")


def _panel(axis: Axes, found: Growth, name: str) -> None:
    curves = found.curves[found.curves["metric"] == name]
    for number, kind in enumerate(_KINDS):
        line = curves[(curves["kind"] == kind)].dropna(subset=["value"])
        look = dash(number)
        axis.plot(line["size"], line["value"], lw=1.8, label=kind, **look)
        axis.fill_between(line["size"], line["low"], line["high"], color=look["color"], alpha=0.15)
    check = found.check[name]
    ends = [[abs(check["foretold"] - check[f"foretold_{end}"])] for end in ("low", "high")]
    axis.errorbar(
        [check["size"]],
        [check["foretold"]],
        ends,
        fmt="D",
        ms=5,
        color="black",
        capsize=3,
        label=f"foretold from {found.n_fitted:,}",
    )
    axis.set(xscale="log", xlabel="people enrolled", ylim=(-2, 102))
    axis.xaxis.set_major_formatter(EngFormatter(sep=" "))  # 1 k, 1 M


def _words(found: Growth, name: str) -> str:
    """A metric's measured and foretold ends."""
    curves = found.curves[found.curves["metric"] == name].dropna(subset=["value"])
    ends = [
        f"{kind} {line['value'].iloc[0]:.1f} % at {line['size'].iloc[0]:,} and "
        f"{line['value'].iloc[-1]:.1f} % at {line['size'].iloc[-1]:,} people"
        for kind, line in curves.groupby("kind", sort=False)
    ]
    return f"{METRICS[name]}: {', '.join(ends)}"
