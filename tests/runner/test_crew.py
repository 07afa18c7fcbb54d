"""A run's cluster: what is refused before anything starts, and how the cores are divided."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from handid.cluster import connection
from handid.runner import crew
from handid.runner.refusal import Refused


def test_what_means_no_cluster_is_refused_in_one_sentence():
    with pytest.raises(Refused, match=r"^--cluster: Cluster 'moon': write local, local:N, tcp://"):
        crew.check("moon")


def test_an_address_where_nobody_listens_is_refused_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Refused, match=f"nobody listens at tcp://127.0.0.1:{port} .*dask scheduler"):
        crew.check(f"tcp://127.0.0.1:{port}")


def test_what_listens_and_says_nothing_is_refused_within_ten_seconds(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(connection, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Refused, match=rf"^--cluster: No scheduler answers at {address} \(Time"):
            crew.check(address)


def test_what_listens_and_is_no_scheduler_is_refused(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(connection, "SECONDS", 0.5)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"tcp://127.0.0.1:{server.server_port}"
        with pytest.raises(
            Refused, match=rf"^--cluster: No scheduler answers at {address} "
        ) as told:
            crew.check(address)
        server.shutdown()
    assert "\n" not in str(told.value)


@pytest.mark.slow
def test_a_scheduler_that_answers_passes():
    distributed = pytest.importorskip("distributed")
    how = {"n_workers": 0, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**how) as cluster:
        crew.check(cluster.scheduler_address)


@pytest.mark.parametrize(
    ("where", "jobs", "share"), [("", 2, 2), ("local:4", 2, 4), ("local:2", 3, 3), ("local", 1, 1)]
)
def test_the_cores_are_divided_among_workers_or_notebooks(where, jobs, share):
    assert crew.sharing(where, jobs) == share


def test_nothing_is_opened_for_an_address_or_for_none(tmp_path):
    for where in ("", "tls://gpu.example.org:8786"):
        with crew.hosted(where, tmp_path / "cluster.log") as given:
            assert given == where
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_does_not_open_says_why(tmp_path, monkeypatch):
    file = tmp_path / "lab.yaml"
    file.write_text("queue: slurm\njobs: 1\n")
    monkeypatch.setenv("PATH", "/nowhere")
    opening = crew.hosted(str(file), tmp_path / "cluster.log")
    with pytest.raises(Refused, match="There is no sbatch here: run this where slurm"), opening:
        raise AssertionError("it opened")
