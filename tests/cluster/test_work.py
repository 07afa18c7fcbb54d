"""Jobs on two real workers: done in order, done again when a worker dies, ended with their call."""

import os
import threading
import time

import pytest

from handid import fingerprint
from handid.cluster import connection, job, work

distributed = pytest.importorskip("distributed")
ONE = {"threads_per_worker": 1, "dashboard_address": ":0"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def where():
    """Two workers of this machine, as a user's scheduler would have them."""
    with distributed.LocalCluster(n_workers=2, **ONE) as cluster:
        yield cluster.scheduler_address
        connection.connected(cluster.scheduler_address).close()
    connection.connected.cache_clear()


def test_results_come_in_the_order_of_the_jobs(where, tmp_path):
    def slowest_first(number):
        time.sleep((4 - number) / 20)
        return number, os.getpid()

    results = work.run(where, slowest_first, [(n,) for n in range(5)], "jobs", [str(tmp_path)])
    assert [number for number, _ in results] == [0, 1, 2, 3, 4]
    assert len({process for _, process in results}) == 2


def test_a_job_whose_worker_is_killed_is_done_on_another(where, tmp_path):
    mark = tmp_path / "died"

    def dies_once():
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
        return "done"

    assert work.run(where, dies_once, [()], "jobs", [str(tmp_path)]) == ["done"]


def test_a_job_that_kills_every_worker_is_given_up_in_one_sentence(where, tmp_path):
    def dies():
        os.kill(os.getpid(), 9)

    with pytest.raises(ValueError, match="lost with its worker several times, perhaps for want of"):
        work.run(where, dies, [()], "jobs", [str(tmp_path)])


def test_a_job_that_wants_more_memory_than_a_worker_has_is_told_in_one_sentence(tmp_path):
    def grows():
        kept = []
        for _ in range(40):
            kept.append(bytearray(os.urandom(2**20)) * 128)
            time.sleep(0.1)

    small = {"threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": "1200MB"}
    with distributed.LocalCluster(n_workers=1, **small) as cluster:
        with pytest.raises(ValueError, match="perhaps for want of memory: give the cluster fewer"):
            work.run(cluster.scheduler_address, grows, [()], "jobs", [str(tmp_path)])
        connection.connected(cluster.scheduler_address).close()
    connection.connected.cache_clear()


def test_where_no_worker_is_left_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "LOOKS", 0.2)
    monkeypatch.setattr(work, "ALONE", 1)
    with distributed.LocalCluster(n_workers=1, **ONE) as cluster:
        where = cluster.scheduler_address
        assert work.run(where, abs, [(-1,)], "jobs", [str(tmp_path)]) == [1]
        leaving = threading.Timer(0.5, cluster.scale, [0])
        leaving.start()
        with pytest.raises(
            ValueError, match=r"^No worker has been at the cluster tcp://.* for 1 s"
        ):
            work.run(where, time.sleep, [(60,)], "jobs", [str(tmp_path)])
        leaving.join()
        connection.connected(where).close()
    connection.connected.cache_clear()


def test_workers_that_a_batch_system_brings_are_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "LOOKS", 0.2)
    monkeypatch.setattr(work, "ALONE", 0.5)
    with distributed.LocalCluster(n_workers=0, **ONE) as cluster:
        where = tmp_path / "queue.yaml"
        where.write_text(f"address: {cluster.scheduler_address}\npatient: true\n")
        coming = threading.Timer(2, cluster.scale, [1])
        coming.start()
        assert work.run(str(where), abs, [(-1,)], "jobs", [str(tmp_path)]) == [1]
        coming.join()
        connection.connected(str(where)).close()
    connection.connected.cache_clear()


def test_a_jobs_own_refusal_arrives_as_it_is(where, tmp_path):
    def refuses():
        raise ValueError("This photograph shows no hand.")

    with pytest.raises(ValueError, match=r"^This photograph shows no hand\.$"):
        work.run(where, refuses, [()], "jobs", [str(tmp_path)])


def test_a_worker_of_other_versions_is_refused_by_name(where, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "versions", lambda: {"torch": "1.0"})  # here, not there
    with pytest.raises(ValueError, match=r"^Worker [01] has torch \d.*, not 1\.0: install"):
        work.run(where, os.getpid, [()], "jobs", [str(tmp_path)])


def test_other_releases_of_python_and_dask_are_refused_by_name():
    own = {"python": "3.11.7.final.0", "distributed": "2026.8.0"}
    work._check_releases("Worker 3", own | {"python": "3.11.9.final.0"}, own)
    for name, other in (("python", "3.12.1.final.0"), ("distributed", "2025.1.0")):
        with pytest.raises(ValueError, match=f"^Worker 3 has {name} .*: install the same versions"):
            work._check_releases("Worker 3", own | {name: other}, own)


def test_a_worker_that_does_not_see_the_folder_is_refused_by_name(where, tmp_path):
    with pytest.raises(ValueError, match=r"^Worker [01] does not see .*gone: mount it there und"):
        work.run(where, os.getpid, [()], "jobs", [str(tmp_path / "gone")])


def test_ctrl_c_ends_the_jobs_too(where, tmp_path, monkeypatch):
    def counts(number):
        for _ in range(600):
            with (tmp_path / str(number)).open("a") as file:
                file.write(".")
            time.sleep(0.1)

    def interrupted(*_, **__):
        while not (tmp_path / "0").exists():
            time.sleep(0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "tqdm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work.run(where, counts, [(n,) for n in range(4)], "jobs", [str(tmp_path)])
    monkeypatch.undo()
    assert work.run(where, abs, [(-1,), (-2,)], "jobs", [str(tmp_path)]) == [1, 2]
    sizes = [file.stat().st_size for file in sorted(tmp_path.iterdir())]
    time.sleep(0.5)
    assert [file.stat().st_size for file in sorted(tmp_path.iterdir())] == sizes
    assert len(sizes) <= 2  # those that had not begun never did


def test_workers_with_several_threads_are_refused():
    settings = {"n_workers": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(threads_per_worker=2, **settings) as cluster:
        sentence = "does 2 jobs at a time in one process: start it"
        with distributed.Client(cluster) as client:
            with pytest.raises(ValueError, match=sentence):
                work._check_workers(client)
            sent = client.submit(job.do, {}, [], b"")  # the worker came after that look
            with pytest.raises(ValueError, match=sentence):
                sent.result()


def test_a_scheduler_that_ends_is_told_in_one_sentence(tmp_path):
    cluster = distributed.LocalCluster(n_workers=1, **ONE)
    address = cluster.scheduler_address
    connection.connected(address)

    def waits():
        time.sleep(60)

    threading.Timer(2, cluster.close).start()
    gone = "is gone: start it again and run again; what is done"
    with pytest.raises(ValueError, match=gone):
        work.run(address, waits, [()], "jobs", [str(tmp_path)])
    with distributed.LocalCluster(n_workers=1, **ONE) as cluster:
        address = cluster.scheduler_address
        assert work.run(address, abs, [(-1,)], "jobs", [str(tmp_path)]) == [1]
    with pytest.raises(ValueError, match=gone):  # between two calls
        work.run(address, abs, [(-1,)], "jobs", [str(tmp_path)])


def test_where_nobody_listens_one_sentence_says_so():
    began = time.monotonic()
    with pytest.raises(ValueError, match="No scheduler answers at tcp://127.0.0.1:9 "):
        connection.connected("tcp://127.0.0.1:9")
    assert time.monotonic() - began < 60


def test_a_scheduler_that_wants_tls_refuses_a_plain_call(tmp_path):
    security = distributed.security.Security.temporary()
    settings = {"dashboard_address": ":0", "threads_per_worker": 1, "security": security}
    with distributed.LocalCluster(n_workers=1, **settings) as cluster:
        plain = cluster.scheduler_address.replace("tls:", "tcp:")
        with pytest.raises(ValueError, match="No scheduler answers at .*use tls:// with its cert"):
            connection.connected(plain)
        parts = {"ca": security.tls_ca_file, "cert": security.tls_client_cert}
        for name, text in (parts | {"key": security.tls_client_key}).items():
            (tmp_path / f"{name}.pem").write_text(text)
        lines = [f"{name}: {tmp_path / name}.pem" for name in ("ca", "cert", "key")]
        lines.append(f"address: {cluster.scheduler_address}")
        (tmp_path / "lab.yaml").write_text("\n".join(lines))
        jobs = work.run(str(tmp_path / "lab.yaml"), abs, [(-3,)], "jobs", [str(tmp_path)])
        assert jobs == [3]
        connection.connected(str(tmp_path / "lab.yaml")).close()
    connection.connected.cache_clear()
