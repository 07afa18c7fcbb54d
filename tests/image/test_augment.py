"""Decoding, the cache, augmentation and the order of batches."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from handid import image


@pytest.fixture
def photograph(tmp_path, rng):
    """Write a photograph: (name, picture or array, how) -> path."""

    def write(name="a.png", picture=None, **how):
        if picture is None:
            picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        if isinstance(picture, np.ndarray):
            picture = Image.fromarray(picture)
        picture.save(tmp_path / name, **how)
        return str(tmp_path / name)

    return write


# --- decoding -----------------------------------------------------------------------------------


def test_a_colour_image_comes_back_as_it_was(photograph, rng):
    picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(image.decode(photograph(picture=picture))), picture)


def test_a_grey_image_becomes_three_equal_channels(photograph, rng):
    grey = rng.integers(0, 256, (48, 64), dtype=np.uint8)
    found = np.asarray(image.decode(photograph(picture=grey)))
    assert np.array_equal(found, np.stack([grey] * 3, axis=-1))


def test_a_16_bit_image_keeps_its_shades(photograph):
    grey = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(8, 0)
    found = np.asarray(image.decode(photograph(picture=grey)))[..., 0]
    assert np.array_equal(found, (grey / 257).round().astype(np.uint8))


def test_a_cmyk_jpeg_becomes_rgb(photograph):
    red = Image.new("RGB", (32, 32), (220, 30, 30)).convert("CMYK")
    found = np.asarray(image.decode(photograph("a.jpg", red, quality=95)))
    assert found.shape == (32, 32, 3)
    assert np.abs(found.mean((0, 1)) - [220, 30, 30]).max() < 12


def test_a_palette_image_becomes_rgb(photograph):
    flat = Image.new("RGB", (16, 16), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.array_equal(np.asarray(image.decode(photograph(picture=flat)))[0, 0], [10, 200, 30])


def test_transparency_is_laid_on_white(photograph):
    clear = Image.new("RGBA", (16, 16), (10, 20, 30, 0))
    assert (np.asarray(image.decode(photograph(picture=clear))) == 255).all()


def test_an_exif_rotated_photograph_stands_upright(photograph, rng):
    picture = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    tags = picture.getexif()
    tags[274] = 6  # "turn right by 90 degrees to see it upright"
    found = image.decode(photograph("a.png", picture, exif=tags))
    assert np.array_equal(np.asarray(found), np.rot90(np.asarray(picture), k=-1))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is missing"),
        (b"", "cannot be decoded"),
        (b"no image at all", "cannot be decoded"),
    ],
    ids=["missing", "zero bytes", "text"],
)
def test_a_file_that_is_no_image_is_named_as_such(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        image.decode(tmp_path / "a.jpg")


def test_a_truncated_image_is_refused(photograph, tmp_path):
    whole = Path(photograph("a.jpg", quality=90)).read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cannot be decoded"):
        image.decode(tmp_path / "b.jpg")


def test_a_200_megapixel_image_is_refused_without_being_decoded(photograph):
    path = photograph(picture=Image.new("1", (20_000, 10_000)))
    assert os.path.getsize(path) < 100_000  # 600 MB of RGB in a small file
    with pytest.raises(ValueError, match="megapixels: shrink it"):
        image.decode(path)


# --- geometry -----------------------------------------------------------------------------------


def test_squash_scales_both_sides_and_keeps_the_corners():
    picture = Image.new("RGB", (64, 32), "white")
    picture.paste((255, 0, 0), (0, 0, 16, 32))
    found = image.fit(picture, ("squash", 16))
    assert found.shape == (16, 16, 3)
    assert (found[:, 0] == [255, 0, 0]).all()  # the left edge is still there


@pytest.mark.parametrize("shape", [(48, 64), (64, 48), (50, 50), (33, 101)])
def test_crop_is_openai_preprocessing(rng, shape):
    picture = Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    resized = tv.resize(picture, 16, interpolation=tv.InterpolationMode.BICUBIC)
    expected = np.asarray(tv.center_crop(resized, [16, 16]))
    assert np.array_equal(image.fit(picture, ("crop", 16)), expected)


def test_an_unknown_geometry_is_refused():
    with pytest.raises(ValueError, match="use 'squash' or 'crop'"):
        image.fit(Image.new("RGB", (4, 4)), ("stretch", 2))


# --- cache --------------------------------------------------------------------------------------


def test_a_photograph_is_decoded_once_for_all_geometries(photograph, tmp_path, monkeypatch):
    path, calls, decode = photograph(), [], image.decode
    monkeypatch.setattr(image, "decode", lambda p: calls.append(p) or decode(p))
    image.cache([path], tmp_path / "c", [("squash", 8), ("crop", 8)], progress=False)
    first = image.pixels([path], tmp_path / "c", ("squash", 8), progress=False)
    image.pixels([path], tmp_path / "c", ("crop", 8), progress=False)
    assert calls == [path]
    assert np.array_equal(first[0], image.fit(decode(path), ("squash", 8)))


def test_a_changed_file_is_decoded_again(photograph, tmp_path):
    path = photograph(picture=np.zeros((8, 8, 3), np.uint8))
    image.pixels([path], tmp_path / "c", ("squash", 8), progress=False)
    Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).save(path)
    os.utime(path, ns=(1, 1))
    assert (image.pixels([path], tmp_path / "c", ("squash", 8), progress=False) == 255).all()


def test_unreadable_files_are_listed_and_the_others_are_kept(photograph, tmp_path, monkeypatch):
    good = photograph()
    (tmp_path / "bad.jpg").write_bytes(b"")
    paths = [good, str(tmp_path / "bad.jpg"), str(tmp_path / "gone.jpg")]
    with pytest.raises(ValueError, match="2 of 3 photographs cannot be used: .*bad.jpg") as caught:
        image.pixels(paths, tmp_path / "c", ("squash", 8), progress=False)
    assert "gone.jpg is missing" in str(caught.value)
    monkeypatch.setattr(image, "decode", lambda p: pytest.fail("decoded again"))
    assert image.pixels([good], tmp_path / "c", ("squash", 8), progress=False).shape == (1, 8, 8, 3)


@pytest.mark.parametrize("left", [0, 40, 300])
def test_a_damaged_cache_file_is_made_again(photograph, tmp_path, left):
    path, folder = photograph(), tmp_path / "c"
    expected = image.pixels([path], folder, ("squash", 16), progress=False)
    (cached,) = folder.rglob("*.npy")
    cached.write_bytes(cached.read_bytes()[:left])
    assert np.array_equal(image.pixels([path], folder, ("squash", 16), progress=False), expected)
    assert cached.stat().st_size > 768


def test_a_full_disk_is_one_sentence(photograph, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="is full: free some space"):
        image.cache([photograph()], tmp_path / "c", [("squash", 8)], progress=False)


# --- augmentation -------------------------------------------------------------------------------


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(rng, count=6, side=20):
    return torch.from_numpy(rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def test_normalising_is_mean_and_deviation_of_each_channel(rng):
    images = batch(rng)
    mean, std = (torch.tensor(v)[:, None, None] for v in image.MEAN_STD["clip"])
    expected = (images.permute(0, 3, 1, 2).double() / 255 - mean) / std
    assert torch.allclose(image.normalise(images, "clip").double(), expected, atol=1e-5)


def test_crops_are_pieces_of_the_image_and_about_half_are_mirrored():
    ramp = torch.arange(20, dtype=torch.uint8)
    images = (ramp[None, :, None] * 10 + ramp[None, None, :])[..., None].expand(400, 20, 20, 3)
    found = image.Augmentation(crop=16, flip=0.5)._cut(images, generator())
    step = found[:, 0, 1, 0].int() - found[:, 0, 0, 0].int()  # +1, or -1 where mirrored
    assert set(step.tolist()) == {1, -1}
    assert 150 < int((step == -1).sum()) < 250
    first = torch.where(step == 1, found[:, 0, 0, 0], found[:, 0, -1, 0])
    assert set(first.tolist()) == {10 * y + x for y in range(5) for x in range(5)}


@pytest.mark.parametrize(
    ("step", "theirs"),
    [(0, tv.adjust_brightness), (1, tv.adjust_contrast), (2, tv.adjust_saturation)],
    ids=["brightness", "contrast", "saturation"],
)
def test_colour_changes_are_torchvisions(rng, step, theirs):
    images = torch.from_numpy(rng.random((3, 3, 9, 9), dtype=np.float32))
    factors = torch.tensor([0.8, 1.0, 1.3])
    expected = torch.stack([theirs(i, float(f)) for i, f in zip(images, factors, strict=True)])
    found = image._blend(images.clone(), step, factors[:, None, None, None])
    assert torch.allclose(found, expected, atol=2e-4)  # their grey weights have one digit more


def test_jitter_factors_stay_within_their_strength():
    white = torch.full((500, 4, 4, 3), 128, dtype=torch.uint8)
    change = image.Augmentation(crop=4, jitter=(0.1, 0.0, 0.0), mean_std="half")
    brightness = (change(white, generator())[:, 0, 0, 0] * 0.5 + 0.5) / (128 / 255)
    assert 0.9 <= brightness.min() < 0.91 and 1.09 < brightness.max() <= 1.1


def test_erasing_sets_one_rectangle_to_the_mean_in_the_asked_share_of_images():
    white = torch.full((300, 32, 32, 3), 255, dtype=torch.uint8)
    found = image.Augmentation(crop=32, erasing=0.5)(white, generator())
    erased = (found[:, 0] == 0).flatten(1).sum(1)
    assert 110 < int((erased > 0).sum()) < 190
    share = erased[erased > 0] / 32**2
    assert share.min() > 0.01 and share.max() < 0.4


def test_the_same_generator_gives_the_same_pictures(rng):
    images = batch(rng)
    change = image.Augmentation(crop=16, flip=0.5, jitter=(0.1, 0.1, 0.1), erasing=0.5)
    assert torch.equal(change(images, generator(1)), change(images, generator(1)))
    assert not torch.equal(change(images, generator(1)), change(images, generator(2)))


def test_a_crop_larger_than_the_image_is_refused(rng):
    with pytest.raises(ValueError, match="Cannot cut 32 pixels from images of 20 x 20"):
        image.Augmentation(crop=32)(batch(rng), generator())


# --- order --------------------------------------------------------------------------------------


def test_plain_order_shows_every_image_once_but_a_partial_batch():
    rows = torch.cat([*image.plain_order([0] * 23, 5, generator())])
    assert len(rows) == 20 and len(rows.unique()) == 20


def test_plain_order_with_too_few_images_is_one_batch():
    assert [len(rows) for rows in image.plain_order([0] * 3, 5, generator())] == [3]


def test_balanced_order_gives_p_identities_with_k_images_each():
    labels = np.repeat(np.arange(10), 6)
    batches = [labels[rows] for rows in image.balanced_order(labels, 16, generator(), 4)]
    assert len(batches) == 3  # 60 images in batches of 16
    assert all((np.unique(b, return_counts=True)[1] == 4).all() and len(b) == 16 for b in batches)


def test_balanced_order_repeats_images_of_an_identity_with_too_few():
    labels = [0, 1, 1, 1, 1, 1]
    rows = next(iter(image.balanced_order(labels, 8, generator(), 4)))
    assert rows[:4].tolist().count(0) + rows[4:].tolist().count(0) == 4
    own = [r for r in rows.tolist() if r != 0]
    assert len(set(own)) == 4  # with enough images, none twice


# --- windows ------------------------------------------------------------------------------------


def frames(rng, count=3, height=36, width=48):
    return torch.from_numpy(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def test_the_whole_window_is_the_squashed_frame(rng):
    images = frames(rng)
    window = image.Window(24, ((1.0, 1.0), (1.0, 1.0)), mean_std="half")
    found = window(images, torch.Generator().manual_seed(0))
    unit = images.permute(0, 3, 1, 2).float() / 255
    torchs = torch.nn.functional.interpolate(unit, (24, 24), mode="bilinear", align_corners=False)
    assert torch.allclose(found, (torchs - 0.5) / 0.5, atol=1e-5)


def test_a_window_is_a_piece_of_the_frame(rng):
    ramp = torch.linspace(0, 255, 200).round().to(torch.uint8)
    images = ramp[None, None, :, None].expand(64, 150, 200, 3).contiguous()  # brighter to the right
    window = image.Window(32, ((0.5, 0.8), (1.0, 1.0)), mean_std="half")
    found = (window(images, torch.Generator().manual_seed(0)) + 1) / 2  # places, 0 left to 1 right
    share = (found[..., -1] - found[..., 0])[:, 0, 0] * 32 / 31
    assert share.min() >= 0.49 and share.max() <= 0.81 and share.std() > 0.05
    assert found.min() < 0.05 and found.max() > 0.95  # both ends are reached
    assert found[:, 0, 0, 0].std() > 0.05  # not always at the same place


def test_windows_repeat_with_their_generator(rng):
    images, window = frames(rng), image.Window(24, jitter=(0.1, 0.1, 0.1))
    one, two, three = (window(images, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two) and not torch.allclose(one, three)


def test_none_leaves_the_pixels_between_0_and_1():
    pixels = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    found = image.normalise(pixels, "none")
    assert torch.equal(found, pixels.permute(0, 3, 1, 2) / 255)


def test_a_portrait_is_the_square_squeezed_at_test_and_in_training():
    stripes = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    stripes[:, :, 112:] = 255
    found = image.normalise(stripes, "none", portrait=True)
    assert found.shape == (1, 3, 224, 128)  # near person re-identification's 256 x 128
    assert found[..., :60].max() < 1e-3 and found[..., 68:].min() > 0.999
    change = image.Augmentation(crop=224, mean_std="none", portrait=True)
    assert torch.equal(change(stripes, generator()), found)
