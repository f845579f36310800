"""The optimal learning rate η* = a/b from the two terms of an optimiser."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, real_array

from ._quadratic import MatrixQuadratic, Quadratic, Summary
from ._update_terms import RULES, Terms

Problem = Quadratic | Summary | MatrixQuadratic


def optimal(
    terms: Callable[..., Terms], batch_size: ArrayLike, problem: Problem, *arguments: float | str | None
) -> FloatArray:
    slope, curvature = terms(sizes(batch_size), problem, *arguments)
    rate: FloatArray = ratio(slope, curvature)[()]
    return rate


def ratio(slope: FloatArray, curvature: FloatArray) -> FloatArray:
    """Return η* = a/b, infinite where the update meets no curvature."""
    return np.divide(slope, curvature, out=np.full_like(slope, np.inf), where=curvature > 0.0)


def sizes(batch_size: ArrayLike) -> FloatArray:
    return real_array("batch_size", batch_size, low=0.0, low_open=True)


def terms_of(optimizer: str) -> Callable[..., Terms]:
    return RULES[choice("optimizer", optimizer, RULES)]
