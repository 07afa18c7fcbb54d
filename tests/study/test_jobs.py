"""Trainings and scores on a cluster: bit for bit those of this process, also after a kill."""

import threading
import time
from types import SimpleNamespace

import psutil
import pytest
import torch

from handid import study
from handid.cluster import connection
from handid.study import jobs, settings

distributed = pytest.importorskip("distributed")
ONE = {"threads_per_worker": 1, "dashboard_address": ":0"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def where():
    with distributed.LocalCluster(n_workers=2, **ONE) as cluster:
        yield cluster.scheduler_address
        connection.connected(cluster.scheduler_address).close()
    connection.connected.cache_clear()


@pytest.fixture(scope="module")
def one_thread():
    """As many threads as a worker's share of two cores; the key of a training holds it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def products(experiments):
    return [(one.folder / "weights.safetensors").read_bytes() for one in experiments]


def kill_the_workers_that_train(folder, killed):
    """Wait until a training below a folder has begun, then kill the workers, and say so."""
    end = time.monotonic() + 120
    while not list(folder.glob("*/training.lock")) and time.monotonic() < end:
        time.sleep(0.02)
    for child in psutil.Process().children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()) and not child.children():
            child.kill()
            killed.append(child.pid)


def test_trainings_and_scores_are_those_of_this_process(open_study, where, one_thread, tmp_path):
    here = open_study(tmp_path / "here", seeds=[0, 1])
    there = open_study(tmp_path / "there", seeds=[0, 1], cluster=where)
    made = [lab.experiments("clip_ft_mini", changes={"epochs": 2}) for lab in (here, there)]
    assert [one.folder.name for one in made[0]] == [one.folder.name for one in made[1]]
    assert products(made[0]) == products(made[1])
    for ours, theirs in zip(here.scores(made[0]), there.scores(made[1]), strict=True):
        assert ours.rows.equals(theirs.rows)
        assert (ours.cmc == theirs.cmc).all()


def test_places_that_a_worker_must_see_are_those_of_the_study(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs.cluster, "run", lambda *given: asked.append(given[-1]) or [])
    data = {"11k": "synthetic", "HD": "", "mine": str(tmp_path / "mine")}
    given = settings.checked(work=str(tmp_path), data=data, weights="ViT-B/16", cluster="local")
    jobs.score_all([], given, SimpleNamespace(precision="fp32"))
    assert asked == [[str(tmp_path), str(tmp_path / "mine")]]


def test_surveys_and_crowds_are_those_of_this_process(open_study, where, one_thread, tmp_path):
    here, there = open_study(tmp_path / "here"), open_study(tmp_path / "there", cluster=where)
    ask = study.asked(["papers", "other hand"], ["whole", "background", "blur 2 against whole"])
    size = {"strangers": 8, "fitted": 3, "askers": 4, "shots": 1, "largest": 1000}
    found = []
    for lab in (here, there):
        made = lab.experiments("clip_zero_shot", "raw_pixels")
        (grown,) = lab.growth(made[:1], "13_gallery_size", 0.1, **size)
        found.append((study.survey(lab, made, **ask), grown))
    assert found[0][0].asked.equals(found[1][0].asked) and len(found[0][0].scores) == 12
    for ours, theirs in zip(found[0][0].scores, found[1][0].scores, strict=True):
        assert ours.rows.equals(theirs.rows)
    assert found[0][1].curves.equals(found[1][1].curves)


def test_a_training_whose_worker_is_killed_goes_on_elsewhere(
    open_study, where, one_thread, tmp_path
):
    changes = {"epochs": 6}
    here = open_study(tmp_path / "here")
    alone = here.experiments("clip_ft_mini", changes=changes)
    there = open_study(tmp_path / "there", cluster=where)
    there.table("11k")
    killed = []
    arguments = [tmp_path / "there", killed]
    killer = threading.Thread(target=kill_the_workers_that_train, args=arguments)
    killer.start()
    assert products(there.experiments("clip_ft_mini", changes=changes)) == products(alone)
    killer.join()
    assert killed
