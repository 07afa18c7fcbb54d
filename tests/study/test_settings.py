"""The parameters that all notebooks share: defaults, and refusals in one sentence."""

import pydantic
import pytest

from handid.study import settings


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"peopel": 6}, "Parameter 'peopel': Extra inputs are not permitted"),
        ({"data_11k": "synthetic"}, "Parameter 'data_11k': Extra inputs are not permitted"),
        ({"runs": 0}, "Parameter 'runs': Input should be greater than or equal to 1"),
        ({"runs": "ten"}, "Parameter 'runs': Input should be a valid integer"),
        ({"people": 3}, "Parameter 'people': Input should be greater than or equal to 4"),
        ({"seeds": []}, "Parameter 'seeds': List should have at least 1 item"),
        ({"seeds": [0, "1"]}, "Parameter 'seeds.1': Input should be a valid integer"),
        ({"missing": "ignore"}, "Parameter 'missing': Input should be 'error' or 'skip'"),
        ({"data": "synthetic"}, "Parameter 'data': Input should be a valid dictionary"),
        ({"data": {"11k": None}}, "Parameter 'data.11k': Input should be a valid string"),
        (
            {"data": {"m": "synthetic"}},
            "Data set 'm' cannot be 'synthetic': the package draws 11k and",
        ),
        (
            {"data": {"m": "/a", "M": "/b"}},
            "Data sets 'm' and 'M' have one name: rename one of them",
        ),
        (
            {"data": {"m": "/a", "n": "/b/../a"}},
            "Data sets 'm' and 'n' are one folder: what trains",
        ),
        ({"data": {"my set": "/a"}}, "Data set 'my set': a plain name has letters, digits"),
        ({"data": {"": "/a"}}, "Data set '': a plain name has letters, digits"),
        ({"backbones": ["mini-ViT", "ViT-L"]}, "Unknown backbone 'ViT-L': did you mean ViT-L-1"),
        ({"backbones": ["ViT-B-32:laion"]}, "ViT-B-32 has no weights 'laion': .*laion2b_s34b_b79k"),
        ({"backbones": ["ViT-B-32"]}, "'ViT-B-32' does not say which weights: .*ViT-B-32:random"),
        ({"backbones": ["RN50", "RN50"]}, "^A backbone is named twice: write each once.$"),
        (
            {"backbones": ["mini-ViT", "mini-RN:random"], "weights": "/a/b.pt"},
            "Backbone 'mini-RN:random' names its weights, and 'b.pt' .* or write mini-RN.$",
        ),
        (
            {"backbones": ["timm:resnet50:random"], "weights": "mini"},
            "'timm:resnet50:random' names its weights, and 'mini' .* or write timm:resnet50.$",
        ),
        (
            {"views": ["back"]},
            "Parameter 'views.0': .* a hand has the views dorsal right, dorsal left",
        ),
        ({"views": []}, "Parameter 'views': List should have at least 1 item"),
        ({"work": 3}, "Parameter 'work': Input should be a valid string"),
        ({"seeds": [0, -1]}, "Parameter 'seeds.1': Input should be greater than or equal to 0"),
        ({"seeds": [2**63]}, "Parameter 'seeds.0': Input should be less than 9223372036854775808"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(parameters, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        settings.checked(**{"work": "w"} | parameters)
    assert "\n" not in str(error.value)


def test_only_the_folder_of_products_has_no_default():
    with pytest.raises(ValueError, match="Parameter 'work': Field required"):
        settings.checked()
    plain = settings.checked(work="w")
    assert plain.data == {"11k": "synthetic", "HD": ""} and plain.targets == ["11k dorsal right"]
    assert (plain.backbones, plain.weights, plain.runs) == (["mini-ViT"], "", 10)


def test_settings_are_what_they_were_given_and_do_not_change():
    plain = settings.checked(work="w", seeds=[3, 1], data={"mine": "/data/mine"})
    assert plain.seeds == [3, 1] and plain.data == {"mine": "/data/mine"}
    assert settings.checked(**plain.model_dump()) == plain
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        plain.runs = 3


def test_sets_without_a_folder_and_drawn_ones_are_no_clash():
    data = {"11k": "synthetic", "HD": "synthetic", "mine": "", "yours": ""}
    assert settings.checked(work="w", data=data).data == data


def test_a_seed_given_twice_is_one_seed(tmp_path):
    assert settings.checked(work=str(tmp_path), seeds=[1, 0, 1, 1]).seeds == [1, 0]


@pytest.mark.parametrize("here", [".", "handid", "/"])
def test_relative_paths_count_from_the_notebooks_wherever_they_run(monkeypatch, here):
    repository = settings.fingerprint.PACKAGE.parent
    monkeypatch.delenv("HANDID_NOTEBOOKS", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(repository / here)
    made = settings.checked(work="../runs/demo", data={"11k": "photos", "HD": "synthetic"})
    assert made.work == str(repository / "runs" / "demo")
    assert made.data == {"11k": str(repository / "notebooks" / "photos"), "HD": "synthetic"}
    monkeypatch.setenv("HANDID_NOTEBOOKS", "/elsewhere/books")  # as the runner says
    assert settings.checked(work="../runs").work == "/elsewhere/runs"
    assert settings.checked(work="../runs", weights="").weights == ""  # those in the names


def test_no_weights_are_no_folder():
    """As every notebook passes them: each backbone's own, and not the folder of the notebooks."""
    assert settings.checked(work="w", weights="").weights == ""


def test_in_jupyterlab_they_count_from_the_folder_that_it_works_in(monkeypatch, tmp_path):
    monkeypatch.delenv("HANDID_NOTEBOOKS", raising=False)
    monkeypatch.setenv("JPY_SESSION_NAME", "a copy.ipynb")
    monkeypatch.chdir(tmp_path)
    assert settings.checked(work="runs").work == str(tmp_path / "runs")


def test_two_files_of_one_name_would_be_one_row(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.safetensors").touch()
    names = [f"ViT-B-16:{tmp_path / folder / 'w.safetensors'}" for folder in ("a", "b")]
    with pytest.raises(ValueError, match="both be called ViT-B-16:w.safetensors: rename a file"):
        settings.checked(work=str(tmp_path), backbones=names)
