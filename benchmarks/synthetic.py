"""Synthetic hands per second: drawn on one core, and written as a data set on all cores."""

import argparse
import tempfile
from itertools import count
from pathlib import Path

from results import in_turn, rate, report

from handid import synthetic


def draw(subject: int, shots: int, size: int) -> None:
    """All views of one person; nothing is written."""
    person = synthetic.person(0, subject)
    for view in synthetic.VIEWS:
        for shot in range(shots):
            synthetic.photograph(person, view, shot, size=size)


def write(subjects: int, shots: int, size: int) -> int:
    """A data set as 11k lies on disk; the number of photographs."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"subjects": subjects, "images": shots, "size": size, "progress": False}
        root = synthetic.write_11k(Path(folder) / "11k", **options)
        return len(list((root / "Hands").iterdir()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=4, help="of the data set that is written")
    parser.add_argument("--images", type=int, default=8, help="per person and view")
    parser.add_argument("--size", type=int, default=240, help="height, pixels")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    people, shots, size = options.people, options.images, options.size
    subjects = count()  # a new person each time, as the skin of the last ones is cached
    written = write(people, shots, size)
    one, every = "photograph, one core", "write_11k, all cores"
    variants = {
        one: lambda: rate(lambda: draw(next(subjects), shots, size), len(synthetic.VIEWS) * shots),
        every: lambda: rate(lambda: write(people, shots, size), written),
    }
    note = (
        f"{size} pixels, {shots} photographs per person and view; {people} people written as JPEG"
    )
    report("synthetic", in_turn(variants, options.repeats), "images/s", reference=one, note=note)


if __name__ == "__main__":
    main()
