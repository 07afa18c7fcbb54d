"""benchmarks/gpu.py is for a day with a GPU: each of its parts runs on a CPU before."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    *("peak", "compiling", "methods", "waiting", "small_card", "whole", "together"),
    *("agreement", "plainly", "study", "table_one"),
)


@pytest.mark.slow
def test_every_part_for_a_gpu_runs_small_on_a_cpu(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "gpu.py", "--mini", "--out", tmp_path]
    place = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=place, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    table = pd.read_csv(tmp_path / "results.csv")
    parts = table[table["benchmark"] == "gpu"].set_index("note")["value"]
    assert set(parts.index) == {f"{part}, cpu" for part in PARTS}
    assert (table["benchmark"] == "evaluation").sum() == 4
    assert (
        parts.drop([f"{n}, cpu" for n in ("agreement", "study", "methods", "small_card")])
        .gt(0)
        .all()
    )
    speeds = table[table["unit"] == "images/s"]["value"]
    assert len(speeds) > 10 and speeds.gt(0).all()
    apart = table[table["variant"].str.startswith("losses of ten steps, bf16")]["value"].item()
    assert 0 < apart < 5  # percent
