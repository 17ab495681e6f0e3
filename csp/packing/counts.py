"""What the number of times that each minimum was found says of those not found.

Let ``n`` be the draws that ended in any of the minima, ``f_k`` the minima that exactly
``k`` of them found. Estimated are the *coverage*, the chance that one more such draw
ends in a minimum that is known (Good 1953, after Turing; in the form of Chao & Jost
2012)::

    C = 1 − (f₁/n) (n−1) f₁ / ((n−1) f₁ + 2 f₂)

and the number of minima *not seen*: the larger of a lower bound (Chao 1984,
bias-corrected) and the first-order jackknife (Burnham & Overton 1978)::

    U = ((n−1)/n) max(f₁ (f₁−1) / (2 (f₂+1)), f₁)

The bound is reached where all minima are equally easy to find, and basins never are: in
real searches it leaves out a half of what is missing and more, the jackknife less
(``benchmarks/completeness.py``). An upper bound comes from the curve of minima found
against draws, whose slope is known, ``dE[S]/d ln n = E[f₁]``: as long as ``f₁`` does
not grow, *ten times* the draws find at most ``f₁ ln 10`` more.

How far chance moves these is found by a parametric bootstrap (Chao & Jost 2012, Chao et
al. 2014): an urn holds the minima seen, with chances ``(k/n) (1 − λ (1 − k/n)ⁿ)`` that
add up to ``C``, and ``U`` others, rounded up, that share ``1 − C``. As the urn is
known, so is the error of every estimate that ``n`` draws from it give.

References:
    Good, Biometrika 40, 237 (1953). Burnham & Overton, Biometrika 65, 625 (1978). Chao,
    Scand. J. Stat. 11, 265 (1984). Chao & Jost, Ecology 93, 2533 (2012). Colwell et
    al., J. Plant Ecol. 5, 3 (2012). Chao et al., Ecol. Monogr. 84, 45 (2014).
"""

from typing import NamedTuple

import numpy as np

from csp.arrays import IndexMatrix, Indices, Scalars
from csp.randomness import generator_of


class Bootstrap(NamedTuple):
    """What samples of a known urn tell of estimates.

    Attributes:
        coverage: Estimates minus the truth.
        unseen: Estimates of the minima not seen minus the truth.
        once: Minima found once.
    """

    coverage: Scalars
    unseen: Scalars
    once: Indices


def coverage(counts: IndexMatrix) -> Scalars:
    """Chance that a further draw ends in a minimum that is known, of each search.

    Args:
        counts: How often each minimum was found, a row a search.
    """
    n, once, twice = _frequencies(counts)
    pairs = np.maximum(n - 1, 1) * once
    share = pairs / np.maximum(pairs + 2 * twice, 1)
    return np.asarray(1.0 - once / np.maximum(n, 1) * share)


def least_unseen(counts: IndexMatrix) -> Scalars:
    """Lower bound of the minima not seen, of each search (Chao).

    Args:
        counts: How often each minimum was found, a row a search.
    """
    n, once, twice = _frequencies(counts)
    pairs = once * (once - 1) / (2.0 * (twice + 1))
    return np.asarray((n - 1) / np.maximum(n, 1) * pairs)


def unseen(counts: IndexMatrix) -> Scalars:
    """Minima not seen, of each search.

    Args:
        counts: How often each minimum was found, a row a search.
    """
    n, once, _ = _frequencies(counts)
    jackknife = (n - 1) / np.maximum(n, 1) * once
    return np.asarray(np.maximum(least_unseen(counts), jackknife))


def rarefied(counts: Indices, n_draws: Indices) -> Scalars:
    """Minima that fewer draws would have found, on average over their choice.

    ``S(m) = S − Σ_i binom(n − X_i, m) / binom(n, m)`` (Colwell et al. 2012, eq. 4).

    Args:
        counts: How often each minimum was found, ``X_i``.
        n_draws: Numbers of draws, ``m``, at most all of them.
    """
    total = int(counts.sum())
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    left = total - counts[:, None] - n_draws[None, :]
    missed = np.exp(
        logs[total - counts][:, None]
        - logs[np.maximum(left, 0)]
        - logs[total]
        + logs[total - n_draws][None, :]
    )
    return np.asarray((1.0 - np.where(left >= 0, missed, 0.0)).sum(axis=0))


def urn(counts: Indices) -> Scalars:
    """Chances of the minima that the bootstrap draws from: those seen, then others.

    Args:
        counts: How often each minimum was found, all above zero.
    """
    n = int(counts.sum())
    known = float(coverage(counts[None])[0])
    n_others = int(np.ceil(unseen(counts[None])[0]))
    if n_others == 0:
        return np.asarray(counts / n)
    shares = counts / n
    rare = (1.0 - shares) ** n
    chances = shares * (1.0 - (1.0 - known) / float(shares @ rare) * rare)
    others = np.full(n_others, (1.0 - known) / n_others)
    return np.concatenate([np.maximum(chances, 0.0), others])


def bootstrap(counts: Indices, n_samples: int) -> Bootstrap:
    """Estimates from samples of the urn, beside the truth.

    Args:
        counts: How often each minimum was found, all above zero; the order is no
            matter.
        n_samples: How many samples.
    """
    counts = np.sort(counts)
    chances = urn(counts)
    rng = generator_of("completeness", *counts.tolist())
    samples = rng.multinomial(int(counts.sum()), chances, size=n_samples)
    missed = samples == 0
    return Bootstrap(
        coverage(samples) - (1.0 - missed @ chances),
        unseen(samples) - missed.sum(axis=1),
        (samples == 1).sum(axis=1),
    )


def _frequencies(counts: IndexMatrix) -> tuple[Indices, Indices, Indices]:
    """Draws, minima found once and minima found twice, of each row."""
    return (
        counts.sum(axis=1),
        (counts == 1).sum(axis=1),
        (counts == 2).sum(axis=1),  # noqa: PLR2004
    )
