"""Seeded bad inputs: each is taken or refused in one sentence, and damage is never taken."""

import importlib.util
import os
from pathlib import Path

# .ci/run gives it a minute; make test a glance.
SECONDS = float(os.environ.get("HANDID_FUZZ_SECONDS", "10"))


def generator():
    path = Path(__file__).with_name("generator.py")
    specification = importlib.util.spec_from_file_location("generator", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_no_bad_input_breaks_anything():
    module = generator()
    counts, faults = module.run(100_000, seed=1, seconds=SECONDS)
    assert faults == []
    assert {kind for kind, _ in counts} == set(module.KINDS)
