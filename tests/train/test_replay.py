"""Steps that are replayed: on a stand-in that runs a recorded step again, and without a GPU."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from handid.train.replay import WARM_UP, Replay


class Graph:
    """Runs what was recorded again: its inputs stay where they were."""

    def replay(self):
        self.again()


@pytest.fixture
def cuda(monkeypatch):
    """A stand-in for torch.cuda; `recorded` counts recordings, `fails` makes them impossible.

    `used` has the streams of warming up and of recordings.
    """
    stand_in = SimpleNamespace(recorded=0, fails=False, step=None, used=[])
    stream = SimpleNamespace(wait_stream=lambda other: None)

    @contextmanager
    def record(graph, stream, capture_error_mode):
        stand_in.used.append(stream)
        if stand_in.fails:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        stand_in.recorded += 1
        stand_in.idle = True
        yield
        stand_in.idle = False
        graph.again = stand_in.step

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: SimpleNamespace(**vars(stream)))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda s: stand_in.used.append(s) or nullcontext())
    stand_in.idle = False
    return stand_in


@pytest.fixture
def step(cuda):
    """A step that notes its batch's sum and gives it as its loss, where it was recorded."""
    seen, kept = [], torch.zeros(())

    def one(images, labels):
        def again():
            kept.copy_(images.sum())
            seen.append(float(kept))

        cuda.step = again
        if not cuda.idle:  # a recording runs nothing
            again()
        return {"total": kept}

    one.seen = seen
    return one


def batches(count):
    return [(torch.full((2,), float(n)), torch.zeros(2)) for n in range(count)]


def test_every_batch_is_stepped_on_once_and_recorded_once(cuda, step):
    replay = Replay(True)
    totals = [float(replay(step, *batch, (1.0,))["total"]) for batch in batches(8)]
    assert totals == step.seen == [2.0 * n for n in range(8)]
    assert cuda.recorded == 1


def test_another_rate_is_recorded_anew_on_the_stream_of_the_first_steps(cuda, step):
    replay = Replay(True)
    for number, batch in enumerate(batches(WARM_UP + 6)):
        replay(step, *batch, (number // 3,))
    assert cuda.recorded == 2 and len(step.seen) == WARM_UP + 6
    assert len(cuda.used) == WARM_UP + 2 and len({id(stream) for stream in cuda.used}) == 1


def test_another_shape_is_recorded_anew(cuda, step):
    replay = Replay(True)
    for size in [2] * (WARM_UP + 1) + [3, 3]:
        assert float(replay(step, torch.ones(size), torch.zeros(size), ())["total"]) == size
    assert cuda.recorded == 2


def test_what_cannot_be_recorded_runs_as_it_is_and_says_so_once(cuda, step):
    cuda.fails, replay = True, Replay(True)
    with pytest.warns(UserWarning, match="not replayed as a graph: operation not per.*capturing$"):
        totals = [float(replay(step, *batch, ())["total"]) for batch in batches(6)]
    assert totals == step.seen == [2.0 * n for n in range(6)]


def test_not_wanted_is_a_plain_step(step):
    replay = Replay(False)
    assert [float(replay(step, *b, ())["total"]) for b in batches(5)] == step.seen
