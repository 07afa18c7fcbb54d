"""Interval of the ratio of two figures that have intervals of their own."""

from math import inf, isnan, sqrt

from handid import given

Figure = tuple[float, float, float]  # value, low, high


def ratio(part: Figure, whole: Figure) -> tuple[float, float]:
    """Interval of part / whole by the method of variance estimates recovery.

    Each bound combines the distances of the two figures' own bounds, so that the ratio is covered
    as well as they are, also at 0. The two count as independent: answers of the same people usually
    rise and fall together, and the interval is then too wide rather than too narrow. Where both
    intervals are symmetric this is Fieller's. Source: Donner and Zou 2012, Stat. Methods Med. Res.
    21, 347, eq. 8.

    Args:
        part: value, low and high, none below 0.
        whole: the same; value above 0.

    Returns:
        Low and high; high is infinite where the whole is not shown to be above 0. Both NaN where a
        figure or its interval is.

    Raises:
        ValueError: if a figure is negative, or the whole is 0.
    """
    (p, p_low, p_high), (w, w_low, w_high) = _figure(part), _figure(whole)
    if any(map(isnan, (p, p_low, p_high, w, w_low, w_high))):
        return float("nan"), float("nan")
    if min(p, p_low, w_low) < 0 or w <= 0:
        raise ValueError(f"{p} of {w} is no share: both must be above 0")
    product = p * w
    below = product**2 - p_low * w_high * (2 * p - p_low) * (2 * w - w_high)
    above = product**2 - p_high * w_low * (2 * p - p_high) * (2 * w - w_low)
    low = p_low * (2 * p - p_low) / (product + sqrt(max(0.0, below))) if p_low else 0.0
    high = (product + sqrt(max(0.0, above))) / (w_low * (2 * w - w_low)) if w_low else inf
    return low, high


def _figure(figure: Figure) -> Figure:
    numbers = given.numbers(figure, "value and bounds of a figure")
    if numbers.shape != (3,):
        raise ValueError(f"{given.shown(figure)} is no figure: give value, low and high")
    value, low, high = numbers.tolist()
    return value, low, high
