"""From labels of some crystals to the energies of all."""

from dataclasses import replace

import numpy as np

from csp.arrays import Indices
from csp.correction.gaussian_process import Inputs, Problem, Weights
from csp.correction.posterior import Posterior


def informed(inputs: Inputs, rows: Indices) -> Inputs:
    """The same inputs, their features turned so that few columns meet the labels.

    The features of n crystals span n directions at most. What lies across them says
    nothing of the labels and keeps its prior, so that no matrix need be larger than n.

    Args:
        inputs: Of the pool.
        rows: Crystals with labels.
    """
    if len(rows) >= inputs.features.shape[1]:
        return inputs
    turn, _ = np.linalg.qr(inputs.features[rows].T, mode="complete")
    turned = inputs.features @ turn
    return replace(
        inputs, features=turned[:, : len(rows)], unseen=turned[:, len(rows) :]
    )


def predicted(problem: Problem) -> tuple[Posterior, Weights]:
    """What labels say of every crystal of the pool, and of the weights.

    A crystal with a label of error σ keeps the part s²/(s² + σ²) of what the label adds
    to the features' word, all of it if σ = 0.
    """
    labels = problem.labels
    problem = replace(problem, inputs=informed(problem.inputs, labels.rows))
    weights = problem.weights()
    columns = problem.inputs.columns
    gain, own = np.zeros(len(columns)), np.full(len(columns), weights.own_variance)
    errors = labels.errors**2
    total = weights.own_variance + errors
    kept = np.where(
        total > 0.0, weights.own_variance / np.where(total > 0, total, 1), 1.0
    )
    gain[labels.rows] = kept
    own[labels.rows] = kept * errors
    mean = (1.0 - gain) * (columns @ weights.mean)
    mean[labels.rows] += kept * labels.values
    values, vectors = np.linalg.eigh(weights.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    unseen = np.sqrt(weights.unseen_variance) * problem.inputs.unseen
    factor = (1.0 - gain)[:, None] * np.hstack([columns @ root, unseen])
    return Posterior(mean, factor, own), weights
