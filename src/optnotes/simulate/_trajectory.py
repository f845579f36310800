"""The weights on a given sequence of gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, real_array, real_number, require
from optnotes.schedules import Rate, rates_and_decay

from ._parameters import described
from ._rule import OPTIMIZERS, Rule, checked_decays, checked_shape, squarable


@described
def trajectory(
    optimizer: str,
    gradients: ArrayLike,
    init: ArrayLike,
    *,
    lr: Rate = 1e-3,
    weight_decay: Rate = 0.0,
    beta1: float = 0.9,
    beta2: float = 0.95,
    epsilon: float = 0.0,
) -> FloatArray:
    """Return the weights after each step of an optimiser on a given sequence of gradients.

    The same steps as `run`, in float64; Adam divides by √v̂ + ε.

    Parameters
    ----------
    optimizer : "sgdm", "sign-sgdm", "adam" or "muon"
        Adam runs with bias correction.
    gradients : array_like, shape (steps, ...)
        One gradient per step; for Muon the last two axes are the matrix.
    init : array_like, shape (...)
        Weights θ_0.
    {rates}
    {decays}
    epsilon : float, ≥ 0
        Only Adam reads it.

    Returns
    -------
    array (steps + 1, ...), the first entry θ_0.

    Raises
    ------
    {refused}

    Domain
    ------
    Agrees with torch.optim and optax to 1e-12 over 50 steps in float64. Adam squares the gradients, so it refuses
    sizes outside 1e-140 to 1e140, zero excepted. Where all gradients so far are zero the update
    is zero.
    Claims: `ema-exercise-first`.

    Examples
    --------
    >>> trajectory("sign-sgdm", [[3.0], [-1.0]], [0.0], lr=0.1, beta1=0.5).ravel()
    array([ 0. , -0.1, -0.2])
    """
    path, theta = real_array("gradients", gradients), real_array("init", init)
    require(path.ndim and path.shape[1:] == theta.shape, "gradients", f"have shape (steps, *{theta.shape})", path.shape)
    sizes = checked_shape(theta.shape, choice("optimizer", optimizer, OPTIMIZERS))
    if optimizer == "adam":
        squarable("gradients", np.abs(path), path.dtype)
    decays = checked_decays(beta1, beta2)
    rule = Rule(optimizer, sizes, np.dtype(np.float64), *decays, epsilon=real_number("epsilon", epsilon, low=0.0))
    weights = [theta]
    for gradient, rate, decay in zip(path, *rates_and_decay(lr, weight_decay, len(path)), strict=True):
        weights.append((1.0 - decay) * weights[-1] - rate * rule.update(gradient))
    return np.stack(weights)
