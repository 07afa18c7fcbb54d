"""What is planned, what is refused, and what is stale; nothing is run."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from handid import fingerprint
from handid.runner.manifest import Manifest
from handid.runner.refusal import Refused

ROOT = Path(__file__).resolve().parents[2]
DATA = 'data = {"11k": "", "HD": ""}  # folders'


@pytest.fixture(scope="module")
def plain(make_toys, work_line):
    """Two notebooks and profiles that are wrong in every way."""
    toys = make_toys("plain")
    lines = "seeds = [0]  # a\nepochs = 3  # b\nrate = 0.5  # c\nnames = {'a': 1}  # d\n"
    lines += f"flip = True  # e\nweights = 'tiny'  # f\n{DATA}"
    toys.notebook("03_train", "x = 1", parameters=f"{work_line}\n{lines}")
    toys.notebook("04_show", "x = 1", needs=["03_train"])
    for name, text in {
        "typo": "descriptoin: x\n",
        "shape": "description: [1]\n",
        "yaml": "description: [1\n",
        "unknown": "description: x\nparameters: {epoch: 1}\n",
        "type": "description: x\nparameters: {epochs: many}\n",
        "own": "description: x\nper_notebook: {04_show: {epochs: 1}}\n",
        "other": "description: x\nper_notebook: {05_none: {epochs: 1}}\n",
        "folder": "description: x\nparameters: {data: {11k: ../no/such}}\n",
        "needy": "description: x\nrequired_data: [11k]\nparameters: {data: {11k: ''}}\n",
        "silent": "description: x\nrequired_data: [11k]\n",
        "old": "description: x\nrequired: [data_11k]\n",
        "needless": "description: x\nnotebooks: ['04']\nrequired_data: [11k]\n",
        "absent": "description: x\nnotebooks: [05_none]\n",
        "bare": "description: x\nnotebooks: [00, 04]\n",
        "none": "description: x\nnotebooks: []\n",
    }.items():
        toys.profile(text, name)
    return toys


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--only 07", "no notebook '07'; known: 03_train, 04_show"),
        ("--profile bare", "profile bare: notebooks: write all, or names: ['00', ...]"),
        ("--profile none", "profile none: notebooks: write all, or names: ['00', ...]"),
        ("--only 03_trian", "did you mean 03_train?"),
        ("--profile dmeo", "no profile 'dmeo' in notebooks/profiles; did you mean demo?"),
        ("--profile ../profiles/demo", "no profile '../profiles/demo' in notebooks/profiles"),
        (
            "--profile ../../x",
            "no profile '../../x' in notebooks/profiles; known: absent, bare, demo",
        ),
        (
            "--profile /etc/x",
            "no profile '/etc/x' in notebooks/profiles; known: absent, bare, demo",
        ),
        ("--set epoch=1", "no selected notebook has a parameter 'epoch'; did you mean epochs?"),
        ("--only 04 --set epochs=1", "no selected notebook has a parameter 'epochs'"),
        ("--only 04 --data 11k=/", "no selected notebook has a parameter 'data'; known: work"),
        ("--set epochs=1.5", "(03_train): epochs must be int like 3, not 1.5"),
        ("--set epochs=true", "epochs must be int like 3, not True"),
        ("--set flip=1", "flip must be bool like True, not 1"),
        ("--set rate=fast", "rate must be float like 0.5, not 'fast'"),
        ("--set seeds=1", "seeds must be list like [0], not 1"),
        ("--set names=[1]", "names must be dict"),
        ("--set names={1:2}", "names must be dict"),
        ("--set weights=5", "text needs quotes"),
        ("--set weights", "write --set name=value"),
        ("--set work=/x", "work is set already by the runner, see --work"),
        ("--set epochs=1 --set epochs=2", "epochs is set already by --set epochs=1; set it once"),
        ("--set data={11k:/no/such}", "data gives names their folders, not '11k:/no/such': None"),
        ('--set data={"11k":/no/such}', "data 11k names no folder: /no/such"),
        ("--set data=[11k]", "data must be dict"),
        ("--profile folder", "profile folder (03_train): data 11k names no folder: ../no/such"),
        ("--data 11k=/no/such", "--data 11k=/no/such: no such folder"),
        ("--data hd=/ --data HD=/", "data hd is set already by --data hd=/; set it once"),
        ("--weights no/such", "--weights no/such: no such file"),
        ("--weights such.pt", "--weights such.pt: no such file"),
        ("--jobs 0", "must be positive"),
        ("--timeout nan", "must be positive"),
        ("--job 2", "unrecognized arguments: --job 2"),
        ("--notebooks /no/such", "no notebooks in /no/such"),
        ("--profile typo", "profile typo: "),
        ("--profile shape", "profile shape: description: Input should be a valid string"),
        ("--profile yaml", "profile yaml: not readable YAML"),
        ("--profile unknown", "no notebook has a parameter 'epoch'; did you mean epochs?"),
        ("--profile type", "epochs must be int like 3, not 'many'"),
        ("--profile own", "04_show has no parameter 'epochs'"),
        ("--profile other", "profile other: it has no notebook '05_none'"),
        ("--profile needy", "profile needy needs the data set 11k; give it with --data 11k=FOLDER"),
        ("--profile silent", "profile silent needs the data set 11k; give it with --data 11k=FOL"),
        (
            "--profile old",
            "profile old: required: Extra inputs are not permitted; did you mean req",
        ),
        ("--profile needless", "no notebook has a parameter 'data'"),
        ("--profile absent", "no notebook '05_none'"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(plain, capsys, words, message):
    with pytest.raises(Refused) as info:
        plain.main(*words.split())
    assert message in str(info.value) and "\n" not in str(info.value)
    assert capsys.readouterr() == ("", "") and not (plain.root / "reports").exists()


@pytest.mark.parametrize("option", ["--purge", "--work", "--reports", "--weights", "--only"])
@pytest.mark.parametrize("join", [lambda name: [name, ""], lambda name: [f"{name}="]])
def test_an_empty_value_is_refused_for_it_may_be_a_variable_that_is_not_set(plain, option, join):
    with pytest.raises(Refused, match="holds an empty value; give it one"):
        plain.main(*join(option))
    assert not (plain.root / "reports").exists()


# --- parameters ---------------------------------------------------------------------------------


def test_a_text_with_a_nul_is_no_path_and_left_to_the_notebook(toys):
    toys.notebook("00_x", "x = weights", parameters="weights = ''")
    (task,) = toys.plan("--set", 'weights="\\0"').tasks.values()
    assert task.injected["weights"] == "\0"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--app --only 00", "--app shows 15_panel and nothing else; leave --only out"),
        ("--app --bundle", "leave --bundle out"),
        ("--purge HD --only 00 --app", "--purge removes everything .*; leave --only and --app out"),
    ],
)
def test_what_an_option_would_pass_over_is_refused(toys, words, sentence):
    with pytest.raises(Refused, match=sentence):
        toys.plan(*words.split())


def test_data_sets_are_merged_name_by_name(toys, work_line):
    toys.notebook(
        "00_x", "x = 1", parameters=f'{work_line}\ndata = {{"11k": "synthetic", "HD": ""}}'
    )
    toys.profile("description: x\nparameters: {data: {hd: synthetic, Third: ./first}}\n")
    for name in ("first", "second"):
        (toys.root / "notebooks" / name).mkdir()
    second = str(toys.root / "notebooks/second")

    def data(*words):
        return toys.plan(*words).tasks["00_x"].injected["data"]

    own = {"11k": "synthetic", "HD": "synthetic", "Third": "./first"}
    assert data() == own
    assert data("--data", f"hd={second}") == own | {"HD": second}
    words = ["--data", f"third={second}", "--data", f"new={second}", "--set", "data={11k: ''}"]
    assert data(*words) == {"11k": "", "HD": "synthetic", "Third": second, "new": second}


def test_a_required_data_set_may_come_from_the_command_line(plain, tmp_path):
    plan = plain.plan("--profile", "needy", "--data", f"11K={tmp_path}")
    assert plan.tasks["03_train"].injected["data"] == {"11k": str(tmp_path), "HD": ""}
    assert "data" not in plan.tasks["04_show"].injected


def test_a_set_of_ones_own_must_be_in_a_target_and_spares_what_the_profile_requires(
    toys, work_line, tmp_path
):
    lines = f"{work_line}\n{DATA}\ntargets = ['11k left']  # sets"
    toys.notebook("00_x", "x = 1", parameters=lines)
    toys.profile("description: x\nrequired_data: [11k]\n")
    own = ["--data", f"mine={tmp_path}"]
    with pytest.raises(Refused, match="profile demo needs the data set 11k"):
        toys.plan(*own)
    with pytest.raises(Refused, match="--data mine: no target names it; add --set 'targets="):
        toys.plan(*own, "--data", f"11k={tmp_path}")
    plan = toys.plan(*own, "--set", "targets=[mine left]")
    assert plan.tasks["00_x"].injected["data"] == {"11k": "", "HD": "", "mine": str(tmp_path)}


def test_a_profile_may_work_in_the_folder_of_another_and_reports_in_its_own(toys):
    toys.notebook("00_x", "x = 1")
    toys.profile("description: x\nshares: demo\n", "first")
    plan = toys.plan("--profile", "first")
    assert plan.work == toys.plan("--profile", "demo").work
    assert plan.reports.name == "first"
    toys.profile("description: x\nshares: ../none\n", "lost")
    with pytest.raises(Refused, match="no profile '../none'"):
        toys.plan("--profile", "lost")


def test_what_a_lab_wants_first_trains_what_the_papers_profile_trains():
    first, paper = (
        yaml.safe_load((ROOT / f"notebooks/profiles/{name}.yaml").read_text())
        for name in ("table1", "paper")
    )
    fewer = {"controls", "cnn_recipes"}  # lists, of which the first profile runs a part
    for name, value in first["parameters"].items():
        if name in fewer:
            assert {*value} <= {*paper["parameters"][name]}
        else:
            assert value == paper["parameters"][name], name
    assert first["shares"] == "paper"


def test_the_commands_value_comes_after_the_profiles_and_the_notebooks_own(toys, work_line):
    for stem in ("00_x", "01_y"):
        toys.notebook(stem, "x = 1", parameters=f"{work_line}\na = 1\nb = 1\nc = 1\nd = 1.5")
    profile = "description: x\nparameters: {a: 2, b: 2, d: 1e-3}\nper_notebook: {00_x: {b: 3}}\n"
    toys.profile(profile)
    tasks = toys.plan("--set", "a=4").tasks
    work = {"work": str(toys.work), "d": 0.001}
    assert tasks["00_x"].injected == {"a": 4, "b": 3} | work
    assert tasks["01_y"].injected == {"a": 4, "b": 2} | work
    assert tasks["00_x"].shown == {"work": "…/demo", "a": 4, "b": 3, "c": 1, "d": 0.001}


def test_data_folders_are_shown_short(toys, work_line, monkeypatch):
    monkeypatch.setenv("HOME", "/home/alice")
    toys.notebook("00_x", "x = 1", parameters=f"{work_line}\n{DATA}")
    (toys.root / "secret/hands").mkdir(parents=True)
    task = toys.plan("--data", f"11k={toys.root}/secret/hands").tasks["00_x"]
    assert task.shown["data"] == {"11k": "…/11k", "HD": ""}


# --- fresh and stale ----------------------------------------------------------------------------


@contextmanager
def changed(path):
    """A file with another content of another length, for a while."""
    text, status = path.read_text(), path.stat()
    path.write_text(text + "# changed")
    yield
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def code(monkeypatch):
    """Say what the digest of the package is."""
    return lambda text: monkeypatch.setattr(fingerprint, "whole_package", lambda without: text)


def test_only_what_changed_runs_again(toys, work_line, code):
    data, weights, others = toys.root / "hands", toys.root / "w.pt", toys.root / "cnn.pth"
    elsewhere = toys.root / "elsewhere"
    for folder in (data / "deep", elsewhere):
        folder.mkdir(parents=True)
    for path in (data / "deep/a.jpg", elsewhere / "b.jpg", weights, others):
        path.write_text("a")
    (data / "linked").symlink_to(elsewhere)
    code("as it is")
    lines = f"{work_line}\nepochs = 1  # passes\n{DATA}\nweights = 'tiny'  # name"
    toys.notebook("00_first", "x = 1", parameters=f"{lines}\ncnn_weights = ''  # file")
    toys.notebook("01_second", "x = 1", needs=["00_first"])
    toys.notebook("02_other", "x = 1")
    words = ["--data", f"hd={data}", "--weights", weights, "--set", f"cnn_weights={others}"]
    assert set(toys.stale(*words).values()) == {"never run"}
    toys.work.mkdir(parents=True)
    (toys.work / "product").touch()
    toys.finish(*words, products={"00_first": ["product"]})

    fresh = {"00_first": "", "01_second": "", "02_other": ""}
    needs = {"01_second": "changed: needs"}  # if only 00_first changed
    assert toys.stale(*words) == fresh
    more_data = f"--data 11k={elsewhere}"
    for more, why in [("--set epochs=2", "parameters"), (more_data, "parameters, data")]:
        assert toys.stale(*words, *more.split()) == fresh | needs | {"00_first": f"changed: {why}"}
    other_weights = ["--weights", "x", "--data", f"hd={data}", *words[4:]]
    assert toys.stale(*other_weights)["00_first"] == "changed: parameters, data"
    assert set(toys.stale(*words, "--force").values()) == {"forced"}
    for path in (data / "deep/a.jpg", elsewhere / "b.jpg", weights, others):
        with changed(path):
            assert toys.stale(*words) == fresh | needs | {"00_first": "changed: data"}, path
        # The old content and date are back; the system still tells that it was replaced.
        assert toys.stale(*words)["00_first"] == "changed: data"
        toys.finish(*words, products={"00_first": ["product"]})
    code("another")
    both = {"01_second": "changed: code, needs"}
    assert toys.stale(*words) == dict.fromkeys(fresh, "changed: code") | both
    code("as it is")
    assert toys.stale(*words) == fresh
    (toys.work / "product").unlink()
    toys.notebook("02_other", "x = 2")
    gone = {"00_first": "its outputs are gone", "02_other": "changed: source"}
    assert toys.stale(*words) == fresh | gone


def test_what_lies_in_the_work_folder_is_no_input(toys, work_line, code):
    code("as it is")
    (toys.work / "drawn").mkdir(parents=True)
    toys.notebook("00_x", "x = 1", parameters=f"{work_line}\n{DATA}")
    words = ["--data", f"11k={toys.work}/drawn"]
    toys.finish(*words)
    (toys.work / "drawn/new.jpg").touch()
    assert toys.stale(*words) == {"00_x": ""}


def test_the_runners_own_code_is_no_part_of_the_key(toys):
    toys.notebook("00_x", "x = 1")
    digest = toys.plan().tasks["00_x"].fingerprints["code"]
    assert digest == fingerprint.whole_package("runner") != fingerprint.whole_package("recipes")


def test_a_notebook_alone_is_judged_by_what_its_needs_last_were(toys, code):
    code("as it is")
    toys.notebook("00_first", "x = 1")
    toys.notebook("01_second", "x = 1", needs=["00_first"])
    toys.finish()
    toys.notebook("00_first", "x = 2")
    assert toys.stale("--only", "01_second") == {"01_second": ""}
    assert toys.stale()["01_second"] == "changed: needs"


@pytest.mark.parametrize("content", ['{"a": 1}', "", "no JSON"])
def test_a_kept_notebook_that_cannot_be_read_is_stale(toys, code, content):
    code("as it is")
    toys.notebook("00_x", "x = 1")
    toys.finish()
    assert toys.stale() == {"00_x": ""}
    (toys.reports / "00_x.ipynb").write_text(content)
    assert toys.stale() == {"00_x": "its executed notebook is unreadable"}


BAD_PROFILES = {
    "no mapping": b"[1]",
    "empty": b"",
    "not UTF-8": b"description: \xff",
    "a value of no kind": b"description: !!int x",
    "a number of no kind": b"description: !!bool x",
    "refers to itself": b"description: x\nparameters: &a {b: *a}",
    "nested too deeply": b"description: " + b"[" * 2000,
    "numbers for names": b"1: 2",
}


@pytest.mark.parametrize("content", BAD_PROFILES.values(), ids=BAD_PROFILES)
def test_a_file_that_is_no_profile_is_refused_in_one_sentence(toys, content):
    toys.notebook("00_x", "x = 1")
    (toys.root / "notebooks/profiles/bad.yaml").write_bytes(content)
    with pytest.raises(Refused, match="profile bad: ") as error:
        toys.plan("--profile", "bad")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", ["cut", "empty", "noise", "same size"])
@pytest.mark.parametrize("kind", ["results", "curves", "people"])
def test_results_that_are_not_what_was_recorded_are_made_again(toys, code, how, kind):
    code("as it is")
    toys.notebook("00_x", "x = 1")
    file = toys.work / kind / "00_x.csv"
    file.parent.mkdir(parents=True)
    file.write_text("a,b\n1,2\n")
    toys.finish()
    run = Manifest(toys.plan())
    run.mark("00_x")
    run.save()
    assert toys.stale() == {"00_x": ""}
    os.utime(file, ns=(1, 1))  # touched, but the same
    assert toys.stale() == {"00_x": ""}
    spoilt = {"cut": b"a,b\n", "empty": b"", "noise": b"\xff\xfe\x00", "same size": b"a,b\n1,3\n"}
    file.write_bytes(spoilt[how])
    assert toys.stale() == {"00_x": "its outputs are damaged"}


@pytest.mark.parametrize(
    "text", ['{"notebooks": []}', '{"notebooks": {"00_x": 3}}', "[]", '{"pid": "x"}', "{"]
)
def test_a_manifest_that_is_none_is_no_run(toys, text):
    toys.notebook("00_x", "x = 1")
    toys.reports.mkdir(parents=True)
    (toys.reports / "manifest.json").write_text(text)
    assert toys.stale() == {"00_x": "never run"}


def test_another_model_of_the_same_name_and_an_export_that_is_gone_run_again(toys, work_line):
    toys.notebook("14_x", "x = 1", parameters=f"{work_line}\nmodel = 'clip_ft'\nexport = ''")
    for place in ("a", "b"):
        (toys.root / place / "m").mkdir(parents=True)
        (toys.root / place / "m" / "weights").write_text("whole")
    words = ["--set", f"model={toys.root}/a/m", "--set", f"export={toys.root}/new"]
    toys.finish(*words)
    assert "outputs are gone" in toys.stale(*words)["14_x"]
    (toys.root / "new").mkdir()
    assert toys.stale(*words) == {"14_x": ""}
    assert "data" in toys.stale(words[0], f"model={toys.root}/b/m", *words[2:])["14_x"]
    assert "data" in toys.stale(*words[:3], f"export={toys.root}/b/new")["14_x"]
    (toys.root / "a" / "m" / "weights").write_text("cut")
    assert "data" in toys.stale(*words)["14_x"]


def test_an_export_that_cannot_be_made_is_refused_before_anything_runs(toys, work_line):
    toys.notebook("14_x", "x = 1", parameters=f"{work_line}\nexport = ''")
    (toys.root / "full" / "of").mkdir(parents=True)
    for place, why in (
        (toys.root / "full", "exists already: name a new folder"),
        (toys.root / "notebooks" / "14_x.ipynb" / "new", "cannot be made"),
        ("~nobody-there/new", "no such user"),
    ):
        with pytest.raises(Refused, match=f"export.*{why}"):
            toys.plan("--set", f"export={place}")
    words = ["--set", f"export={toys.root}/new"]
    toys.finish(*words)
    (toys.root / "new" / "model").mkdir(parents=True)
    assert toys.stale(*words) == {"14_x": ""}  # what the run left
    with pytest.raises(Refused, match="new exists already"):
        toys.plan(*words, "--force")
