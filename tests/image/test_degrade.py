"""degrade.py: each unit means what it says, measured on made-up photographs."""

import numpy as np
import pytest
from PIL import Image

from handid.image.degrade import DEGRADATIONS, HAND
from handid.image.segment import HEIGHT, Segmentation


def square_hand(share=0.5):
    """A segmentation whose hand is a square of that share of the frame's height, in its middle."""
    hand = np.zeros((HEIGHT, HEIGHT * 4 // 3), bool)
    half = round(share * HEIGHT / 2)
    hand[120 - half : 120 + half, 160 - half : 160 + half] = True
    return Segmentation(hand, np.zeros_like(hand), "")


def apply(kind, severity, pixels, found=None, seed=0):
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    done = DEGRADATIONS[kind].apply(image, severity, found, np.random.default_rng(seed))
    return np.asarray(done, float)


@pytest.fixture
def noise(rng):
    return rng.integers(60, 200, (240, 320, 3))


@pytest.mark.parametrize("kind", [k for k, one in DEGRADATIONS.items() if one.unit])
def test_the_harmless_severity_changes_nothing(kind, noise):
    severity = DEGRADATIONS[kind].harmless
    if kind == "jpeg":
        assert np.abs(apply(kind, 95, noise // 40 * 0 + 128) - 128).max() <= 1
    else:
        assert np.abs(apply(kind, severity, noise, square_hand()) - noise).max() <= 1


def test_a_blurs_sigma_is_measured_across_the_hand():
    edge = np.zeros((240, 320, 3))
    edge[:, 160:] = 200
    row = apply("blur", 10, edge, square_hand(0.5))[120, :, 0] / 200
    # The palm is 120 pixels broad, so sigma is 12: 84 % of the step is reached one sigma beyond.
    assert row[160 + 12] == pytest.approx(0.84, abs=0.02)
    assert HAND == 100


def test_resolution_leaves_that_many_pixels_across_the_palm(noise):
    small = apply("resolution", 12, noise, square_hand(0.5))  # 120 pixels become 12
    blocks = small[5::10, 5::10].repeat(10, 0).repeat(10, 1)
    assert np.abs(np.diff(small, axis=1)).mean() < 0.2 * np.abs(np.diff(noise, axis=1)).mean()
    assert np.corrcoef(small.ravel(), blocks.ravel())[0, 1] > 0.7


def test_noise_has_its_standard_deviation():
    grey = np.full((240, 320, 3), 128)
    assert apply("noise", 5, grey).std() == pytest.approx(0.05 * 255, rel=0.02)


def test_a_stop_doubles_the_linear_light():
    def linear(value):
        return ((value / 255 + 0.055) / 1.055) ** 2.4

    grey = np.full((4, 4, 3), 90)
    assert linear(apply("exposure", 1, grey).mean()) == pytest.approx(2 * linear(90), rel=0.02)
    assert linear(apply("exposure", -1, grey).mean()) == pytest.approx(linear(90) / 2, rel=0.02)


def test_warm_light_is_red_and_cold_light_blue():
    grey = np.full((4, 4, 3), 120)
    warm, cold = (apply("white_balance", k, grey)[0, 0] for k in (3000, 12000))
    assert warm[0] > warm[1] > warm[2] and cold[2] > cold[1] > cold[0]
    assert warm[1] == cold[1] == 120


def test_white_is_where_the_planckian_locus_is():
    from handid.image.degrade import _white

    # Illuminant A (2856 K): x 0.4476, y 0.4074 (CIE), through sRGB's matrix.
    x, y = 0.4476, 0.4074
    matrix = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    expected = matrix @ [x / y, 1, (1 - x - y) / y]
    assert np.allclose(_white(2856), expected, atol=0.02)


def test_a_quarter_turn_is_a_quarter_turn(noise):
    pixels = np.zeros((120, 120, 3))
    pixels[10:30, 50:70] = 200
    turned = apply("rotation", 90, pixels)
    assert np.abs(turned - np.rot90(pixels)).mean() < 3


def test_an_occlusion_covers_its_share_of_the_hand():
    pixels = np.full((240, 320, 3), 250)
    found = square_hand(0.6)
    covered = apply("occlusion", 0.3, pixels, found, seed=3)[..., 0] == 128
    assert covered[found.hand].mean() == pytest.approx(0.3, abs=0.02)


def test_motion_blurs_along_one_direction_by_its_length():
    point = np.zeros((240, 320, 3))
    point[120, 160] = 255 * 0.99
    moved = apply("motion", 20, point, square_hand(0.5))[..., 0]
    rows, columns = np.nonzero(moved > 2)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(24, abs=2)


def test_palm_and_fingers_are_parts_of_the_frame():
    found = square_hand(0.5)
    pixels = np.zeros((240, 320, 3))
    assert apply("palm", 0, pixels, found).shape[0] == pytest.approx(120, abs=4)
    hand = np.zeros_like(found.hand)
    hand[:120, 100:200] = hand[120:200, 130:150] = True  # a palm from above, and one finger
    low = apply(
        "fingers",
        0,
        np.indices((240, 320))[0][..., None].repeat(3, 2),
        Segmentation(hand, ~hand & hand, ""),
    )
    assert low.min() >= 90 and low.max() == pytest.approx(199, abs=3)


def test_grey_has_no_colour(noise):
    grey = apply("grey", 0, noise)
    assert np.ptp(grey, axis=2).max() == 0


def test_what_needs_the_hand_says_so(noise):
    for kind, one in DEGRADATIONS.items():
        if one.needs_hand:
            with pytest.raises(ValueError, match="needs the hand's place"):
                apply(kind, min(one.high, 5), noise)
