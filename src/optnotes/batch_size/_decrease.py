"""What a learning rate gains: the decrease of the loss in one step, and steps and examples to a target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, real_array, real_number, require

from ._parameters import described
from ._quotient import Problem, best_rate, sizes, terms_of


class StepsAndExamples(NamedTuple):
    """Steps and examples to a target, at the optimal learning rate of each batch size."""

    steps: FloatArray
    examples: FloatArray


@described
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
    {batch_size}
    {problem}
    {optimizer}
    lr : array_like that broadcasts against batch_size, or None
        Learning rate η; None is the optimal one.
    {options}

    Returns
    -------
    float or array, unit of the loss. Negative where lr is above twice the optimal one; infinite where no lr is too
    large, because the update meets no curvature, and where the loss leaves the range of float64.

    Raises
    ------
    ValueError, TypeError : as the optimiser's function.

    Domain
    ------
    As the optimiser's function: one step. A Summary serves only SGD, SignSGD and Adam. By it the largest decrease of
    SignSGD grows with the batch; where the SNR differs between coordinates it can fall, as the Quadratic says.
    Claims: `olr-mean-decrease`, `olr-decrease-at-the-optimum`, `olr-package-decrease`, `mf-decrease-grows`,
    `mf-larger-batch-worse`.

    References
    ----------
    Su 2025 [11260], [11280].

    Examples
    --------
    >>> from optnotes.batch_size import Quadratic
    >>> float(expected_decrease(1, Quadratic([1.0, 1.0], [1.0, 3.0], [1.0, 1.0]), beta1=0))  # ΔL_max/2, ΔL_max = 4/8
    0.25
    """
    terms = terms_of(optimizer)(sizes(batch_size), problem, **options)
    root, slope = terms.root, terms.slope
    if lr is None:
        with np.errstate(over="ignore", under="ignore"):
            best: FloatArray = (root * (root * (0.5 * slope * (best_rate(terms) / terms.rate))))[()]
        return best
    rate = real_array("lr", lr)
    fits = all(1 in pair or pair[0] == pair[1] for pair in zip(rate.shape[::-1], slope.shape[::-1], strict=False))
    require(fits, "lr", f"broadcast against batch_size of shape {slope.shape}", f"shape {rate.shape}")
    share = rate / terms.rate
    with np.errstate(over="ignore", under="ignore"):
        decrease: FloatArray = (root * share * (root * (slope - 0.5 * share * terms.curvature)))[()]
    return decrease


@described
def steps_and_examples(batch_size: ArrayLike, noise_scale: float, steps_min: float = 1.0) -> StepsAndExamples:
    """Return the steps S and examples E = BS that SGD needs at its optimal learning rate.

    S = S_min(1 + 𝓑_noise/B), E = E_min(1 + B/𝓑_noise), E_min = 𝓑_noise S_min; (S/S_min − 1)(E/E_min − 1) = 1.

    Parameters
    ----------
    {batch_size}
    noise_scale : float, ≥ 0
        𝓑_noise, in examples. Without momentum: c𝓑_noise is the scale of one step, not of a run.
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
    A constant noise scale, and SGD at the greedy rate of every step; SignSGD has the same form, with its own noise
    scale, in the mean field of independent noise of one SNR. In training the noise scale changes: for ridge regression
    on the digits, 64 ≤ B ≤ 4096, the two ends of the hyperbola foretell up to 3.72 times the steps to a fifth of the
    excess loss, and err by up to 4.6 % at a fiftieth.
    Claims: `olr-hyperbola`, `olr-hyperbola-trained`, `mf-decrease`, `mf-larger-batch-worse`.

    References
    ----------
    McCandlish et al. 2018, eq. 2.11–2.12; Su 2025 [11260].

    Examples
    --------
    >>> [float(value) for value in steps_and_examples(10, noise_scale=10.0, steps_min=100.0)]
    [200.0, 2000.0]
    """
    batch = sizes(batch_size)
    scale = real_number("noise_scale", noise_scale, low=0.0)
    least = real_number("steps_min", steps_min, low=0.0, low_open=True)
    return StepsAndExamples((least * (1.0 + scale / batch))[()], (least * (batch + scale))[()])
