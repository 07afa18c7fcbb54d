"""How a search changes as the gallery grows: measured, fitted, and foretold for larger ones.

A query is right in a gallery of N when none of N - 1 strangers is at least as similar as its mate;
a search for somebody who is absent is right when none of N strangers reaches the threshold. Both
are the mean over queries of (1 - p)^n, with p the share of all strangers who reach the query's
bound, and n how many are enrolled: the n-th moment of one distribution, whatever the similarities
(Zheng, Achanta and Benjamini 2018, Extrapolating expected accuracies for large multi-class
problems, JMLR 19). Up to as many strangers as there are it is measured without a model; beyond,
that distribution is taken from a family, see mixtures, fitted to how many reached each bound.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import special

from handid import given, statistics
from handid.evidence import mixtures
from handid.evidence.mixtures import Family

GROUPS = 40  # of people, each left out in turn
EDGE = 1e-9  # a share nearer to 0 or 1 has no logit


class Strangers(NamedTuple):
    """Some of a gallery, one photograph per person.

    Attributes:
        vectors: [n, D] of length 1.
        people: [n] whose, whole numbers.
        groups: [n] in which of GROUPS each person is.
    """

    vectors: np.ndarray
    people: np.ndarray
    groups: np.ndarray


class Queries(NamedTuple):
    """Photographs that ask.

    Attributes:
        vectors: [Q, D] of length 1.
        people: [Q] whose, whole numbers.
        groups: [Q] in which of GROUPS each person is.
    """

    vectors: np.ndarray
    people: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Tally:
    """How many strangers reach each query's bound.

    Attributes:
        above: [Q, GROUPS] of them, by their group.
        among: [Q, GROUPS] how many there are.
        queries: who asks.
    """

    above: np.ndarray
    among: np.ndarray
    queries: Queries

    def __add__(self, other: "Tally") -> "Tally":
        """The same queries among the strangers of both."""
        return Tally(self.above + other.above, self.among + other.among, self.queries)

    @property
    def groups(self) -> np.ndarray:
        """The groups in which there is somebody."""
        strangers = np.flatnonzero(self.among.any(axis=0))
        return np.union1d(self.queries.groups, strangers)

    @property
    def all(self) -> np.ndarray:
        """[2, Q] how many reach the bound, and among how many."""
        return np.stack([self.above.sum(axis=1), self.among.sum(axis=1)])

    def without(self, group: int) -> np.ndarray:
        """The same without a group of people, as queries and as strangers."""
        left = np.stack([part.sum(axis=1) - part[:, group] for part in (self.above, self.among)])
        return left[:, self.queries.groups != group]


def best(queries: Queries, blocks: Iterable[Strangers]) -> np.ndarray:
    """[Q] the highest similarity with a stranger."""
    highest = np.full(len(queries.people), -np.inf)
    for _, similarity in _compared(queries, blocks):
        highest = np.fmax(highest, similarity.max(axis=1))
    return highest


def tally(queries: Queries, blocks: Iterable[Strangers], bounds: np.ndarray) -> Tally:
    """How many strangers reach a bound, no more than one block of them in memory.

    Args:
        queries: who ask.
        blocks: the gallery; a query's own person is no stranger to it.
        bounds: [Q] similarities; one that is equal reaches it.
    """
    above, among = np.zeros((2, len(bounds), GROUPS), dtype=np.int64)
    for block, similarity in _compared(queries, blocks):
        in_group = np.eye(GROUPS, dtype=np.int64)[block.groups]
        above += (similarity >= bounds[:, None]) @ in_group
        among += np.isfinite(similarity) @ in_group
    return Tally(above, among, queries)


def _compared(
    queries: Queries, blocks: Iterable[Strangers]
) -> Iterable[tuple[Strangers, np.ndarray]]:
    """Each block with its [Q, n] similarities, -inf for the query's own person."""
    for block in blocks:
        similarity = queries.vectors @ block.vectors.T
        similarity[queries.people[:, None] == block.people] = -np.inf
        yield block, similarity


# --- shares of right searches ---------------------------------------------------------------------


def measured(counts: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """[S] share of searches without a stranger above the bound, among some of the strangers.

    The mean over queries and over every choice of n strangers: C(among - above, n) / C(among, n),
    which is unbiased.

    Args:
        counts: [2, Q], see Tally.all.
        sizes: n of each; all strangers where it is more than there are, as without a group.
    """
    above, among = counts
    chosen = [np.minimum(n, among) for n in sizes]
    ways = [_log_choose(among - above, n) - _log_choose(among, n) for n in chosen]
    return np.array([np.exp(one).mean() for one in ways])


def _log_choose(many: np.ndarray, few: np.ndarray) -> np.ndarray:
    """Logarithm of the binomial coefficient; -inf where there are too few to choose from."""
    left = many - few
    ways = special.gammaln(many + 1.0) - special.gammaln(few + 1.0)
    return np.where(left < 0, -np.inf, ways - special.gammaln(np.maximum(left, 0) + 1.0))


def foretold(family: Family, counts: np.ndarray, sizes: Sequence[float]) -> np.ndarray:
    """[S] the same by a fitted family, for any n.

    NaN where no stranger, or every one, reaches every bound: then nothing says how p varies.
    """
    if not can_be_foretold(counts):
        return np.full(len(sizes), np.nan)
    return family.fit(counts).shares(np.asarray(sizes, dtype=np.float64))


def can_be_foretold(counts: np.ndarray) -> bool:
    """Whether some bound is reached, and some is not."""
    above, among = counts
    return bool(above.any() and (above < among).any())


# --- intervals over people ------------------------------------------------------------------------

Shares = Callable[..., np.ndarray]  # of the counts of some tallies
Figure = Callable[[np.ndarray, Sequence[int]], np.ndarray]  # counts, sizes -> shares


def intervals(shares: Shares, *tallies: Tally, level: float = 0.95) -> np.ndarray:
    """[S, 3] value, low and high of shares that depend on people who ask and on strangers.

    Each group of people is left out in turn, as queries and as strangers (the delete-a-group
    jackknife), which gives the standard error of the share's logit; Student's t gives the interval.
    Where nobody errs, or everybody, nothing varies: Clopper and Pearson's over the people who ask
    takes its place. NaN where there is no value.

    Args:
        shares: counts of each tally, [2, Q] -> [S].
        tallies: of the same groups.
        level: in (0, 1).

    Raises:
        ValueError: if the level is out of range.
    """
    values, low, high = _jackknife(shares, tallies, _logit, special.expit, level)
    people = tallies[-1].queries.people
    for certain in (0.0, 1.0):
        least, most = statistics.interval(
            np.full(len(people), certain), people, level, kind="share"
        )
        at = np.abs(values - certain) <= EDGE
        low, high = np.where(at, least, low), np.where(at, most, high)
    return np.stack([values, low, high], axis=1)


def over_families(
    interval: Callable[..., np.ndarray], shares: Callable[..., np.ndarray], *tallies: Tally
) -> tuple[np.ndarray, list[str]]:
    """Figures that a fitted family foretells, and by which families, the likeliest first.

    The value is the likeliest one's. Where the counts do not speak against another, the bounds are
    the outer ones of all.

    Args:
        interval: `intervals` or `differences`.
        shares: a family and the counts of each tally -> [S].
        tallies: the families are fitted to the first one.
    """
    families = [Family("beta", 1)]
    if can_be_foretold(tallies[0].all):
        families = mixtures.supported(tallies[0].all)
    each = np.stack([interval(partial(shares, family), *tallies) for family in families])
    value, low, high = each[0, :, 0], each[:, :, 1].min(axis=0), each[:, :, 2].max(axis=0)
    return np.stack([value, low, high], axis=1), [family.name for family in families]


def differences(shares: Shares, *tallies: Tally, level: float = 0.95) -> np.ndarray:
    """[S, 3] the same of differences of shares, which have no logit."""
    return np.stack(_jackknife(shares, tallies, np.asarray, np.asarray, level), axis=1)


def _jackknife(
    shares: Shares,
    tallies: Sequence[Tally],
    there: Callable[[np.ndarray], np.ndarray],
    back: Callable[[np.ndarray], np.ndarray],
    level: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, low and high, the standard error taken on the scale that `there` leads to."""
    given.between("level", level, 0, 1)
    values = shares(*(one.all for one in tallies))
    groups = np.unique(np.concatenate([one.groups for one in tallies]))
    without = [there(shares(*(one.without(g) for one in tallies))) for g in groups]
    spread = np.array(without) - np.mean(without, axis=0)
    error = np.sqrt((len(groups) - 1) / len(groups) * (spread**2).sum(axis=0))
    half = error * special.stdtrit(len(groups) - 1, (1 + level) / 2)
    return values, back(there(values) - half), back(there(values) + half)


def _logit(shares: np.ndarray) -> np.ndarray:
    return special.logit(np.clip(shares, EDGE, 1 - EDGE))
