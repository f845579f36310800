"""Closed forms of the differential equation of the weight RMS."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exprel

from optnotes._ground.arguments import FloatArray, real_array, real_number
from optnotes.schedules import Rate, as_schedule

from ._parameters import described
from ._relaxation import relaxed


@described
def ode_solution(lr: Rate, weight_decay: float, t: ArrayLike, init_rms: float = 0.0) -> FloatArray:
    """Return the RMS that solves ρ̇ = −2ληρ + η² at the times t, in closed form piece by piece.

    Constant: (η/2λ)(1 − e^{−2κ}). Linear: erfcx where it falls, Dawson's integral where it rises. Inverse time:
    powers. Inverse square root: the exponential integral. The cosine, which has no closed form, by quadrature.

    Parameters
    ----------
    {course}
    weight_decay : float
        Constant weight decay λ ≥ 0.
    {times}
    {init_rms}

    Returns
    -------
    ndarray, shape of `t`
        √ρ(t), at a cost that does not grow with t.

    Raises
    ------
    {refused_times}

    Domain
    ------
    Solves the equation to 1e-11 or better. A linear decay to 0 from the plateau η_max/2λ leaves its share
    (√π/2)·erf(x)/x of ρ, x² = 2κ, κ = λη_max T/2; for κ ≥ 3 that is the power law (√π/4)·√(η_max/T)/λ^{3/2}.

    Claims: `sched-quadrature`, `sched-fall-share`, `sched-power-law-range`.

    References
    ----------
    Su 2025 [11404], integral form; the closed forms but the constant one are new.

    Examples
    --------
    >>> from optnotes.schedules import inverse_time
    >>> round(float(ode_solution(inverse_time(1.0, 0.5), 0.5, 2.0)) ** 2, 12)  # e^{−2κ}η²t = 2/4
    0.5
    """
    schedule = as_schedule("lr", lr)
    time, decay = real_array("t", t, low=0, high=schedule.steps), real_number("weight_decay", weight_decay, low=0)
    flat, start = time.ravel(), 0.0
    square = np.full(flat.shape, real_number("init_rms", init_rms, low=0, high=1e150) ** 2)
    for piece in schedule.pieces:
        s = np.clip(flat - start, 0, piece.length)
        square = np.exp(-2 * decay * piece.area(s)) * square + relaxed(piece, decay, s)
        start += piece.length
    return np.asarray(np.sqrt(square).reshape(time.shape))[()]


@described
def coupled_solution(lr: Rate, ratio: float, t: ArrayLike, init_rms: float = 0.0) -> FloatArray:
    """Return the RMS that solves ρ̇ = −2ληρ + η² at the times t when λ(t) = ratio·η(t).

    ρ = e^{−2κ}ρ_0 + (1 − e^{−2κ})/(2·ratio), κ = ratio·∫η², for every schedule.

    Parameters
    ----------
    {course}
    ratio : float
        λ/η ≥ 0, constant in time.
    {times}
    {init_rms}

    Returns
    -------
    ndarray, shape of `t`
        √ρ(t); it moves monotonically towards 1/√(2·ratio).

    Raises
    ------
    {refused_times}

    References
    ----------
    Defazio 2025 (arXiv 2506.02285), the coupling; the solution is new.

    Examples
    --------
    >>> from optnotes.schedules import linear
    >>> round(float(coupled_solution(linear(1.0, 10**6), 2.0, 10**6)), 12)  # √(1/4)
    0.5
    """
    gained = as_schedule("lr", lr).total_square(t)
    exponent = -2 * real_number("ratio", ratio, low=0) * gained
    square = np.exp(exponent) * real_number("init_rms", init_rms, low=0, high=1e150) ** 2 + gained * exprel(exponent)
    return np.asarray(np.sqrt(square))[()]
