"""Steepest directions on the Stiefel manifold in closed form, beyond those that one decomposition at Y = 0 gives."""

import numpy as np

from optnotes._ground.arguments import FloatArray

from ._stiefel_problem import EPS, Ledger


def two_columns(ledger: Ledger) -> None:
    """Solve m = 2: K = kJ with k = 2s/√(4s² + ‖R‖_*²) for S = sJ.

    KᵀK = k²I leaves LᵀL ≤ (1 − k²)I, so L = √(1 − k²) msign(R), and 2sk + √(1 − k²)‖R‖_* is largest at this k.
    The multiplier follows from R = LQ and S + Y = KQ.
    """
    problem = ledger.problem
    left, values, right = np.linalg.svd(problem.base[2:], full_matrices=False)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    twice, norm = 2 * problem.base[1, 0], values.sum()
    total = np.hypot(twice, norm)
    sine, cosine = twice / total, norm / total
    kept = values > 2 * EPS * total
    root: FloatArray = (right.T * values) @ right / cosine if cosine > 0 else np.zeros((2, 2))
    rotated = sine * turn @ root
    ledger.iterations = 1
    ledger.decompose((rotated + rotated.T) / 2)
    ledger.enter_primal(np.vstack([sine * turn, cosine * left[:, kept] @ right[kept]]))
