"""Keys: what a changed line of code makes stale, and what it leaves alone."""

import hashlib
import shutil
from functools import cache

import pandas as pd
import pytest

from handid import fingerprint, recipes
from handid.study import experiment

TRAINED = [  # a recipe of each lineage, and a backbone it trains on
    ("clip_ft_mini", "mini-ViT"),
    ("clip_handid_mini", "mini-ViT"),
    ("clip_reid_mini", "mini-ViT"),
    ("promptsg_mini", "mini-ViT"),
    ("gpa_net_mini", "EfficientNet-Lite0"),
    ("abd_net_mini", "EfficientNet-Lite0"),
]


@pytest.fixture
def package(tmp_path):
    """A copy of the package's sources, to be edited."""
    ignore = shutil.ignore_patterns("*.safetensors", "__pycache__")
    return shutil.copytree(fingerprint.PACKAGE, tmp_path / "handid", ignore=ignore)


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1))


def forget():
    for function in (fingerprint.code, fingerprint._room, fingerprint.whole_package):
        function.cache_clear()


def training_keys(package):
    """Recipe -> key of its training's code, read from a copy of the package."""
    forget()
    keys = {}
    for name, backbone_name in TRAINED:
        family = "cnn" if backbone_name == "EfficientNet-Lite0" else "vit"
        plan = recipes.load(name, family)
        keys[name] = experiment.training_code(plan, backbone_name, package)
    return keys


def changed(package, *edits):
    """The recipes whose training key an edit changes."""
    for path, old, new in edits:
        edit(package / path, old, new)
    keys = training_keys(package)
    return {name for name, key in keys.items() if key != before()[name]}


@cache
def before():
    """The keys of the package as it is."""
    return training_keys(fingerprint.PACKAGE)


# --- code ---------------------------------------------------------------------------------------


def test_the_copy_has_the_keys_of_the_package(package):
    assert training_keys(package) == before()
    assert len(set(before().values())) == len(TRAINED)


def test_a_changed_docstring_or_comment_retrains_nothing(package):
    assert not changed(
        package,
        ("loss.py", '"""', '"""In other words: '),
        ("train/loop.py", "def fit(", "# Why it is so.\ndef fit("),
        ("method/clip_ft.py", '"""', '"""Once more: '),
    )


def test_a_changed_annotation_or_layout_retrains_nothing(package):
    path = package / "protocol.py"
    path.write_text(path.read_text().replace("\n\n\ndef ", "\n\n\n\n\ndef "))
    assert not changed(package, ("protocol.py", "train: pd.DataFrame, seed", "train, seed"))


def test_a_new_method_retrains_nothing(package):
    (package / "method" / "new_method.py").write_text("class NewMethod:\n    pass\n")
    line = ("method/__init__.py", "METHODS = {", 'METHODS = {\n    "new_method": "NewMethod",')
    assert not changed(package, line)


def test_a_new_layout_of_data_retrains_nothing(package):
    (package / "data" / "other.py").write_text("def fits(root):\n    return False\n")
    assert not changed(package, ("data/sets.py", "LAYOUTS = {", 'LAYOUTS = {"o": "other", '))


CLIP_LINEAGE = {"clip_ft_mini", "clip_handid_mini", "clip_reid_mini", "promptsg_mini"}


@pytest.mark.parametrize(
    ("function", "line", "users"),
    [
        (
            "supervised_contrastive",
            "return -(log_shares.masked_fill(~positives, 0).sum(1) / positives.sum(1)).mean()",
            CLIP_LINEAGE - {"clip_ft_mini"},
        ),
        ("spectral_gap", "return -_rayleigh(rows, largest, steps)", {"abd_net_mini"}),
        (
            "batch_hard_triplet",
            "return F.relu(margin + farthest - nearest).mean()",
            {"clip_reid_mini", "promptsg_mini", "abd_net_mini"},
        ),
        ("centre", "return gaps.square().sum(dim=1).mean() / 2", set()),
        ("arcface_logits", "return scale * torch.where(own, widened, cosine)", set()),
        (
            "supervised_contrastive_within",
            "return -per_anchor.sum() / (counts > 0).sum().clamp(min=1)",
            set(),
        ),
        (
            "label_smoothed_cross_entropy",
            "return F.cross_entropy(_at_least_float32(logits), labels, label_smoothing=smoothing)",
            {name for name, _ in TRAINED},
        ),
    ],
)
def test_a_changed_loss_retrains_what_uses_it_and_nothing_else(package, function, line, users):
    assert f"def {function}(" in (package / "loss.py").read_text()
    assert changed(package, ("loss.py", line, f"{line} * 1.0")) == users


def test_a_tool_that_is_turned_on_brings_its_loss_into_the_key(package):
    plan = recipes.load("clip_ft_mini", "vit", control="centre")
    keys = [experiment.training_code(plan, "mini-ViT", package)]
    edit(package / "loss.py", "gaps.square().sum(dim=1)", "gaps.square().sum(1)")
    forget()
    keys.append(experiment.training_code(plan, "mini-ViT", package))
    assert keys[0] != keys[1]


def test_a_changed_method_retrains_itself_alone(package):
    line = ("method/gpa_net.py", "class GpaNet(", "OTHER = 1\n\n\nclass GpaNet(")
    assert changed(package, line) == {"gpa_net_mini"}


@pytest.mark.parametrize(
    ("path", "line", "other"),
    [
        ("train/loop.py", "engine.place(method)", "engine.place(method.train())"),
        ("protocol.py", "(len(subjects) + 1) // 2", "len(subjects) // 2"),
        ("image/sampler.py", "torch.randperm(len(labels)", "torch.randperm(0 + len(labels)"),
        (
            "image/augment.py",
            "def _blend(",
            "def _blend(images, *more):\n    pass\n\n\ndef _blend(",
        ),
        ("metric.py", "DECIMALS = 12", "DECIMALS = 11"),
        ("backbone/__init__.py", "torch.manual_seed(seed)", "torch.manual_seed(seed + 1)"),
        (
            "backbone/weights.py",
            "def check_fits(",
            "X = 1\n\n\ndef check_fits(state, *more):\n    pass\n\n\ndef check_fits(",
        ),
        ("method/__init__.py", "kind(backbone, n_identities", "kind(backbone, n_identities + 1"),
        ("study/experiment.py", '"{view}", self.view', '"{view}", "x" + self.view'),
        (
            "study/photographs.py",
            "self._cache, geometry, progress",
            'self._cache, ("squash", 8), progress',
        ),
        (
            "study/network.py",
            "last_stride=recipe.last_stride",
            "last_stride=0 + recipe.last_stride",
        ),
    ],
)
def test_the_loop_the_protocol_and_the_pixels_retrain_everything(package, path, line, other):
    assert changed(package, (path, line, other)) == {name for name, _ in TRAINED}


def test_the_words_of_a_refusal_retrain_nothing(package):
    assert not changed(
        package, ("train/loop.py", "lower the learning rate or use", "take a lower rate or")
    )


def test_a_new_backbone_retrains_nothing(package):
    line = "ARCHITECTURES = {"
    assert not changed(package, ("backbone/architectures.py", line, f'{line}\n    "x": None,'))


def test_what_is_only_shown_retrains_nothing(package):
    assert not changed(package, ("report/display.py", "\n\n\ndef ", "\n\n\nX = 1\n\n\ndef "))


def test_a_text_with_values_is_the_same_code_on_every_python(tmp_path):
    text = """f"{', '.join(names):>{width}} of {width!r}\\n\""""
    (tmp_path / "__init__.py").touch()
    (tmp_path / "room.py").write_text(f"def say(names, width):\n    return {text}\n")
    ((say,),) = fingerprint._reached(["room.say"], frozenset(), tmp_path).values()
    pieces = "(', '.join(names), -1, 'f'('>', (width, -1, ''))), ' of ', (width, 114, ''), '\\n'"
    assert say == f"def say(names, width):\n    return 'f'({pieces})"


def test_an_entry_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="There is no 'train.fitt' in this package"):
        fingerprint.code("train.fitt")


def test_the_whole_package_but_one_wing(package):
    forget()
    before = fingerprint.whole_package("runner", package)
    for path, old, new, stays in [
        ("runner/batch.py", "import ", "import math\nimport ", True),
        ("loss.py", '"""', '"""Again: ', True),
        ("loss.py", "import torch", "import math\nimport torch", False),
    ]:
        edit(package / path, old, new)
        forget()
        assert (fingerprint.whole_package("runner", package) == before) == stays, path


# --- files, folders, tables ---------------------------------------------------------------------


def test_a_digest_stands_for_content_and_not_for_order():
    assert fingerprint.digest({"a": 1, "b": [2]}) == fingerprint.digest({"b": [2], "a": 1})
    assert fingerprint.digest({"a": 1}) != fingerprint.digest({"a": 2})
    assert len(fingerprint.digest(None)) == 16


def test_a_files_digest_is_its_sha256(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"hand")
    assert fingerprint.file(path) == hashlib.sha256(b"hand").hexdigest()


def test_a_place_changes_with_what_lies_there_and_behind_links(tmp_path):
    inside, outside = tmp_path / "set", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    (outside / "1.jpg").write_bytes(b"a")
    (inside / "link").symlink_to(outside)
    seen = {fingerprint.place(inside)}
    (outside / "1.jpg").write_bytes(b"ab")
    seen.add(fingerprint.place(inside))
    (inside / "2.jpg").write_bytes(b"c")
    seen.add(fingerprint.place(inside))
    assert len(seen) == 3
    (inside / "round").symlink_to(inside)
    assert fingerprint.place(inside) == fingerprint.place(inside)  # and it ends
    assert fingerprint.place(tmp_path / "absent") == fingerprint.place(tmp_path / "absent too")
    assert fingerprint.place(outside / "1.jpg") != fingerprint.place(inside / "2.jpg")


def test_a_tables_digest_holds_files_identities_and_roles():
    rows = pd.DataFrame({"path": ["a/1.jpg"], "identity": ["1 hand"], "role": ["subject"]})
    seen = {fingerprint.table(rows, ["c"]), fingerprint.table(rows, ["d"])}
    seen |= {fingerprint.table(rows.assign(**{k: "x"}), ["c"]) for k in rows}
    assert len(seen) == 5
    assert fingerprint.table(rows.assign(path="b/1.jpg"), ["c"]) in seen  # wherever it lies


def test_versions_are_known_without_an_import():
    assert {"python", "torch", "numpy"} <= set(fingerprint.versions())
