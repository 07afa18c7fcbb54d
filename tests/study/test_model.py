"""A model that is handed on: the same embeddings from its folder alone, and no changed file."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml

from handid import disk
from handid.study import model, network, worth
from handid.study.card import card

TARGET = "11k dorsal right"


@pytest.fixture(scope="module")
def handed(lab, tuned, tuned_score, tmp_path_factory):
    """The folder of an exported model; nobody changes it."""
    folder = tmp_path_factory.mktemp("handed") / "model"
    said = lab.export(tuned, str(folder), tuned_score)
    assert "model" in said and str(folder) not in said
    return folder


@pytest.fixture
def copied(handed, tmp_path):
    return shutil.copytree(handed, tmp_path / "copy")


def test_a_round_trip_embeds_the_same_bits(lab, tuned, copied):
    rows = lab.table("11k").head(6)
    experiment = model.opened(copied)
    ours = network.images(tuned, rows, lab.photographs)
    embedded = [
        network.embed_images(one, lab.load(one), ours, lab.engine) for one in (tuned, experiment)
    ]
    np.testing.assert_array_equal(*embedded)
    assert experiment.recipe == tuned.recipe and experiment.title == tuned.title


def test_a_model_is_used_by_its_path_in_the_place_of_a_recipe(lab, copied, tuned_score):
    (experiment,) = lab.experiments(str(copied))
    lab.expect(str(copied))
    score = lab.score(experiment)
    assert score.rows["value"].tolist() == tuned_score.rows["value"].tolist()
    assert {*score.rows["system"]} == {"clip_ft_mini"}


def test_an_untrained_model_brings_its_weights_too(lab, zero_shot, zero_shot_score, tmp_path):
    lab.export(zero_shot, str(tmp_path / "model"), zero_shot_score)
    rows = lab.table("11k").head(3)
    embedded = [
        network.embed_rows(one, rows, lab.photographs, lab.engine)
        for one in (zero_shot, model.opened(tmp_path / "model"))
    ]
    np.testing.assert_array_equal(*embedded)


def test_an_exported_model_brings_its_calibration_or_says_that_it_has_none(lab, copied, tuned):
    (experiment,) = lab.experiments(str(copied))
    found = lab.search(experiment)
    assert found.record is None and not found.candidates["named"].any()


def test_the_card_says_what_it_is_in_the_hubs_format(handed, tuned_score):
    text = (handed / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["library_name"] == "handid" and head["license"] == "mit"
    rank1 = tuned_score.rows.set_index("metric").loc["rank1"]
    assert f"| rank-1 | {rank1.value:.1f} | {rank1.low:.1f} | {rank1.high:.1f} |" in text
    assert "(synthetic hands)" in text and str(handed) not in text


def test_the_card_calls_calibrated_only_what_is(tuned, tuned_score, tmp_path):
    here = replace(tuned, folder=tmp_path)
    assert "not calibrated: notebook 12 makes" in card(here, tuned_score)
    file = tmp_path / "calibration-papers.json"
    file.write_text(json.dumps({"calibration": None, "refusal": "4 people are too few."}))
    assert "not calibrated: 4 people are too few. The files" in card(here, tuned_score)
    file.write_text(json.dumps({"calibration": {"least": 0.1}, "refusal": ""}))
    assert "are calibrated: the files `calibration-*.json` hold likelihood" in card(
        here, tuned_score
    )


@pytest.mark.parametrize("file", ["weights.safetensors", "experiment.json", "README.md"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_folder_that_does_not_fit_its_list_is_refused(copied, file, damage):
    content = (copied / file).read_bytes()
    if damage == "gone":
        (copied / file).unlink()
    else:
        broken = content[:-9] if damage == "cut" else content[:-1] + b"#"
        (copied / file).write_bytes(broken)
    with pytest.raises(ValueError, match=f"is no whole model: {file} is missing or was changed"):
        model.opened(copied)


def listed(folder):
    """Mend the list of a folder whose files were edited, as its owner may."""
    known = json.loads((folder / disk.PRODUCTS).read_text())["products"]
    disk.write_products(folder, [name for name in known if (folder / name).is_file()])


def test_a_calibration_of_another_model_is_not_taken_for_this_one_s(lab, copied):
    (copied / "calibration-papers.json").write_text("{}")
    with pytest.raises(ValueError, match=r"calibration-papers\.json was put there after the exp"):
        lab.experiments(str(copied))


def test_a_list_that_names_less_than_is_read_is_refused(copied):
    disk.write_products(copied, ["README.md"])
    with pytest.raises(ValueError, match=r"experiment\.json was put there after the export"):
        model.opened(copied)
    for name in ("a\0b", "a" * 500):
        disk.write_json(copied / disk.PRODUCTS, {"products": {name: {"bytes": 1}}})
        with pytest.raises(ValueError, match="no whole model: products.json is missing"):
            model.opened(copied)


@pytest.mark.parametrize(
    ("name", "value"),
    [("title", ["CLIP"]), ("weights", 5), ("n_identities", -1), ("n_identities", "two")]
    + [("seed", None), ("seed", 2**64), ("view", 1.5), ("target", ["11k"]), ("backbone", [])],
)  # fmt: skip
def test_a_card_of_wrong_types_is_refused(copied, name, value):
    said = json.loads((copied / "experiment.json").read_text())
    (copied / "experiment.json").write_text(json.dumps(said | {name: value}))
    listed(copied)
    with pytest.raises(ValueError, match=r"no experiment: experiment\.json is missing or damaged"):
        model.opened(copied)


def test_judging_an_exported_model_leaves_its_folder_as_it_was(lab, copied):
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    (experiment,) = lab.experiments(str(copied))
    worth.of(experiment, "papers", lab.photographs, lab.engine, set_to=0.1, name="a")
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


def test_a_path_that_is_no_folder_is_told_so(lab, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for place in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(ValueError, match="is no folder: name a recipe or an exported model's"):
            lab.experiments(str(place))
    for place, why in ((tmp_path / "loop", "circle"), ("~nobody-there/x", "no such user")):
        with pytest.raises(ValueError, match=f"cannot be read .*{why}"):
            lab.expect(str(place))


def test_a_folder_that_is_not_empty_is_not_overwritten(lab, tuned, tuned_score, copied):
    with pytest.raises(ValueError, match="exists already: name a new folder"):
        lab.export(tuned, str(copied), tuned_score)
    with pytest.raises(ValueError, match="exists already: name a new folder"):
        lab.expect_export(str(copied))
    lab.expect_export("")
    assert "No folder is named" in lab.export(tuned, "", tuned_score)


def test_a_folder_without_a_model_is_refused(lab, tmp_path):
    with pytest.raises(ValueError, match="no whole model: products.json is missing"):
        lab.experiments(str(tmp_path))
