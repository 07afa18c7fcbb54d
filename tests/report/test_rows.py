"""What a run leaves behind: tidy rows, curves, fingerprints; whole or not at all."""

import getpass
import os
import platform
import socket
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from handid import record


def rows(method="CLIP-FT", value=90.25, seed=0, metrics=("rank1", "mAP")):
    """Tidy rows of one system."""
    head = ("mini-ViT", "11k dorsal right", "11k dorsal right")
    tail = (value - 5, value + 5, 210, 30, 30, seed, True)
    return pd.DataFrame([(method, *head, m, value, *tail) for m in metrics], columns=record.COLUMNS)


# --- results and curves -------------------------------------------------------------------------


def test_results_come_back_as_they_were_written(tmp_path):
    path = record.write_results(rows(), tmp_path, "02_fine_tune")
    assert path == tmp_path / "results" / "02_fine_tune.csv"
    pd.testing.assert_frame_equal(record.read_results(tmp_path, ["02_fine_tune"]), rows())


def test_a_column_too_many_is_not_written(tmp_path):
    record.write_results(rows().assign(note="x"), tmp_path, "a")
    assert list(record.read_results(tmp_path, ["a"])) == record.COLUMNS


@pytest.mark.parametrize("column", ["low", "synthetic", "n_subjects"])
def test_a_missing_column_is_refused_and_nothing_is_written(tmp_path, column):
    with pytest.raises(ValueError, match=f"lack the column '{column}'"):
        record.write_results(rows().drop(columns=column), tmp_path, "a")
    assert list(tmp_path.iterdir()) == []


def test_curves_come_back_in_percent_a_row_a_rank(tmp_path):
    systems = [(rows().iloc[0], [0.5, 0.75, 1.0]), (rows("CLIP-ZS").iloc[0], [0.25, 1.0])]
    record.write_curves(systems, tmp_path, "02_fine_tune")
    found = record.read_curves(tmp_path, ["02_fine_tune"])
    assert found["rank"].tolist() == [1, 2, 3, 1, 2]
    assert found["found"].tolist() == [50, 75, 100, 25, 100]
    assert found["method"].tolist() == ["CLIP-FT"] * 3 + ["CLIP-ZS"] * 2
    assert found["synthetic"].all() and set(found["test_set"]) == {"11k dorsal right"}


def test_the_notebook_that_has_to_run_first_is_named(tmp_path):
    record.write_results(rows(), tmp_path, "01_zero_shot")
    for read in (record.read_results, record.read_curves):
        with pytest.raises(
            FileNotFoundError, match="notebook 02_fine_tune are not there"
        ) as caught:
            read(tmp_path, ["02_fine_tune", "01_zero_shot"])
        assert "--only 02)" in str(caught.value)


def test_two_notebooks_may_not_say_different_things_of_a_system(tmp_path):
    record.write_results(rows(value=90), tmp_path, "02")
    record.write_results(rows(value=80), tmp_path, "03")
    with pytest.raises(ValueError, match="Two notebooks say different things of CLIP-FT: run 02, "):
        record.read_results(tmp_path, ["02", "03"])


def test_of_a_row_that_two_notebooks_wrote_one_is_kept(tmp_path):
    record.write_results(pd.concat([rows("CLIP-ZS", 90), rows(value=80)]), tmp_path, "02")
    record.write_results(pd.concat([rows(value=80), rows(value=70, seed=1)]), tmp_path, "03")
    found = record.read_results(tmp_path, ["02", "03"])
    kept = found[found["metric"] == "rank1"][["method", "seed", "value"]]
    assert kept.to_numpy().tolist() == [["CLIP-ZS", 0, 90], ["CLIP-FT", 0, 80], ["CLIP-FT", 1, 70]]
    assert found.index.tolist() == [*range(6)]


def test_of_a_curve_that_two_notebooks_wrote_the_last_is_kept(tmp_path):
    for notebook, curve in (("02", [0.5, 1.0]), ("03", [0.25, 1.0])):
        record.write_curves([(rows().iloc[0], curve)], tmp_path, notebook)
    found = record.read_curves(tmp_path, ["02", "03"])
    assert found[["rank", "found"]].to_numpy().tolist() == [[1, 25], [2, 100]]


@pytest.mark.parametrize("kind", ["results", "curves"])
def test_a_write_that_fails_halfway_keeps_the_old_file(tmp_path, monkeypatch, kind):
    def write():
        if kind == "results":
            return record.write_results(rows(), tmp_path, "a")
        return record.write_curves([(rows().iloc[0], [1.0])], tmp_path, "a")

    def halfway(self, path, **how):
        path.write_text("half")
        raise KeyboardInterrupt

    old = write().read_text()
    monkeypatch.setattr(pd.DataFrame, "to_csv", halfway)
    with pytest.raises(KeyboardInterrupt):
        write()
    assert [file.name for file in (tmp_path / kind).iterdir()] == ["a.csv"]
    assert (tmp_path / kind / "a.csv").read_text() == old


# --- fingerprints -------------------------------------------------------------------------------


def test_a_digest_depends_on_content_and_not_on_the_order_of_keys():
    assert record.digest({"a": 1, "b": [2]}) == record.digest({"b": [2], "a": 1})
    assert len({record.digest(content) for content in ({"a": 1}, {"a": 2}, {"b": 1}, [1])}) == 4
    assert len(record.digest({})) == 16 and int(record.digest({}), 16) > 0


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A toy package of two rooms and a folder, in the place of ours."""
    home = tmp_path / "toy"
    for name in ("record.py", "a.py", "folder/b.py", "folder/c.yaml", "published.csv"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    monkeypatch.setattr(record, "__file__", str(home / "record.py"))
    return home


@pytest.mark.parametrize("name", ["a.py", "folder/b.py", "folder/c.yaml", "published.csv"])
def test_the_code_fingerprint_changes_with_the_content_of_any_room(package, name):
    before = record.code_fingerprint()
    os.utime(package / name, ns=(1, 1))
    assert record.code_fingerprint() == before  # a checkout's new times are no new code
    (package / name).write_text("changed")
    assert record.code_fingerprint() != before
    (package / name).write_text(name)
    assert record.code_fingerprint() == before


def test_the_code_fingerprint_changes_with_a_files_name(package):
    before = record.code_fingerprint()
    (package / "a.py").rename(package / "z.py")
    assert record.code_fingerprint() != before


def test_the_code_fingerprint_of_named_rooms_ignores_the_others(package):
    room, folder = record.code_fingerprint("a.py"), record.code_fingerprint("folder")
    (package / "a.py").write_text("changed")
    assert record.code_fingerprint("folder") == folder
    assert record.code_fingerprint("a.py") != room
    (package / "folder" / "c.yaml").write_text("changed")
    assert record.code_fingerprint("folder") != folder


def test_the_code_fingerprint_ignores_what_python_compiled(package):
    before = record.code_fingerprint()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    assert record.code_fingerprint() == before


@pytest.fixture
def table(tmp_path):
    """Three files as a table of photographs."""
    paths = [tmp_path / f"{name}.jpg" for name in "abc"]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * (number + 1))
        os.utime(path, ns=(10**18, 10**18))
    content = {"path": map(str, paths), "identity": ["1 r", "1 r", "2 r"], "role": "subject"}
    return pd.DataFrame(content)


def test_the_table_fingerprint_changes_with_a_files_size_or_time(table):
    seen = [record.table_fingerprint(table)]
    path = table["path"].iloc[1]
    os.utime(path, ns=(10**18, 10**18 + 1))
    seen.append(record.table_fingerprint(table))
    with open(path, "ab") as file:
        file.write(b"x")
    os.utime(path, ns=(10**18, 10**18))
    seen.append(record.table_fingerprint(table))
    assert len(set(seen)) == 3


@pytest.mark.parametrize(("column", "value"), [("identity", "3 r"), ("role", "distractor")])
def test_the_table_fingerprint_changes_with_who_is_shown(table, column, value):
    changed = table.copy()
    changed.loc[1, column] = value
    assert record.table_fingerprint(changed) != record.table_fingerprint(table)
    assert record.table_fingerprint(table.iloc[:2]) != record.table_fingerprint(table)


def test_the_table_fingerprint_does_not_depend_on_where_the_folder_lies(table, tmp_path):
    before = record.table_fingerprint(table)
    moved = [str(tmp_path / "elsewhere" / os.path.basename(path)) for path in table["path"]]
    (tmp_path / "elsewhere").mkdir()
    for old, new in zip(table["path"], moved, strict=True):
        os.rename(old, new)
    assert record.table_fingerprint(table.assign(path=moved)) == before


# --- environment --------------------------------------------------------------------------------


def test_the_environment_names_versions_and_device_but_no_machine_and_no_user(monkeypatch):
    names = {"system": "Linux", "release": "6", "version": "1", "machine": "x86_64"}
    monkeypatch.setattr(platform, "uname", lambda: SimpleNamespace(node="alices-laptop", **names))
    monkeypatch.setattr(socket, "gethostname", lambda: "alices-laptop")
    for name in ("USER", "LOGNAME", "HOME"):
        monkeypatch.setenv(name, "/home/alice")
    assert "alice" in getpass.getuser() + platform.node()
    found = record.environment("cpu")
    assert "alice" not in str(found)
    assert found["torch"] == torch.__version__.split("+")[0]
    assert found["python"] == platform.python_version()
    assert (found["device"], found["on"]) == ("cpu", f"x86_64, {torch.get_num_threads()} threads")
    assert {"open_clip_torch", "numpy", "pandas", "pillow", "torchvision"} <= found.keys()


def test_the_environment_names_the_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Accelerator of {device}")
    found = record.environment("cuda:1")
    assert (found["device"], found["on"]) == ("cuda:1", "Accelerator of cuda:1")


# --- the papers' numbers ------------------------------------------------------------------------


def test_the_published_numbers_are_all_there():
    known = record.published()
    who = ["source", "table", "method", "backbone", "train_set", "test_set"]
    assert list(known) == [*who, "metric", "value", "ap_definition", "note"]
    assert len(known) == 386
    assert not known.duplicated([*who, "metric", "ap_definition", "note"]).any()


def test_every_published_number_is_a_percentage_and_every_map_names_its_definition():
    known = record.published()
    assert known["value"].between(0, 100).all() and known["value"].max() > 90
    maps = known["metric"] == "mAP"
    assert set(known.loc[maps, "ap_definition"]) == {"standard", "trapezoid"}
    assert known.loc[~maps, "ap_definition"].isna().all()


def test_two_published_numbers_are_those_of_the_paper():
    known = record.published().query(
        "source == 'CLIP-HandID paper' and method == 'CLIP-HandID' and backbone == 'ViT-B/16' "
        "and test_set == '11k dorsal right'"
    )
    assert dict(zip(known["metric"], known["value"], strict=True)) == {"rank1": 95.68, "mAP": 96.53}
