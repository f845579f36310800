"""The share ηλ of the weights that one step of decoupled weight decay takes."""

import numpy as np

from .arguments import FloatArray, require


def step_decay(lr: FloatArray, weight_decay: FloatArray) -> FloatArray:
    """Return ηλ, checked: at ηλ ≥ 1 a step wipes out the weights or turns their sign."""
    decay = np.asarray(lr * weight_decay, dtype=np.float64)
    remedy = "lower the learning rate or the weight decay"
    require((decay < 1).all(), "lr·weight_decay", "be below 1 at every step", decay.max(), remedy)
    return decay
