"""Local quadratic problems of the batch-size chapters: gradient, Hessian, noise of one example, and their summaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optnotes._ground.arguments import FloatArray, real_array, real_matrix, real_number, require

_ROUNDING = 1e-10  # of the largest entry or eigenvalue: what assembling a Gram matrix may leave


@dataclass(frozen=True)
class Summary:
    """Seven numbers of a quadratic problem that the averaged laws need; `Quadratic.summary` computes them.

    Attributes
    ----------
    gradient_square : Σ g_i², > 0
    gradient_sum : Σ |g_i|, > 0
    curvature : gᵀHg, > 0
    diagonal : Σ H_ii, > 0
    cross : Σ_{i≠j} H_ij sign(g_i) sign(g_j), ≥ −diagonal
    noise : tr Σ, ≥ 0
    noise_curvature : tr(ΣH), ≥ 0
    """

    gradient_square: float
    gradient_sum: float
    curvature: float
    diagonal: float
    cross: float
    noise: float
    noise_curvature: float

    def __post_init__(self) -> None:
        for name in ("gradient_square", "gradient_sum", "curvature", "diagonal"):
            real_number(name, getattr(self, name), low=0.0, low_open=True)
        for name in ("noise", "noise_curvature"):
            real_number(name, getattr(self, name), low=0.0)
        slack = _ROUNDING * self.diagonal
        real_number("cross", self.cross, low=-self.diagonal - slack, remedy="the Hessian must not be indefinite")

    @property
    def simple_noise_scale(self) -> float:
        """𝓑_simple = tr Σ/‖g‖², in examples."""
        return self.noise / self.gradient_square

    @property
    def noise_scale(self) -> float:
        """𝓑_noise = tr(ΣH)/gᵀHg, in examples."""
        return self.noise_curvature / self.curvature


@dataclass(frozen=True)
class Quadratic:
    """Loss to second order around the weights: L(θ−x) = L − gᵀx + ½xᵀHx, with noise of covariance Σ/B on g.

    Attributes
    ----------
    gradient : array (n,), not zero
    hessian : array (n, n), symmetric positive semidefinite with gᵀHg > 0, or (n,) for a diagonal one
    noise : array (n, n), covariance of the gradient of one example, positive semidefinite, or (n,) for a diagonal one
    """

    gradient: FloatArray
    hessian: FloatArray
    noise: FloatArray

    def __post_init__(self) -> None:
        gradient = _frozen(real_array("gradient", self.gradient))
        require(gradient.ndim == 1 and gradient.size, "gradient", "be a non-empty vector", f"shape {gradient.shape}")
        require(
            gradient.any(), "gradient", "not be zero", 0.0, "at a stationary point every learning rate is too large"
        )
        object.__setattr__(self, "gradient", gradient)
        for name in ("hessian", "noise"):
            object.__setattr__(self, name, _semidefinite(name, getattr(self, name), gradient.size))
        curvature = gradient @ self.hessian @ gradient
        require(curvature > 0.0, "hessian", "curve along the gradient", curvature, "else no learning rate is optimal")

    @property
    def noise_is_diagonal(self) -> bool:
        """Whether the noise of different coordinates is uncorrelated."""
        return not np.any(self.noise - np.diag(np.diagonal(self.noise)))

    def summary(self) -> Summary:
        """Return the seven numbers of the averaged laws."""
        g, H, noise = self.gradient, self.hessian, self.noise
        diagonal, sign = np.trace(H), np.sign(g)
        off_diagonal = H - np.diag(np.diagonal(H))
        gradients = g @ g, np.abs(g).sum(), g @ H @ g
        noises = np.trace(noise), np.sum(noise * H)
        values = *gradients, diagonal, sign @ off_diagonal @ sign, *noises
        return Summary(*map(float, values))


@dataclass(frozen=True)
class MatrixQuadratic:
    """Loss to second order around a weight matrix, with independent noise of variance std²/B on each entry of G.

    Attributes
    ----------
    gradient : array (n, m), not zero
    std : float, ≥ 0. Noise of one entry for one example.
    lr_max : float, > 0. Sets the Hessian X ↦ X(GᵀG)^{1/2}/lr_max of the Newton view: msign is the Newton step.
    hessian : array (n·m, n·m), symmetric positive semidefinite, on row-major vectors; replaces the Newton view.
    """

    gradient: FloatArray
    std: float
    lr_max: float = 1.0
    hessian: FloatArray | None = None

    def __post_init__(self) -> None:
        gradient = _frozen(real_matrix("gradient", self.gradient))
        require(
            gradient.any(), "gradient", "not be zero", 0.0, "at a stationary point every learning rate is too large"
        )
        object.__setattr__(self, "gradient", gradient)
        object.__setattr__(self, "std", real_number("std", self.std, low=0.0))
        object.__setattr__(self, "lr_max", real_number("lr_max", self.lr_max, low=0.0, low_open=True))
        if self.hessian is not None:
            object.__setattr__(self, "hessian", _semidefinite("hessian", self.hessian, gradient.size))

    @property
    def simple_noise_scale(self) -> float:
        """𝓑_simple = n m std²/‖G‖_F², in examples."""
        unit = float(np.abs(self.gradient).max())  # squares of the gradient itself could leave the float range
        return (self.std / unit) ** 2 * self.gradient.size / float(np.sum((self.gradient / unit) ** 2))


def _semidefinite(name: str, value: FloatArray, size: int) -> FloatArray:
    matrix = real_array(name, value)
    if matrix.shape == (size,):
        matrix = np.diag(matrix)
    require(matrix.shape == (size, size), name, f"have shape ({size}, {size}) or ({size},)", f"shape {matrix.shape}")
    largest = float(np.abs(matrix).max())
    asymmetry = float(np.abs(matrix - matrix.T).max())
    require(
        asymmetry <= _ROUNDING * largest, name, "be symmetric", f"a difference of {asymmetry:.3g}", "pass (A + Aᵀ)/2"
    )
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    remedy = "drop or damp the negative directions"
    require(
        smallest >= -_ROUNDING * largest, name, "be positive semidefinite", f"the eigenvalue {smallest:.3g}", remedy
    )
    return _frozen(0.5 * (matrix + matrix.T))


def _frozen(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array
