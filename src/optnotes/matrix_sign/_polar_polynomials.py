"""Coefficients of the Polar Express: best odd quintics towards 1, one after another (Amsel et al. 2025)."""

import numpy as np

from optnotes._ground.arguments import FloatArray


def polar_express(steps: int) -> FloatArray:
    """Compose best quintics: each is fitted to the interval onto which the previous ones map [lower, 1]."""
    lower, upper = 1e-3, 1.0  # the interval for which the published coefficients were made
    rows = np.empty((steps, 3))
    for k in range(steps):
        # the cushion of the published listing bounds the slope at 0
        quintic = _best_quintic(max(lower, 0.02407327424182761 * upper), upper)
        rows[k] = quintic * 2 / (_quintic(quintic, lower) + _quintic(quintic, upper))
        lower = _quintic(rows[k], lower)
        upper = 2 - lower
    return rows


def _quintic(row: FloatArray, x: float) -> float:
    return float(x * (row[0] + x * x * (row[1] + x * x * row[2])))


def _best_quintic(lower: float, upper: float) -> FloatArray:
    """Return the odd quintic nearest to 1 on [lower, upper], by exchange of its four alternation points."""
    if lower > (1 - 5e-6) * upper:  # rounding hides the alternation; the limit is the Taylor quintic
        return np.array([15 / 8, -10 / 8 / upper**2, 3 / 8 / upper**4]) / upper
    points = np.linspace(lower, upper, 4)
    previous = np.inf
    while True:  # converges quadratically
        system = np.column_stack([points, points**3, points**5, (-1.0) ** np.arange(4)])
        a, b, c, error = np.linalg.solve(system, np.ones(4))
        if abs(previous - error) <= 1e-15:
            return np.array([a, b, c])
        previous = error
        points[1:3] = np.sqrt((-3 * b + np.array([-1, 1]) * np.sqrt(9 * b * b - 20 * a * c)) / (10 * c))
