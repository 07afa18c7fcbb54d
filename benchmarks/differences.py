"""Why two laboratories print two numbers for one system, measured -> docs/differences.md.

One fine-tuned CLIP (mini-ViT, CLIP-FT) on the embedded hands, and what each choice moves: by how
many points, with a 95 % interval over people. Choices of evaluation change nothing but the test;
choices of training train again.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from handid import metric, study
from handid.report import differences, rows
from handid.report.rows import Score
from handid.report.sentences.verdicts import of_row
from handid.study import network as networks
from handid.study import score, training

DOCUMENT = Path(__file__).parents[1] / "docs" / "differences.md"
MARK = "<!-- made by benchmarks/differences.py; below is what it measured -->"
TARGET, RECIPE, BACKBONE = "11k dorsal right", "clip_ft_mini", "mini-ViT"
CNN = ("cnn_baseline_mini", "EfficientNet-Lite0")
COLUMNS = ("choice", "from", "to", "figure", "moves by, points", "95 % interval", "verdict")


def named(one: Score, key: str) -> Score:
    """A score under another system's key, so that the two can be compared."""
    return replace(one, rows=one.rows.assign(system=key, method=key))


def moved(before: Score, after: Score, figure: str = "rank1") -> pd.Series:
    """After minus before, query by query, in points, with its interval over people."""
    pair = [named(before, "before"), named(after, "after")]
    return differences.gains(pair, "before", figure).iloc[0]


def line(choice: str, start: str, end: str, figure: str, move: pd.Series) -> dict[str, str]:
    """A row of the table."""
    interval = f"[{move['low']:+.1f}, {move['high']:+.1f}]"
    values = (choice, start, end, figure, f"{move['value']:+.1f}", interval, of_row(move).value)
    return dict(zip(COLUMNS, values, strict=True))


def tested(lab: study.Study, experiment, **changes) -> Score:
    """A score of an experiment's network that is tested otherwise than it was trained."""
    recipe = experiment.recipe.model_copy(update=changes)
    return lab.score(replace(experiment, recipe=recipe))


def with_trapezoid(one: Score) -> Score:
    """The same ranks under the hand papers' definition of average precision."""
    return replace(one, per_query=one.per_query.assign(ap=one.per_query["ap_trapezoid"]))


def in_own_view(lab: study.Study, experiment) -> Score:
    """The same queries in a gallery of their own view alone."""
    photographs, view = lab.photographs, lab.photographs.view(experiment.target)
    splits = [
        (query, gallery[gallery["view"] == view])
        for query, gallery in photographs.splits(experiment.target, photographs.settings.runs)
    ]
    scorer = score.Scorer(experiment, experiment.target, photographs, lab.engine)
    return scorer({"papers": splits}, "whole")[0]


def selected_on_test(lab: study.Study, seed: int) -> tuple[Score, Score]:
    """A training's kept epoch, and the epoch that is best on the test people themselves."""
    kept: list[Score] = []
    plain = training._validation

    def watched(experiment, train_rows, held_out, photographs, engine):
        validate = plain(experiment, train_rows, held_out, photographs, engine)

        def both(network) -> float:
            kept.append(_as_it_stands(experiment, network, photographs, engine))
            return validate(network)

        return both

    training._validation = watched
    try:
        experiment = lab.experiment(RECIPE, BACKBONE, TARGET, seed=seed)
    finally:
        training._validation = plain
    best = max(kept, key=lambda one: one.per_query["first_hit"].eq(1).mean())
    return lab.score(experiment), best


def _as_it_stands(experiment, network, photographs, engine) -> Score:
    """The score of a network in the middle of its training; nothing of it is kept on disk."""
    table = photographs.table(experiment.target.set)
    pictures = networks.images(experiment, table, photographs)
    vectors = networks.embed_images(experiment, network, pictures, engine)
    parts = []
    runs = photographs.settings.runs
    for run, (query, gallery) in enumerate(photographs.splits(experiment.target, runs)):
        places = [table.index.get_indexer(part.index) for part in (query, gallery)]
        names = (query["identity"], gallery["identity"])
        found = metric.evaluate(vectors[places[0]], vectors[places[1]], *names)
        about = query[["path", "subject"]].reset_index(drop=True).assign(run=run)
        parts.append(pd.concat([about, found.per_query], axis=1))
    blank = lab_rows(experiment)
    return Score(blank, pd.concat(parts, ignore_index=True), found.cmc)


def lab_rows(experiment) -> pd.DataFrame:
    """A tidy row that says what a score is of, without a figure."""
    target = str(experiment.target)
    row = dict.fromkeys(rows.COLUMNS, 0) | {"system": experiment.system.key, "metric": "rank1"}
    row |= {"train_set": target, "test_set": target, "task": "papers", "image": "whole"}
    row |= {"method": experiment.title, "backbone": experiment.backbone_label, "synthetic": True}
    return pd.DataFrame([row])


def measured(lab: study.Study, seeds: int) -> Iterator[dict[str, str]]:
    """Every choice in turn, as rows of the table."""
    kept, on_test = selected_on_test(lab, 0)
    experiment = lab.experiment(RECIPE, BACKBONE, TARGET)
    rank1 = "rank-1"
    yield line(
        "definition of AP", "standard", "trapezoid (hand papers)", "mAP",
        moved(kept, with_trapezoid(kept), "mAP"),
    )  # fmt: skip
    yield line(
        "gallery", "all views of everybody", "the query's own view", rank1,
        moved(kept, in_own_view(lab, experiment)),
    )  # fmt: skip
    choices = (
        ("mirror average", "none", "mirror image's embedding added", {"flip_average": True}),
        ("preprocessing", "squashed", "centre crop", {"geometry": "crop"}),
        ("normalisation", "ImageNet's", "CLIP's", {"mean_std": "clip"}),
    )
    for choice, start, end, changes in choices:
        yield line(choice, start, end, rank1, moved(kept, tested(lab, experiment, **changes)))
    yield line(
        "selection of the epoch", "held-out photographs", "test people", rank1, moved(kept, on_test)
    )
    others = [lab.score(lab.experiment(RECIPE, BACKBONE, TARGET, seed=n)) for n in range(1, seeds)]
    for number, other in enumerate(others, start=1):
        yield line("seed", "0", str(number), rank1, moved(kept, other))
    cnn = lab.having(backbones=[CNN[1]])
    strides = [
        cnn.score(cnn.experiment(*CNN, TARGET, changes={"last_stride": stride}))
        for stride in (1, 2)
    ]
    yield line("last stride (CNN baseline)", "1", "2", rank1, moved(*strides))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--people", type=int, default=90, help="synthetic people")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", help="folder of what is computed; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        lab = study.Study(
            work=options.work or scratch, people=options.people, targets=[TARGET], runs=10,
            backbones=[BACKBONE], data={"11k": "synthetic"}, device="cpu",
        )  # fmt: skip
        table = pd.DataFrame(measured(lab, options.seeds))
    text = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    text += [f"| {' | '.join(row)} |" for row in table.itertuples(index=False)]
    head = DOCUMENT.read_text(encoding="utf-8").split(MARK)[0]
    DOCUMENT.write_text(f"{head}{MARK}\n\n" + "\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
