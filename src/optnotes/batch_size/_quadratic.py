"""Local quadratic problems of the batch-size chapters: gradient, Hessian, noise of one example, and their summaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optnotes._ground.arguments import FloatArray, Phrase, first_where, real_array, real_matrix, real_number, require

# What assembling in float32 may leave, sixteen of its roundings of 2⁻²⁴. A matrix of rank one bounds the entries of a
# covariance, |C_ij| ≤ √(C_ii C_jj), and has the eigenvalue tr C; so storing C moves no eigenvalue by more than
# 2⁻²⁴ tr C, and sums of k products by some √(k/n) times that. Doubles leave far less, but no dtype tells who assembled.
_ROUNDING = 2.0**-20


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

    Domain
    ------
    Any gradient that float64 holds: no square of it is formed. Matrices assembled in float32 are taken: eigenvalues
    down to −2⁻²⁰ of the trace count as rounding, and so do differences of A and Aᵀ up to 2⁻²⁰ of the largest entry,
    whose mean is kept. Nothing else is changed; a variance that rounding made negative has the standard deviation 0.
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
        direction = gradient / unit_of(gradient)
        curvature = direction @ self.hessian @ direction
        require(curvature > 0.0, "hessian", "curve along the gradient", curvature, "else no learning rate is optimal")

    @property
    def std(self) -> FloatArray:
        """Standard deviation of each coordinate of the gradient of one example, array (n,)."""
        std: FloatArray = np.sqrt(np.maximum(np.diagonal(self.noise), 0.0))
        return std

    @property
    def noise_is_diagonal(self) -> bool:
        """Whether the noise of different coordinates is uncorrelated."""
        return not np.any(self.noise - np.diag(np.diagonal(self.noise)))

    def summary(self) -> Summary:
        """Return the seven numbers of the averaged laws.

        sᵀHs, tr Σ and tr(ΣH) are not negative; where rounding made them so, they count as 0. Raise where gᵀg or gᵀHg
        leaves the range of float64; the functions of this module take the problem itself there.
        """
        g, H, noise = self.gradient, self.hessian, self.noise
        unit, diagonal, sign = unit_of(g), np.trace(H), np.sign(g)
        off_diagonal = H - np.diag(np.diagonal(H))
        squares = float((g / unit) @ (g / unit)), float((g / unit) @ H @ (g / unit))
        square, curvature = (unit * (unit * value) for value in squares)
        for name, value in (("gᵀg", square), ("gᵀHg", curvature)):
            remedy = "divide it by a unit and the noise by the square of the unit; no noise scale changes"
            held = np.finfo(np.float64).tiny <= value < np.inf
            require(held, "gradient", f"have {name} in the range of float64", Phrase(f"{name} = {value:.3g}"), remedy)
        cross = max(sign @ off_diagonal @ sign, -diagonal)
        noises = max(np.trace(noise), 0.0), max(np.sum(noise * H), 0.0)
        return Summary(*map(float, (square, np.abs(g).sum(), curvature, diagonal, cross, *noises)))


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
        """𝓑_simple = n m std²/‖G‖_F², in examples; infinite beyond the range of float64."""
        root = self.root_noise_scale
        return root * root

    @property
    def root_noise_scale(self) -> float:
        """√𝓑_simple, from which no square is taken."""
        unit = unit_of(self.gradient)
        return self.std / unit * float(np.sqrt(self.gradient.size)) / float(np.linalg.norm(self.gradient / unit))


def _semidefinite(name: str, value: FloatArray, size: int) -> FloatArray:
    matrix, semidefinite = real_array(name, value), "be positive semidefinite"
    if matrix.shape == (size,):
        negative, remedy = matrix < 0.0, "a diagonal has no rounding to forgive: clip it at 0"
        if negative.any():
            require(False, name, semidefinite, Phrase(f"the eigenvalue {first_where(negative, matrix)}"), remedy)
        return _frozen(np.diag(matrix))
    require(matrix.shape == (size, size), name, f"have shape ({size}, {size}) or ({size},)", f"shape {matrix.shape}")
    unit = unit_of(matrix)
    matrix = matrix / unit
    difference, largest = float(np.abs(matrix - matrix.T).max()), float(np.abs(matrix).max())
    rule = difference <= _ROUNDING * largest
    require(rule, name, "be symmetric", Phrase(f"a difference of {unit * difference:.3g}"), "pass (A + Aᵀ)/2")
    matrix = 0.5 * (matrix + matrix.T)
    smallest, trace = float(np.linalg.eigvalsh(matrix)[0]), float(np.trace(matrix))
    found = Phrase(f"the eigenvalue {unit * smallest:.3g} for a trace of {unit * trace:.3g}")
    remedy = f"rounding leaves {_ROUNDING:.1e} of the trace: drop or damp the negative directions"
    require(smallest >= -_ROUNDING * max(trace, 0.0), name, semidefinite, found, remedy)
    return _frozen(unit * matrix)


def unit_of(array: FloatArray) -> float:
    """Return the power of two at or below the largest size in `array`, 1 for zeros; division by it is exact."""
    largest = float(np.abs(array).max())
    return float(np.ldexp(1.0, np.frexp(largest)[1] - 1)) if largest else 1.0


def _frozen(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array
