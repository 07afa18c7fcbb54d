"""Coverage of the 95 % intervals and type-I error of the comparison, simulated -> docs/coverage.md.

Beside them stands what was there before: the percentile bootstrap over people.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from handid import statistics

DOCUMENT = Path(__file__).parents[1] / "docs" / "coverage.md"
MARK = "<!-- made by benchmarks/coverage.py; below is its printed log -->"
SHARES = (0.55, 0.75, 0.90, 0.955, 0.98)
CORRELATIONS = (0.15, 0.35)
PART = {  # of the simulated studies: more people and more rows take longer
    ("rank-1", 71): 1,
    ("rank-1", 251): 4,
    ("rank-1, 10 runs", 71): 1,
    ("rank-1, 10 runs", 251): 16,
    ("mAP", 71): 16,
    ("mAP", 251): 16,
}


def sizes(people: int) -> np.ndarray:
    """[people] queries of each person: 1 to 45, as in dorsal right of 11k Hands."""
    return np.round(np.geomspace(1, 45, people)).astype(int)


def right(rng: np.random.Generator, people: int, correlation: float, share: float, runs: int = 1):
    """[Q, runs] whether each query is right, each person with a probability of his or her own.

    The probabilities are beta distributed with the intraclass correlation; over several runs a
    query is right as often as a query of its own would be: half of what is left between queries.
    """
    strength = 1 / correlation - 1
    own = rng.beta(share * strength, (1 - share) * strength, people)
    own = np.repeat(own, sizes(people))
    if runs > 1:  # a photograph is easier or harder than the person's others
        own = rng.beta(np.maximum(2 * own, 1e-9), np.maximum(2 * (1 - own), 1e-9))
    return rng.random((len(own), runs)) < own[:, None]


def percentile(values: np.ndarray, people: np.ndarray, seed: int) -> tuple[float, float]:
    """The interval that the study had before."""
    sums, counts = np.bincount(people, weights=values), np.bincount(people)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), 400)
    low, high = np.quantile(times @ sums / (times @ counts), [0.025, 0.975])
    return float(low), float(high)


def coverage(
    people: int,
    correlation: float,
    share: float,
    worlds: int,
    figure: str = "rank-1",
    beside: int = 0,
) -> dict[str, float]:
    """How often the interval holds the truth, in percent, and how wide it is, in points.

    Args:
        people: test people.
        correlation: intraclass correlation of a person's answers.
        share: true rank-1, a fraction.
        worlds: simulated studies.
        figure: "rank-1"; "rank-1, 10 runs", all rows together; or "mAP", whose wrong queries have
            ranks from 2, the inverse of a rank uniform in its logarithm up to 50.
        beside: of how many of the first studies the percentile bootstrap is judged beside it.
    """
    rng = np.random.default_rng([people, round(1000 * correlation), round(1000 * share)])
    who = np.repeat(np.arange(people), sizes(people))
    truth, found, before = share, [], []
    if figure == "mAP":
        truth = share + (1 - share) * (1 / 2 - 1 / 50) / np.log(25)
    for world in range(worlds):
        runs = 10 if "runs" in figure else 1
        values = right(rng, people, correlation, share, runs).astype(float).ravel()
        if figure == "mAP":
            values = np.where(
                values == 1, 1.0, np.exp(-rng.uniform(np.log(2), np.log(50), len(who)))
            )
        rows = np.repeat(who, runs)
        found.append(statistics.interval(values, rows, kind="mean" if figure == "mAP" else ""))
        before += [percentile(values, rows, world)] if world < beside else []
    low, high = np.transpose(found)
    shares = {
        "covers, %": 100 * np.mean((low <= truth) & (truth <= high)),
        "truth above, %": 100 * np.mean(high < truth),
        "truth below, %": 100 * np.mean(low > truth),
        "width": 100 * np.median(high - low),
    }
    if not beside:
        return shares
    old_low, old_high = np.transpose(before)
    return shares | {
        "percentile covers, %": 100 * np.mean((old_low <= truth) & (truth <= old_high)),
        "its width": 100 * np.median(old_high - old_low),
    }


def type_one(people: int, correlation: float, share: float, worlds: int) -> float:
    """How often sign_flip tells two equal systems apart at 5 %, in percent."""
    rng = np.random.default_rng([people, round(1000 * correlation), round(1000 * share), 1])
    who = np.repeat(np.arange(people), sizes(people))
    errors = 0
    for world in range(worlds):
        one, other = (right(rng, people, correlation, share)[:, 0] for _ in range(2))
        difference = one.astype(float) - other
        errors += statistics.sign_flip(difference, who, draws=999, seed=world) <= 0.05
    return 100 * errors / worlds


def tables(worlds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Coverage and type-I error over all settings."""
    settings = [(n, c, s) for n in (71, 251) for c in CORRELATIONS for s in SHARES]
    rows = []
    for figure in ("rank-1", "rank-1, 10 runs", "mAP"):
        for people, correlation, share in settings:
            head = {"figure": figure, "people": people, "correlation": correlation, "true": share}
            studies = worlds // PART[figure, people]
            worth = coverage(people, correlation, share, studies, figure, worlds // 4)
            rows.append(head | {"studies": studies} | worth)
            print(*rows[-1].values(), flush=True)
    errors = [
        {
            "people": n,
            "correlation": c,
            "rank-1 of both": s,
            "told apart, %": type_one(n, c, s, worlds),
        }
        for n, c, s in settings
    ]
    return pd.DataFrame(rows), pd.DataFrame(errors)


def error(worlds: int) -> float:
    """Standard error of a simulated coverage of 95 %, points."""
    return 100 * (0.95 * 0.05 / worlds) ** 0.5


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, one decimal for what is in percent or points."""
    shown = table.map(lambda value: f"{value:g}" if isinstance(value, int) else value)
    exact = ("figure", "people", "correlation", "true", "studies", "rank-1 of both")
    for column in shown:
        if column not in exact:
            shown[column] = table[column].map("{:.1f}".format)
    lines = [list(shown.columns), ["---"] * shown.shape[1], *shown.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=4000, help="per row of 71 people")
    options = parser.parse_args()
    covered, errors = tables(options.worlds)
    text = DOCUMENT.read_text(encoding="utf-8").split(MARK)[0]
    made = (
        f"Of {options.worlds:,} simulated studies the standard error of a figure of 95 or 5 % is "
        f"{error(options.worlds):.1f} points, of a quarter {error(options.worlds // 4):.1f}, of a "
        f"sixteenth {error(options.worlds // 16):.1f}. The percentile bootstrap was judged on the "
        f"first {options.worlds // 4:,}, the type-I error on all."
    )
    parts = [
        text + MARK,
        made,
        markdown(covered),
        "## Type-I error of `sign_flip`",
        markdown(errors),
    ]
    DOCUMENT.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
