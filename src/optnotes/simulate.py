"""Simulate optimisers with decoupled weight decay on iid Gaussian gradients, with standard errors.

SGDM, SignSGDM, Adam and Muon share one loop: θ_t = (1−η_tλ_t)θ_{t−1} − η_t u_t. The chapters use it as the last and
independent voice. Every block is a run of its own, so the spread of the blocks gives honest standard errors. The loop
is fast because a block fits the cache, nothing is allocated per step, and normals come from Box–Muller on vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optnotes._ground.arguments import FloatArray, choice, generator, integer, real_array, real_number, require

_OPTIMIZERS = ("sgdm", "sign-sgdm", "adam", "muon")
_CHUNK = 16384  # gradients drawn at once: 64 KiB in float32, inside a second-level cache


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


def run(
    optimizer: str,
    *,
    rng: np.random.Generator,
    steps: int,
    lr: ArrayLike = 1e-3,
    weight_decay: ArrayLike = 0.0,
    beta1: float = 0.9,
    beta2: float = 0.95,
    mean: ArrayLike = 0.0,
    std: ArrayLike = 1.0,
    shape: int | tuple[int, ...] = _CHUNK,
    blocks: int = 16,
    burn_in: int = 0,
    init_rms: float = 0.0,
    dtype: str = "float32",
) -> Simulation:
    """Simulate an optimiser on independent gradients g ~ N(mean, std²).

    θ_t = (1−η_tλ_t)θ_{t−1} − η_t u_t, u = m (SGDM), sign(m), m/√v (Adam) or msign(m) (Muon),
    m_t = β₁m_{t−1} + (1−β₁)g_t, v_t = β₂v_{t−1} + (1−β₂)g_t².

    Parameters
    ----------
    optimizer : "sgdm", "sign-sgdm", "adam" or "muon"
        Adam runs with bias correction and without ε.
    rng : numpy.random.Generator
        The only source of randomness.
    steps : int, ≥ 1
        Recorded steps.
    lr, weight_decay : number or array (steps,), ≥ 0
        Learning rate η and weight decay λ.
    beta1, beta2 : float, in [0, 1)
        Decays of the two moments; only Adam reads beta2.
    mean, std : array_like that broadcasts to shape, std ≥ 0
        Moments of the gradients.
    shape : int or tuple of int
        Shape of the parameters of one block; for Muon the last two axes are the matrix.
    blocks : int, ≥ 2
        Independent runs.
    burn_in : int, ≥ 0
        Steps before the recorded ones that move m and v but not the weights, so that the averages become stationary.
    init_rms : float, ≥ 0
        Size of the initial weights ±init_rms, with random signs.
    dtype : "float32" or "float64"
        In float32 normals come from Box–Muller on 24-bit uniforms, so they end at 5.8 std.

    Returns
    -------
    Simulation : frozen, float64.

    Raises
    ------
    ValueError : an argument outside its range, or shapes that do not fit.
    TypeError : an argument of the wrong kind.

    Domain
    ------
    float32 puts an error of about 1e-6 on mean squares. A learning rate times decay below 1e-6 needs float64, since
    one step then changes the weights by less than a rounding. Sizes of gradients whose squares leave the float range
    are refused.

    Examples
    --------
    >>> sample = run("adam", rng=np.random.default_rng(0), steps=200, burn_in=200, shape=1000)
    >>> bool(abs(sample.update_rms.value - 0.22606) < 4 * sample.update_rms.standard_error)
    True
    """
    sizes = _shape(shape, choice("optimizer", optimizer, _OPTIMIZERS))
    total, warm = integer("steps", steps, low=1), integer("burn_in", burn_in, low=0)
    kind = np.dtype(choice("dtype", dtype, ("float32", "float64")))
    rates = np.stack([_per_step("lr", lr, total), _per_step("weight_decay", weight_decay, total)])
    rates = np.concatenate([np.zeros((2, warm)), rates], axis=1)
    law = _fitting("mean", mean, sizes, kind), _fitting("std", std, sizes, kind, low=0.0)
    _squarable("the larger of mean and std", np.maximum(abs(law[0]), law[1]), kind)
    start = real_number("init_rms", init_rms, low=0.0)
    decays = _decays(beta1, beta2)
    runs, source = integer("blocks", blocks, low=2), generator("rng", rng)
    records = [
        _block(_Rule(optimizer, sizes, kind, *decays), rates, law, start, source, warm=warm) for _ in range(runs)
    ]
    return Simulation(*(np.array(column) for column in zip(*records, strict=True)))


def trajectory(
    optimizer: str,
    gradients: ArrayLike,
    init: ArrayLike,
    *,
    lr: ArrayLike = 1e-3,
    weight_decay: ArrayLike = 0.0,
    beta1: float = 0.9,
    beta2: float = 0.95,
    epsilon: float = 0.0,
) -> FloatArray:
    """Return the weights after each step of an optimiser on a given sequence of gradients.

    The same steps as `run`, in float64; Adam divides by √v̂ + ε.

    Parameters
    ----------
    optimizer : "sgdm", "sign-sgdm", "adam" or "muon"
        Adam runs with bias correction.
    gradients : array_like, shape (steps, ...)
        One gradient per step; for Muon the last two axes are the matrix.
    init : array_like, shape (...)
        Weights θ_0.
    lr, weight_decay : number or array (steps,), ≥ 0
        Learning rate η and weight decay λ.
    beta1, beta2 : float, in [0, 1)
        Decays of the two moments; only Adam reads beta2.
    epsilon : float, ≥ 0
        Only Adam reads it.

    Returns
    -------
    array (steps + 1, ...), the first entry θ_0.

    Raises
    ------
    ValueError : an argument outside its range, or shapes that do not fit.

    Domain
    ------
    Agrees with torch.optim and optax to 1e-12 over 50 steps in float64. Adam squares the gradients, so it refuses
    sizes outside 1e-140 to 1e140, zero excepted. Where all gradients so far are zero the update
    is zero.

    Examples
    --------
    >>> trajectory("sign-sgdm", [[3.0], [-1.0]], [0.0], lr=0.1, beta1=0.5).ravel()
    array([ 0. , -0.1, -0.2])
    """
    path, theta = real_array("gradients", gradients), real_array("init", init)
    require(path.ndim and path.shape[1:] == theta.shape, "gradients", f"have shape (steps, *{theta.shape})", path.shape)
    sizes = _shape(theta.shape, choice("optimizer", optimizer, _OPTIMIZERS))
    if optimizer == "adam":
        _squarable("gradients", np.abs(path), path.dtype)
    decays = _decays(beta1, beta2)
    rule = _Rule(optimizer, sizes, np.dtype(np.float64), *decays, epsilon=real_number("epsilon", epsilon, low=0.0))
    weights = [theta]
    rates = zip(_per_step("lr", lr, len(path)), _per_step("weight_decay", weight_decay, len(path)), strict=True)
    for gradient, (rate, decay) in zip(path, rates, strict=True):
        weights.append((1.0 - rate * decay) * weights[-1] - rate * rule.update(gradient))
    return np.stack(weights)


class _Rule:
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


def _block(
    rule: _Rule,
    rates: FloatArray,
    law: tuple[NDArray[Any], NDArray[Any]],
    init_rms: float,
    rng: np.random.Generator,
    *,
    warm: int,
) -> tuple[float, float, float, FloatArray, FloatArray]:
    """Run one block; return its averages in the order of `Simulation`."""
    theta = np.where(rng.random(rule.m.shape) < 0.5, -init_rms, init_rms).astype(rule.m.dtype)
    squares, weights = np.zeros(3), [_square(theta)]
    total = np.zeros(rule.m.shape)
    for step, gradient in enumerate(_gradients(rng, rates.shape[1], law, rule.m)):
        update = rule.update(gradient)
        if step < warm:
            continue
        squares += _square(gradient), _square(rule.m), _square(update)
        total += update
        theta *= 1.0 - float(rates[0, step] * rates[1, step])
        update *= float(rates[0, step])
        theta -= update
        weights.append(_square(theta))
    recorded = rates.shape[1] - warm
    gradients, momenta, updates = squares / recorded
    return gradients, momenta, updates, total / recorded, np.array(weights)


def _gradients(
    rng: np.random.Generator, steps: int, law: tuple[NDArray[Any], NDArray[Any]], like: NDArray[Any]
) -> Iterator[NDArray[Any]]:
    """Yield one gradient per step, drawn in chunks that fit the cache; the next chunk overwrites the last."""
    mean, std = law
    scaled, shifted = bool(np.any(std != 1.0)), bool(np.any(mean != 0.0))
    chunk = max(1, min(_CHUNK // like.size, steps))
    pairs = np.empty((2, (chunk * like.size + 1) // 2), like.dtype)
    normals = pairs.reshape(-1)[: chunk * like.size].reshape(chunk, *like.shape)
    spare = np.empty_like(pairs)
    for start in range(0, steps, chunk):
        _fill_normal(rng, pairs, spare)
        if scaled:
            normals *= std
        if shifted:
            normals += mean
        yield from normals[: steps - start]


def _fill_normal(rng: np.random.Generator, pairs: NDArray[Any], spare: NDArray[Any]) -> None:
    """Draw normals; in float32 by Box–Muller, whose vector log, sin and cos outrun the scalar ziggurat of NumPy."""
    if pairs.dtype == np.float64:
        rng.standard_normal(out=pairs)
        return
    radius, angle = spare
    rng.random(out=spare, dtype=np.float32)
    np.subtract(1.0, radius, out=radius)  # (0, 1], so that the logarithm is finite
    np.log(radius, out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    angle *= 2.0 * np.pi
    np.cos(angle, out=pairs[0])
    np.sin(angle, out=pairs[1])
    pairs *= radius


def _square(array: NDArray[Any]) -> float:
    flat = array.reshape(-1)
    return float(np.einsum("i,i->", flat, flat)) / flat.size  # np.dot would start threads that a busy machine waits for


def _mean(samples: FloatArray) -> Estimate:
    return Estimate(samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


def _root_mean(squares: FloatArray) -> Estimate:
    """Root of the mean, standard error by the delta method."""
    value, error = _mean(squares)
    root = np.sqrt(value)
    return Estimate(root, np.divide(0.5 * error, root, out=np.zeros_like(root), where=root > 0.0))


def _decays(beta1: float, beta2: float) -> tuple[float, float]:
    first = real_number("beta1", beta1, low=0.0, high=1.0, high_open=True)
    return first, real_number("beta2", beta2, low=0.0, high=1.0, high_open=True)


def _shape(shape: int | tuple[int, ...], optimizer: str) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    whole = tuple(integer("shape", size, low=1) for size in sizes)
    require(optimizer != "muon" or len(whole) > 1, "shape", "have at least two axes for Muon", whole)
    return whole


def _per_step(name: str, value: ArrayLike, steps: int) -> FloatArray:
    rates = real_array(name, value, low=0.0)
    require(rates.shape in {(), (steps,)}, name, f"be a number or have shape ({steps},)", f"shape {rates.shape}")
    return np.broadcast_to(rates, (steps,))


def _fitting(
    name: str, value: ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any], low: float = -np.inf
) -> NDArray[Any]:
    array = real_array(name, value, low=low)
    pairs = zip(array.shape[::-1], shape[::-1], strict=False)
    fits = array.ndim <= len(shape) and all(own in {1, full} for own, full in pairs)
    require(fits, name, f"broadcast to the shape {shape}", f"shape {array.shape}")
    with np.errstate(over="ignore"):  # `_squarable` refuses the infinity
        return array.astype(dtype)


def _squarable(name: str, sizes: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Refuse sizes whose squares leave the float range: v would be 0 or infinite, and m/√v wrong without a sign."""
    low, high = (1e-15, 1e15) if dtype == np.float32 else (1e-140, 1e140)
    bad = sizes[(sizes > 0.0) & ((sizes < low) | (sizes > high))]
    remedy = "rescale the gradients" if dtype == np.float64 else "rescale the gradients or take float64"
    require(not bad.size, name, f"be 0 or from {low:g} to {high:g} in {dtype}", bad[:1], remedy)
