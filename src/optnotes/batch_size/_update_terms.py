"""The two terms a = E[φ̃]ᵀg and b = tr(E[φ̃φ̃ᵀ]H) of every optimiser's mean decrease; `batch_size` is the public door.

Signals and noises meet as hypotenuses, never as squares, so the gradient may have any size that float64 holds.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from optnotes._ground.arguments import FloatArray, Phrase, choice, real_number, require
from optnotes.moments import adam_update_mean, adam_update_rms

from ._quadratic import MatrixQuadratic, Quadratic, Summary, unit_of


class Terms(NamedTuple):
    """The terms in units: the loss falls by root²(x·slope − x²·curvature/2) at the learning rate x·rate.

    So a = root²·slope/rate and b = (root/rate)²·curvature, neither of which need be in the range of float64.
    """

    slope: FloatArray
    curvature: FloatArray
    rate: FloatArray
    root: FloatArray


Moments = tuple[FloatArray, FloatArray, float]  # E φ̃/scale, E φ̃φ̃ᵀ/scale² and the scale
_CERTAIN = 40.0  # mean over std from which a sign is certain in float64
_COARSE = 1 / 32  # tanh-sinh step for a layer at the end of the interval
_FINE = 1 / 256  # and for a peak as narrow as y = 1e-6
_WIDEST = 1e300  # epsilon over the largest gradient
_NARROW = 1e-6  # noise over √(g² + ε²) below which two terms of the expansion of the soft sign hold 1e-10
_FAINT = 1e-10  # g over std below which the mean of Adam's update is linear to the last digit


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
    share = momentum_share(beta1)
    if isinstance(problem, Summary):
        with np.errstate(over="ignore", under="ignore"):
            excess = share * problem.noise_scale / batch
        return _in_units(np.full_like(batch, problem.gradient_square), problem.curvature * (1.0 + excess))
    unit, largest = unit_of(problem.gradient), unit_of(problem.noise)
    direction = problem.gradient / unit
    noise = max(float(np.sum(problem.noise / largest * problem.hessian)), 0.0)
    curvature = float(direction @ problem.hessian @ direction)
    with np.errstate(over="ignore", under="ignore"):
        excess = (np.sqrt(share * noise / curvature) * np.sqrt(largest) / np.sqrt(batch) / unit) ** 2
    return _in_units(np.full_like(batch, direction @ direction), curvature * (1.0 + excess), root=unit)


def _sign(batch: FloatArray, problem: Quadratic | Summary, beta1: float = 0.9, method: str = "mean-field") -> Terms:
    _kind(problem, Quadratic, Summary)
    share = momentum_share(beta1)
    if choice("method", method, ("mean-field", "exact")) == "mean-field":
        if isinstance(problem, Summary):
            return _averaged(batch, problem, 1.0, share)
        return _mean_field(batch, problem, 0.0, share, share)
    return _exact(_full(problem), partial(_sign_moments, _full(problem), share), batch)


def _soft_sign(
    batch: FloatArray, problem: Quadratic, epsilon: float, beta1: float = 0.9, method: str = "mean-field"
) -> Terms:
    _kind(problem, Quadratic)
    share, width = momentum_share(beta1), real_number("epsilon", epsilon, low=0.0, low_open=True)
    largest = float(np.abs(problem.gradient).max())
    remedy = "the soft sign is g/ε there: take sgd and multiply its rate by epsilon"
    within = width / largest <= _WIDEST
    require(within, "epsilon", f"be at most {_WIDEST:g} times the largest gradient", Phrase(f"{width:g}"), remedy)
    if choice("method", method, ("mean-field", "exact")) == "mean-field":
        return _mean_field(batch, problem, width, share, share)
    _uncorrelated(problem)
    return _exact(problem, partial(_soft_sign_moments, problem, share, width), batch)


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
        return _mean_field(batch, problem, 0.0, 1.0, share)
    require(beta2 is not None, "beta2", "be given for method 'exact'", beta2, "pass β₂ or take 'mean-field'")
    _uncorrelated(_full(problem))
    return _exact(_full(problem), partial(_adam_moments, _full(problem), beta1, beta2 or 0.0), batch)


def _muon(batch: FloatArray, problem: MatrixQuadratic, beta1: float = 0.9, method: str = "mean-field") -> Terms:
    _kind(problem, MatrixQuadratic)
    share, gradient, hessian = momentum_share(beta1), problem.gradient, problem.hessian
    if choice("method", method, ("mean-field", "average")) == "average":
        require(hessian is None, "method", "be 'mean-field' where a Hessian is given", method)
        with np.errstate(over="ignore", under="ignore"):
            kept, _ = _shares(1.0, np.sqrt(share) * problem.root_noise_scale / np.sqrt(batch))
        unit = unit_of(gradient)
        total = np.linalg.svd(gradient / unit, compute_uv=False).sum()
        return _in_units(total * kept, np.full_like(batch, total / problem.lr_max), root=np.sqrt(unit))
    if gradient.shape[0] < gradient.shape[1]:
        gradient, hessian = gradient.T, None if hessian is None else _transposed(hessian, gradient.shape)
    unit = unit_of(gradient)
    left, values, right = np.linalg.svd(gradient / unit, full_matrices=False)
    values = np.where(values > gradient.shape[0] * np.finfo(float).eps * values[0], values, 0.0)
    with np.errstate(over="ignore", under="ignore"):
        noise = np.sqrt(share * gradient.shape[0]) * problem.std / unit / np.sqrt(batch)
    kept, lost = _shares(values, np.multiply.outer(noise, np.ones_like(values)))
    slope = kept @ values
    if hessian is None:
        return _in_units(slope, np.full_like(batch, values.sum() / problem.lr_max), root=np.sqrt(unit))
    pairs = zip(kept.reshape(-1, values.size), lost.reshape(-1, values.size), strict=True)
    curvatures = [_muon_curvature(left, right, hessian, *pair) for pair in pairs]
    return _in_units(slope, np.reshape(curvatures, batch.shape), rate=unit, root=unit)


def _muon_curvature(
    left: FloatArray, right: FloatArray, hessian: FloatArray, kept: FloatArray, lost: FloatArray
) -> float:
    n, m = left.shape[0], right.shape[1]
    direction = ((left * kept) @ right).ravel()
    noise = (right.T * (lost**2 / n)) @ right
    spreading = np.einsum("iaib,ab->", hessian.reshape(n, m, n, m), noise)
    return float(direction @ hessian @ direction + spreading)


def _transposed(hessian: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    return hessian.reshape(*shape, *shape).transpose(1, 0, 3, 2).reshape(hessian.shape)


def _full(problem: Quadratic | Summary) -> Quadratic:
    if isinstance(problem, Quadratic):
        return problem
    raise TypeError("`problem` must be a Quadratic for method 'exact', got a Summary; its numbers hold no coordinates")


def _uncorrelated(problem: Quadratic) -> None:
    remedy = "take 'mean-field', or pass the diagonal"
    require(problem.noise_is_diagonal, "noise", "be diagonal for method 'exact'", "correlated noise", remedy)


def _in_units(slope: FloatArray, curvature: FloatArray, rate: float = 1.0, root: float = 1.0) -> Terms:
    return Terms(slope, curvature, np.full_like(slope, rate), np.full_like(slope, root))


def _shares(signal: FloatArray | float, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return signal and noise over the root of the sum of their squares, 0 and 1 for infinite noise."""
    size = np.hypot(signal, noise)
    finite = np.isfinite(noise)
    with np.errstate(under="ignore"):
        kept, lost = (
            np.divide(part, size, out=np.zeros_like(size), where=finite & (size > 0.0)) for part in (signal, noise)
        )
    return kept, np.where(finite, lost, 1.0)


def _averaged(batch: FloatArray, problem: Summary, diagonal_share: float, root_share: float) -> Terms:
    """Mean field with one noise scale for all coordinates: β² = 1/(1 + root_share·𝓑_simple/B)."""
    kept, lost = _shares(1.0, np.sqrt(root_share * problem.simple_noise_scale / batch))
    diagonal = kept**2 + diagonal_share * lost**2
    return _in_units(kept * problem.gradient_sum, diagonal * problem.diagonal + kept**2 * problem.cross)


def _mean_field(batch: FloatArray, problem: Quadratic, width: float, root_share: float, share: float) -> Terms:
    """Terms of φ̃_i ≈ x_i (g_i² + width² + root_share·Σ_ii/B)^{−1/2}, x of mean g and covariance share·Σ/B."""
    gradient, unit = problem.gradient, unit_of(problem.gradient)
    with np.errstate(over="ignore", under="ignore"):
        noise = np.sqrt(root_share) * problem.std / np.sqrt(batch)[..., None]
    kept, lost = _shares(np.hypot(gradient, width), noise)
    with np.errstate(under="ignore"):
        signal = kept * np.divide(gradient, np.hypot(gradient, width), out=np.zeros_like(gradient), where=gradient != 0)
    spread = np.sqrt(share / root_share) * lost
    size = np.maximum(np.abs(signal), spread).max(axis=-1)  # small where the width is large
    signal, spread = signal / size[..., None], spread / size[..., None]
    curvature = _form(signal, problem.hessian) + _form(spread, problem.hessian * _correlation(problem))
    return Terms(signal @ (gradient / unit), curvature, unit / size, np.full_like(size, unit))


def _form(vectors: FloatArray, matrix: FloatArray) -> FloatArray:
    form: FloatArray = np.einsum("...i,ij,...j->...", vectors, matrix, vectors)
    return form


def _correlation(problem: Quadratic) -> FloatArray:
    std = np.where(problem.std > 0.0, problem.std, np.inf)
    correlation: FloatArray = problem.noise / std / std[:, None]
    return correlation


def _exact(problem: Quadratic, moments: Callable[[float], Moments], batch: FloatArray) -> Terms:
    unit, rows = unit_of(problem.gradient), []
    for size in batch.flat:
        mean, second, scale = moments(float(size))
        rows.append((float(mean @ (problem.gradient / unit)), float(np.sum(second * problem.hessian)), scale))
    slope, curvature, scales = np.moveaxis(np.reshape(rows, (*batch.shape, 3)), -1, 0)
    return Terms(slope, curvature, unit / scales, np.full_like(slope, unit))


def _sign_moments(problem: Quadratic, share: float, batch: float) -> Moments:
    height = np.clip(_height(problem, share, batch), -_CERTAIN, _CERTAIN)
    mean = erf(height / np.sqrt(2.0))
    second = np.outer(mean, mean)
    if not problem.noise_is_diagonal:
        second += _sign_covariance(height, _correlation(problem))
    np.fill_diagonal(second, (problem.gradient != 0.0) | (problem.std > 0.0))
    return mean, second, 1.0


def _height(problem: Quadratic, share: float, batch: float) -> FloatArray:
    """Return the mean of each coordinate over the standard deviation, ±∞ without noise and 0 without either."""
    std = np.sqrt(share) * problem.std / np.sqrt(batch)
    certain = np.where(problem.gradient == 0.0, 0.0, np.copysign(np.inf, problem.gradient))
    with np.errstate(over="ignore", under="ignore"):
        height: FloatArray = np.divide(problem.gradient, std, out=certain, where=std > 0.0)
    return height


def _sign_covariance(height: FloatArray, correlation: FloatArray) -> FloatArray:
    """Cov(sign x_i, sign x_j) of a bivariate normal: its derivative in the correlation is four times the density."""
    angle = np.arcsin(np.clip(correlation, -1.0, 1.0))
    turn = np.sign(angle)
    gap, product = (height[:, None] - turn * height) ** 2, turn * np.outer(height, height)
    total = np.zeros_like(correlation)
    for node, _, weight in zip(*_unit_interval(_COARSE), strict=True):
        x = np.abs(angle) * node
        total += weight * np.exp(-0.5 * gap / np.cos(x) ** 2 - product / (1.0 + np.sin(x)))
    covariance: FloatArray = 2.0 / np.pi * angle * total
    return covariance


def _soft_sign_moments(problem: Quadratic, share: float, width: float, batch: float) -> Moments:
    gradient, std = problem.gradient, np.sqrt(share) * problem.std / np.sqrt(batch)
    size = np.hypot(gradient, width)
    with np.errstate(under="ignore"):
        scale = float(np.max(np.hypot(gradient, std) / np.hypot(size, std)))
        part, spread, bend = gradient / size / scale, std / size, (width / size) ** 2
        mean = part * (1.0 - 1.5 * spread**2 * bend)  # two terms in the noise, where it is narrow
        square = part**2 + (spread / scale) ** 2 * bend * (bend - 3.0 * (gradient / size) ** 2)
    broad = spread > _NARROW
    mean[broad], square[broad] = _soft_sign_integrals(gradient[broad] / std[broad], width / std[broad])
    mean[broad], square[broad] = mean[broad] / scale, square[broad] / scale**2
    return mean, _independent(mean, square), scale


def _soft_sign_integrals(height: FloatArray, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E φ̃ and E φ̃² from the gradient and the width over the standard deviation of the noise."""
    y, rest, weights = _unit_interval(_FINE)
    height, ratio = height[:, None], ratio[:, None]
    decay = weights * np.exp(-0.5 * height**2 * y**2 - 0.5 * ratio**2 * y**2 / rest)
    mean = np.sqrt(2.0 / np.pi) * height[:, 0] * decay.sum(axis=1)
    return mean, np.sum(decay * y * (1.0 / np.sqrt(rest) + height**2 * np.sqrt(rest)), axis=1)


def _unit_interval(step: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tanh-sinh nodes y on (0, 1), 1 − y² without cancellation, and weights."""
    t = np.arange(-3.5, 3.5 + step, step)
    odds = np.exp(np.pi * np.sinh(t))
    y = odds / (1.0 + odds)
    return y, (1.0 + y) / (1.0 + odds), step * np.pi * np.cosh(t) * y / (1.0 + odds)


def _adam_moments(problem: Quadratic, beta1: float, beta2: float, batch: float) -> Moments:
    height = np.abs(np.clip(_height(problem, 1.0, batch), -1e15, 1e15))  # beyond, the noise is below the last digit
    seen = np.maximum(height, _FAINT)
    mean = np.sign(problem.gradient) * [adam_update_mean(beta1, beta2, x**2) for x in seen] * (height / seen)
    with np.errstate(under="ignore"):
        square = adam_update_rms(beta1, beta2, height**2, "exact") ** 2
    still = (problem.gradient == 0.0) & (problem.std == 0.0)
    return mean, _independent(mean, np.where(still, 0.0, square)), 1.0


def _independent(mean: FloatArray, square: FloatArray) -> FloatArray:
    second = np.outer(mean, mean)
    np.fill_diagonal(second, square)
    return second


RULES: dict[str, Callable[..., Terms]] = {
    "sgd": _sgd,
    "sign-sgd": _sign,
    "soft-sign-sgd": _soft_sign,
    "adam": _adam,
    "muon": _muon,
}
