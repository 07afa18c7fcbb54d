"""What a plan costs: lengths from measured speeds, the list on so many GPUs, what is said of it."""

import pytest

from handid.runner import forecast
from handid.runner.rehearsal import Asked, Experiment

SPEEDS = {("CLIP-FT", "ViT-B/16"): 1000.0, ("CLIP-HandID", "ViT-B/16"): 500.0}


def experiment(recipe="clip_ft", target="11k dorsal right", seed=0, **other):
    given = {"control": "", "trained": True, "backbone": "ViT-B/16", "changes": '{"epochs": 10}'}
    return Experiment(recipe=recipe, target=target, seed=seed, **given | other)


def test_a_job_begins_when_a_worker_is_free():
    assert forecast.makespan([3, 1, 1, 1, 2], 2) == 5  # 3 and 2; 1, 1, 1
    assert forecast.makespan([3, 1, 1, 1, 2], 1) == 8
    assert forecast.makespan([3, 1], 9) == 3


def test_a_length_is_images_and_epochs_by_the_measured_speed():
    hours, measured = forecast.hours(experiment(), SPEEDS)
    assert measured and hours == pytest.approx(890 * 10 / 1000 / 3600)
    hours, _ = forecast.hours(experiment(drawn=(20, 6), target="11k palmar left"), SPEEDS)
    assert hours == pytest.approx(10 * 6 * 10 / 1000 / 3600)


def test_a_method_without_a_speed_borrows_one_and_it_is_said():
    hours, measured = forecast.hours(experiment("promptsg"), SPEEDS)
    assert not measured and hours > 0
    own = Asked()
    own.calls = [[experiment(), experiment("promptsg", target="mine")], [experiment("promptsg")]]
    said = forecast.summary({"02": own}, SPEEDS)
    assert said[0].startswith("3 different trainings") and said[1].startswith("1 GPU: ")
    assert said[-2].endswith("RN50: promptsg") and said[-1].endswith("not known: mine")


def test_call_by_call_waits_and_as_one_list_does_not():
    own = Asked()
    own.calls = [[experiment(seed=0), experiment(seed=1)], [experiment(seed=1), experiment(seed=2)]]
    length = 890 * 10 / 1000 / 3600
    line = forecast.summary({"02": own}, {("CLIP-FT", "ViT-B/16"): 1.0})[2]
    assert line == f"4 GPUs: {2 * 1000 * length:.2f} h (62 % idle) call by call, " + (
        f"{1000 * length:.2f} h (25 % idle) as one list"
    )


def test_without_measured_speeds_only_the_number_is_said(tmp_path):
    own = Asked()
    own.calls = [[experiment()]]
    assert forecast.summary({"02": own}, forecast.speeds(tmp_path / "none.csv")) == [
        "1 different trainings"
    ]
    own.whole = False
    assert forecast.summary({"02": own}, {}) == ["at least 1 different trainings"]


def test_the_best_way_that_was_measured_counts(tmp_path):
    file = tmp_path / "results.csv"
    file.write_text(
        "benchmark,variant,value,unit,note\n"
        'gpu,"CLIP-FT, ViT-B/16: fp32",300,images/s,"methods, cuda"\n'
        'gpu,"CLIP-FT, ViT-B/16: bf16, graph",900,images/s,"methods, cuda"\n'
        'gpu,"CLIP-FT, ViT-B/16: bf16, graph",5000,MiB,"methods, cuda"\n'
        'gpu,"CLIP-FT, ViT-B/16: plain recipe, fp32",2000,images/s,"plainly, cuda"\n'
        'gpu,"clip_ft, ViT-B/16: 1 at once",3000,images/s,"together, cuda"\n'
        'peer,"CLIP-FT, ViT-B/16: fp32",9000,images/s,"methods, cuda"\n'
    )
    assert forecast.speeds(file) == {("CLIP-FT", "ViT-B/16"): 900.0}
