"""What one decomposition of G + λΘ tells: the dual, its slope, curvature and kinks nearby, and feasible directions."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from optnotes._ground.arguments import FloatArray

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Pairs:
    """Singular values of G + λΘ with their slopes u_iᵀΘv_i, the couplings to outside, and the curvature."""

    left: FloatArray
    values: FloatArray
    right: FloatArray
    slopes: FloatArray
    outside: FloatArray  # (I − UUᵀ)ΘV
    turn: FloatArray  # UᵀΘV − VᵀΘᵀU over s_i + s_j: how msign turns with λ
    curvature: float

    @property
    def slope(self) -> float:
        return float(self.slopes.sum())


def pairs_at(gradient: FloatArray, normal: FloatArray, multiplier: float) -> Pairs:
    left, values, right_t = np.linalg.svd(gradient + multiplier * normal, full_matrices=False)
    right = right_t.T
    size = float(np.linalg.norm(gradient)) + abs(multiplier)
    kept = int(np.sum(values > max(left.shape) * EPS * size))
    if kept < len(values):
        left, right = _null_pairs(left, right, normal, kept)
    image = normal @ right
    coupling = left.T @ image
    rest = image - left @ coupling
    sums = values + values[:, None]
    twist = coupling - coupling.T
    turn = np.divide(twist, sums, out=np.zeros_like(sums), where=sums > EPS * size)
    return Pairs(left, values, right, np.diag(coupling).copy(), rest, turn, float(np.sum(twist * turn)) / 2)


def moved_factor(pairs: Pairs) -> FloatArray:
    """Return the polar factor continued to the λ where its slope vanishes: an error of second order in the step."""
    inverse = np.divide(1.0, pairs.values, out=np.zeros_like(pairs.values), where=pairs.values > 0)
    curvature = pairs.curvature + float(np.sum(pairs.outside**2 * inverse))
    step = -pairs.slope / curvature if curvature > 0 else 0.0
    inner = np.eye(len(inverse)) + step * pairs.turn
    outer = step * pairs.outside * inverse
    squares, vectors = np.linalg.eigh(inner.T @ inner + outer.T @ outer)
    shrink = (vectors / np.sqrt(np.maximum(squares, 1.0))) @ vectors.T
    moved: FloatArray = (pairs.left @ inner + outer) @ shrink @ pairs.right.T
    return moved


def _null_pairs(left: FloatArray, right: FloatArray, normal: FloatArray, kept: int) -> tuple[FloatArray, FloatArray]:
    """Replace the arbitrary pairs on the null space by those along which Θ acts: any Φ may be added there."""
    solid = left[:, :kept]
    image = normal @ right[:, kept:]
    image -= solid @ (solid.T @ image)
    turned, sizes, basis = np.linalg.svd(image, full_matrices=False)
    turned = turned * (sizes > 1e-8 * max(1.0, sizes[0]))  # no direction where Θ does not act
    turned -= solid @ (solid.T @ turned)
    return np.hstack([solid, turned]), np.hstack([right[:, :kept], right[:, kept:] @ basis.T])


def balanced(values: FloatArray, slopes: FloatArray) -> FloatArray:
    """Return d in [−1, 1] with Σ d_i slope_i = 0 and least loss Σ (1 − d_i) value_i: a fractional knapsack."""
    weights = np.ones_like(values)
    excess = float(slopes.sum())
    gains = slopes * np.sign(excess)
    useful = np.flatnonzero(gains > 0)
    for i in useful[np.argsort(values[useful] / gains[useful], kind="stable")]:
        share = min(abs(excess) / gains[i], 2.0)
        weights[i] -= share
        excess -= np.sign(excess) * share * gains[i]
        if share < 2.0:
            break
    return weights


def model_step(pairs: Pairs, low: float, high: float) -> float:
    """Return the least point of Σ √((s_i + δ slope_i)² + δ² outside_i²) + δ²·curvature/2 on [low, high]."""
    outside = np.linalg.norm(pairs.outside, axis=0)

    def slope(step: float) -> float:
        along = pairs.values + step * pairs.slopes
        length = np.hypot(along, step * outside)
        each = np.divide(along * pairs.slopes + step * outside**2, length, out=np.zeros_like(along), where=length > 0)
        return float(each.sum()) + pairs.curvature * step

    if slope(low) >= 0 or slope(high) <= 0:
        return low if slope(low) >= 0 else high
    return float(brentq(slope, low, high, xtol=1e-300, rtol=4 * EPS, maxiter=200, disp=False))
