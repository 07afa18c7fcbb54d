"""One notebook's process: how it ends and how its end is judged."""

import errno
import json
import os
import shutil
from types import SimpleNamespace

import pytest

from handid.runner import process

FINE = {"error": "", "message": ""}


def executed(*outputs, count=1, source="x"):
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": list(outputs)}
    return cell | {"execution_count": count}


def error(name, text):
    return {"output_type": "error", "ename": name, "evalue": text}


def test_a_cell_that_never_ran_is_no_success():
    empty = executed(count=None, source=" ")
    assert process.verdict([executed(), empty], FINE, 2) == ("succeeded", "")
    never = process.verdict([executed(), executed(count=None)], FINE, 2)
    assert never == ("failed", "cell 2 was never executed")


def test_a_process_without_a_result_was_killed():
    assert process.verdict([executed()], {}, 1)[0] == "killed"
    state, cause = process.verdict([executed()], {"error": "DeadKernelError", "message": ""}, 4)
    assert (state, cause) == ("killed", "cell 4: the kernel was killed (out of memory?)")


@pytest.mark.parametrize(
    ("cells", "result", "expected"),
    [
        ([], {"error": "OSError", "message": "a\nb"}, ("failed", "cell 0: OSError: b")),
        ([executed(error("E", "a\nb"))], FINE, ("failed", "cell 1: E: b")),
        ([executed(), executed(error("E", ""))], FINE, ("failed", "cell 2: E")),
        (
            [executed(error("SystemExit", "0"))],
            {"error": "PapermillExecutionError", "message": "x"},
            ("exited", "cell 1: SystemExit: 0"),
        ),
    ],
)
def test_the_cause_names_cell_and_error(cells, result, expected):
    assert process.verdict(cells, result, 0) == expected


def test_the_process_ends_cleanly_while_its_input_is_open(tmp_path):
    live = process.launch(tmp_path / "none.ipynb", {}, tmp_path / "log", jobs=1)
    assert live.process.wait(timeout=60) == 0
    result = json.loads((live.scratch / "result.json").read_text())
    assert result["error"] and "none.ipynb" in result["message"]
    assert "Fatal" not in (tmp_path / "log").read_text()
    live.close_input()
    shutil.rmtree(live.scratch)


def test_a_clock_that_is_set_back_ends_no_measuring_and_no_time_limit(tmp_path, monkeypatch):
    started = SimpleNamespace(pid=os.getpid(), stdin=None)
    live = process.Running(started, tmp_path, 1.0)  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(process.time, "time", lambda: 0.0)
    live.measure()
    live.stop("timed out", "as asked")
    assert live.peak > 0
    assert 0 < live.deadline - live.seconds <= process.GRACE_SECONDS
    assert live.stopped == ("timed out", "cell 0: as asked")


def test_a_long_folder_of_temporary_files_is_not_used(tmp_path, monkeypatch):
    long = tmp_path / ("l" * 90)
    long.mkdir()
    monkeypatch.setattr(process.tempfile, "tempdir", str(long))
    assert len(str(process.temporary())) <= process.LONGEST_FOLDER
    monkeypatch.setattr(process.os, "access", lambda *_: False)  # no other place may be written
    assert process.temporary() == long


def test_temporary_files_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "temporary", lambda: tmp_path)
    names = ["handid-999999999-abc", f"handid-{os.getpid()}-abc", "handid-x-abc", "other-1-abc"]
    for name in names:
        (tmp_path / name).mkdir()
    process.sweep()
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])


def test_a_full_folder_of_temporary_files_is_one_sentence():
    result = {"error": "OSError", "message": "[Errno 28] No space left on device: '/x'"}
    state, cause = process.verdict([], result, 3)
    assert (state, cause[:7]) == ("failed", "cell 3:") and "is full: free some space" in cause


def test_a_disk_too_full_to_say_so_is_told_by_the_exit_code(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(process.disk, "write_json", full)
    with pytest.raises(SystemExit) as ended:
        process.leave(tmp_path, FINE)
    live = SimpleNamespace(process=SimpleNamespace(returncode=ended.value.code), scratch=tmp_path)
    state, cause = process.verdict([], process.result_of(live), 2)
    assert state == "failed" and cause.startswith("cell 2: The disk that holds temporary files")
    live.process.returncode = -9
    assert process.verdict([], process.result_of(live), 2)[0] == "killed"
