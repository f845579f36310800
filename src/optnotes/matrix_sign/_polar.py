"""The polar factor by SVD, Gram matrix or polynomials; the sign of a square matrix; norms and parts beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, integer, real_array, real_matrix, require

from ._parameters import described
from ._polar_polynomials import polar_express

GRAM_GUARD = 1e-4
"""Smallest λ_min/λ_max of MᵀM on the fast route: its error stays below ε/guard, 2e-12 (1e-13 was seen)."""

_STEPS = {"newton-schulz": 40, "muon": 5, "polar-express": 8}


def msign(matrix: ArrayLike, method: str = "svd", *, steps: int | None = None) -> FloatArray:
    """Return the polar factor of a matrix: the partial isometry with its singular vectors.

    msign(M) = U Vᵀ for the compact decomposition M = U Σ Vᵀ, Σ > 0; so msign(0) = 0.

    Parameters
    ----------
    matrix
        Shape (n, m), finite.
    method
        `"svd"`; `"gram"`, which takes the eigenvectors of the smaller Gram matrix and one Newton–Schulz step when
        its condition allows, and the SVD otherwise; or a polynomial: `"newton-schulz"`, `"muon"`, `"polar-express"`.
    steps
        Number of polynomial steps, at least 1; None is the usual number (40, 5, 8).

    Returns
    -------
    Array of shape (n, m). Singular values below max(n, m)·ε·σ_max count as zero under `"svd"` and `"gram"`.

    Raises
    ------
    TypeError, ValueError
        `matrix` is no finite real matrix, `method` is unknown, or `steps` goes with no polynomial.

    Domain
    ------
    `"svd"` to rounding times σ_max/σ_min; `"gram"` to 1e-11. A polynomial is an approximation of the sign on
    (0, 1] that fails near 0 (of σ/‖M‖_F): `polynomial_coefficients` gives its error curve.

    Claims: `steepest-package-msign`, `steepest-gram`, `steepest-polynomials`, `steepest-polar-express`.

    References
    ----------
    Higham 2008, Functions of Matrices, ch. 8. Jordan et al. 2024, Muon. Amsel et al. 2025, The Polar Express.

    Examples
    --------
    >>> msign([[3.0, 0.0], [0.0, -2.0]])
    array([[ 1.,  0.],
           [ 0., -1.]])
    """
    given = real_matrix("matrix", matrix)
    choice("method", method, ("svd", "gram", *_STEPS))
    require(method in _STEPS or steps is None, "steps", f"be None for method {method!r}", steps)
    tall = given if given.shape[0] >= given.shape[1] else given.T
    scaled = tall / (np.abs(tall).max() or 1.0)
    if method in _STEPS:
        factor = _polynomial(scaled, polynomial_coefficients(method, steps))
    else:
        factor = {"svd": _polar_by_svd, "gram": _polar_by_gram}[method](scaled)
    return factor if given.shape[0] >= given.shape[1] else factor.T


def polynomial_coefficients(method: str, steps: int | None = None) -> FloatArray:
    """Return the coefficients (a, b, c) of the steps X ← aX + bX(XᵀX) + cX(XᵀX)².

    A singular value x moves to ax + bx³ + cx⁵ at each step, so the rows also give the error curve of `method`.

    Parameters
    ----------
    method
        `"newton-schulz"`, (3x − x³)/2; `"muon"`, the fixed quintic tuned for slope at 0 that stays within about 0.3
        of 1; `"polar-express"`, the best quintics one after another on [10⁻³, 1], computed by exchange.
    steps
        Number of rows, at least 1; None is the usual number (40, 5, 8).

    Returns
    -------
    Array of shape (steps, 3).

    Raises
    ------
    TypeError, ValueError
        Unknown `method`, or `steps` is no positive integer.

    References
    ----------
    Jordan et al. 2024, Muon (the constants of `"muon"`). Amsel et al. 2025, The Polar Express, algorithm 1.

    Examples
    --------
    >>> polynomial_coefficients("newton-schulz", 1)
    array([[ 1.5, -0.5,  0. ]])
    """
    choice("method", method, _STEPS)
    rows = _STEPS[method] if steps is None else integer("steps", steps, low=1)
    if method == "polar-express":
        return polar_express(rows)
    return np.tile({"newton-schulz": (1.5, -0.5, 0.0), "muon": (3.4445, -4.7750, 2.0315)}[method], (rows, 1))


def mcsgn(matrix: ArrayLike) -> FloatArray:
    """Return the sign of a square matrix, M(M²)^{−1/2}: ±1 for eigenvalues right and left of the imaginary axis.

    Newton's iteration X ← (X + X⁻¹)/2 with norm scaling until it settles.

    Parameters
    ----------
    matrix
        Shape (m, m), no eigenvalue on the imaginary axis.

    Returns
    -------
    Array of shape (m, m) that commutes with `matrix` and squares to the identity.

    Raises
    ------
    ValueError
        `matrix` is not square, or an eigenvalue lies too near the imaginary axis for the iteration to settle.

    Domain
    ------
    Rounding times the condition of the problem, which grows as eigenvalues approach the imaginary axis.

    Claims: `stiefel-three-solvers`.

    References
    ----------
    Higham 2008, Functions of Matrices, eq. 5.34 and 5.35. Su 2025 [11221] writes mcsgn.

    Examples
    --------
    >>> mcsgn([[2.0, 1.0], [0.0, -3.0]])
    array([[ 1. ,  0.4],
           [ 0. , -1. ]])
    """
    current = real_matrix("matrix", matrix)
    require(current.shape[0] == current.shape[1], "matrix", "be square", f"shape {current.shape}")
    current /= np.abs(current).max() or 1.0
    nearest = np.abs(np.linalg.eigvals(current).real).min()
    rounding = len(current) * np.finfo(float).eps * np.linalg.norm(current, 2)
    require(nearest > rounding, "matrix", "have no eigenvalue on the imaginary axis", f"one {nearest:.1e} off it")
    for _ in range(100):  # 10 suffice far from the axis, about 50 at the edge of the check above
        inverse = np.linalg.inv(current)
        scale = np.sqrt(np.linalg.norm(inverse) / np.linalg.norm(current))
        following = (scale * current + inverse / scale) / 2
        change = np.linalg.norm(following - current) / np.linalg.norm(following)
        current = following
        if change < 1e-8:  # quadratic convergence: one more step reaches rounding
            break
    signed: FloatArray = (current + np.linalg.inv(current)) / 2
    return signed


def nuclear_norm(matrix: ArrayLike) -> float:
    """Return the nuclear norm ‖M‖_* = Σ σ_i, the dual of the spectral norm.

    Parameters
    ----------
    matrix
        Shape (n, m), finite.

    Returns
    -------
    A float; relative error of the order of rounding.

    Raises
    ------
    TypeError, ValueError
        `matrix` is no finite real matrix.

    References
    ----------
    Su 2025 [11388]: its subgradient is msign.

    Examples
    --------
    >>> nuclear_norm([[3.0, 0.0], [0.0, -4.0]])
    7.0
    """
    return float(np.linalg.svd(real_matrix("matrix", matrix), compute_uv=False).sum())


@described
def sym(matrix: ArrayLike) -> FloatArray:
    """Return the symmetric part (M + Mᵀ)/2 of a square matrix, or of a stack of them.

    Parameters
    ----------
    {square}

    Returns
    -------
    {part}

    Raises
    ------
    {refused}

    Examples
    --------
    >>> sym([[1.0, 2.0], [4.0, 3.0]])
    array([[1., 3.],
           [3., 3.]])
    """
    square = _square_stack(matrix)
    return square / 2 + square.swapaxes(-1, -2) / 2


@described
def skew(matrix: ArrayLike) -> FloatArray:
    """Return the skew-symmetric part (M − Mᵀ)/2 of a square matrix, or of a stack of them.

    Parameters
    ----------
    {square}

    Returns
    -------
    {part}

    Raises
    ------
    {refused}

    Examples
    --------
    >>> skew([[1.0, 2.0], [4.0, 3.0]])
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    square = _square_stack(matrix)
    return square / 2 - square.swapaxes(-1, -2) / 2


def _square_stack(matrix: ArrayLike) -> FloatArray:
    stack = real_array("matrix", matrix)
    require(stack.ndim >= 2 and stack.shape[-1] == stack.shape[-2], "matrix", "be square", f"shape {stack.shape}")
    return stack


def _polar_by_svd(tall: FloatArray) -> FloatArray:
    left, values, right = np.linalg.svd(tall, full_matrices=False)
    kept = values > max(tall.shape) * np.finfo(float).eps * values[0]
    factor: FloatArray = left[:, kept] @ right[kept]
    return factor


def _polar_by_gram(tall: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(tall.T @ tall)
    if values[0] <= GRAM_GUARD * values[-1]:
        return _polar_by_svd(tall)
    near = tall @ ((vectors / np.sqrt(values)) @ vectors.T)
    factor: FloatArray = near @ (1.5 * np.eye(len(values)) - 0.5 * (near.T @ near))
    return factor


def _polynomial(tall: FloatArray, coefficients: FloatArray) -> FloatArray:
    current = tall / (np.linalg.norm(tall) or 1.0)
    for a, b, c in coefficients:
        gram = current.T @ current
        current = a * current + current @ (b * gram + c * (gram @ gram))
    return current
