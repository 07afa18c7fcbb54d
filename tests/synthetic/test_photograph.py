"""Drawn hands: the same each time, laid out as the real sets, thumbs right, no leak of identity."""

import csv
import dataclasses
import errno
import hashlib
import json
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from handid import synthetic
from handid.synthetic import VIEWS, person, photograph, write_11k, write_hd

SMALL = {"subjects": 3, "images": 3, "size": 64, "progress": False}


def fingerprints(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def rows_of(root):
    with (root / "HandInfo.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def leak_set(tmp_path_factory):
    """Forty people, five photographs a view: enough for the protocol."""
    root = tmp_path_factory.mktemp("leak") / "11k"
    return write_11k(root, subjects=40, images=5, size=96, workers=2, progress=False)


# ----------------------------------------------------------------------------- the same every time


def test_the_same_seed_gives_the_same_files_with_one_worker_and_with_two(tmp_path):
    one = fingerprints(write_11k(tmp_path / "one", workers=1, **SMALL))
    two = fingerprints(write_11k(tmp_path / "two", workers=2, **SMALL))
    assert len(one) > 12
    assert one == two


def test_another_seed_gives_other_people():
    first, second = person(0, 0), person(1, 0)
    assert not np.allclose(first.bones, second.bones)


def test_a_photograph_does_not_depend_on_what_was_drawn_before():
    alone = photograph(person(0, 1), "dorsal left", 1, size=64)[0]
    who = person(0, 1)
    for view in VIEWS:
        photograph(who, view, 0, size=128)
    assert np.array_equal(photograph(who, "dorsal left", 1, size=64)[0], alone)


def test_a_person_is_the_same_each_time_and_differs_from_all_others():
    once, again = (dataclasses.asdict(person(0, 5)) for _ in range(2))
    assert len(once) == 18
    for name in once:
        assert np.array_equal(once[name], again[name]), name
    for a, b in combinations([person(0, i) for i in range(6)], 2):
        assert np.abs(a.bones / b.bones - 1).max() > 0.02


def test_the_two_hands_of_a_person_are_related_but_not_mirror_images():
    people = [person(0, subject) for subject in range(60)]
    right, left = (np.array([p.bones[hand].ravel() / p.stature for p in people]) for hand in (0, 1))
    assert np.abs(right - left).min() > 0
    correlation = np.mean([np.corrcoef(right[:, i], left[:, i])[0, 1] for i in range(15)])
    assert 0.6 < correlation < 0.95


# --------------------------------------------------------------------------------------- the layout


def test_11k_is_laid_out_as_the_original(tmp_path):
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


def test_every_person_and_view_keeps_two_photographs_without_accessories(leak_set):
    bare = Counter(
        (r["id"], r["aspectOfHand"]) for r in rows_of(leak_set) if r["accessories"] == "0"
    )
    assert len(bare) == 160
    assert min(bare.values()) >= 2


def test_the_number_of_photographs_varies_around_what_was_asked(leak_set):
    counts = Counter((row["id"], row["aspectOfHand"]) for row in rows_of(leak_set))
    assert set(counts.values()) == {4, 5, 6}
    assert np.mean(list(counts.values())) == pytest.approx(5, abs=0.2)  # 3 standard errors


def test_rings_and_nail_polish_are_drawn_where_the_table_says_so(leak_set):
    rows = rows_of(leak_set)
    for column in ("accessories", "nailPolish"):
        assert {row[column] for row in rows} == {"0", "1"}
    for row in rows[::37]:
        image, known = redraw(rows, row)
        with Image.open(leak_set / "Hands" / row["imageName"]) as written:
            assert np.abs(np.asarray(written, int) - image).mean() < 6  # what JPEG loses
        assert (known["accessories"], known["nail_polish"]) == (
            int(row["accessories"]),
            int(row["nailPolish"]),
        )


def redraw(rows, row):
    """The photograph of one table row, drawn anew from its person, view and shot."""
    same = [r for r in rows if (r["id"], r["aspectOfHand"]) == (row["id"], row["aspectOfHand"])]
    who = person(0, int(row["id"]))
    return photograph(who, row["aspectOfHand"], same.index(row), size=96)


@pytest.mark.parametrize(("field", "worn"), [("ring", 2), ("polish", "red")])
def test_a_ring_and_nail_polish_change_the_picture_only_where_they_are(field, worn):
    who = person(0, 0)
    bare = dataclasses.replace(
        synthetic._stage(who, "dorsal right", 0, 0, "11k"), ring=None, polish=None, sleeve=None
    )
    pictures = [
        synthetic._picture(who, scene, 128, np.random.default_rng(0))[0]
        for scene in (bare, dataclasses.replace(bare, **{field: worn}))
    ]
    changed = np.abs(pictures[0] - pictures[1]).max(axis=2) > 0.02
    assert 0.0005 < changed.mean() < 0.03


def test_hd_is_laid_out_as_the_original(tmp_path):
    root = write_hd(tmp_path / "hd", subjects=4, distractors=2, images=2, size=64, progress=False)
    files = {str(path.relative_to(root)) for path in root.rglob("*.jpg")}
    subjects = {f"Original Images/1-501/{i}_{k}.jpg" for i in (1, 2, 448, 449) for k in (1, 2)}
    others = {f"Original Images/502-712/{i}_{k}.jpg" for i in (502, 503) for k in (1, 2)}
    assert files == subjects | others


def test_hd_and_11k_share_no_person(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(synthetic, "person", lambda *key: asked.append(key) or person(*key))
    write_11k(tmp_path / "11k", workers=1, **SMALL)
    write_hd(tmp_path / "hd", distractors=2, workers=1, **SMALL)
    assert len(asked) == len(set(asked)) == 3 + 3 + 2


def test_hd_lies_on_a_darker_ground():
    grounds = {
        camera: np.median([photograph(person(0, i), VIEWS[0], 0, size=64, camera=camera)[0][-6:, :6]
                           for i in range(8)])
        for camera in ("11k", "hd")
    }  # fmt: skip
    assert grounds["hd"] < 180 < 220 < grounds["11k"]


# -------------------------------------------------------------------------------------- the picture


def hand_mask(image):
    """Where a photograph differs from its ground, the corner that no hand reaches."""
    image = image.astype(int)
    return np.abs(image - np.median(image[-8:, :8], axis=(0, 1))).sum(axis=2) > 90


def thumb_side(mask):
    """-1 if the thumb is at the image's left, 1 if at its right, from the outline alone.

    Fingers down, the thumb ends far above the little finger: compare how far down the outermost
    fifths of the hand reach.
    """
    columns = np.flatnonzero(mask.sum(axis=0) > 2)
    lowest = [np.flatnonzero(mask[:, column])[-1] for column in columns]
    fifth = len(columns) // 5
    return 1 if max(lowest[-fifth:]) < max(lowest[:fifth]) else -1


@pytest.mark.parametrize(
    ("view", "side"),
    [("dorsal right", 1), ("dorsal left", -1), ("palmar right", -1), ("palmar left", 1)],
)
def test_the_thumb_is_on_the_side_that_the_view_says(view, side):
    seen = [thumb_side(hand_mask(outstretched(person(3, i), view))) for i in range(25)]
    assert np.mean(np.array(seen) == side) > 0.9


def outstretched(who, view):
    """A photograph neither turned nor shadowed, thumb away from the fingers: sides can be told."""
    scenes = (synthetic._stage(who, view, shot, 0, "11k") for shot in range(1000))
    fits = (s for s in scenes if abs(s.turn) < 4 and s.angles[0, 0] < -40 and 0.3 < s.spread < 0.9)
    plain = {"shadow": 0.0, "sleeve": None, "corners": np.zeros(3), "blur": 0.5}
    scene = dataclasses.replace(next(fits), **plain)
    rng = np.random.default_rng(0)
    return synthetic._develop(synthetic._picture(who, scene, 128, rng)[0], scene, rng)


def test_the_geometry_says_the_same_about_the_thumb():
    who = person(0, 0)
    for view, side in zip(VIEWS, (1, -1, -1, 1), strict=True):
        scene = dataclasses.replace(synthetic._stage(who, view, 0, 0, "11k"), turn=0.0)
        thumb, little = (synthetic._joints(who, scene)[digit, 3] for digit in (0, 4))
        assert np.sign((scene.matrix @ (thumb - little))[0]) == side


def test_all_four_views_of_a_person_differ():
    pictures = [photograph(person(0, 0), view, 0, size=64)[0].astype(int) for view in VIEWS]
    for a, b in combinations(pictures, 2):
        assert np.abs(a - b).mean() > 5


def test_the_back_has_nails_and_the_palm_has_none():
    atlases = [
        synthetic._atlas(person(0, 0), 0, palmar, 0)[..., synthetic.NAIL] for palmar in (0, 1)
    ]
    charts = np.split(atlases[0][:, synthetic.PALM_COLUMNS :], 5, axis=1)
    assert all(chart.max() == 1 for chart in charts)
    assert atlases[1].max() == 0


def test_photographs_of_a_person_differ_while_skin_and_bones_stay():
    who = person(0, 2)
    bones, skin = who.bones.copy(), synthetic._atlas(who, 0, False, 0).copy()
    shots = [photograph(who, "dorsal right", shot, size=64) for shot in range(4)]
    for (a, known_a), (b, known_b) in combinations(shots, 2):
        assert np.abs(a.astype(int) - b).mean() > 5
        assert known_a["spread"] != known_b["spread"]
        assert known_a["finger_length"] == known_b["finger_length"]
    assert np.array_equal(who.bones, bones)
    assert np.array_equal(synthetic._atlas(who, 0, False, 0), skin)


def test_a_mole_moves_with_its_finger():
    """A dark spot on the index finger's chart is found where the posed finger carries it."""
    who, digit, at = person(0, 1), 1, 55.0
    spot = synthetic._on_digit(np.array(digit), np.array(at), np.array(0.0))[None]
    atlas = np.zeros((synthetic.ROWS, synthetic.COLUMNS, 5), np.float32)
    atlas[..., synthetic.MELANIN] = synthetic._blur(synthetic._splat(spot, np.array([50.0])), 2.0)
    for shot in range(3):
        scene = synthetic._stage(who, "dorsal right", shot, 0, "11k")
        scale = scene.length * 256 / synthetic.HAND_LENGTH
        form = synthetic._form(who, scene, 256, scale)
        skin = synthetic._look_up(form, atlas, np.arange(form.x.size), 1)[:, synthetic.MELANIN]
        row, column = np.unravel_index(skin.argmax(), form.x.shape)
        row, column = row + form.box[0].start, column + form.box[1].start
        joints = synthetic._joints(who, scene)[digit]
        ends = np.cumsum(who.bones[0, digit])
        there = joints[1] + (joints[2] - joints[1]) * (at - ends[0]) / (ends[1] - ends[0])
        middle = [0, synthetic.HAND_MIDDLE * who.stature]
        expected = scene.matrix @ (there - middle) * scale + scene.centre * 256
        assert np.hypot(*(expected - [column, row])) < 3  # pixels


def test_each_view_wears_the_skin_of_its_own_hand_and_side(monkeypatch):
    draw, asked = synthetic._atlas, []
    monkeypatch.setattr(synthetic, "_atlas", lambda *key: asked.append(key[1:3]) or draw(*key))
    who = person(0, 0)
    for view in VIEWS:
        photograph(who, view, 0, size=64)
    asked = list(dict.fromkeys(asked))
    assert asked == [(0, False), (1, False), (0, True), (1, True)]
    skins = [draw(who, hand, palmar, 0) for hand, palmar in asked]
    assert all(np.abs(a - b).max() > 0.1 for a, b in combinations(skins, 2))


def test_the_caption_holds_plain_values():
    known = photograph(person(0, 0), "palmar left", 0, size=64)[1]
    assert (known["hand"], known["aspect"], known["nail_polish"]) == ("left", "palmar", 0)
    assert all(type(v) in (str, int, float, bool, list, dict) for v in known.values())
    assert json.loads(json.dumps(known)) == known
    assert known["skin_color"] in synthetic.SKINS
    assert {type(value) for value in known["z"].values()} == {float}


@pytest.mark.parametrize("camera", ["11k", "hd"])
def test_the_frame_is_landscape_and_the_hand_hangs_in_from_its_top(camera):
    image = photograph(person(0, 0), VIEWS[0], 0, camera=camera)[0]
    assert (image.shape, image.dtype) == ((240, 320, 3), np.uint8)
    for subject in range(8):
        who, zooms = person(0, subject), []
        for view in VIEWS:
            scene = synthetic._stage(who, view, subject, 0, camera)
            form = synthetic._form(who, scene, 96, scene.length * 96 / synthetic.HAND_LENGTH)
            inside = form.distance < 0
            assert form.box[0].start == 0
            assert inside[0].any()
            lowest = np.flatnonzero(inside.any(axis=1))[-1] / 96
            assert 0.5 < lowest < 0.999
            zooms.append(photograph(who, view, subject, size=64, camera=camera)[1]["zoom"])
            assert zooms[-1] == pytest.approx(scene.length * who.stature, abs=1e-3)
        assert len(set(zooms)) == 4


def test_z_values_are_standard_over_the_population():
    people = [synthetic._z(person(11, i), i % 2) for i in range(300)]
    assert len(people[0]) == 15
    for name in people[0]:
        values = np.array([z[name] for z in people])
        assert abs(values.mean()) < 0.24, name  # 4 standard errors
        assert 0.84 < values.std() < 1.16, name


WORDS = {
    "finger_length": ("finger_length", "short medium long"),
    "finger_width": ("finger_width", "slender medium broad"),
    "veins": ("vein_visibility", "faint visible prominent"),
    "creases": ("crease_depth", "fine clear deep"),
}


def test_the_words_agree_with_the_numbers():
    seen = {key: set() for key in WORDS}
    for subject in range(25):
        known = photograph(person(0, subject), "dorsal left", 0, size=64)[1]
        for key, (name, words) in WORDS.items():
            z = known["z"][name]
            assert known[key] == words.split()[(z > -0.45) + (z > 0.45)]
            seen[key].add(known[key])
    assert all(len(words) == 3 for words in seen.values())


def test_both_hands_of_a_person_have_alike_numbers_and_the_form_ones_differ():
    pairs = [[synthetic._z(person(2, i), hand) for hand in (0, 1)] for i in range(200)]
    for name in pairs[0][0]:
        right, left = np.array([[z[name] for z in pair] for pair in pairs]).T
        assert np.corrcoef(right, left)[0, 1] > 0.6, name
    assert all(right["finger_length"] != left["finger_length"] for right, left in pairs)


def pictures_with(trait, value, size=192):
    """The same photograph of the same person, but for one thing that the skin shows."""
    who = person(0, 6)
    other = dataclasses.replace(who, look={**who.look, trait: value})
    scene = dataclasses.replace(synthetic._stage(who, VIEWS[0], 0, 0, "11k"), polish=None, blur=0.5)
    return synthetic._picture(other, scene, size, np.random.default_rng(0))[0]


@pytest.mark.parametrize("trait", ["knuckles", "veins", "creases", "hair", "texture"])
def test_what_the_numbers_say_of_the_skin_is_seen_in_the_picture(trait):
    few, many = (pictures_with(trait, value) for value in (-1.5, 1.5))
    assert (np.abs(few - many).max(axis=2) > 0.02).mean() > 0.004


def test_moles_are_counted_where_they_are_seen(monkeypatch):
    who, none = person(0, 3), (np.zeros(0, int), np.zeros((0, 2)))
    middle = who.bones[0, 2, 0] * 0.9
    spots = (np.array([2, -1, -1]), np.array([[middle, 0.0], [300.0, 0.0], [5.0, 70.0]]))
    seen, pictures = [], []
    for moles in (none, spots):
        monkeypatch.setattr(synthetic, "_moles", lambda *key, moles=moles: moles)
        synthetic._atlas.cache_clear()
        image, known = photograph(who, "dorsal right", 0, size=240)
        seen.append(known["moles"])
        pictures.append(image.astype(int))
    assert seen == [0, 2]  # the one far off the hand is not counted
    darker = (pictures[0] - pictures[1]).max(axis=2) > 20
    assert 4 <= darker.sum() < 200
    monkeypatch.undo()
    synthetic._atlas.cache_clear()


def test_sleeves_are_there_when_the_caption_says_so():
    shots = [(i, k) for i in range(30) for k in range(4)]
    known = [photograph(person(0, i), "dorsal right", k, size=64) for i, k in shots]
    sleeved = [image for image, facts in known if facts["sleeve"] != "none"]
    assert 0.03 < len(sleeved) / len(known) < 0.25
    bare = [image for image, facts in known if facts["sleeve"] == "none"]
    darkest = [[np.sort(i[0].sum(axis=1))[8] for i in images] for images in (sleeved, bare)]
    assert max(darkest[0]) < 450  # the cloth
    assert np.median(darkest[1]) > np.median(darkest[0])


# ------------------------------------------------------------------------------------- the refusals


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


def test_unknown_views_cameras_and_shots_are_refused():
    who = person(0, 0)
    with pytest.raises(
        ValueError, match="view 'dorsal' does not exist: choose one of dorsal right"
    ):
        photograph(who, "dorsal", 0)
    with pytest.raises(ValueError, match="camera 'phone' does not exist: choose 11k, hd, wild"):
        photograph(who, VIEWS[0], 0, camera="phone")
    with pytest.raises(ValueError, match="shot is -1"):
        photograph(who, VIEWS[0], -1)
    with pytest.raises(ValueError, match="size is 8"):
        photograph(who, VIEWS[0], 0, size=8)


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
        (OSError(errno.ENOSPC, "No space left on device"), OSError, "the disk is full: make room"),
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


def test_a_full_disk_in_a_worker_is_told_in_one_sentence(tmp_path, monkeypatch):
    def save(self, path, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", save)  # forked workers inherit it
    with pytest.raises(OSError, match="the disk is full: make room to write"):
        write_11k(tmp_path / "11k", workers=2, **SMALL)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------ no leak


def simple_descriptors(path):
    """What a photograph gives away at once: 32 x 32 pixels and a colour histogram."""
    with Image.open(path) as image:
        small = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR), float)
        bins = np.asarray(image, int) // 32
    codes = (bins[..., 0] * 64 + bins[..., 1] * 8 + bins[..., 2]).ravel()
    histogram = np.bincount(codes, minlength=512) / len(codes)
    return {
        "colour pixels": small.ravel(),
        "grey pixels": small.mean(axis=2).ravel(),
        "colour histogram": np.sqrt(histogram),  # Euclid between roots is Hellinger's distance
    }


def rank_1(descriptors, identities, views, query_view, rng):
    """Rank-1 of nearest neighbours in the study's protocol, one draw of the gallery."""
    gallery, queries = [], []
    for view in VIEWS:
        people = sorted({person for person, of in identities if of == view})
        for subject in people[(len(people) + 1) // 2 :]:
            own = [i for i, identity in enumerate(identities) if identity == (subject, view)]
            chosen = int(rng.choice(own))
            gallery.append(chosen)
            queries += [i for i in own if i != chosen] if view == query_view else []
    distances = ((descriptors[queries, None] - descriptors[None, gallery]) ** 2).sum(axis=2)
    nearest = [identities[gallery[i]] for i in distances.argmin(axis=1)]
    return np.mean([a == identities[q] for a, q in zip(nearest, queries, strict=True)])


def test_neither_raw_pixels_nor_colours_tell_who_it_is(leak_set):
    rows = [row for row in rows_of(leak_set) if row["accessories"] == "0"]
    identities = [(row["id"], row["aspectOfHand"]) for row in rows]
    described = [simple_descriptors(leak_set / "Hands" / row["imageName"]) for row in rows]
    for name in described[0]:
        values = np.array([d[name] for d in described])
        rng = np.random.default_rng(0)
        found = np.mean([rank_1(values, identities, VIEWS, view, rng) for view in VIEWS])
        assert found < 0.40, f"{name} alone find {found:.0%} of the people"


def test_the_leak_test_would_notice_a_leak(leak_set):
    """The same search, given the person's bones instead of the picture, finds everybody."""
    rows = [row for row in rows_of(leak_set) if row["accessories"] == "0"]
    identities = [(row["id"], row["aspectOfHand"]) for row in rows]
    bones = {row["id"]: person(0, int(row["id"])).bones.ravel() for row in rows}
    values = np.array([[*bones[i], 100.0 * VIEWS.index(view)] for i, view in identities])
    assert rank_1(values, identities, VIEWS, VIEWS[0], np.random.default_rng(0)) == 1


def straightened(who, shot):
    """The palm's texture in the hand's own frame, a value a mm, large shades taken away."""
    view, size = "palmar right", 160
    image, scene = (
        photograph(who, view, shot, size=size)[0],
        synthetic._stage(who, view, shot, 0, "11k"),
    )
    x, y = np.meshgrid(np.arange(-24, 30), np.arange(38, 90))
    places = np.stack([x, y - synthetic.HAND_MIDDLE * who.stature], axis=-1) @ scene.matrix.T
    places = places * scene.length * size / synthetic.HAND_LENGTH + scene.centre * size
    limits = [size * 4 // 3 - 1, size - 1]
    columns, rows = np.clip(np.rint(places), 0, limits).astype(int).transpose(2, 0, 1)
    texture = np.log(image[rows, columns].mean(axis=2) + 8)
    texture = (texture - synthetic._blur(texture, 6.0)).ravel()
    return texture / np.linalg.norm(texture)


def test_who_straightens_the_hand_recognises_its_lines():
    """What the nuisance hides is there: knowing the pose, the palm's texture finds most people."""
    people = [person(0, subject) for subject in range(20)]
    first, second = (np.array([straightened(who, shot) for who in people]) for shot in (0, 1))
    assert np.mean((first @ second.T).argmax(axis=1) == np.arange(20)) > 0.7  # chance is 0.05


def test_a_wild_camera_varies_more_than_a_session_does():
    spread = {}
    for camera in ("11k", "wild"):
        scenes = [synthetic._stage(person(0, 1), VIEWS[0], shot, 0, camera) for shot in range(200)]
        measures = ("centre", "length", "turn", "gains", "light")
        spread[camera] = {
            m: np.std([getattr(s, m) for s in scenes], axis=0).mean() for m in measures
        }
    for measure, wild in spread["wild"].items():
        assert 0.2 * wild < spread["11k"][measure] < 0.8 * wild
