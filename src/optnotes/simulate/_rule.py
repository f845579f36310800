"""State and update of the four optimisers, and the checks that both ways to run them share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optnotes._ground.arguments import integer, real_number, require

OPTIMIZERS = ("sgdm", "sign-sgdm", "adam", "muon")


class Rule:
    """State m, v of one optimiser; `update` advances it in place and returns a buffer that the next call overwrites."""

    def __init__(
        self,
        optimizer: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        beta1: float,
        beta2: float,
        *,
        epsilon: float = 0.0,
    ) -> None:
        self.m, self._v, self._buffer = (np.zeros(shape, dtype) for _ in range(3))
        self._beta1, self._beta2 = beta1, beta2
        self._epsilon = max(epsilon, float(np.finfo(dtype).tiny))  # 0/0 becomes 0, anything else is unmoved
        self._step = 0
        rules = {"sgdm": self._plain, "sign-sgdm": self._sign, "adam": self._adam, "muon": self._polar}
        self._direction = rules[optimizer]

    def update(self, gradient: NDArray[Any]) -> NDArray[Any]:
        """Average the gradient into m and return u; the gradient is left as it is."""
        self._step += 1
        _average(self.m, gradient, self._beta1, self._buffer)
        return self._direction(gradient)

    def _plain(self, _gradient: NDArray[Any]) -> NDArray[Any]:
        np.copyto(self._buffer, self.m)
        return self._buffer

    def _sign(self, _gradient: NDArray[Any]) -> NDArray[Any]:
        np.sign(self.m, out=self._buffer)
        return self._buffer

    def _adam(self, gradient: NDArray[Any]) -> NDArray[Any]:
        root = self._buffer
        np.square(gradient, out=root)
        _average(self._v, root, self._beta2, root)
        np.sqrt(self._v, out=root)
        first, second = (-np.expm1(self._step * np.log(beta or 1e-300)) for beta in (self._beta1, self._beta2))
        root += self._epsilon * float(np.sqrt(second))
        np.divide(self.m, root, out=root)
        if first < 1.0 or second < 1.0:
            root *= float(np.sqrt(second) / first)
        return root

    def _polar(self, _gradient: NDArray[Any]) -> NDArray[Any]:
        left, values, right = np.linalg.svd(self.m, full_matrices=False)
        cut = values > values.max(axis=-1, keepdims=True) * max(self.m.shape[-2:]) * np.finfo(self.m.dtype).eps
        np.matmul(left * cut[..., None, :], right, out=self._buffer)
        return self._buffer


def _average(mean: NDArray[Any], sample: NDArray[Any], beta: float, buffer: NDArray[Any]) -> None:
    """Move the exponential average `mean` in place; `buffer` may be `sample`."""
    np.multiply(sample, 1.0 - beta, out=buffer)
    mean *= beta
    mean += buffer


def checked_decays(beta1: float, beta2: float) -> tuple[float, float]:
    first = real_number("beta1", beta1, low=0.0, high=1.0, high_open=True)
    return first, real_number("beta2", beta2, low=0.0, high=1.0, high_open=True)


def checked_shape(shape: int | tuple[int, ...], optimizer: str) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    whole = tuple(integer("shape", size, low=1) for size in sizes)
    require(optimizer != "muon" or len(whole) > 1, "shape", "have at least two axes for Muon", whole)
    return whole


def squarable(name: str, sizes: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Refuse sizes whose squares leave the float range: v would be 0 or infinite, and m/√v wrong without a sign."""
    low, high = (1e-15, 1e15) if dtype == np.float32 else (1e-140, 1e140)
    bad = sizes[(sizes > 0.0) & ((sizes < low) | (sizes > high))]
    remedy = "rescale the gradients" if dtype == np.float64 else "rescale the gradients or take float64"
    require(not bad.size, name, f"be 0 or from {low:g} to {high:g} in {dtype}", bad[:1], remedy)
