"""The two terms a = E[φ̃]ᵀg and b = tr(E[φ̃φ̃ᵀ]H) of every optimiser's mean decrease; `batch_size` is the public door."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import erf

from optnotes._ground.arguments import FloatArray, choice, real_number, require
from optnotes.moments import adam_update_mean, adam_update_rms

from ._quadratic import MatrixQuadratic, Quadratic, Summary

Terms = tuple[FloatArray, FloatArray]  # a and b, one entry per batch size
_CERTAIN = 40.0  # mean over std from which a sign is certain in float64
_COARSE = 1 / 32  # tanh-sinh step for a layer at the end of the interval
_FINE = 1 / 256  # and for a peak as narrow as y = 1e-12


def _kind(problem: object, *kinds: type) -> None:
    names = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(problem, kinds):
        raise TypeError(
            f"`problem` must be a {names}, got a {type(problem).__name__}; build it from batch_size.{names}"
        )


def momentum_share(beta1: float) -> float:
    """Return c = (1−β₁)/(1+β₁), the share of the noise that momentum lets through."""
    decay = real_number("beta1", beta1, low=0.0, high=1.0, high_open=True)
    return (1.0 - decay) / (1.0 + decay)


def _sgd(batch: FloatArray, problem: Quadratic | Summary, beta1: float = 0.9) -> Terms:
    _kind(problem, Quadratic, Summary)
    summary = problem.summary() if isinstance(problem, Quadratic) else problem
    ratio = batch / (batch + momentum_share(beta1) * summary.noise_scale)  # stays finite as B → 0
    return summary.gradient_square * np.ones_like(batch), summary.curvature / ratio


def _sign(batch: FloatArray, problem: Quadratic | Summary, beta1: float = 0.9, method: str = "mean-field") -> Terms:
    _kind(problem, Quadratic, Summary)
    share = momentum_share(beta1)
    if choice("method", method, ("mean-field", "exact")) == "mean-field":
        if isinstance(problem, Summary):
            return _averaged(batch, problem, 1.0, share)
        return _mean_field(batch, problem, 0.0, share * np.diagonal(problem.noise), share)
    return _stacked(partial(_exact_sign, _full(problem), share), batch)


def _soft_sign(
    batch: FloatArray, problem: Quadratic, epsilon: float, beta1: float = 0.9, method: str = "mean-field"
) -> Terms:
    _kind(problem, Quadratic)
    share, width = momentum_share(beta1), real_number("epsilon", epsilon, low=0.0, high=1e150, low_open=True)
    if choice("method", method, ("mean-field", "exact")) == "mean-field":
        return _mean_field(batch, problem, width**2, share * np.diagonal(problem.noise), share)
    _uncorrelated(problem)
    return _stacked(partial(_exact_soft_sign, problem, share, width), batch)


def _adam(
    batch: FloatArray,
    problem: Quadratic | Summary,
    beta1: float = 0.9,
    beta2: float | None = 0.95,
    method: str = "mean-field",
) -> Terms:
    _kind(problem, Quadratic, Summary)
    share = momentum_share(beta1)
    if choice("method", method, ("mean-field", "exact")) == "mean-field":
        if isinstance(problem, Summary):
            return _averaged(batch, problem, share, 1.0)
        return _mean_field(batch, problem, 0.0, np.diagonal(problem.noise), share)
    require(beta2 is not None, "beta2", "be given for method 'exact'", beta2, "pass β₂ or take 'mean-field'")
    _uncorrelated(_full(problem))
    return _stacked(partial(_exact_adam, _full(problem), beta1, beta2 or 0.0), batch)


def _muon(batch: FloatArray, problem: MatrixQuadratic, beta1: float = 0.9, method: str = "mean-field") -> Terms:
    _kind(problem, MatrixQuadratic)
    share, gradient, hessian = momentum_share(beta1), problem.gradient, problem.hessian
    if choice("method", method, ("mean-field", "average")) == "average":
        require(hessian is None, "method", "be 'mean-field' where a Hessian is given", method)
        kept = np.sqrt(batch / (batch + share * problem.simple_noise_scale))
        total = np.linalg.svd(gradient, compute_uv=False).sum()
        return total * kept, np.full_like(batch, total / problem.lr_max)
    if gradient.shape[0] < gradient.shape[1]:
        gradient, hessian = gradient.T, None if hessian is None else _transposed(hessian, gradient.shape)
    return _stacked(partial(_mean_field_muon, gradient, hessian, problem, share), batch)


def _mean_field_muon(
    gradient: FloatArray, hessian: FloatArray | None, problem: MatrixQuadratic, share: float, batch: float
) -> tuple[float, float]:
    n, m = gradient.shape
    left, values, right = np.linalg.svd(gradient, full_matrices=False)
    unit, std = values[0], problem.std / values[0]  # so that no square leaves the float range
    values = np.where(values > n * np.finfo(float).eps * unit, values / unit, 0.0)
    spread = batch * values**2 + share * n * std**2
    inverse = np.divide(1.0, spread, out=np.zeros(m), where=spread > 0.0)
    kept = values * np.sqrt(batch * inverse)
    if hessian is None:
        return float(unit * (values @ kept)), float(unit * values.sum() / problem.lr_max)
    direction = ((left * kept) @ right).ravel()
    noise = share * std**2 * (right.T * inverse) @ right
    spreading = np.einsum("iaib,ab->", hessian.reshape(n, m, n, m), noise)
    return float(unit * (values @ kept)), float(direction @ hessian @ direction + spreading)


def _transposed(hessian: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    return hessian.reshape(*shape, *shape).transpose(1, 0, 3, 2).reshape(hessian.shape)


def _full(problem: Quadratic | Summary) -> Quadratic:
    if isinstance(problem, Quadratic):
        return problem
    raise TypeError("`problem` must be a Quadratic for method 'exact', got a Summary; its numbers hold no coordinates")


def _uncorrelated(problem: Quadratic) -> None:
    remedy = "take 'mean-field', or pass the diagonal"
    require(problem.noise_is_diagonal, "noise", "be diagonal for method 'exact'", "correlated noise", remedy)


def _stacked(terms: Callable[[float], tuple[float, float]], batch: FloatArray) -> Terms:
    pairs = np.reshape([terms(float(size)) for size in batch.flat], (*batch.shape, 2))
    return pairs[..., 0], pairs[..., 1]


def _averaged(batch: FloatArray, problem: Summary, diagonal_share: float, root_share: float) -> Terms:
    """Mean field with one noise scale for all coordinates: β² = 1/(1 + root_share·𝓑_simple/B)."""
    scale = root_share * problem.simple_noise_scale
    square = batch / (batch + scale)
    diagonal = square + diagonal_share * scale / (batch + scale)
    return np.sqrt(square) * problem.gradient_sum, diagonal * problem.diagonal + square * problem.cross


def _mean_field(batch: FloatArray, problem: Quadratic, floor: float, root_noise: FloatArray, share: float) -> Terms:
    """Terms of φ̃_i ≈ x_i (g_i² + floor + root_noise_i/B)^{−1/2}, x of mean g and covariance share·Σ/B.

    Multiplied through by B, so that B → 0 does not overflow.
    """
    spread = np.multiply.outer(batch, problem.gradient**2 + floor) + root_noise
    weight = np.divide(1.0, np.sqrt(spread), out=np.zeros_like(spread), where=spread > 0.0)
    signal = weight * problem.gradient
    slope = np.sqrt(batch) * (signal @ problem.gradient)
    noise = np.einsum("...i,ij,...j->...", weight, problem.hessian * problem.noise, weight)
    curvature = batch * np.einsum("...i,ij,...j->...", signal, problem.hessian, signal) + share * noise
    return slope, curvature


def _exact_sign(problem: Quadratic, share: float, batch: float) -> tuple[float, float]:
    gradient, std = problem.gradient, np.sqrt(share * np.diagonal(problem.noise))
    certain = _CERTAIN * np.sign(gradient)
    height = np.divide(np.sqrt(batch) * gradient, std, out=certain, where=std > 0.0)
    height = np.clip(height, -_CERTAIN, _CERTAIN)
    mean = erf(height / np.sqrt(2.0))
    second = np.outer(mean, mean)
    if not problem.noise_is_diagonal:
        second += _sign_covariance(height, problem.noise)
    np.fill_diagonal(second, (gradient != 0.0) | (std > 0.0))
    return float(mean @ gradient), float(np.sum(second * problem.hessian))


def _sign_covariance(height: FloatArray, noise: FloatArray) -> FloatArray:
    """Cov(sign x_i, sign x_j) of a bivariate normal: its derivative in the correlation is four times the density."""
    std = np.sqrt(np.diagonal(noise))
    scale = np.outer(std, std)
    correlation = np.divide(noise, scale, out=np.zeros_like(noise), where=scale > 0.0)
    angle = np.arcsin(np.clip(correlation, -1.0, 1.0))
    turn = np.sign(angle)
    gap, product = (height[:, None] - turn * height) ** 2, turn * np.outer(height, height)
    total = np.zeros_like(noise)
    for node, _, weight in zip(*_unit_interval(_COARSE), strict=True):
        x = np.abs(angle) * node
        total += weight * np.exp(-0.5 * gap / np.cos(x) ** 2 - product / (1.0 + np.sin(x)))
    covariance: FloatArray = 2.0 / np.pi * angle * total
    return covariance


def _exact_soft_sign(problem: Quadratic, share: float, width: float, batch: float) -> tuple[float, float]:
    gradient = problem.gradient
    tiny = 1e-12 * (np.abs(gradient) + width)  # below it the noise moves neither moment
    std = np.maximum(np.sqrt(share * np.diagonal(problem.noise) / batch), tiny)
    y, rest, weights = _unit_interval(_FINE)
    height, ratio = (gradient / std)[:, None], (width / std)[:, None]
    decay = weights * np.exp(-0.5 * height**2 * y**2 - 0.5 * ratio**2 * y**2 / rest)
    mean = np.sqrt(2.0 / np.pi) * height[:, 0] * decay.sum(axis=1)
    square = np.sum(decay * y * (1.0 / np.sqrt(rest) + height**2 * np.sqrt(rest)), axis=1)
    return _independent(problem, mean, square)


def _unit_interval(step: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tanh-sinh nodes y on (0, 1), 1 − y² without cancellation, and weights."""
    t = np.arange(-3.5, 3.5 + step, step)
    odds = np.exp(np.pi * np.sinh(t))
    y = odds / (1.0 + odds)
    return y, (1.0 + y) / (1.0 + odds), step * np.pi * np.cosh(t) * y / (1.0 + odds)


def _exact_adam(problem: Quadratic, beta1: float, beta2: float, batch: float) -> tuple[float, float]:
    gradient, variance = problem.gradient, np.diagonal(problem.noise)
    noiseless = np.where(gradient == 0.0, 0.0, np.inf)
    snr = np.divide(batch * gradient**2, variance, out=noiseless, where=variance > 0.0)
    snr = np.minimum(snr, 1e30)  # where the noise is below the last digit
    mean = np.sign(gradient) * np.array([adam_update_mean(beta1, beta2, ratio) for ratio in snr])
    square = adam_update_rms(beta1, beta2, snr, "exact") ** 2
    return _independent(problem, mean, np.where((gradient == 0.0) & (variance == 0.0), 0.0, square))


def _independent(problem: Quadratic, mean: FloatArray, square: FloatArray) -> tuple[float, float]:
    second = np.outer(mean, mean)
    np.fill_diagonal(second, square)
    return float(mean @ problem.gradient), float(np.sum(second * problem.hessian))


RULES: dict[str, Callable[..., Terms]] = {
    "sgd": _sgd,
    "sign-sgd": _sign,
    "soft-sign-sgd": _soft_sign,
    "adam": _adam,
    "muon": _muon,
}
