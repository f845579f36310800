"""The laws of the optimal learning rate, one function an optimiser."""

from __future__ import annotations

from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray

from ._parameters import described
from ._quadratic import MatrixQuadratic, Quadratic, Summary
from ._quotient import optimal
from ._update_terms import RULES


@described
def sgd(batch_size: ArrayLike, problem: Quadratic | Summary, beta1: float = 0.9) -> FloatArray:
    """Return the optimal learning rate of SGD, or of SGD with momentum.

    η* = η_max/(1 + c𝓑_noise/B), η_max = gᵀg/gᵀHg, 𝓑_noise = tr(ΣH)/gᵀHg, c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    {batch_size}
    problem : Quadratic or Summary
        Gradient, curvature and noise of one example.
    {beta1}

    Returns
    -------
    float or array of the shape of batch_size, unit weights/gradient.

    Raises
    ------
    {refused}

    Domain
    ------
    The greedy rate, of the largest mean decrease in one step. Exact for a quadratic loss with H ⪰ 0 and independent
    examples of any distribution; with momentum, for a gradient that hardly changes within its memory. Over a run other
    rates do better: for ridge regression on the digits, B = 64, the greedy rate takes 206 steps to a fiftieth of the
    excess loss, a linear decay 94.
    Claims: `olr-noise-scale`, `ema-sgdm`, `olr-run-rates`, `olr-run-schedules`.

    References
    ----------
    McCandlish et al. 2018, eq. 2.6–2.8; Su 2025 [11260], [11301] item 3.

    Examples
    --------
    >>> float(sgd(1, Quadratic([1.0, 1.0], [1.0, 3.0], [1.0, 1.0]), beta1=0))  # η_max = 1/2, 𝓑_noise = 1
    0.25
    """
    return optimal(RULES["sgd"], batch_size, problem, beta1)


@described
def sign_sgd(
    batch_size: ArrayLike, problem: Quadratic | Summary, beta1: float = 0.9, method: str = "mean-field"
) -> FloatArray:
    """Return the optimal learning rate of SignSGD, or of SignSGD with momentum.

    Mean field: E φ̃_i ≈ g_i d_i, E φ̃_iφ̃_j ≈ (g_ig_j + cΣ_ij/B) d_i d_j, d_i = (g_i² + cΣ_ii/B)^{−1/2}.
    Exact: E φ̃_i = erf(h_i/√2), h_i = g_i/√(cΣ_ii/B); E φ̃_iφ̃_j = E φ̃_i E φ̃_j
    + (2/π)∫₀^{arcsin ρ_ij} exp(−(h_i² + h_j² − 2h_ih_j sin x)/(2cos²x)) dx.
    From a Summary: η* = Σ|g_i|/(ΣH_ii/β + β Σ_{i≠j}H_ij s_is_j), β = (1 + c𝓑_simple/B)^{−1/2}.

    Parameters
    ----------
    {batch_size}
    problem : Quadratic or Summary
        A Quadratic keeps the noise of each coordinate; a Summary replaces it by the average 𝓑_simple.
    {beta1}
    method : "mean-field" or "exact"
        Exact needs a Quadratic.

    Returns
    -------
    {rate}

    Raises
    ------
    {refused}

    Domain
    ------
    One step, at the rate that gains most in it; with momentum, for a gradient that hardly changes within its memory.
    Exact: Gaussian noise, second moments to 1e-12. For such noise the mean field of E φ̃ is 25 % too high at low SNR
    (√(π/2) in the limit), 6 % too low near |h| = 2, and right at high SNR. A Summary also takes the noise for
    uncorrelated and the SNR for one number: on real data its rate can be twice the measured one, and whether the rate
    falls with the batch is for the Quadratic to say.
    Claims: `mf-ratio-bounds`, `mf-ratio-zero`, `mf-ratio-infinity`, `mf-two-signs`, `mf-digits-source`,
    `mf-surge-unequal`.

    References
    ----------
    Su 2025 [11280]; Plackett 1954 for the bivariate normal.

    Examples
    --------
    >>> float(sign_sgd(1, Quadratic([1.0], [2.0], [3.0]), beta1=0))  # E φ̃ ≈ 1/√(1 + 3)
    0.25
    """
    return optimal(RULES["sign-sgd"], batch_size, problem, beta1, method)


@described
def soft_sign_sgd(
    batch_size: ArrayLike, problem: Quadratic, epsilon: float, beta1: float = 0.9, method: str = "mean-field"
) -> FloatArray:
    """Return the optimal learning rate of descent along softsign(g) = g/√(g² + ε²).

    Mean field: as `sign_sgd` with d_i = (g_i² + ε² + cΣ_ii/B)^{−1/2}. Exact, with σ² = cΣ_ii/B:
    E φ̃_i = √(2/π) h ∫₀¹ e(y) dy, E φ̃_i² = ∫₀¹ ((1−y²)^{−1/2} + h²(1−y²)^{1/2}) y e(y) dy, h = g_i/σ,
    e(y) = exp(−h²y²/2 − ε²y²/(2σ²(1−y²))).

    Parameters
    ----------
    {batch_size}
    problem : Quadratic
        Gradient, Hessian and noise; the exact method needs uncorrelated noise.
    epsilon : float, > 0
        Width of the soft sign, unit of the gradient, at most 1e300 times the largest gradient.
    {beta1}
    {method}

    Returns
    -------
    {rate}

    Raises
    ------
    ValueError : an argument outside its range; exact with correlated noise. TypeError : a problem of the wrong kind.

    Domain
    ------
    One step; with momentum, for a gradient that hardly changes within its memory. Exact: Gaussian noise, relative
    error below 1e-10. For such noise the mean field of one coordinate has E φ̃ from 6 % too low to 30 % too high and η*
    from 20 % too low to 25 % too high, and is right for an ε far above gradient and noise, where η* is ε times SGD's.
    Claims: `mf-package-soft`, `mf-soft-bound`, `mf-soft-rate-bound`, `mf-ratio-bounds`, `mf-soft-order`,
    `mf-soft-wide`.

    References
    ----------
    Su 2025 [11280], SoftSign; the exact moments are derived in the chapter.

    Examples
    --------
    >>> float(soft_sign_sgd(1, Quadratic([1.0], [1.0], [2.0]), epsilon=1.0, beta1=0).round(6))  # (1/2)/(3/4)
    0.666667
    """
    return optimal(RULES["soft-sign-sgd"], batch_size, problem, epsilon, beta1, method)


@described
def adam(
    batch_size: ArrayLike,
    problem: Quadratic | Summary,
    beta1: float = 0.9,
    beta2: float | None = 0.95,
    method: str = "mean-field",
) -> FloatArray:
    """Return the optimal learning rate of Adam.

    Mean field: E φ̃_i ≈ g_i d_i, E φ̃_iφ̃_j ≈ (g_ig_j + cΣ_ij/B) d_i d_j, d_i = (g_i² + Σ_ii/B)^{−1/2}: the second moment
    sees the whole noise, the momentum the share c = (1−β₁)/(1+β₁). Exact: the two moments of m/√v from `moments`.
    From a Summary: η* = Σ|g_i|/(cΣH_ii/β + β((1−c)ΣH_ii + Σ_{i≠j}H_ij s_is_j)), β = (1 + 𝓑_simple/B)^{−1/2}.

    Parameters
    ----------
    {batch_size}
    problem : Quadratic or Summary
        The exact method needs a Quadratic with uncorrelated noise.
    {beta1}
    beta2 : float, in (0, 1), or None
        Decay of the second moment; the mean field does not depend on it.
    {method}

    Returns
    -------
    {rate}

    Raises
    ------
    ValueError : an argument outside its range; exact with beta2 None or with correlated noise. TypeError : a problem of
        the wrong kind.

    Domain
    ------
    The greedy rate of one step: stationary moments, so a gradient that hardly changes within the memory of v. Exact:
    Gaussian noise, to 1e-12; one or two milliseconds per coordinate and batch size.
    Claims: `ema-package-adam`, `ema-rms-exact`, `ema-mean-exact`.

    References
    ----------
    Su 2025 [11301], items 5–7.

    Examples
    --------
    >>> float(adam(1, Quadratic([1.0], [2.0], [3.0]), beta1=0))
    0.25
    """
    return optimal(RULES["adam"], batch_size, problem, beta1, beta2, method)


@described
def muon(batch_size: ArrayLike, problem: MatrixQuadratic, beta1: float = 0.9, method: str = "mean-field") -> FloatArray:
    """Return the optimal learning rate of Muon, descent along msign(G).

    Mean field, n ≥ m: E Φ̃ ≈ GS, S = (GᵀG + cnσ²/B)^{−1/2}, so a singular value s shrinks to s/√(s² + cnσ²/B).
    In the Newton view η* = η_max Σ s²/√(s² + cnσ²/B) / Σ s. With a Hessian, b = ⟨GS, H GS⟩ + (cσ²/B) tr(H(I ⊗ S²)).
    Average: S = (1 + c𝓑_simple/B)^{−1/2}(GᵀG)^{−1/2}, 𝓑_simple = nmσ²/‖G‖_F²; η* = η_max(1 + c𝓑_simple/B)^{−1/2}.

    Parameters
    ----------
    {batch_size}
    problem : MatrixQuadratic
        Matrix gradient, noise of one entry, and a Hessian or η_max. A wide matrix is read as its transpose.
    {beta1}
    method : "mean-field" or "average"
        Average replaces GᵀG + cnσ²/B by GᵀG(1 + c𝓑_simple/B); it needs the Newton view.

    Returns
    -------
    {rate}

    Raises
    ------
    ValueError : an argument outside its range; "average" with a Hessian. TypeError : a problem of the wrong kind.

    Domain
    ------
    The greedy rate of one step, for noise of one variance in all entries and an exact polar factor. Both methods are
    mean fields. They agree where all singular values are equal. Over twelve spectra of 4 to 32 rows, with singular
    values of 1 to 10 and some zeros, samples of msign at σ²/B = 1 put the law per singular value within 6 %, worst for
    square matrices, and the average between 22 % too low and 3.1 % too high; at rank one and small batches it is √m
    times too low. At low signal the law per singular value is too high by m√n/E‖N‖_*, N standard normal: 25 % for
    1 × 1, 3π/8 − 1 = 18 % for large n = m, 1/(4n) for one column. Noise that differs between rows or columns needs the
    two-sided law of the chapter.
    Claims: `muon-law`, `muon-equal-values`, `muon-law-sampled`, `muon-average-sampled`, `muon-rank-one`,
    `muon-low-signal-numbers`, `muon-column-excess-one`, `muon-column-excess`, `muon-two-sided`,
    `muon-two-sided-general`.

    References
    ----------
    Su 2025 [11285], items 3–5; there 𝓑_simple lacks the square of ‖G‖_F once.

    Examples
    --------
    >>> float(muon(1, MatrixQuadratic([[2.0, 0.0], [0.0, 2.0]], std=1.0), beta1=0).round(6))  # 2/√(4 + 2)
    0.816497
    """
    return optimal(RULES["muon"], batch_size, problem, beta1, method)
