"""The gpytorch side of the Gaussian process: linear kernels, exact, float64."""

import warnings
from contextlib import ExitStack

import numpy as np
import torch

from csp.arrays import Matrix, Scalars

with warnings.catch_warnings():
    # linear_operator compiles with torch.jit, which newer versions of torch deprecate
    warnings.simplefilter("ignore", DeprecationWarning)
    import gpytorch
    from gpytorch.distributions import MultivariateNormal
    from gpytorch.kernels import Kernel
    from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
    from gpytorch.means import ZeroMean
    from gpytorch.models import ExactGP

_CHOLESKY_ALWAYS = 1_000_000


class _Weighted(Kernel):  # type: ignore[misc]
    """k(x, x') = Σ_f v_f x_f x'_f, for each row of v."""

    def __init__(self, variances: torch.Tensor) -> None:
        super().__init__(batch_shape=variances.shape[:1])
        self.variances = variances[:, None, :]

    def forward(
        self,
        x1: torch.Tensor,
        x2: torch.Tensor,
        diag: bool = False,  # noqa: FBT001, FBT002 - gpytorch's own signature
        **_: object,
    ) -> torch.Tensor:
        weighted = x1 * self.variances
        if diag:
            return (weighted * x2).sum(-1)
        return weighted @ x2.transpose(-1, -2)


class LinearProcess(ExactGP):  # type: ignore[misc]
    """A batch of processes with one set of labels: the constant is one of the inputs.

    Attributes:
        n_inputs: Columns of the inputs.
    """

    def __init__(
        self, inputs: Matrix, labels: Scalars, variances: Matrix, noises: Matrix
    ) -> None:
        """One process for each row of prior variances and noise variances."""
        n = len(variances)
        x, y = (
            torch.from_numpy(np.broadcast_to(a, (n, *a.shape)).copy())
            for a in (inputs, labels)
        )
        super().__init__(x, y, FixedNoiseGaussianLikelihood(torch.from_numpy(noises)))
        self.n_inputs = inputs.shape[1]
        self.mean = ZeroMean(batch_shape=torch.Size([n]))
        self.kernel = _Weighted(torch.from_numpy(variances))

    def forward(self, x: torch.Tensor) -> MultivariateNormal:
        """The prior at some inputs."""
        return MultivariateNormal(self.mean(x), self.kernel(x))

    def log_likelihoods(self) -> Scalars:
        """Logarithm of p(labels), of each process."""
        with torch.no_grad(), _exactly():
            output = self.likelihood(self(*self.train_inputs))
            found: Scalars = output.log_prob(self.train_targets).numpy()
            return found

    def weights(self) -> tuple[Matrix, np.ndarray]:
        """Means and covariances of the weights: predictions at the unit vectors."""
        unit = torch.eye(self.n_inputs, dtype=torch.float64)
        unit = unit.expand(len(self.train_targets), *unit.shape)
        with torch.no_grad(), _exactly():
            found = self.eval()(unit)
            return found.mean.numpy(), found.covariance_matrix.numpy()


def _exactly() -> ExitStack:
    """Settings for Cholesky factors of whatever size."""
    stack = ExitStack()
    stack.enter_context(gpytorch.settings.max_cholesky_size(_CHOLESKY_ALWAYS))
    stack.enter_context(
        gpytorch.settings.fast_computations(
            covar_root_decomposition=False, log_prob=False, solves=False
        )
    )
    return stack
