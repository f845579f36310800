"""The answer of every solver of `optnotes.steepest`."""

from dataclasses import dataclass, field

from optnotes._ground.arguments import FloatArray


@dataclass(frozen=True, eq=False)
class Direction:
    """A steepest direction with its certificate.

    `primal` ≤ optimum ≤ `dual` holds whatever `converged` says: `direction` is feasible with value `primal`, and
    `multiplier` proves that no feasible direction exceeds `dual`.

    Attributes
    ----------
    direction : shape of the gradient; spectral norm (on the sphere: Euclidean norm) at most 1, in the tangent space.
    multiplier : the dual variable, symmetric matrix or number, in units of the gradient.
    primal, dual, gap : ⟨G, Φ⟩, its upper bound, and their difference, in units of the gradient.
    residual : largest entry of the constraint at `direction`, zero up to rounding.
    iterations, svds : steps of the method and singular value decompositions taken.
    converged : whether gap ≤ tol · ‖G‖_*.
    gaps : certified gap after each SVD, in units of the gradient.
    """

    direction: FloatArray
    multiplier: FloatArray | float
    primal: float
    dual: float
    gap: float
    residual: float
    iterations: int
    svds: int
    converged: bool
    gaps: FloatArray = field(repr=False)
