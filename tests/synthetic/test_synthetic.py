"""No leak of identity: simple descriptors recognise few people, but the hand's lines most."""

import numpy as np
from PIL import Image

from handid.synthetic.arrays import blur
from handid.synthetic.person import VIEWS, person
from handid.synthetic.photograph import photograph
from handid.synthetic.scene import HAND_LENGTH, HAND_MIDDLE, draw_scene


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


def test_neither_raw_pixels_nor_colours_identify_people(drawn_11k, rows_of):
    rows = [row for row in rows_of(drawn_11k) if row["accessories"] == "0"]
    identities = [(row["id"], row["aspectOfHand"]) for row in rows]
    described = [simple_descriptors(drawn_11k / "Hands" / row["imageName"]) for row in rows]
    for name in described[0]:
        values = np.array([d[name] for d in described])
        rng = np.random.default_rng(0)
        rank = np.mean([rank_1(values, identities, VIEWS, view, rng) for view in VIEWS])
        assert rank < 0.40, f"{name} alone reach rank-1 {rank:.0%}"


def test_the_leak_test_would_notice_a_leak(drawn_11k, rows_of):
    """The same search, given the person's bones instead of the picture, finds everybody."""
    rows = [row for row in rows_of(drawn_11k) if row["accessories"] == "0"]
    identities = [(row["id"], row["aspectOfHand"]) for row in rows]
    bones = {row["id"]: person(0, int(row["id"])).bones.ravel() for row in rows}
    values = np.array([[*bones[i], 100.0 * VIEWS.index(view)] for i, view in identities])
    assert rank_1(values, identities, VIEWS, VIEWS[0], np.random.default_rng(0)) == 1


def straightened(individual, shot):
    """The palm's texture in the hand's own frame, a value a mm, large shades taken away."""
    view, size = "palmar right", 160
    image, scene = (
        photograph(individual, view, shot, size=size)[0],
        draw_scene(individual, view, shot, 0, "11k"),
    )
    x, y = np.meshgrid(np.arange(-24, 30), np.arange(38, 90))
    places = np.stack([x, y - HAND_MIDDLE * individual.stature], axis=-1) @ scene.matrix.T
    places = places * scene.length * size / HAND_LENGTH + scene.centre * size
    limits = [size * 4 // 3 - 1, size - 1]
    columns, rows = np.clip(np.rint(places), 0, limits).astype(int).transpose(2, 0, 1)
    texture = np.log(image[rows, columns].mean(axis=2) + 8)
    texture = (texture - blur(texture, 6.0)).ravel()
    return texture / np.linalg.norm(texture)


def test_straightened_hands_are_recognised_by_their_lines():
    """With the pose known, the palm's texture identifies most people."""
    people = [person(0, subject) for subject in range(20)]
    first, second = (
        np.array([straightened(individual, shot) for individual in people]) for shot in (0, 1)
    )
    assert np.mean((first @ second.T).argmax(axis=1) == np.arange(20)) > 0.7  # chance is 0.05
