"""Block averages of a simulation as estimates with standard errors."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optnotes._ground.arguments import FloatArray, integer, require


class Estimate(NamedTuple):
    """A Monte Carlo estimate with its standard error; numbers or arrays of equal shape."""

    value: FloatArray
    standard_error: FloatArray


@dataclass(frozen=True)
class Simulation:
    """Block averages of one simulation, independent between blocks; the methods turn them into estimates.

    Attributes
    ----------
    gradient_squares, momentum_squares, update_squares : arrays (blocks,). Mean over steps and coordinates.
    update_means : array (blocks, *shape). Mean update over steps.
    weight_squares : array (blocks, steps + 1). Mean over coordinates after each step; the first entry is the start.
    """

    gradient_squares: FloatArray
    momentum_squares: FloatArray
    update_squares: FloatArray
    update_means: FloatArray
    weight_squares: FloatArray

    @property
    def update_rms(self) -> Estimate:
        """Root mean square of the update."""
        return _root_mean(self.update_squares)

    @property
    def update_mean(self) -> Estimate:
        """Mean update per coordinate, shape of the parameters."""
        return _mean(self.update_means)

    @property
    def momentum_ratio(self) -> Estimate:
        """‖m‖/‖g‖, root of the ratio of mean squares."""
        size = self.gradient_squares.mean()
        require(size > 0.0, "gradient_squares", "not be zero for a ratio", size, "simulate with a mean or a std")
        ratio = self.momentum_squares.mean() / size
        excess = (self.momentum_squares - ratio * self.gradient_squares) / self.gradient_squares.mean()
        return _root_mean(ratio + excess)

    @property
    def weight_rms_path(self) -> Estimate:
        """RMS of the weights at the start and after each step, arrays (steps + 1,)."""
        return _root_mean(self.weight_squares)

    def weight_rms(self, start: int) -> Estimate:
        """Root mean square of the weights over all steps from `start` on."""
        steps = self.weight_squares.shape[1] - 1
        return _root_mean(self.weight_squares[:, integer("start", start, low=0, high=steps) :].mean(axis=1))


def _mean(samples: FloatArray) -> Estimate:
    return Estimate(samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


def _root_mean(squares: FloatArray) -> Estimate:
    """Root of the mean, standard error by the delta method."""
    value, error = _mean(squares)
    root = np.sqrt(value)
    return Estimate(root, np.divide(0.5 * error, root, out=np.zeros_like(root), where=root > 0.0))
