"""Root mean square of the weights under decoupled weight decay, in equilibrium and along a schedule.

Gradients are independent, identically distributed, and free of the weights; the update is Adam's with v replaced
by its mean, or the sign of the momentum. The chapters `weight-rms` and `weight-rms-schedules` derive the formulas.
"""

from ._adamw import adamw, adamw_weights
from ._ode import coupled_solution, ode_solution
from ._recursion import Method
from ._rotation import rotation
from ._sign_momentum import sign_momentum
from ._stationary import Approximation, stationary

__all__ = [
    "Approximation",
    "Method",
    "adamw",
    "adamw_weights",
    "coupled_solution",
    "ode_solution",
    "rotation",
    "sign_momentum",
    "stationary",
]
