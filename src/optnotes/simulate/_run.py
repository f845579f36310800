"""Runs on independent Gaussian gradients.

The loop is fast because a block fits the cache, nothing is allocated per step, and normals come from Box–Muller on
vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optnotes._ground.arguments import FloatArray, choice, generator, integer, real_array, real_number, require
from optnotes.schedules import Rate, rates_and_decay

from ._estimates import Simulation
from ._parameters import described
from ._rule import OPTIMIZERS, Rule, checked_decays, checked_shape, squarable

_CHUNK = 16384  # gradients drawn at once: 64 KiB in float32, inside a second-level cache


@described
def run(
    optimizer: str,
    *,
    rng: np.random.Generator,
    lr: Rate = 1e-3,
    weight_decay: Rate = 0.0,
    steps: int,
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
    {rates}
    steps : int, ≥ 1
        Recorded steps.
    {decays}
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
    {refused}
    TypeError : an argument of the wrong kind.

    Domain
    ------
    float32 puts an error of about 1e-6 on mean squares. A learning rate times decay below 1e-6 needs float64, since
    one step then changes the weights by less than a rounding. Sizes of gradients whose squares leave the float range
    are refused.
    Claims: `ema-rms-sampled`, `ema-mean-sampled`, `ema-ratio-sampled`.

    Examples
    --------
    >>> sample = run("adam", rng=np.random.default_rng(0), steps=200, burn_in=200, shape=1000)
    >>> bool(abs(sample.update_rms.value - 0.22606) < 4 * sample.update_rms.standard_error)
    True
    """
    sizes = checked_shape(shape, choice("optimizer", optimizer, OPTIMIZERS))
    total, warm = integer("steps", steps, low=1), integer("burn_in", burn_in, low=0)
    kind = np.dtype(choice("dtype", dtype, ("float32", "float64")))
    rates = np.stack(rates_and_decay(lr, weight_decay, total))
    rates = np.concatenate([np.zeros((2, warm)), rates], axis=1)
    law = _fitting("mean", mean, sizes, kind), _fitting("std", std, sizes, kind, low=0.0)
    squarable("the larger of mean and std", np.maximum(abs(law[0]), law[1]), kind)
    start = real_number("init_rms", init_rms, low=0.0)
    decays = checked_decays(beta1, beta2)
    runs, source = integer("blocks", blocks, low=2), generator("rng", rng)
    records = [_block(Rule(optimizer, sizes, kind, *decays), rates, law, start, source, warm=warm) for _ in range(runs)]
    return Simulation(*(np.array(column) for column in zip(*records, strict=True)))


def _block(
    rule: Rule,
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
        theta *= 1.0 - float(rates[1, step])
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


def _fitting(
    name: str, value: ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any], low: float = -np.inf
) -> NDArray[Any]:
    array = real_array(name, value, low=low)
    pairs = zip(array.shape[::-1], shape[::-1], strict=False)
    fits = array.ndim <= len(shape) and all(own in {1, full} for own, full in pairs)
    require(fits, name, f"broadcast to the shape {shape}", f"shape {array.shape}")
    with np.errstate(over="ignore"):  # `squarable` refuses the infinity
        return array.astype(dtype)
