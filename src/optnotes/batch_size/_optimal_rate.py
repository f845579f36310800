"""The laws of the optimal learning rate, one function an optimiser, and what follows from them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from optnotes._ground.arguments import FloatArray, choice, real_array, real_number, require

from ._quadratic import MatrixQuadratic, Quadratic, Summary
from ._update_terms import RULES, Terms, momentum_share

Problem = Quadratic | Summary | MatrixQuadratic
_DECADES = 6  # of 𝓑_simple on either side that the search for a surge covers


class StepsAndExamples(NamedTuple):
    """Steps and examples to a target, at the optimal learning rate of each batch size."""

    steps: FloatArray
    examples: FloatArray


def sgd(batch_size: ArrayLike, problem: Quadratic | Summary, beta1: float = 0.0) -> FloatArray:
    """Return the optimal learning rate of SGD, or of SGD with momentum.

    η* = η_max/(1 + c𝓑_noise/B), η_max = gᵀg/gᵀHg, 𝓑_noise = tr(ΣH)/gᵀHg, c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    problem : Quadratic or Summary
        Gradient, curvature and noise of one example.
    beta1 : float, in [0, 1)
        Decay of the momentum.

    Returns
    -------
    float or array of the shape of batch_size, unit weights/gradient.

    Raises
    ------
    ValueError : an argument outside its range. TypeError : a problem of the wrong kind.

    Domain
    ------
    Exact for a quadratic loss and uncorrelated noise of any distribution; with momentum, for a gradient that hardly
    changes within its memory.

    References
    ----------
    McCandlish et al. 2018, eq. 2.6–2.8; Su 2025 [11260], [11301] item 3.

    Examples
    --------
    >>> float(sgd(1, Quadratic([1.0, 1.0], [1.0, 3.0], [1.0, 1.0])))  # η_max = 1/2, 𝓑_noise = 1
    0.25
    """
    return _optimal(RULES["sgd"], batch_size, problem, beta1)


def sign_sgd(
    batch_size: ArrayLike, problem: Quadratic | Summary, beta1: float = 0.0, method: str = "mean-field"
) -> FloatArray:
    """Return the optimal learning rate of SignSGD, or of SignSGD with momentum.

    Mean field: E φ̃_i ≈ g_i d_i, E φ̃_iφ̃_j ≈ (g_ig_j + cΣ_ij/B) d_i d_j, d_i = (g_i² + cΣ_ii/B)^{−1/2}.
    Exact: E φ̃_i = erf(h_i/√2), h_i = g_i/√(cΣ_ii/B); E φ̃_iφ̃_j = E φ̃_i E φ̃_j
    + (2/π)∫₀^{arcsin ρ_ij} exp(−(h_i² + h_j² − 2h_ih_j sin x)/(2cos²x)) dx.
    From a Summary: η* = Σ|g_i|/(ΣH_ii/β + β Σ_{i≠j}H_ij s_is_j), β = (1 + c𝓑_simple/B)^{−1/2}.

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    problem : Quadratic or Summary
        A Quadratic keeps the noise of each coordinate; a Summary replaces it by the average 𝓑_simple.
    beta1 : float, in [0, 1)
        Decay of the momentum.
    method : "mean-field" or "exact"
        Exact needs a Quadratic.

    Returns
    -------
    float or array of the shape of batch_size, unit weights.

    Raises
    ------
    ValueError : an argument outside its range. TypeError : a problem of the wrong kind.

    Domain
    ------
    Exact: Gaussian noise, second moments to 1e-12. The mean field of
    E φ̃ is 25 % too high at low SNR (√(π/2) in the limit), 6 % too low near |h| = 2, and right at high SNR.

    References
    ----------
    Su 2025 [11280]; Plackett 1954 for the bivariate normal.

    Examples
    --------
    >>> float(sign_sgd(1, Quadratic([1.0], [2.0], [3.0])))  # E φ̃ ≈ 1/√(1 + 3)
    0.25
    """
    return _optimal(RULES["sign-sgd"], batch_size, problem, beta1, method)


def soft_sign_sgd(
    batch_size: ArrayLike, problem: Quadratic, epsilon: float, beta1: float = 0.0, method: str = "mean-field"
) -> FloatArray:
    """Return the optimal learning rate of descent along softsign(g) = g/√(g² + ε²).

    Mean field: as `sign_sgd` with d_i = (g_i² + ε² + cΣ_ii/B)^{−1/2}. Exact, with σ² = cΣ_ii/B:
    E φ̃_i = √(2/π) h ∫₀¹ e(y) dy, E φ̃_i² = ∫₀¹ ((1−y²)^{−1/2} + h²(1−y²)^{1/2}) y e(y) dy, h = g_i/σ,
    e(y) = exp(−h²y²/2 − ε²y²/(2σ²(1−y²))).

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    problem : Quadratic
        Gradient, Hessian and noise; the exact method needs uncorrelated noise.
    epsilon : float, in (0, 1e150]
        Width of the soft sign, unit of the gradient.
    beta1 : float, in [0, 1)
        Decay of the momentum.
    method : "mean-field" or "exact"
        How the two moments are taken.

    Returns
    -------
    float or array of the shape of batch_size, unit weights.

    Raises
    ------
    ValueError : an argument outside its range; exact with correlated noise. TypeError : a problem of the wrong kind.

    Domain
    ------
    Exact: Gaussian noise, relative error below 1e-10.

    References
    ----------
    Su 2025 [11280], SoftSign; the exact moments are derived in the chapter.

    Examples
    --------
    >>> float(soft_sign_sgd(1, Quadratic([1.0], [1.0], [2.0]), epsilon=1.0).round(6))  # (1/2)/(3/4)
    0.666667
    """
    return _optimal(RULES["soft-sign-sgd"], batch_size, problem, epsilon, beta1, method)


def adam(
    batch_size: ArrayLike,
    problem: Quadratic | Summary,
    beta1: float = 0.9,
    beta2: float | None = None,
    method: str = "mean-field",
) -> FloatArray:
    """Return the optimal learning rate of Adam.

    Mean field: E φ̃_i ≈ g_i d_i, E φ̃_iφ̃_j ≈ (g_ig_j + cΣ_ij/B) d_i d_j, d_i = (g_i² + Σ_ii/B)^{−1/2}: the second moment
    sees the whole noise, the momentum the share c = (1−β₁)/(1+β₁). Exact: the two moments of m/√v from `moments`.
    From a Summary: η* = Σ|g_i|/(cΣH_ii/β + β((1−c)ΣH_ii + Σ_{i≠j}H_ij s_is_j)), β = (1 + 𝓑_simple/B)^{−1/2}.

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    problem : Quadratic or Summary
        The exact method needs a Quadratic with uncorrelated noise.
    beta1 : float, in [0, 1)
        Decay of the momentum.
    beta2 : float, in (0, 1), or None
        Decay of the second moment; the mean field does not depend on it.
    method : "mean-field" or "exact"
        How the two moments are taken.

    Returns
    -------
    float or array of the shape of batch_size, unit weights.

    Raises
    ------
    ValueError : an argument outside its range; exact without beta2 or with correlated noise. TypeError : a problem of
        the wrong kind.

    Domain
    ------
    Stationary moments, so a gradient that hardly changes within the memory of v. Exact: Gaussian noise, to 1e-12; one
    or two milliseconds per coordinate and batch size.

    References
    ----------
    Su 2025 [11301], items 5–7.

    Examples
    --------
    >>> float(adam(1, Quadratic([1.0], [2.0], [3.0]), beta1=0.0))
    0.25
    """
    return _optimal(RULES["adam"], batch_size, problem, beta1, beta2, method)


def muon(batch_size: ArrayLike, problem: MatrixQuadratic, beta1: float = 0.0, method: str = "mean-field") -> FloatArray:
    """Return the optimal learning rate of Muon, descent along msign(G).

    Mean field, n ≥ m: E Φ̃ ≈ GS, S = (GᵀG + cnσ²/B)^{−1/2}, so a singular value s shrinks to s/√(s² + cnσ²/B).
    In the Newton view η* = η_max Σ s²/√(s² + cnσ²/B) / Σ s. With a Hessian, b = ⟨GS, H GS⟩ + (cσ²/B) tr(H(I ⊗ S²)).
    Average: S = (1 + c𝓑_simple/B)^{−1/2}(GᵀG)^{−1/2}, 𝓑_simple = nmσ²/‖G‖_F²; η* = η_max(1 + c𝓑_simple/B)^{−1/2}.

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    problem : MatrixQuadratic
        Matrix gradient, noise of one entry, and a Hessian or η_max. A wide matrix is read as its transpose.
    beta1 : float, in [0, 1)
        Decay of the momentum.
    method : "mean-field" or "average"
        Average replaces GᵀG + cnσ²/B by GᵀG(1 + c𝓑_simple/B); it needs the Newton view.

    Returns
    -------
    float or array of the shape of batch_size, unit weights.

    Raises
    ------
    ValueError : an argument outside its range; "average" with a Hessian. TypeError : a problem of the wrong kind.

    Domain
    ------
    Both are mean fields, not exact. They agree where all singular values are equal. Against samples of msign at
    σ²/B = 1 and singular values of 1 to 10 in two or three columns, the law per singular value is within 3 % for 4 rows
    and 0.3 % for 32; the average is up to 5 % off for full rank and 20 % where a singular value is zero.
    At low signal both are too high by m√n/E‖N‖_* for equal values, N standard normal: 25 % for 1 × 1, 3π/8 − 1 = 18 %
    for large n = m, 1/(4n) for one column.

    References
    ----------
    Su 2025 [11285], items 3–5; there 𝓑_simple lacks the square of ‖G‖_F once.

    Examples
    --------
    >>> float(muon(1, MatrixQuadratic([[2.0, 0.0], [0.0, 2.0]], std=1.0)).round(6))  # 2/√(4 + 2)
    0.816497
    """
    return _optimal(RULES["muon"], batch_size, problem, beta1, method)


def expected_decrease(
    batch_size: ArrayLike,
    problem: Problem,
    optimizer: str = "sgd",
    lr: ArrayLike | None = None,
    **options: float | str | None,
) -> FloatArray:
    """Return the mean decrease of the loss in one step.

    E[L − L₊] = η a − η² b/2; at the optimal learning rate a²/(2b).

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    problem : Quadratic, Summary or MatrixQuadratic
        As the optimiser takes it.
    optimizer : "sgd", "sign-sgd", "soft-sign-sgd", "adam" or "muon"
        Whose update is taken.
    lr : array_like that broadcasts against batch_size, or None
        Learning rate η; None is the optimal one.
    **options
        Keyword arguments of the optimiser's function, as beta1 or method.

    Returns
    -------
    float or array, unit of the loss. Negative where lr is above twice the optimal one; infinite where no lr is too
    large, because the update meets no curvature.

    Raises
    ------
    ValueError, TypeError : as the optimiser's function.

    Domain
    ------
    As the optimiser's function. A Summary serves only SGD, SignSGD and Adam.

    References
    ----------
    Su 2025 [11260], [11280].

    Examples
    --------
    >>> float(expected_decrease(1, Quadratic([1.0, 1.0], [1.0, 3.0], [1.0, 1.0])))  # ΔL_max/2, ΔL_max = 4/8
    0.25
    """
    slope, curvature = _terms(optimizer)(_batches(batch_size), problem, **options)
    if lr is None:
        best: FloatArray = (0.5 * slope * _ratio(slope, curvature))[()]
        return best
    rate = real_array("lr", lr)
    fits = all(1 in pair or pair[0] == pair[1] for pair in zip(rate.shape[::-1], slope.shape[::-1], strict=False))
    require(fits, "lr", f"broadcast against batch_size of shape {slope.shape}", f"shape {rate.shape}")
    decrease: FloatArray = (rate * (slope - 0.5 * rate * curvature))[()]
    return decrease


def surge_batch_size(problem: Problem, optimizer: str = "sign-sgd", **options: float | str | None) -> float:
    """Return the batch size at which the optimal learning rate is largest, infinite where it never falls.

    From a Summary, in closed form. SignSGD: β*² = ΣH_ii/Σ_{i≠j}H_ij s_is_j, B* = c𝓑_simple β*²/(1−β*²).
    Adam: β*² = cΣH_ii/((1−c)ΣH_ii + Σ_{i≠j}H_ij s_is_j), B* = 𝓑_simple β*²/(1−β*²); for a diagonal Hessian
    B* = 𝓑_simple(1−β₁)/(3β₁−1), if β₁ > 1/3. No surge where β*² is not in (0, 1). Otherwise by search.
    By the exact moments of Adam a diagonal Hessian surges if c + 5V/2 < 1/2 + 3A, V = (1−β₂)/(1+β₂),
    A = (1−β₁)(1−β₂)/(1−β₁β₂), from the expansion at high SNR: already below β₁ = 1/3, which is the limit β₂ → 1.

    Parameters
    ----------
    problem : Quadratic, Summary or MatrixQuadratic
        As the optimiser takes it.
    optimizer : "sgd", "sign-sgd", "soft-sign-sgd", "adam" or "muon"
        Whose update is taken.
    **options
        Keyword arguments of the optimiser's function, as beta1 or method.

    Returns
    -------
    float, in examples.

    Raises
    ------
    ValueError, TypeError : as the optimiser's function.

    Domain
    ------
    The search covers 10⁻⁶ to 10⁶ noise scales 𝓑_simple and finds B* to 1e-6 of it; of several maxima, the highest. A
    fall of less than 1e-9 of the learning rate counts as none.

    References
    ----------
    Li et al. 2024, surge phenomenon; Su 2025 [11280], [11301] item 7.

    Examples
    --------
    >>> diagonal = Quadratic([1.0, 2.0], [1.0, 1.0], [5.0, 5.0])  # 𝓑_simple = 2
    >>> round(surge_batch_size(diagonal.summary(), "adam", beta1=0.5), 6)
    2.0
    """
    terms = _terms(optimizer)
    terms(np.ones(1), problem, **options)  # checks the arguments
    if isinstance(problem, Summary) and optimizer in {"sign-sgd", "adam"}:
        return _surge(problem, optimizer, **options)
    summary = problem.summary() if isinstance(problem, Quadratic) else problem
    scale = summary.simple_noise_scale
    return _search(lambda batch: _ratio(*terms(batch, problem, **options)), scale) if scale else float("inf")


def steps_and_examples(batch_size: ArrayLike, noise_scale: float, steps_min: float = 1.0) -> StepsAndExamples:
    """Return the steps S and examples E = BS that SGD needs at its optimal learning rate.

    S = S_min(1 + 𝓑_noise/B), E = E_min(1 + B/𝓑_noise), E_min = 𝓑_noise S_min; (S/S_min − 1)(E/E_min − 1) = 1.

    Parameters
    ----------
    batch_size : array_like, > 0
        Batch size B in examples.
    noise_scale : float, ≥ 0
        𝓑_noise, or c𝓑_noise with momentum, in examples.
    steps_min : float, > 0
        Steps S_min without noise.

    Returns
    -------
    StepsAndExamples : two floats or arrays of the shape of batch_size.

    Raises
    ------
    ValueError : an argument outside its range.

    Domain
    ------
    A constant noise scale and the decrease of SGD; SignSGD has the same form with its own noise scale.

    References
    ----------
    McCandlish et al. 2018, eq. 2.11–2.12; Su 2025 [11260].

    Examples
    --------
    >>> [float(value) for value in steps_and_examples(10, noise_scale=10.0, steps_min=100.0)]
    [200.0, 2000.0]
    """
    batch = _batches(batch_size)
    scale = real_number("noise_scale", noise_scale, low=0.0)
    least = real_number("steps_min", steps_min, low=0.0, low_open=True)
    return StepsAndExamples((least * (1.0 + scale / batch))[()], (least * (batch + scale))[()])


def _optimal(
    terms: Callable[..., Terms], batch_size: ArrayLike, problem: Problem, *arguments: float | str | None
) -> FloatArray:
    slope, curvature = terms(_batches(batch_size), problem, *arguments)
    rate: FloatArray = _ratio(slope, curvature)[()]
    return rate


def _ratio(slope: FloatArray, curvature: FloatArray) -> FloatArray:
    """Return η* = a/b, infinite where the update meets no curvature."""
    return np.divide(slope, curvature, out=np.full_like(slope, np.inf), where=curvature > 0.0)


def _batches(batch_size: ArrayLike) -> FloatArray:
    return real_array("batch_size", batch_size, low=0.0, low_open=True)


def _terms(optimizer: str) -> Callable[..., Terms]:
    return RULES[choice("optimizer", optimizer, RULES)]


def _surge(problem: Summary, optimizer: str, **options: float | str | None) -> float:
    share = momentum_share(float(options.get("beta1", 0.9 if optimizer == "adam" else 0.0) or 0.0))
    diagonal, cross = problem.diagonal, problem.cross
    if optimizer == "adam":
        diagonal, cross, share = share * diagonal, (1.0 - share) * diagonal + cross, 1.0
    return share * problem.simple_noise_scale * diagonal / (cross - diagonal) if cross > diagonal else float("inf")


def _search(rate: Callable[[FloatArray], FloatArray], scale: float) -> float:
    grid = np.linspace(-_DECADES, _DECADES, 20 * _DECADES + 1)
    rates = rate(scale * 10.0**grid)
    best = int(np.argmax(rates))
    if rates[best] <= rates[-1] * (1.0 + 1e-9):
        return float("inf")
    bounds = grid[max(best - 1, 0)], grid[best + 1]
    found = minimize_scalar(
        lambda x: -rate(np.array([scale * 10.0**x]))[0], bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    return float(scale * 10.0**found.x)
