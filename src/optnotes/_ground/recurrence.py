"""Linear recurrences and running sums over millions of steps, without a Python loop over the steps.

The steps are folded into a square: inside its rows all scans run at once, then the rows are chained.
Rounding grows with the side of the square, not with its area.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def linear_recurrence(factor: FloatArray, term: FloatArray, start: float) -> FloatArray:
    """Return x₀ = start, x_t = factor_t·x_{t−1} + term_t, shape (n + 1,), for arrays of shape (n,)."""
    products, values = _folded(factor, 1.0), _folded(term, 0.0)
    for k in range(1, len(values)):
        values[k] += products[k] * values[k - 1]
        products[k] *= products[k - 1]
    before = np.empty(values.shape[1])
    carry = start
    for row, (product, value) in enumerate(zip(products[-1].tolist(), values[-1].tolist(), strict=True)):
        before[row] = carry
        carry = product * carry + value
    return np.concatenate(([start], (values + products * before).T.ravel()[: factor.size]))


def running_sum(term: FloatArray) -> FloatArray:
    """Return the sums of the first 1, …, n terms, shape (n,)."""
    within = np.cumsum(_folded(term, 0.0), axis=0)
    before = np.concatenate(([0.0], np.cumsum(within[-1])[:-1]))
    return np.asarray((within + before).T.ravel()[: term.size], dtype=np.float64)


def _folded(values: FloatArray, fill: float) -> FloatArray:
    side = max(1, int(np.ceil(np.sqrt(values.size))))
    padded = np.full(side * side, fill)
    padded[: values.size] = values
    return np.ascontiguousarray(padded.reshape(side, side).T)
