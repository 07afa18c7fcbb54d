"""Which experiments a study has, when two are the same training, and what is refused before one."""

import json
import os
import shutil
import warnings

import numpy as np
import pytest

from handid import recipes, train
from handid.recipes import System
from handid.study import experiment, experiments, training

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


def test_an_experiment_is_trained_once_and_then_found(lab, tuned, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)
    assert again == tuned and len(again.history) == 1


def test_an_experiment_says_what_it_is(lab, tuned):
    assert (tuned.system, tuned.title) == (System("clip_ft_mini"), "CLIP-FT")
    assert (tuned.view, tuned.n_identities, tuned.weights) == ("dorsal right", 2, "random")
    assert tuned.folder.parent == lab.photographs.work / "experiments"
    assert tuned.folder.name.startswith("clip_ft_mini-mini-ViT-11k-dorsal-right-0-")


# --- the same training, or another --------------------------------------------------------------


def test_seed_recipe_and_data_each_make_another_experiment(
    lab, open_study, make_11k, tmp_path, no_training
):
    folder = make_11k(tmp_path / "11k", images=2)
    others = [
        (lab, "mini-ViT", {}),
        (lab, "mini-ViT", {"seed": 1}),
        (lab, "mini-ViT", {"changes": {"epochs": 1, "flip": 0.5}}),
        (lab, "mini-ViT", {"control": "no_neck"}),
        (lab, "mini-ViT", {"target": "11k palmar left"}),
        (lab, "mini-RN", {}),
        (lab.having(precision="bf16"), "mini-ViT", {}),
        (open_study(lab.photographs.work, data={"11k": str(folder)}), "mini-ViT", {}),
    ]
    folders = {
        study.experiment(
            "clip_ft_mini", name, **{"target": TARGET, "changes": ONE_EPOCH} | how
        ).folder
        for study, name, how in others
    }
    assert len(folders) == len(others)


def test_a_changed_photograph_trains_again(open_study, make_11k, tmp_path, no_training):
    root = make_11k(tmp_path / "11k")

    def folder():
        study = open_study(tmp_path / "work", data={"11k": str(root)})
        return study.experiment("clip_ft_mini", "mini-ViT", TARGET).folder

    folders = [folder()]
    photograph = next((root / "Hands").glob("*.jpg"))
    content, before = photograph.read_bytes(), photograph.stat()
    for end in (b"\0", b"\1"):  # of another size; then replaced, with the size and date of before
        photograph.write_bytes(content + end)
        os.utime(photograph, ns=(before.st_atime_ns, before.st_mtime_ns))
        folders.append(folder())
    assert len(set(folders)) == 3
    photograph.write_bytes(content)
    root = shutil.copytree(root, tmp_path / "copied")
    assert folder() == folders[0]  # whenever and wherever it was written


def test_another_number_of_threads_is_another_training(lab, no_training, monkeypatch):
    folders = set()
    for threads in (1, 2):
        monkeypatch.setattr(experiments.torch, "get_num_threads", lambda n=threads: n)
        folders.add(lab.experiment("clip_ft_mini", "mini-ViT", TARGET).folder)
    assert len(folders) == 2
    untrained = lab.experiment("clip_zero_shot", "mini-ViT", TARGET).folder
    monkeypatch.setattr(experiments.torch, "get_num_threads", lambda: 3)
    assert lab.experiment("clip_zero_shot", "mini-ViT", TARGET).folder == untrained


def test_changed_code_trains_again(lab, tuned, no_training, monkeypatch):
    monkeypatch.setattr(experiments, "training_code", lambda *given: "edited")
    again = lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)
    assert again.folder != tuned.folder


def test_what_a_recipe_is_called_and_what_else_is_made_of_it_trains_nothing_again(
    lab, tuned, monkeypatch
):
    load = recipes.load

    def renamed(*given):
        update = {"title": "CLIP tuned", "full_size": "", "controls": {}, "ablations": {"x": {}}}
        return load(*given).model_copy(update=update)

    monkeypatch.setattr(recipes, "load", renamed)
    monkeypatch.setattr(train, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)
    assert again.title == "CLIP tuned" and again.folder == tuned.folder


def test_values_that_are_the_recipes_own_train_nothing_again(lab, no_training):
    plain = recipes.load("clip_ft_mini", "vit")
    same = {"epochs": plain.stages[0].epochs, "flip": plain.augment.flip}
    folders = {
        lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=changes).folder
        for changes in (None, same)
    }
    assert len(folders) == 1


def test_two_systems_of_equal_values_share_one_training(lab, no_training):
    # GPA-Net cut into 1 x 1 parts is its global branch alone: two names, one training. Needs the
    # ablation `parts_1x1` in recipes/gpa_net_mini.yaml, with the values of control `global_only`.
    study = lab.having(backbones=["EfficientNet-Lite0"])
    one, other, whole = study.experiments(
        "gpa_net_mini", controls=["global_only", "parts_1x1", ""], changes=ONE_EPOCH
    )
    assert one.folder == other.folder != whole.folder
    assert one.system != other.system and one.recipe.title != other.recipe.title
    assert experiment.read(other.folder).system == one.system  # its folder names the first


# --- recipes, controls, targets, backbones, seeds -----------------------------------------------


def test_experiments_run_over_seeds_but_an_untrained_method_only_once(lab, no_training):
    study = lab.having(seeds=[0, 1], backbones=["mini-ViT", "mini-RN"])
    assert len(study.experiments("clip_ft_mini")) == 4
    assert len(study.experiments("clip_zero_shot")) == 2
    assert len(study.untrained("clip_ft_mini")) == 2


def test_experiments_run_over_recipes_and_each_of_their_controls(lab, no_training):
    study = lab.having(targets=[TARGET, "11k palmar left"])
    systems = [
        (one.system.key, str(one.target))
        for one in study.experiments("clip_handid_mini", controls=["", "zero_token"])
    ]
    assert systems == [
        ("clip_handid_mini", TARGET),
        ("clip_handid_mini", "11k palmar left"),
        ("clip_handid_mini:zero_token", TARGET),
        ("clip_handid_mini:zero_token", "11k palmar left"),
    ]
    assert [one.system.recipe for one in lab.experiments("raw_pixels", "colour_histogram")] == [
        "raw_pixels",
        "colour_histogram",
    ]


def test_the_untrained_system_is_another_system_with_a_folder_of_its_own(lab, tuned):
    (before,) = lab.untrained("clip_ft_mini", changes=ONE_EPOCH)
    assert before.system == tuned.system.untrained == System("clip_ft_mini", trained=False)
    assert before.system.key == "clip_ft_mini:untrained" and before.title == "CLIP-FT untrained"
    assert before.recipe.stages == [] and before.history.empty
    assert before.folder != tuned.folder
    assert not (before.folder / "weights.safetensors").exists()


def test_the_control_has_random_weights_where_the_study_has_its_own(lab, weighted, zero_shot):
    own, control = weighted.experiments("clip_zero_shot", controls=["", "random_weights"])
    assert (own.title, control.title) == ("CLIP-ZS", "CLIP-ZS random_weights")
    keys = [
        json.loads((one.folder / "experiment.json").read_text())["key"] for one in (own, control)
    ]
    assert [key["weights"].split()[0] for key in keys] == ["own.safetensors", "random"]
    assert [one.weights for one in (own, control)] == [weighted.settings.weights, "random"]
    loaded = [weighted.load(one).backbone.clip.visual.proj for one in (own, control)]
    plain = lab.load(zero_shot).backbone.clip.visual.proj
    assert plain.equal(loaded[1]) and not loaded[0].equal(loaded[1])


def test_the_control_of_random_weights_is_left_out_and_said_if_all_weights_are(lab):
    sentence = "CLIP-ZS random_weights is left out: the study's own weights are random already"
    with pytest.warns(UserWarning, match=sentence) as caught:
        assert lab.experiments("clip_zero_shot", controls=["random_weights"]) == []
    assert caught[0].filename == __file__


def test_a_control_of_another_kind_is_never_left_out(lab, no_training):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(lab.experiments("clip_handid_mini", controls=["zero_token"])) == 1


# --- refusals before anything is trained --------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "how", "sentence"),
    [
        (["clip_ft_mini", "clip_fh_s2_v77"], {}, "Unknown recipe 'clip_fh_s2_v77'"),
        (["clip_reid_mini"], {"controls": ["no_text"]}, "has no control 'no_text'"),
        (["clip_ft_mini"], {"changes": {"epoch": 3}}, "Unknown recipe key 'epoch'"),
        (["gpa_net_mini"], {}, "is not for backbones of family 'vit'|needs"),
        (["promptsg_mini"], {"changes": {"test_prompt": "none"}}, "Unknown test_prompt 'none'"),
        (
            ["clip_handid_mini"],
            {"changes": {"train_text": "no"}},
            "Recipe 'clip_handid_mini': train_text is 'no': give true or false",
        ),
        (["promptsg_mini"], {"changes": {"attention_heads": 7}}, "7 attention_heads do not divide"),
        (["promptsg_mini"], {"changes": {"reduction": -1}}, "reduction is -1: give a whole number"),
        (["clip_reid_mini"], {"changes": {"levels": None}}, "levels are None: choose of early"),
        (["clip_reid_mini"], {"changes": {"tokens": 200}}, "cannot be built or fed .*77"),
        (
            ["clip_handid_mini"],
            {"changes": {"prompts": ["A {} {side} hand"]}},
            "CLIP-HandID on mini-ViT cannot be built or fed .*'side'",
        ),
    ],
)
def test_what_is_unknown_is_refused_before_anything_trains(lab, names, how, sentence, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(ValueError, match=sentence):
        lab.expect(*names, **how)


def test_what_cannot_be_fed_or_loaded_is_refused_before_training(lab):
    study = lab.having(backbones=["EfficientNet-Lite0"])
    with pytest.raises(ValueError, match="RGA-Net was built for .* maps"):
        study.expect("rga_net_mini", changes={"portrait": True})
    with pytest.raises(ValueError, match="A map of 8 x 4 cells cannot be cut into 2 x 8"):
        study.expect("gpa_net_mini", changes={"portrait": True, "vertical_parts": 8})


def test_what_is_expected_reads_no_photograph(open_study, tmp_path):
    study = open_study(tmp_path)
    study.expect("clip_ft_mini", "clip_zero_shot", controls=[])
    assert not list(tmp_path.iterdir())


def test_lora_is_expected_as_often_as_wanted(lab):
    """It changes the encoder that it gets, so that none is shared with what comes after it."""
    lab.expect("clip_handid_mini", "clip_reid_mini", controls=["lora"])


def test_a_control_that_says_what_the_recipe_says_is_no_reason_to_leave_it_out(lab, monkeypatch):
    monkeypatch.setattr(training, "train_experiment", lambda *given: None)
    nets = lab.having(backbones=["EfficientNet-Lite0"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, same = nets.experiments("gpa_net_mini", controls=["", "parts_2x1"])
    assert plain.folder == same.folder
    assert (plain.title, same.title) == ("GPA-Net", "GPA-Net Hp=2 Vp=1")


@pytest.mark.parametrize("seed", [-1, None, 1.0, "1", True, 2**63, 10**400])
def test_a_seed_that_no_experiment_can_have_is_refused_in_one_sentence(lab, seed):
    with pytest.raises(ValueError, match="^seed=.* (must be a whole number from 0|is too large)"):
        lab.experiment("raw_pixels", "mini-ViT", TARGET, seed=seed)


def test_a_seed_of_numpy_is_a_seed(lab):
    one = lab.experiment("raw_pixels", "mini-ViT", TARGET, seed=np.int64(3))
    assert one.seed == 3 and type(one.seed) is int
