"""What a notebook needs of others, before it starts: results that are what their run left."""

from collections.abc import Container, Mapping
from pathlib import Path

from handid.runner import manifest
from handid.runner.notebook import Notebook
from handid.runner.refusal import Refused


def expect(
    book: Notebook, tasks: Container[str], records: Mapping[str, manifest.Record], work: Path
) -> None:
    """Look at the results of notebooks that are needed and do not run again.

    Args:
        book: the notebook.
        tasks: names of those that are run, or looked at, in its run.
        records: of earlier runs, by name.
        work: folder of what the notebooks compute.

    Raises:
        Refused: if some were changed: its figures would stand under that run's name.
    """
    for need in book.needs:
        record = records.get(need, {})
        is_kept = need not in tasks and record.get("state") == "succeeded"
        if is_kept and not manifest.results_stand(need, record, work):
            raise Refused(
                f"{book.stem} needs the results of {need}, which were changed or removed since it "
                f"ran; run it too (--only {need[:2]} --only {book.stem[:2]})"
            )
