"""The environment of what the runner starts."""

import os
import platform
import subprocess
import sys

import pytest

from handid.runner import environment


def test_the_cores_are_shared_and_nothing_of_the_shells_backend_is_inherited(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    own = environment.variables(tmp_path, jobs=10**6)
    assert "MPLBACKEND" not in own
    assert own["OMP_NUM_THREADS"] == own["MKL_NUM_THREADS"] == "1"
    assert own["PYTHONPATH"].split(os.pathsep)[1] == "/mine"
    assert own[environment.MARKER] == str(tmp_path)


def test_a_user_without_a_home_gets_one_for_the_run(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "gone"))
    assert environment.variables(tmp_path, jobs=1)["HOME"] == str(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert environment.variables(tmp_path / "scratch", jobs=1)["HOME"] == str(tmp_path)


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="the settings are glibc's")
def test_memory_that_a_notebook_frees_and_takes_again_costs_no_page_faults(tmp_path):
    program = """
import resource
for _ in range(9):
    blocks = [bytearray(24 * 2**20) for _ in range(5)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""

    def faults(variables):
        how = {"env": variables, "capture_output": True, "text": True, "check": True}
        return int(subprocess.run([sys.executable, "-c", program], **how).stdout)

    own = environment.variables(tmp_path, jobs=1)
    assert faults(own) < 0.5 * faults(own | dict.fromkeys(environment.MEMORY, ""))


def test_a_users_own_setting_of_memory_stands(monkeypatch, tmp_path):
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    assert environment.variables(tmp_path, jobs=1)["THP_MEM_ALLOC_ENABLE"] == "0"
