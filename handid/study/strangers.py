"""People who are in no study, to tune on: drawn apart, or the training people split by person."""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from handid import disk, fingerprint, protocol, synthetic
from handid.data import manifest
from handid.data.sets import Target
from handid.study.sources import drawing
from handid.study.study import Study

POPULATION = 1_000_099  # seed of people; studies draw population 0, pre-training others


def strangers(lab: Study) -> Study:
    """A study of the same settings on people whom the given one neither trains nor tests for good.

    Of a set that the package draws: as many people of another population. Of any other set: its
    training people alone, without those who test in another view; half of them then train and the
    other half validates, so that nobody who is tested later decides anything.

    Args:
        lab: its first target counts.

    Raises:
        ValueError: one sentence, if too few people are left to validate on.
    """
    target = lab.targets[0]
    root = _drawn(lab, target) if lab.photographs.is_synthetic(target) else _training(lab, target)
    work = str(Path(lab.settings.work) / "tuning" / "work")
    given = {"work": work, "data": {target.set: str(root)}, "targets": [str(target)], "seeds": [0]}
    return lab.having(**given)


def _drawn(lab: Study, target: Target) -> Path:
    """The folder of a set of another population, drawn if it is not there."""
    settings, code = lab.settings, fingerprint.code("synthetic.folder")
    size = f"{target.set}-{settings.people}x{settings.images_per_view}-{settings.bursts}"
    root = Path(settings.work) / "tuning" / f"{size}-{POPULATION}-{code}"
    with drawing(root):
        people, images = settings.people, settings.images_per_view
        if not root.exists() and target.set == "HD":
            synthetic.write_hd(root, subjects=people, distractors=2, images=images, seed=POPULATION)
        elif not root.exists():
            synthetic.write_11k(
                root,
                subjects=people,
                images=images,
                bursts=settings.bursts,
                seed=POPULATION,
            )
    return root


def _training(lab: Study, target: Target) -> Path:
    """A folder with a list of the training people's photographs, and links to these."""
    table = lab.table(target.set)
    tested = {
        person
        for view in protocol.views(table)
        for person in protocol.halves(table, view)[1]["subject"]
    }
    rows = table[(table["role"] == "subject") & ~table["subject"].isin(tested)]
    n_people = rows.loc[rows["view"] == lab.photographs.view(target), "subject"].nunique()
    if n_people < protocol.LEAST_PEOPLE:
        raise ValueError(
            f"Nobody is left to validate on: {n_people} of {target}'s training people are tested "
            f"in no view, and {protocol.LEAST_PEOPLE} are needed, half of them to train."
        )
    root = Path(lab.settings.work) / "tuning" / f"{target.set}-{lab.photographs.key(target.set)}"
    disk.private(root.parent)
    with disk.locked(root.with_suffix(".lock")):
        if not (root / manifest.LIST).exists():
            _link(rows, root)
    return root


def _link(rows: pd.DataFrame, root: Path) -> None:
    """Links to photographs, and the list that says whose they are; the list comes last."""
    root.mkdir(exist_ok=True)
    names = []
    for number, path in enumerate(rows["path"], start=1):
        link = root / f"{number:06d}{Path(path).suffix}"
        link.unlink(missing_ok=True)
        with suppress(FileExistsError):  # where there are no locks, another run was faster
            link.symlink_to(Path(path).resolve())
        names.append(link.name)
    listed = rows[["subject", "view"]].assign(path=names)[list(manifest.NEEDED)]
    with disk.whole(root / manifest.LIST) as part:
        listed.to_csv(part, index=False)
