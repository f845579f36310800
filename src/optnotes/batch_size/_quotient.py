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
    rate: FloatArray = best_rate(terms(sizes(batch_size), problem, *arguments))[()]
    return rate


def best_rate(terms: Terms) -> FloatArray:
    """Return η* = a/b, infinite where the update meets no curvature."""
    scaled = terms.rate * terms.slope
    return np.divide(scaled, terms.curvature, out=np.full_like(scaled, np.inf), where=terms.curvature > 0.0)


def sizes(batch_size: ArrayLike) -> FloatArray:
    return real_array("batch_size", batch_size, low=0.0, low_open=True)


def terms_of(optimizer: str) -> Callable[..., Terms]:
    return RULES[choice("optimizer", optimizer, RULES)]
