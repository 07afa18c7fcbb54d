"""The command line's values: read, made absolute, merged and checked."""

import pytest

from handid.runner import options
from handid.runner.options import Options, Value
from handid.runner.refusal import Refused


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a data folder and a file of weights, where the command runs."""
    (tmp_path / "mini").mkdir()
    (tmp_path / "hands").mkdir()
    (tmp_path / "w.pt").write_text("w")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(here, **words):
    return options.asked(Options(here, here, here, **words), here / "runs")


def test_a_path_is_the_command_lines_and_a_name_stays_a_name(here):
    for item, value in {
        "weights=w.pt": str(here / "w.pt"),
        "cnn_weights=./w.pt": str(here / "w.pt"),
        "data={HD: ./hands, 11k: hands}": {"HD": str(here / "hands"), "11k": "hands"},
        "data={11k: synthetic}": {"11k": "synthetic"},
        "weights=mini": "mini",
        "title=w.pt": "w.pt",
        "backbones=[ViT-B-16:w.pt, RN50, ViT-B-32:openai]": [
            f"ViT-B-16:{here / 'w.pt'}",
            "RN50",
            "ViT-B-32:openai",
        ],
    }.items():
        assert options.read_set(item)[1] == Value(value, f"--set {item}")
    assert options.existing_weights(str(here / "w.pt")) == str(here / "w.pt")
    assert options.existing_weights("w.pt") == str(here / "w.pt")
    assert options.existing_weights("openai") == "openai"


def test_data_sets_are_collected_in_one_parameter(here):
    data = asked(here, data=["11k=hands", "hd=./hands", "other=mini"])["data"]
    folder = str(here / "hands")
    assert data.content == {"11k": folder, "hd": folder, "other": str(here / "mini")}
    assert data.origin == "--data 11k=hands, --data hd=./hands, --data other=mini"


def test_set_and_data_may_give_different_data_sets(here):
    values = asked(here, settings=["data={HD: synthetic}"], data=["11k=hands"], weights="w.pt")
    assert values["data"].content == {"HD": "synthetic", "11k": str(here / "hands")}
    assert values["weights"].content == str(here / "w.pt")
    assert values["work"].content == str(here / "runs")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"settings": ["weights"]}, "--set weights: write --set name=value"),
        ({"settings": ["1x=2"]}, "write --set name=value"),
        ({"settings": ["a=[1"]}, r"--set a=\[1: '\[1' is not a YAML value; quote it"),
        ({"settings": ["a=1", "a=2"]}, "--set a=2: a is set already by --set a=1; set it once"),
        ({"settings": ["work=/x"]}, "work is set already by the runner, see --work"),
        ({"weights": "w.pt", "settings": ["weights=mini"]}, "--weights w.pt: weights is set alr"),
        ({"weights": "no/such"}, "--weights no/such: no such file"),
        ({"weights": "such.pt"}, "--weights such.pt: no such file"),
        ({"data": ["11k"]}, "--data 11k: no such folder; write --data NAME=AN_EXISTING_FOLDER"),
        ({"data": ["11k="]}, "--data 11k=: no such folder"),
        ({"data": ["11k=/no/such"]}, "--data 11k=/no/such: no such folder"),
        ({"data": ["../x=hands"]}, "--data ../x=hands: a plain name has letters"),
        ({"data": ["=hands"]}, "--data =hands: a plain name has"),
        ({"data": ["a b=hands"]}, "--data a b=hands: a plain name has"),
        ({"data": ["11k=hands", "11K=mini"]}, "data 11k is set already by --data 11k=hands"),
        (
            {"settings": ["data={HD: x}"], "data": ["hd=mini"]},
            "--data hd=mini: data HD is set already by --set data={HD: x}; set it once",
        ),
        ({"settings": ["data=5"], "data": ["hd=mini"]}, "--set data=5: data must be a dict"),
    ],
)
def test_what_cannot_be_meant_is_refused(here, words, message):
    with pytest.raises(Refused, match=message):
        asked(here, **words)


def test_names_of_data_sets_match_without_regard_to_case():
    default = {"11k": "synthetic", "HD": ""}
    assert options.merged(default, {"hd": "/a", "New": "/b"}) == {
        "11k": "synthetic",
        "HD": "/a",
        "New": "/b",
    }
    assert default == {"11k": "synthetic", "HD": ""}


@pytest.mark.parametrize(
    ("value", "default", "result"),
    [
        ("1e-3", 0.5, 0.001),
        (1, 0.5, 1.0),
        ([1], [0], [1]),
        ("x", None, "x"),
        ({"a": None}, {}, {"a": None}),
    ],
)
def test_a_value_of_the_defaults_type_passes(value, default, result):
    kept = options.checked("name", Value(value, "x"), default)
    assert kept == result and type(kept) is type(result)


@pytest.mark.parametrize(
    ("value", "default", "message"),
    [
        (1.5, 3, "x: name must be int like 3, not 1.5"),
        (True, 3, "must be int like 3, not True"),
        (1, True, "must be bool like True, not 1"),
        ("fast", 0.5, "must be float like 0.5, not 'fast'"),
        (1, [0], r"must be list like \[0\], not 1"),
        ([1], {"a": 1}, "must be dict"),
        ({1: 2}, {"a": 1}, "must be dict"),
        (5, "tiny", "text needs quotes inside"),
        ({3}, None, "must be NoneType"),
    ],
)
def test_a_value_of_another_type_is_refused(value, default, message):
    with pytest.raises(Refused, match=message):
        options.checked("name", Value(value, "x"), default)


def test_folders_of_data_sets_must_be_there_or_may_yet_come(tmp_path):
    work = tmp_path / "runs"
    (tmp_path / "hands").mkdir()
    data = {"11k": "synthetic", "HD": "", "a": "./hands", "b": "./runs/drawn", "c": str(work / "x")}
    options.check_data(data, "x", tmp_path, work)
    for wrong, message in [
        ({"HD": "/no/such"}, "x: data HD names no folder: /no/such; make it or name another"),
        ({"HD": "../hands"}, "data HD names no folder: ../hands"),
        ({"HD": 3}, "data gives names their folders, not 'HD': 3"),
        ({"a/b": ""}, "data gives names their folders, not 'a/b': ''"),
        ({"HD": "", "hd": ""}, "data names a data set twice: HD, hd"),
    ]:
        with pytest.raises(Refused, match=message):
            options.check_data(wrong, "x", tmp_path, work)


@pytest.mark.parametrize(
    "value",
    [
        *("!!int x", "!!bool x", "!!float x", "!!timestamp x", "!!binary x", "!!set x", "!!omap x"),
        *(
            "9" * 5000,
            "[" * 2000,
            "&a [*a]",
            "[&a 1, *a]",
            "{<<: 1}",
            "2001-99-99",
            "!!x y",
            "\x00",
        ),
        *("!!python/object/apply:os.getcwd []", "\x1b[31m[", "a: b: c", "{[1]: 2}", "%"),
    ],
)
def test_any_value_of_set_is_plain_or_refused_in_one_short_line(here, value):
    with pytest.raises(Refused) as error:
        options.checked("people", options.read_set(f"people={value}")[1], 8)
    sentence = str(error.value)
    assert sentence.isprintable() and len(sentence) < 400


@pytest.mark.parametrize("path", ["~nosuchuser", "~nosuchuser/x", "a\0b", "x" * 5000, "/\udc80"])
def test_what_cannot_be_a_path_is_refused(here, path):
    with pytest.raises(Refused, match="no such folder"):
        options.read_data(f"11k={path}")
    with pytest.raises(Refused, match="no such file"):
        options.existing_weights(f"{path}/w.pt")


def test_numbers_that_no_file_can_hold_are_refused(here):
    for value in (float("nan"), float("inf"), 10**400):
        with pytest.raises(Refused, match="must be float"):
            options.checked("rate", Value(value, "--set rate"), 1.0)
