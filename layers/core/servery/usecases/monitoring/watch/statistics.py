"""How far samples are from the training, and how likely chance alone brings them as far.

Baseline and window are both samples, and the baseline of a small data set is a rough one, so all
tests are of two samples: none takes the training rows for the truth.

- Population stability index: the sum of (w - b) ln(w / b) over the shares of cells. Without drift
  its mean is (cells - 1) (1/n + 1/m), and over (1/n + 1/m) it is chi-square with cells - 1
  degrees of freedom (Yurdakul and Naranjo, "Statistical properties of the population stability
  index", Journal of Risk Model Validation 14, 2020).
- Pearson's chi-square of homogeneity, with cells of few expected members put together
  (Cochran, Biometrics 10, 1954).
- Kolmogorov-Smirnov, with the limit distribution corrected for small samples (Stephens, JRSS B 32,
  1970).
- Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from servery.domain.distributions import chi_square_above, kolmogorov_above

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

LEAST_EXPECTED = 10.0
"""Members that a cell is expected to have at least, so that tails far out are what they should."""


def psi(baseline: Counts, window: Counts) -> float:
    """The population stability index of counts in the same cells.

    Half a member is added to each cell, so that an empty one is not infinitely far from any other.
    """
    b, w = baseline + 0.5, window + 0.5
    b, w = b / b.sum(), w / w.sum()
    return float(np.sum((w - b) * np.log(w / b)))


def psi_bound(bound: float, cells: int, n: float, m: float) -> float:
    """What the index of samples is, on average, where that of the populations is at its bound."""
    return bound + (cells - 1) * (1 / n + 1 / m)


def homogeneity(baseline: Counts, window: Counts) -> float:
    """Probability that two samples of one population are at least so far apart (chi-square)."""
    n, m = baseline.sum(), window.sum()
    both = baseline + window
    if both.shape[0] < 2 or not n or not m:  # noqa: PLR2004 - one cell has no choice
        return 1.0
    statistic = 0.0
    for sample, size in ((baseline, n), (window, m)):
        expected = both * (size / (n + m))
        statistic += float(np.sum((sample - expected) ** 2 / expected))
    return chi_square_above(statistic, len(both) - 1)


def neighbours_pooled(baseline: Counts, window: Counts) -> list[slice]:
    """Cells in their order, put together with neighbours until each is expected to have enough."""
    least = _least_together(baseline, window)
    ends, held = [], 0.0
    for place, members in enumerate(baseline + window):
        held += members
        if held >= least:
            ends.append(place + 1)
            held = 0.0
    if not ends:
        return [slice(0, len(baseline))]
    ends[-1] = len(baseline)
    return [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]


def rare_pooled(baseline: Counts, window: Counts) -> tuple[Counts, Counts]:
    """Categories, those that are expected to have too few members put into one that is last."""
    rare = baseline + window < _least_together(baseline, window)
    if not rare.any():
        return baseline, window
    kept = [np.append(each[~rare], each[rare].sum()) for each in (baseline, window)]
    if kept[0][-1] + kept[1][-1] >= _least_together(baseline, window):
        return kept[0], kept[1]
    # All the rare ones together are too few still: they go with the least frequent of the others.
    alone = [each[:-1] for each in kept]
    if len(alone[0]):
        least = int(np.argmin(alone[0] + alone[1]))
        for each, rest in zip(alone, kept, strict=True):
            each[least] += rest[-1]
    return alone[0], alone[1]


def distance_probability(distance: float, n: float, m: float) -> float:
    """Probability that two samples of one population have at least that KS distance."""
    return kolmogorov_above(distance, n * m / (n + m))


def holm(probabilities: Sequence[float], chance: float) -> list[bool]:
    """Which hypotheses fall, so that any falls wrongly with probability `chance` at the most.

    Holds however the probabilities depend on each other.
    """
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    fallen = [False] * len(order)
    for rank, place in enumerate(order):
        if probabilities[place] > chance / (len(order) - rank):
            break
        fallen[place] = True
    return fallen


def _least_together(baseline: Counts, window: Counts) -> float:
    """Members of a cell in both samples from which the smaller one is expected to have enough."""
    n, m = float(baseline.sum()), float(window.sum())
    return LEAST_EXPECTED * (n + m) / min(n, m) if min(n, m) else np.inf
