"""Of a purged data set nothing is left, and of others all that can be told apart is."""

import json

import pytest

from handid.runner.manifest import only_run
from handid.runner.refusal import Refused


@pytest.fixture
def computed(toys):
    """What a run on two data sets leaves, each file with the name of its set in it."""
    toys.notebook("00_x", "x = 1")
    for name in ("secret", "other"):
        folder = toys.work / "experiments" / f"clip_ft-mini-ViT-{name}-0-abc"
        folder.mkdir(parents=True)
        (folder / "experiment.json").write_text(json.dumps({"target": [name, "palm left"]}))
        (folder / "weights.safetensors").write_text(f"weights of {name}")
        for kind in ("results", "curves", "people"):
            (toys.work / kind).mkdir(exist_ok=True)
            row = f"train_set,test_set,value\n{name} palm left,{name} palm left,1\n"
            (toys.work / kind / f"0{len(name)}_of_{name}.csv").write_text(row)
    (toys.work / "synthetic" / "secret-8x2-abc").mkdir(parents=True)
    for kind in ("pixels", "embeddings"):
        (toys.work / "cache" / kind).mkdir(parents=True)
        (toys.work / "cache" / kind / "a").write_text("secret")
    (toys.work / "search").mkdir()
    (toys.work / "search" / "candidates.csv").write_text("question,candidate\nsecret,secret\n")
    (toys.reports / "figures").mkdir(parents=True)
    (toys.reports / "figures" / "00_x_hands.png").write_text("secret")
    record = {"parameters": {"data": {"secret": "/photos", "other": "/p", "HD": ""}}}
    (toys.reports / "manifest.json").write_text(json.dumps({"notebooks": {"00_x": record}}))
    return toys


def files(toys):
    return {str(p.relative_to(toys.root)): p.read_text() for p in toys.root.rglob("*.[cjps]*")}


def test_nothing_of_a_purged_set_is_left(computed, capsys):
    assert computed.main("--purge", "Secret") == 0
    left = [p for p in computed.root.rglob("*") if p.is_file() and "notebooks" not in p.parts]
    assert left and not any("secret" in str(path) for path in left)
    assert not any("secret" in path.read_text() for path in left)
    assert (computed.work / "experiments/clip_ft-mini-ViT-other-0-abc/weights.safetensors").exists()
    assert not computed.reports.exists() and not (computed.work / "cache").exists()
    shown = capsys.readouterr().out
    assert shown.count("removing ") == 8 and "clear them there" in shown


def test_list_shows_what_would_go_and_removes_nothing(computed, capsys):
    before = files(computed)
    assert computed.main("--purge", "secret", "--list") == 0
    assert files(computed) == before
    assert capsys.readouterr().out.count("would remove ") == 8


def test_a_set_of_which_there_is_nothing_is_refused_with_those_there_are(computed):
    for name in ("sekret", "HD"):  # HD was not given
        with pytest.raises(Refused, match=f"--purge {name}: nothing was computed from it; "):
            computed.main("--purge", name)
    with pytest.raises(Refused, match="did you mean secret"):
        computed.main("--purge", "sekret")


def test_a_set_whose_name_begins_like_another_stays(computed):
    (computed.work / "experiments" / "clip_ft-mini-ViT-other-0-abc").rename(
        computed.work / "experiments" / "x"
    )
    (computed.work / "experiments/x/experiment.json").write_text('{"target": ["secretary", ""]}')
    computed.main("--purge", "secret")
    assert (computed.work / "experiments" / "x").exists()


def test_a_profile_that_works_in_anothers_folder_is_purged_there(toys, capsys):
    toys.notebook("00_x", "x = 1")
    toys.profile("description: x\nshares: demo\n", "first")
    reports = toys.reports.parent / "first"
    reports.mkdir(parents=True)
    record = {"parameters": {"data": {"secret": "/photos"}}}
    (reports / "manifest.json").write_text(json.dumps({"notebooks": {"00_x": record}}))
    (toys.work / "cache" / "pixels").mkdir(parents=True)
    assert toys.main("--purge", "secret") == 0
    assert not reports.exists() and not (toys.work / "cache").exists()


def test_a_set_that_only_the_page_or_plain_papermill_read_is_found(toys):
    toys.notebook("00_x", "x = 1")
    (toys.work / "cache" / "read").mkdir(parents=True)
    (toys.work / "cache" / "read" / "enrolled").touch()
    toys.main("--purge", "enrolled")
    assert not (toys.work / "cache").exists()
    with pytest.raises(Refused, match="nothing was computed from it"):
        toys.main("--purge", "enrolled")


def test_nothing_is_said_to_be_removed_while_another_run_writes(computed, capsys):
    with only_run(computed.reports), pytest.raises(Refused):
        computed.main("--purge", "secret")
    assert "removing" not in capsys.readouterr().out and (computed.work / "cache").exists()
