"""Shapes that schedules are made of: rate, integral and integral of the square, in closed form.

Time `s` runs from 0 at the start of the piece; `length` may be infinite where the shape never ends.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Piece(Protocol):
    """A rate η(s) on [0, length] with its two integrals from 0."""

    @property
    def length(self) -> float:
        """Duration in steps, possibly infinite."""

    def rate(self, s: FloatArray) -> FloatArray:
        """Return η(s)."""

    def area(self, s: FloatArray) -> FloatArray:
        """Return ∫η from 0 to s."""

    def area_square(self, s: FloatArray) -> FloatArray:
        """Return ∫η² from 0 to s."""


@dataclass(frozen=True)
class Straight:
    """η(s) = start + (end − start)·s/length; an infinite length makes it constant."""

    start: float
    end: float
    length: float

    @property
    def slope(self) -> float:
        """Change of the rate per step."""
        return (self.end - self.start) / self.length

    def rate(self, s: FloatArray) -> FloatArray:
        """Return η(s), exact at both ends."""
        share = s / self.length
        return self.start * (1 - share) + self.end * share

    def area(self, s: FloatArray) -> FloatArray:
        """Return the area of the trapezium."""
        return s * (self.start + self.rate(s)) / 2

    def area_square(self, s: FloatArray) -> FloatArray:
        """Return s·(a² + ab + b²)/3 with a = η(0), b = η(s)."""
        rate = self.rate(s)
        return s * (self.start**2 + self.start * rate + rate**2) / 3


@dataclass(frozen=True)
class HalfCosine:
    """η(s) = end + (start − end)·cos²(πs/2·length)."""

    start: float
    end: float
    length: float

    def rate(self, s: FloatArray) -> FloatArray:
        """Return η(s); the squared cosine keeps its digits near an end of zero."""
        share = np.sin(np.pi / 2 * (self.length - s) / self.length) ** 2
        return self.end + (self.start - self.end) * share

    def area(self, s: FloatArray) -> FloatArray:
        """Return end·s + (start − end)·∫cos²."""
        return self.end * s + (self.start - self.end) * (s / 2 + self._wave(s, 1) / 2)

    def area_square(self, s: FloatArray) -> FloatArray:
        """Return the integral of the square, with cos⁴x = 3/8 + cos(2x)/2 + cos(4x)/8."""
        fall = self.start - self.end
        square, fourth = s / 2 + self._wave(s, 1) / 2, 3 * s / 8 + self._wave(s, 1) / 2 + self._wave(s, 2) / 8
        return self.end**2 * s + 2 * self.end * fall * square + fall**2 * fourth

    def _wave(self, s: FloatArray, frequency: int) -> FloatArray:
        scale = self.length / (frequency * np.pi)
        return scale * np.sin(s / scale)


@dataclass(frozen=True)
class InverseTime:
    """η(s) = start/(1 + decay·s), decay > 0."""

    start: float
    decay: float
    length: float = np.inf

    def rate(self, s: FloatArray) -> FloatArray:
        """Return η(s)."""
        return self.start / (1 + self.decay * s)

    def area(self, s: FloatArray) -> FloatArray:
        """Return start·log(1 + decay·s)/decay."""
        return self.start * np.log1p(self.decay * s) / self.decay

    def area_square(self, s: FloatArray) -> FloatArray:
        """Return start²·s/(1 + decay·s)."""
        return self.start**2 * s / (1 + self.decay * s)


@dataclass(frozen=True)
class InverseSqrt:
    """η(s) = start/√(1 + decay·s), decay > 0."""

    start: float
    decay: float
    length: float = np.inf

    def rate(self, s: FloatArray) -> FloatArray:
        """Return η(s)."""
        return self.start / np.sqrt(1 + self.decay * s)

    def area(self, s: FloatArray) -> FloatArray:
        """Return 2·start·(√(1 + decay·s) − 1)/decay, without its cancellation."""
        mean: FloatArray = 2 * self.start / (np.sqrt(1 + self.decay * s) + 1)
        return s * mean

    def area_square(self, s: FloatArray) -> FloatArray:
        """Return start²·log(1 + decay·s)/decay."""
        return self.start**2 * np.log1p(self.decay * s) / self.decay
