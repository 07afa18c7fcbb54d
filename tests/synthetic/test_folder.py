"""Folders of drawn hands: laid out as the real sets, equal for any workers, complete or absent."""

import errno
import hashlib
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import psutil
import pytest
from PIL import Image

from handid import disk, synthetic
from handid.synthetic import VIEWS, folder, person, photograph, write_11k, write_hd

SMALL = {"subjects": 3, "images": 3, "size": 64, "progress": False}


def fingerprints(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_the_same_seed_gives_the_same_files_with_one_worker_and_with_two(tmp_path):
    one = fingerprints(write_11k(tmp_path / "one", workers=1, **SMALL))
    two = fingerprints(write_11k(tmp_path / "two", workers=2, **SMALL))
    assert len(one) > 12
    assert one == two


def test_11k_is_laid_out_as_the_original(tmp_path, rows_of):
    root = write_11k(tmp_path / "new" / "11k", workers=1, **SMALL)
    header, first = (root / "HandInfo.csv").read_text().splitlines()[:2]
    assert header == (
        "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
    )
    assert first.startswith('"0000000",')
    assert first.endswith(',"dorsal right","Hand_0000001.jpg",0')
    rows = rows_of(root)
    assert {row["id"] for row in rows} == {"0000000", "0000001", "0000002"}
    assert {row["aspectOfHand"] for row in rows} == set(VIEWS)
    assert {row["skinColor"] for row in rows} <= {"very fair", "fair", "medium", "dark"}
    assert {row["gender"] for row in rows} <= {"male", "female"}
    names = [row["imageName"] for row in rows]
    assert names == [f"Hand_{number:07d}.jpg" for number in range(1, len(rows) + 1)]
    assert sorted(path.name for path in (root / "Hands").iterdir()) == names
    with Image.open(root / "Hands" / names[0]) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (85, 64))


def test_every_person_and_view_keeps_two_photographs_without_accessories(drawn_11k, rows_of):
    bare = Counter(
        (r["id"], r["aspectOfHand"]) for r in rows_of(drawn_11k) if r["accessories"] == "0"
    )
    assert len(bare) == 120
    assert min(bare.values()) >= 2


def test_the_number_of_photographs_varies_around_what_was_asked(drawn_11k, rows_of):
    counts = Counter((row["id"], row["aspectOfHand"]) for row in rows_of(drawn_11k))
    assert set(counts.values()) == {4, 5, 6}
    assert np.mean(list(counts.values())) == pytest.approx(5, abs=0.23)  # 3 standard errors


def test_rings_and_nail_polish_are_drawn_where_the_table_says_so(drawn_11k, rows_of):
    rows = rows_of(drawn_11k)
    for column in ("accessories", "nailPolish"):
        assert {row[column] for row in rows} == {"0", "1"}
    for row in rows[::37]:
        image, facts = redraw(rows, row)
        with Image.open(drawn_11k / "Hands" / row["imageName"]) as written:
            assert np.abs(np.asarray(written, int) - image).mean() < 6  # what JPEG loses
        assert (facts["accessories"], facts["nail_polish"]) == (
            int(row["accessories"]),
            int(row["nailPolish"]),
        )


def redraw(rows, row):
    """The photograph of one table row, drawn anew from its person, view and shot."""
    same = [r for r in rows if (r["id"], r["aspectOfHand"]) == (row["id"], row["aspectOfHand"])]
    individual = person(0, int(row["id"]))
    return photograph(individual, row["aspectOfHand"], same.index(row), size=80)


def test_hd_is_laid_out_as_the_original(tmp_path):
    root = write_hd(tmp_path / "hd", subjects=4, distractors=2, images=2, size=64, progress=False)
    files = {str(path.relative_to(root)) for path in root.rglob("*.jpg")}
    subjects = {f"Original Images/1-501/{i}_{k}.jpg" for i in (1, 2, 448, 449) for k in (1, 2)}
    others = {f"Original Images/502-712/{i}_{k}.jpg" for i in (502, 503) for k in (1, 2)}
    assert files == subjects | others


def test_hd_and_11k_share_no_person(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(folder, "person", lambda *key: drawn.append(key) or person(*key))
    write_11k(tmp_path / "11k", workers=1, **SMALL)
    write_hd(tmp_path / "hd", distractors=2, workers=1, **SMALL)
    assert len(drawn) == len(set(drawn)) == 3 + 3 + 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"subjects": 1}, "subjects is 1: at least 2 people"),
        ({"images": 1}, "images is 1: at least 2 are needed"),
        ({"size": 32}, "size is 32: a hand needs at least 64 pixels"),
    ],
)
@pytest.mark.parametrize("write", [write_11k, write_hd])
def test_sets_too_small_to_study_are_refused(tmp_path, write, change, sentence):
    extra = {"distractors": 1} if write is write_hd else {}
    with pytest.raises(ValueError, match=sentence):
        write(tmp_path / "set", **{**SMALL, **extra, **change})
    assert list(tmp_path.iterdir()) == []


def test_more_people_than_hd_has_places_for_are_refused(tmp_path):
    with pytest.raises(ValueError, match="subjects is 502: HD has places for 2 to 501"):
        write_hd(tmp_path / "hd", **{**SMALL, "subjects": 502}, distractors=0)
    with pytest.raises(ValueError, match="distractors is 212: HD has places for 0 to 211"):
        write_hd(tmp_path / "hd", **SMALL, distractors=212)


def test_a_folder_that_holds_data_is_left_alone(tmp_path):
    root = write_11k(tmp_path / "11k", workers=1, **SMALL)
    before = fingerprints(root)
    with pytest.raises(FileExistsError, match="already holds data: remove it or choose another"):
        write_11k(root, workers=1, **{**SMALL, "seed": 1})
    assert fingerprints(root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["11k"]


@pytest.mark.parametrize(
    ("fault", "raised", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), OSError, "is full: free some space"),
        (OSError(errno.EACCES, "Permission denied"), PermissionError, "Permission denied"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
)
def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch, fault, raised, sentence):
    save, calls = Image.Image.save, []

    def save_five(self, path, **options):
        calls.append(path)
        if len(calls) > 5:
            raise fault
        save(self, path, **options)

    monkeypatch.setattr(Image.Image, "save", save_five)
    with pytest.raises(raised, match=sentence):
        write_11k(tmp_path / "11k", workers=1, **SMALL)
    assert len(calls) == 6
    assert list(tmp_path.iterdir()) == []


def test_the_drafts_of_killed_processes_are_removed_and_the_set_is_its_owners(tmp_path):
    for number in ("999999999", "1", "x", "9" * 30, "²"):  # of processes that nobody can have, too
        (tmp_path / f".11k.partial-{number}" / "Hands").mkdir(parents=True)
    root = write_11k(tmp_path / "11k", workers=1, **SMALL)
    assert {path.name for path in tmp_path.iterdir()} == {"11k", ".11k.partial-1"}  # 1 lives
    assert root.stat().st_mode & 0o777 == 0o700
    assert disk.damaged_product(root) == ""  # the list is there as soon as the set has its name


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed(tmp_path):
    draw = f"write_11k({str(tmp_path / '11k')!r}, subjects=200, images=6, workers=2)"
    code = f"from handid.synthetic import write_11k; {draw}"
    parent = psutil.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while len(workers := parent.children()) < 2:
        assert parent.poll() is None
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(workers, timeout=60)[1] == []


def test_a_full_disk_in_a_worker_is_told_in_one_sentence(tmp_path, monkeypatch):
    def save(self, path, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", save)  # forked workers inherit it
    with pytest.raises(OSError, match="is full: free some space"):
        write_11k(tmp_path / "11k", workers=2, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_the_photographs_of_a_view_do_not_depend_on_which_others_are_drawn(tmp_path, rows_of):
    how = SMALL | {"images": 4, "workers": 1}
    contents = {}
    for name, views in (("all", VIEWS), ("some", ["palmar left", "dorsal right"])):
        root = write_11k(tmp_path / name, views=views, **how)
        contents[name] = [
            (row["id"], row["aspectOfHand"], (root / "Hands" / row["imageName"]).read_bytes())
            for row in rows_of(root)
        ]
        assert {view for _, view, _ in contents[name]} == set(views)
    assert contents["some"] == [row for row in contents["all"] if row[1] in views]
    for views in ([], ["dorsal"], ["dorsal right"] * 2):
        with pytest.raises(ValueError, match="name some of dorsal right, dorsal left, .* once"):
            write_11k(tmp_path / "none", views=views, **how)


def test_bursts_are_numbered_with_a_gap_between_them(tmp_path, rows_of):
    root = write_11k(
        tmp_path / "11k", subjects=2, images=6, bursts=2, size=64, workers=1, progress=False
    )
    rows = [row for row in rows_of(root) if row["id"] == "0000001"]
    for view in VIEWS:
        numbers = [int(r["imageName"][5:12]) for r in rows if r["aspectOfHand"] == view]
        steps = np.diff(numbers)
        assert sorted(set(steps.tolist())) == [1, 10] and (steps == 10).sum() == 1


@pytest.mark.parametrize(
    "change",
    [{"views": None}, {"views": "dorsal right"}, {"subjects": "2"}, {"images": 2.5}]
    + [{"bursts": None}, {"size": "64"}, {"seed": None}, {"workers": "1"}],
)
def test_arguments_of_another_kind_are_refused_in_one_sentence(change, tmp_path):
    (name,) = change
    with pytest.raises(ValueError, match=f"^write_11k: {name} is .*: give a (list|whole number)"):
        synthetic.write_11k(tmp_path / "x", **{"subjects": 2, "images": 2, "size": 64} | change)
    assert not (tmp_path / "x").exists()


def test_people_of_a_crowd_that_are_no_mapping_are_refused(tmp_path):
    with pytest.raises(ValueError, match="^write_crowd: photographs is .*: give a mapping"):
        synthetic.write_crowd(tmp_path / "x", [1, 2], view="dorsal right")
