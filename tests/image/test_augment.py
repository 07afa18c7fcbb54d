"""Pixels become the network's input; every random change is the one asked for."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from handid.image import augment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(rng, count=6, side=20):
    return torch.from_numpy(rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def test_normalising_is_mean_and_deviation_of_each_channel(rng):
    images = batch(rng)
    mean, std = (torch.tensor(v)[:, None, None] for v in augment.MEAN_STD["clip"])
    expected = (images.permute(0, 3, 1, 2).double() / 255 - mean) / std
    assert torch.allclose(augment.normalise(images, "clip").double(), expected, atol=1e-5)


def test_crops_are_pieces_of_the_image_and_about_half_are_mirrored():
    ramp = torch.arange(20, dtype=torch.uint8)
    images = (ramp[None, :, None] * 10 + ramp[None, None, :])[..., None].expand(400, 20, 20, 3)
    change = augment.Augmentation(crop=16, flip=0.5)
    result = change._cut(images, change.draws(400, 20, 20, generator()))
    step = result[:, 0, 1, 0].int() - result[:, 0, 0, 0].int()  # +1, or -1 where mirrored
    assert set(step.tolist()) == {1, -1}
    assert 150 < int((step == -1).sum()) < 250
    first = torch.where(step == 1, result[:, 0, 0, 0], result[:, 0, -1, 0])
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
    result = augment._blend(images.clone(), step, factors[:, None, None, None])
    assert torch.allclose(result, expected, atol=2e-4)  # their grey weights have one digit more


def test_jitter_factors_stay_within_their_strength():
    white = torch.full((500, 4, 4, 3), 128, dtype=torch.uint8)
    change = augment.Augmentation(crop=4, jitter=(0.1, 0.0, 0.0), mean_std="half")
    brightness = (change(white, generator())[:, 0, 0, 0] * 0.5 + 0.5) / (128 / 255)
    assert 0.9 <= brightness.min() < 0.91 and 1.09 < brightness.max() <= 1.1


def test_erasing_sets_one_rectangle_to_the_mean_in_the_asked_share_of_images():
    white = torch.full((300, 32, 32, 3), 255, dtype=torch.uint8)
    result = augment.Augmentation(crop=32, erasing=0.5)(white, generator())
    erased = (result[:, 0] == 0).flatten(1).sum(1)
    assert 110 < int((erased > 0).sum()) < 190
    share = erased[erased > 0] / 32**2
    assert share.min() > 0.01 and share.max() < 0.4


def test_the_same_generator_gives_the_same_pictures(rng):
    images = batch(rng)
    change = augment.Augmentation(crop=16, flip=0.5, jitter=(0.1, 0.1, 0.1), erasing=0.5)
    assert torch.equal(change(images, generator(1)), change(images, generator(1)))
    assert not torch.equal(change(images, generator(1)), change(images, generator(2)))


def test_a_crop_larger_than_the_image_is_refused(rng):
    with pytest.raises(ValueError, match="Cannot cut 32 pixels from images of 20 x 20"):
        augment.Augmentation(crop=32)(batch(rng), generator())


def test_none_leaves_the_pixels_between_0_and_1():
    pixels = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    result = augment.normalise(pixels, "none")
    assert torch.equal(result, pixels.permute(0, 3, 1, 2) / 255)


def test_a_portrait_is_the_square_squeezed_at_test_and_in_training():
    stripes = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    stripes[:, :, 112:] = 255
    result = augment.normalise(stripes, "none", portrait=True)
    assert result.shape == (1, 3, 224, 128)  # near person re-identification's 256 x 128
    assert result[..., :60].max() < 1e-3 and result[..., 68:].min() > 0.999
    change = augment.Augmentation(crop=224, mean_std="none", portrait=True)
    assert torch.equal(change(stripes, generator()), result)


# --- windows ------------------------------------------------------------------------------------


def frames(rng, count=3, height=36, width=48):
    return torch.from_numpy(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def test_the_whole_window_is_the_squashed_frame(rng):
    images = frames(rng)
    window = augment.Window(24, ((1.0, 1.0), (1.0, 1.0)), mean_std="half")
    result = window(images, torch.Generator().manual_seed(0))
    unit = images.permute(0, 3, 1, 2).float() / 255
    torchs = torch.nn.functional.interpolate(unit, (24, 24), mode="bilinear", align_corners=False)
    assert torch.allclose(result, (torchs - 0.5) / 0.5, atol=1e-5)


def test_a_window_is_a_piece_of_the_frame(rng):
    ramp = torch.linspace(0, 255, 200).round().to(torch.uint8)
    images = ramp[None, None, :, None].expand(64, 150, 200, 3).contiguous()  # brighter to the right
    window = augment.Window(32, ((0.5, 0.8), (1.0, 1.0)), mean_std="half")
    result = (window(images, torch.Generator().manual_seed(0)) + 1) / 2  # places, 0 left to 1 right
    share = (result[..., -1] - result[..., 0])[:, 0, 0] * 32 / 31
    assert share.min() >= 0.49 and share.max() <= 0.81 and share.std() > 0.05
    assert result.min() < 0.05 and result.max() > 0.95  # both ends are reached
    assert result[:, 0, 0, 0].std() > 0.05  # not always at the same place


def test_windows_repeat_with_their_generator(rng):
    images, window = frames(rng), augment.Window(24, jitter=(0.1, 0.1, 0.1))
    one, two, three = (window(images, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two) and not torch.allclose(one, three)


def test_other_grounds_change_what_is_no_hand_in_the_asked_share(rng):
    images, grounds = batch(rng, count=200, side=8), torch.full((3, 8, 8, 3), 9, dtype=torch.uint8)
    covers = torch.zeros(200, 8, 8, 1, dtype=torch.uint8)
    covers[:, 2:6, 2:6] = 255
    half, none = (augment.ground_draws(200, 3, share, generator()) for share in (0.5, 0.0))
    mixed = augment.on_other_grounds(images, covers, grounds, half)
    assert torch.equal(mixed[:, 2:6, 2:6], images[:, 2:6, 2:6])
    changed = (mixed != images).any(dim=(1, 2, 3))
    assert 70 < int(changed.sum()) < 130
    assert (mixed[changed][:, 0, 0] == 9).all()
    assert torch.equal(augment.on_other_grounds(images, covers, grounds, none), images)
