"""Whole runs on toy notebooks in a copy of the house: every way to end, and interruptions."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from handid import disk
from handid.runner import batch, page

REPOSITORY = Path(__file__).resolve().parents[2]
SLEEPER = """import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
pathlib.Path(f"{work}/pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(300)"""
HANDSHAKE = """import pathlib, time
pathlib.Path(f"{work}/MINE").touch()
end = time.time() + 25
while not pathlib.Path(f"{work}/OTHER").exists(): assert time.time() < end; time.sleep(0.05)"""
FACTS = """import handid, json, matplotlib, os, pathlib, sys
names = [n for n in os.environ if n.endswith("_THREADS")]
facts = {"package": handid.__file__, "python": sys.executable, "folder": os.getcwd(),
 "threads": {n: os.environ[n] for n in names}, "backend": matplotlib.get_backend(),
 "seeds": seeds, "rate": rate, "work": work}
pathlib.Path(f"{work}/facts.json").write_text(json.dumps(facts))"""
ORPHAN = """import os, pathlib, subprocess
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
pathlib.Path(f"{work}/orphan").write_text(str(child.pid))"""


def pids(house):
    """Process ids of the sleeper's kernel and of the process it started; empty before it sleeps."""
    path = house.work / "pids"
    words = path.read_text().split() if path.exists() else []
    return [int(pid) for pid in words] if len(words) == 2 else []


# --- every way to end, in one run ---------------------------------------------------------------


@pytest.fixture(scope="module")
def endings(make_house, work_line):
    """One run, two at a time, of notebooks that end in every way there is."""
    house = make_house("endings")
    typed = work_line + "\nseeds = [0]  # of training\nrate = 0.5  # of learning"
    left, right = HANDSHAKE.replace("MINE", "l").replace("OTHER", "r"), HANDSHAKE
    right = right.replace("MINE", "r").replace("OTHER", "l")
    house.profile("description: Toys.\nparameters: {seeds: [4, 5], rate: 1e-3}\n")
    house.notebook("00_fine", left, FACTS, parameters=typed)
    house.notebook("01_raises", right, "raise ValueError('first\\nsecond')", "x = 2")
    house.notebook("02_blocked", "x = 1", needs=["01_raises"])
    house.notebook("03_blocked_too", "x = 1", needs=["02_blocked"])
    house.notebook("04_killed", ORPHAN, "import os; os.kill(os.getpid(), 9)", "x = 2")
    house.notebook("05_too_long", "print('before')", SLEEPER)
    house.notebook("06_exits", "import sys; sys.exit(0)", "x = 2")
    house.notebook("07_marked", ("1 / 0", "raises-exception"), "x = 2")
    house.notebook("08_runner_killed", "import os; os.kill(os.getppid(), 9)", "x = 2")
    house.finished = house.run("--jobs", 2, "--timeout", 20)
    return house


def test_every_ending_is_told_truly(endings):
    assert endings.finished.returncode == 1
    assert endings.states() == {
        "00_fine": "succeeded",
        "01_raises": "failed",
        "02_blocked": "blocked",
        "03_blocked_too": "blocked",
        "04_killed": "killed",
        "05_too_long": "timed out",
        "06_exits": "exited",
        "07_marked": "failed",
        "08_runner_killed": "killed",
    }
    assert endings.manifest()["state"] == "failed"


def test_every_cause_names_cell_and_reason(endings):
    assert endings.cause("01_raises") == "cell 3: ValueError: second"
    assert endings.cause("02_blocked") == "it needs 01_raises, which failed"
    assert endings.cause("03_blocked_too") == "it needs 02_blocked, which was blocked"
    assert endings.cause("04_killed").startswith("cell 3: the kernel was killed")
    assert "cell 2: the notebook's process was killed" in endings.cause("08_runner_killed")
    assert endings.cause("05_too_long") == "cell 3: stopped after 20 s (--timeout)"
    assert endings.cause("06_exits") == "cell 2: SystemExit: 0"
    assert endings.cause("07_marked") == "cell 2: ZeroDivisionError: division by zero"
    for stem, state in endings.states().items():
        line = f"{stem}: {state}"
        assert line in endings.finished.out, line


def test_two_jobs_run_at_the_same_time(endings):
    assert all((endings.work / name).exists() for name in ("l", "r"))  # each waited for the other


def test_a_time_out_kills_the_kernel_and_what_it_started(endings, alive):
    assert [alive(pid) for pid in pids(endings)] == [False, False]


def test_a_killed_kernel_leaves_no_orphans(endings, alive):
    assert not alive(int((endings.work / "orphan").read_text()))


def test_a_notebook_runs_in_its_folder_with_this_python_and_these_parameters(endings):
    facts = json.loads((endings.work / "facts.json").read_text())
    assert facts["folder"] == str(endings.root / "notebooks")
    assert facts["package"] == str(endings.root / "handid/__init__.py")
    assert facts["python"] == sys.executable
    assert (facts["seeds"], facts["rate"]) == ([4, 5], 0.001)
    assert facts["work"] == str(endings.work)
    assert "inline" in facts["backend"]
    threads = str(max(1, len(psutil.Process().cpu_affinity()) // 2))
    assert facts["threads"]["OMP_NUM_THREADS"] == facts["threads"]["MKL_NUM_THREADS"] == threads


def test_the_manifest_holds_times_memory_parameters_versions_and_key(endings):
    record = endings.manifest()["notebooks"]["00_fine"]
    assert record["parameters"] == {"work": "runs/demo", "seeds": [4, 5], "rate": 0.001}
    assert 0.5 < record["seconds"] < 60
    assert 30 < record["peak_memory_mib"] < 2000
    assert re.fullmatch("[0-9a-f]{16}", record["key"])
    assert record["versions"]["papermill"] and record["versions"]["python"]
    assert "facts.json" in record["products"]


def test_a_failed_notebook_has_a_page_with_its_error(endings):
    text = endings.page("01_raises")
    assert "ValueError: first\nsecond" in text
    assert "Cell 3, line 1" in text  # the number in the cause, not the kernel's
    assert "cell 3: ValueError: second" in text
    assert "before" in endings.page("05_too_long")
    assert "stopped after 20 s" in endings.page("05_too_long")


def test_the_index_lists_every_notebook_with_state_mark_and_link(endings):
    rows = re.findall(r"<li>\n<h2>.*?</li>", endings.page("index"), re.S)
    for row, (stem, state) in zip(rows, endings.states().items(), strict=True):
        assert f'href="{stem}.html"' in row
        assert f"{page.MARKS[state]}</span>&nbsp;{state}" in row


def test_no_link_of_a_report_is_dead(endings):
    for path in endings.reports.glob("*.html"):
        links = re.findall(r'href="([^"#]+)"', path.read_text())
        assert links
        assert [link for link in links if not (endings.reports / link).exists()] == []


def test_no_file_of_a_report_names_the_machine(endings):
    suffixes = (".html", ".ipynb", ".json", ".log")
    files = [path for path in endings.reports.rglob("*") if path.suffix in suffixes]
    # pages, executed notebooks, logs, index, how it was made, manifest
    assert len(files) == 9 + 7 + 7 + 1 + 1 + 1
    for path in files:
        text = path.read_text()
        assert "alice" not in text and sys.prefix not in text, path.name


def test_the_kept_notebook_holds_no_metadata_of_papermill(endings):
    kept = json.loads((endings.reports / "01_raises.ipynb").read_text())
    assert [cell["cell_type"] for cell in kept["cells"]] == ["code"] * 5  # with the injected one
    assert not [part for part in [kept, *kept["cells"]] if "papermill" in part["metadata"]]


def test_every_log_ends_without_a_fault_of_the_process(endings):
    logs = list(endings.reports.glob("*.log"))
    assert len(logs) == 7
    for path in logs:
        assert "Fatal Python error" not in path.read_text(), path.name


@pytest.mark.parametrize(("jobs", "first"), [(1, "00_short"), (2, "02_long")])
def test_where_several_run_at_once_a_long_one_starts_first(toys, jobs, first):
    for stem in ("00_short", "01_short", "02_long"):
        toys.notebook(stem, "x = 1", long=stem == "02_long")
    queue = batch.queue(toys.plan("--jobs", jobs))
    assert queue[0] == first and len(queue) == 3


def test_what_is_fresh_is_not_queued(toys):
    toys.notebook("00_x", "x = 1")
    toys.notebook("01_y", "x = 1")
    toys.finish()
    toys.notebook("01_y", "x = 2")
    assert batch.queue(toys.plan()) == ["01_y"]


def test_the_front_door_opens_without_what_is_slow_to_load():
    code = "import sys, run_notebooks; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    slow = {"torch", "pandas", "matplotlib", "papermill", "ipykernel", "lark"}
    assert "nbformat" in loaded and not loaded & slow


def test_the_front_door_refuses_with_one_line_and_exit_code_2(make_house):
    house = make_house("refused")
    house.notebook("00_x", "x = 1")
    refused = house.run("--only", "7")
    assert refused.returncode == 2 and refused.out == ""
    assert refused.err == "run_notebooks: no notebook '7'; known: 00_x\n"
    assert not (house.root / "reports").exists()


def test_letters_of_any_language_are_text_whatever_the_locale_says():
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "run_notebooks.py", "--profile", "é"],
        cwd=REPOSITORY,
        env=os.environ | ascii_alone,
        capture_output=True,
    )
    assert "no profile 'é' in notebooks/profiles".encode() in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_nobodys_file(closed, tmp_path):
    code = (
        "import os, run_notebooks as r; r.open_streams(); from handid.runner.batch import say\n"
        "f = open('own', 'w'); n = f.fileno(); say('word'); os.system('echo word >&2; echo word')\n"
        "f.write(f'{n > 2} {r.guarded([chr(45) * 2 + chr(120)])}')"
    )
    command = f'exec "{sys.executable}" -c "{code}" {closed}'
    path = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "own").read_text() == "True 2"  # neither a word of another, nor a crash
    heard = done.stdout + done.stderr
    assert (b"unrecognized arguments" in heard) == (closed in ("<&-", ">&-", "2>&-"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is too little memory"),
        (ImportError("x.so: failed to map segment from shared object"), "too little memory"),
        (OSError(28, "The disk that holds x is full"), "run_notebooks: The disk that holds x is"),
        (
            PermissionError(13, "Permission denied", "/x"),
            "/x: Permission denied; make it yours, re",
        ),
    ],
)
def test_what_ends_a_run_is_one_sentence(front_door, monkeypatch, capsys, error, said):
    def raising(_):
        raise error

    monkeypatch.setattr(front_door, "main", raising)
    assert front_door.guarded([]) == 1
    heard = capsys.readouterr().err
    assert said in heard and heard.count("\n") == 1 and "Errno" not in heard


def test_results_of_a_run_that_failed_since_are_left_out_and_a_line_break_is_on_one_line(
    make_house, work_line
):
    house = make_house("results")
    write = (
        "import pathlib; f = pathlib.Path(work, 'results/00_x.csv'); f.parent.mkdir(exist_ok=True)"
    )
    write += "; f.write_text('method,value\\na,2\\n'); assert good"
    house.notebook("00_x", write, parameters=f"{work_line}\ngood = True  # or not")
    reports = house.root / "two\nlines"
    first = house.run("--reports", reports)
    assert (reports / "demo" / "results.csv").read_text() == "method,value\na,2\n"
    assert first.out.splitlines()[-1].startswith("succeeded: ")
    assert first.out.splitlines()[-1].endswith("two\\nlines/demo/index.html")
    second = house.run("--reports", reports, "--set", "good=false")
    assert second.returncode == 1
    assert "results/00_x.csv is not what a run left that succeeded" in second.out
    assert not (reports / "demo" / "results.csv").exists()
    assert (house.work / "results" / "00_x.csv").exists()  # nothing is lost


# --- interruptions ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(make_house, wait_until, alive):
    """A runner that was killed while a notebook slept: what was left of it."""
    house = make_house("interrupted")
    house.notebook("00_quick", "x = 1")
    house.notebook("01_sleeper", SLEEPER)
    house.notebook("02_after", "x = 1", needs=["01_sleeper"])
    runner = house.start()
    wait_until(lambda: pids(house))
    sleeping = pids(house)
    runner.kill()
    runner.communicate(timeout=10)
    wait_until(lambda: not any(alive(pid) for pid in sleeping))
    (house.work / "pids").unlink()
    return SimpleNamespace(house=house, states=house.states(), listed=house.listed())


@pytest.fixture(scope="module")
def stopped(killed, wait_until, alive):
    """The next run, which goes on, refuses a second runner, and is stopped by Ctrl-C."""
    house = killed.house
    runner = house.start()
    wait_until(lambda: pids(house))
    facts = SimpleNamespace(house=house, sleeping=pids(house), running=house.manifest())
    facts.second, facts.listed = house.run(), house.listed()
    facts.lived = [alive(pid) for pid in facts.sleeping]
    runner.send_signal(signal.SIGINT)
    facts.out, facts.err = runner.communicate(timeout=30)
    facts.returncode = runner.returncode
    return facts


def test_a_killed_runner_leaves_no_process_and_no_lie(killed):
    assert killed.states["01_sleeper"] == "running"  # nobody was left to write better
    assert killed.listed == {
        "00_quick": "fresh",
        "01_sleeper": "stale (interrupted)",
        "02_after": "stale (never run)",
    }


def test_the_run_after_goes_on_where_it_was_stopped(stopped):
    assert re.findall(r"^(\w+): (fresh|started)", stopped.out, re.M) == [
        ("00_quick", "fresh"),
        ("01_sleeper", "started"),
    ]


def test_a_second_runner_is_refused_and_may_look(stopped):
    assert stopped.running["state"] == "running"
    assert stopped.running["notebooks"]["01_sleeper"]["state"] == "running"
    assert stopped.second.returncode == 2 and stopped.second.err.count("\n") == 1
    assert "another run is writing reports/demo" in stopped.second.err
    assert stopped.listed["01_sleeper"] == "stale (running)"
    assert stopped.lived == [True, True]


def test_ctrl_c_stops_everything(stopped, alive):
    assert stopped.returncode == 130 and "Traceback" not in stopped.err
    assert [alive(pid) for pid in stopped.sleeping] == [False, False]
    assert stopped.house.states() == {"00_quick": "succeeded", "01_sleeper": "interrupted"}
    assert stopped.house.manifest()["state"] == "interrupted"
    assert stopped.house.cause("01_sleeper") == "cell 2: stopped by Ctrl-C or a signal"
    assert stopped.house.listed()["01_sleeper"] == "stale (interrupted)"


def test_a_closed_terminal_stops_a_run_as_ctrl_c_does(make_house, wait_until, alive):
    house = make_house("closed")
    house.notebook("00_sleeper", SLEEPER)
    runner = house.start()
    wait_until(lambda: pids(house))
    sleeping = pids(house)
    runner.stdout.close()
    runner.send_signal(signal.SIGHUP)
    assert runner.wait(30) == 130 and runner.stderr.read() == ""
    assert not any(alive(pid) for pid in sleeping)
    assert house.states() == {"00_sleeper": "interrupted"}


def test_a_run_goes_on_when_nobody_reads_what_it_says(make_house):
    house = make_house("unread")
    house.notebook("00_x", "x = 1")
    runner = house.start()
    runner.stdout.close()  # as `| head -1` does
    assert runner.wait(60) == 0 and runner.stderr.read() == ""
    assert house.states() == {"00_x": "succeeded"}
    listed = house.start("--list")
    listed.stdout.close()
    assert listed.wait(60) == 1 and listed.stderr.read() == ""


def test_force_sets_only_damaged_trainings_aside(tmp_path):
    for name in ("sound", "damaged", "cut"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "history.csv").write_text("epoch\n0\n")
        disk.write_products(tmp_path / name, ["history.csv"])
    (tmp_path / "damaged/history.csv").write_text("epoch\n1\n")
    (tmp_path / "cut" / disk.PRODUCTS).write_text("{")
    (tmp_path / "running").mkdir()  # not finished: it goes on where it stopped
    for _ in range(2):
        batch.set_damaged_aside(tmp_path)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"sound", "running", "damaged.damaged", "cut.damaged"}


def test_a_source_file_that_is_being_edited_is_named(make_house):
    house = make_house("edited")
    house.notebook("00_x", "x = 1")
    (house.root / "handid" / "half.py").write_text("def unfinished(:\n")
    done = house.run()
    assert done.returncode == 1 and "Traceback" not in done.err
    assert re.search(r"half\.py:1 is no Python: ", done.err)
