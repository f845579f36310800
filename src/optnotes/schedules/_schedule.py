"""The schedule, a chain of pieces."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, Phrase, real_array, require

from ._pieces import Piece


@dataclass(frozen=True)
class Schedule:
    """A rate η(t) made of pieces that follow each other; call it on steps.

    Parameters
    ----------
    pieces : tuple of Piece, one or more
        Shapes with closed-form integrals; build them with the functions of this module. Each lasts longer than 0;
        only the last may be endless.

    Raises
    ------
    ValueError
        If there is no piece, one has no positive length, or one follows an endless one.

    Examples
    --------
    >>> from optnotes.schedules import linear
    >>> triangle = linear(lr_max=2.0, steps=4)
    >>> triangle([0, 1, 2, 3, 4])
    array([2. , 1.5, 1. , 0.5, 0. ])
    >>> float(triangle.total(4))
    4.0
    """

    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        """Refuse a chain that no time reaches the end of."""
        object.__setattr__(self, "pieces", tuple(self.pieces))
        require(self.pieces, "pieces", "hold a piece", Phrase("none"), "a rate of zero is constant(0.0)")
        for index, piece in enumerate(self.pieces):
            place = Phrase(f"the length {piece.length:g} at index {index} of {len(self.pieces)}")
            require(piece.length > 0, "pieces", "last longer than 0 each", place, "leave the empty piece out")
            endless = math.isinf(piece.length) and index < len(self.pieces) - 1
            require(not endless, "pieces", "end with the endless one", place, "give it a length, or put it last")

    @property
    def steps(self) -> float:
        """Number of steps until the schedule ends, `inf` where it never does."""
        return sum(piece.length for piece in self.pieces)

    def __call__(self, t: ArrayLike) -> FloatArray:
        """Return the rate η(t), shape of `t`; 0 ≤ t ≤ `steps`."""
        time = self._time(t)
        index = np.searchsorted(self._ends[:-1], time, side="left")
        within = [np.where(index == k, time - start, 0.0) for k, start in enumerate(self._starts)]
        rates = [piece.rate(s) for piece, s in zip(self.pieces, within, strict=True)]
        return np.asarray(np.choose(index, rates), dtype=np.float64)

    def total(self, t: ArrayLike) -> FloatArray:
        """Return ∫η from 0 to t, shape of `t`; 0 ≤ t ≤ `steps`."""
        return self._sum(t, lambda piece, s: piece.area(s))

    def total_square(self, t: ArrayLike) -> FloatArray:
        """Return ∫η² from 0 to t, shape of `t`; 0 ≤ t ≤ `steps`."""
        return self._sum(t, lambda piece, s: piece.area_square(s))

    @property
    def _ends(self) -> list[float]:
        return list(itertools.accumulate(piece.length for piece in self.pieces))

    @property
    def _starts(self) -> list[float]:
        return [0.0, *self._ends[:-1]]

    def _time(self, t: ArrayLike) -> FloatArray:
        return real_array("t", t, low=0, high=self.steps, remedy="ask for times within the schedule")

    def _sum(self, t: ArrayLike, area: Callable[[Piece, FloatArray], FloatArray]) -> FloatArray:
        time = self._time(t)
        parts = [
            area(piece, np.clip(time - start, 0, piece.length))
            for piece, start in zip(self.pieces, self._starts, strict=True)
        ]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)
