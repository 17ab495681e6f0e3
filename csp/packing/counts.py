"""What the number of times that each minimum was found says of those not found.

Let ``n`` be the draws that ended in any of the minima, ``f_k`` the minima that exactly
``k`` of them found. Estimated are the *coverage*, the chance that one more such draw
ends in a minimum that is known (Good 1953, after Turing; in the form of Chao & Jost
2012)::

    C = 1 − (f₁/n) (n−1) f₁ / ((n−1) f₁ + 2 f₂)

and the number of minima *not seen*, at least (Chao 1984, bias-corrected)::

    U = ((n−1)/n) f₁ (f₁−1) / (2 (f₂+1))

How far chance moves them is found by a parametric bootstrap (Chao & Jost 2012, Chao et
al. 2014): an urn holds the minima seen, with chances ``(k/n) (1 − λ (1 − k/n)ⁿ)`` that
add up to ``C``, and ``U`` others, rounded up, that share ``1 − C``. As the urn is
known, so is the error of every estimate that ``n`` draws from it give.

References:
    Good, Biometrika 40, 237 (1953). Chao, Scand. J. Stat. 11, 265 (1984). Chao & Jost,
    Ecology 93, 2533 (2012). Colwell et al., J. Plant Ecol. 5, 3 (2012). Chao et al.,
    Ecol. Monogr. 84, 45 (2014).
"""

import numpy as np

from csp.arrays import IndexMatrix, Indices, Scalars
from csp.randomness import generator_of


def coverage(counts: IndexMatrix) -> Scalars:
    """Chance that a further draw ends in a minimum that is known, of each search.

    Where every minimum was found once only, nothing is known of it, and it is 0.

    Args:
        counts: How often each minimum was found, a row a search.
    """
    n, once, twice = _frequencies(counts)
    # with f₂ = 0 the bias-corrected form
    pairs = np.where(twice > 0, once, np.maximum(once - 1, 0)) * (n - 1)
    share = pairs / np.maximum(pairs + 2 * np.maximum(twice, 1), 1)
    return np.asarray(np.where(once == n, 0.0, 1.0 - once * share / np.maximum(n, 1)))


def unseen(counts: IndexMatrix) -> Scalars:
    """Minima not seen, at least, of each search.

    Args:
        counts: How often each minimum was found, a row a search.
    """
    n, once, twice = _frequencies(counts)
    pairs = once * (once - 1) / (2.0 * (twice + 1))
    return np.asarray((n - 1) / np.maximum(n, 1) * pairs)


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
    n_others = int(np.ceil(unseen(counts[None])[0])) if known < 1.0 else 0
    if n_others == 0:
        return np.asarray(counts / n)
    shares = counts / n
    rare = (1.0 - shares) ** n
    chances = shares * (1.0 - (1.0 - known) / float(shares @ rare) * rare)
    others = np.full(n_others, (1.0 - known) / n_others)
    return np.concatenate([np.maximum(chances, 0.0), others])


def errors(counts: Indices, n_samples: int) -> tuple[Scalars, Scalars]:
    """Errors of coverage and of minima not seen in the samples of the bootstrap.

    Args:
        counts: How often each minimum was found, all above zero; its order is no
            matter.
        n_samples: How many samples.

    Returns:
        Estimate minus truth of the coverage, and of the minima not seen.
    """
    counts = np.sort(counts)
    chances = urn(counts)
    rng = generator_of("completeness", *counts.tolist())
    samples = rng.multinomial(int(counts.sum()), chances, size=n_samples)
    missed = samples == 0
    of_coverage = coverage(samples) - (1.0 - missed @ chances)
    of_unseen = unseen(samples) - missed.sum(axis=1)
    return np.asarray(of_coverage), np.asarray(of_unseen)


def _frequencies(counts: IndexMatrix) -> tuple[Indices, Indices, Indices]:
    """Draws, minima found once and minima found twice, of each row."""
    return (
        counts.sum(axis=1),
        (counts == 1).sum(axis=1),
        (counts == 2).sum(axis=1),  # noqa: PLR2004
    )
