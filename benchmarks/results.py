"""What the benchmarks share: variants measured in turn, a table on the screen, rows in a CSV file.

It holds no benchmark, and nothing here judges a figure.
"""

import csv
import os
import platform
import time
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path

import pandas as pd

FILE = Path(__file__).parent / "results.csv"
COLUMNS = (
    *("date", "benchmark", "variant", "value", "unit", "ratio_to_reference"),
    *("repeats", "hardware", "versions", "note"),
)


def rate(task: Callable, count: int) -> float:
    """Things a second, where one call of the task does `count` of them."""
    start = time.perf_counter()
    task()
    return count / (time.perf_counter() - start)


def in_turn(variants: dict[str, Callable[[], float]], repeats: int) -> pd.DataFrame:
    """[repeats rows, a column a variant] figures; all variants once, then all again, and so on.

    What else the machine does then hits every variant alike.
    """
    return pd.DataFrame([{name: run() for name, run in variants.items()} for _ in range(repeats)])


def report(
    benchmark: str, figures: pd.DataFrame, unit: str, *, reference: str | None = None, note: str
) -> None:
    """Print the median of each variant and append it to results.csv.

    Args:
        benchmark: the script's name.
        figures: as `in_turn` returns them.
        unit: of every figure.
        reference: a variant; the ratio to it is the median of the ratios within each repetition.
        note: sizes and settings; no machine name and no path.
    """
    rows = []
    for name in figures:
        ratio = (figures[name] / figures[reference]).median() if reference else None
        values = (f"{figures[name].median():.4g}", unit, f"{ratio:.3g}" if reference else "")
        rows.append((date.today(), benchmark, name, *values, len(figures), _hardware()))
    print(pd.DataFrame(rows, columns=COLUMNS[:8])[list(COLUMNS[2:6])].to_string(index=False))
    is_new = not FILE.exists()
    with FILE.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows([COLUMNS] if is_new else [])
        table.writerows((*row, _versions(), note) for row in rows)


def _hardware() -> str:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} cores {platform.machine()}, {gpu}"


def _versions() -> str:
    packages = ("torch", "torchvision", "open_clip_torch", "numpy", "pillow")
    known = [f"{name} {metadata.version(name)}" for name in packages]
    return ", ".join([f"python {platform.python_version()}", *known])
