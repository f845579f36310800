"""The simulator: steps against loops over numbers, exact runs without noise, errors of estimates by hand, normals."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from optnotes import simulate

OPTIMIZERS = ("sgdm", "sign-sgdm", "adam", "muon")
betas = st.sampled_from([0.0, 0.5, 0.9])


class Plain:
    """One optimiser in numbers: m, v and the update of each coordinate."""

    def __init__(self, optimizer, beta1, beta2, epsilon=0.0):
        self.optimizer, self.beta1, self.beta2, self.epsilon = optimizer, beta1, beta2, epsilon
        self.m, self.v, self.t = 0.0, 0.0, 0

    def update(self, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        if self.optimizer == "sgdm":
            return self.m
        if self.optimizer == "adam":
            corrected = self.m / (1 - self.beta1**self.t)
            return corrected / (math.sqrt(self.v / (1 - self.beta2**self.t)) + self.epsilon)
        return math.copysign(1.0, self.m)  # of one number the polar factor is the sign


@given(
    st.sampled_from(OPTIMIZERS),
    st.integers(1, 8),
    betas,
    betas,
    st.sampled_from([0.0, 1e-8, 0.3]),
    st.sampled_from([1e-8, 1.0, 1e8]),
    st.integers(0, 2**20),
)
def test_a_trajectory_of_one_number_is_a_loop_over_numbers(  # noqa: PLR0917 - what hypothesis draws
    optimizer, steps, beta1, beta2, epsilon, size, seed
):
    rng = np.random.default_rng(seed)
    gradients = size * rng.uniform(0.5, 2.0, steps) * rng.choice([-1, 1], steps)
    lr, decay, theta = rng.uniform(0.0, 0.5, steps), rng.uniform(0.0, 1.5, steps), 0.4
    found = simulate.trajectory(
        optimizer,
        gradients.reshape(steps, 1, 1),
        [[theta]],
        lr=lr,
        weight_decay=decay,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
    )
    plain = Plain(optimizer, beta1, beta2, epsilon)
    scale = size if optimizer == "sgdm" else 1.0
    for t in range(steps):
        step = plain.update(float(gradients[t]))
        if abs(plain.m) < 1e-9 * size:
            return  # the sign of what cancellation leaves is not determined
        theta = theta - lr[t] * decay[t] * theta - lr[t] * step
        assert found[t + 1, 0, 0] == pytest.approx(theta, rel=1e-11, abs=1e-12 * scale)


def test_epsilon_is_added_to_the_corrected_root_and_none_unless_told():
    # first step: m̂ = g and √v̂ = |g|, so the update is g/(|g| + ε)
    for epsilon in (0.0, 1e-8, 0.5, 3.0):
        path = simulate.trajectory("adam", [[2.0]], [0.0], lr=1.0, beta1=0.9, beta2=0.95, epsilon=epsilon)
        assert path[1, 0] == pytest.approx(-2.0 / (2.0 + epsilon), rel=1e-14)
    # second step, by hand: m̂ = (0.09·2 + 0.1·1)/0.19, v̂ = (0.0475·4 + 0.05)/0.0975
    path = simulate.trajectory("adam", [[2.0], [1.0]], [0.0], lr=1.0, beta1=0.9, beta2=0.95, epsilon=0.5)
    second = (0.28 / 0.19) / (math.sqrt(0.24 / 0.0975) + 0.5)
    assert path[2, 0] - path[1, 0] == pytest.approx(-second, rel=1e-13)
    plain = simulate.trajectory("adam", [[2.0], [-1.0]], [0.0], lr=1.0)
    np.testing.assert_array_equal(
        plain, simulate.trajectory("adam", [[2.0], [-1.0]], [0.0], lr=1.0, beta1=0.9, beta2=0.95, epsilon=0.0)
    )


def test_a_trajectory_takes_a_thousandth_without_decay_unless_told():
    path = simulate.trajectory("sign-sgdm", [[1.0], [1.0]], [5.0])
    np.testing.assert_allclose(path.ravel(), [5.0, 4.999, 4.998], rtol=1e-15)


@given(st.sampled_from(OPTIMIZERS), st.integers(0, 2**20))
@settings(max_examples=20)
def test_coordinates_may_be_permuted_and_signs_flipped(optimizer, seed):
    rng = np.random.default_rng(seed)
    gradients, init = rng.standard_normal((6, 3, 2)), rng.standard_normal((3, 2))
    rows, flips = rng.permutation(3), rng.choice([-1.0, 1.0], (3, 1))
    plain = simulate.trajectory(optimizer, gradients, init, lr=0.1, weight_decay=0.2)
    turned = simulate.trajectory(optimizer, flips * gradients[:, rows], flips * init[rows], lr=0.1, weight_decay=0.2)
    np.testing.assert_allclose(turned, flips * plain[:, rows], rtol=1e-11, atol=1e-12)


@given(st.integers(0, 2**20))
@settings(max_examples=20)
def test_muon_moves_with_the_basis_of_either_side(seed):
    rng = np.random.default_rng(seed)
    gradients, init = rng.standard_normal((5, 4, 2)), rng.standard_normal((4, 2))
    left, right = np.linalg.qr(rng.standard_normal((4, 4)))[0], np.linalg.qr(rng.standard_normal((2, 2)))[0]
    plain = simulate.trajectory("muon", gradients, init, lr=0.1, weight_decay=0.2)
    turned = simulate.trajectory("muon", left @ gradients @ right, left @ init @ right, lr=0.1, weight_decay=0.2)
    np.testing.assert_allclose(turned, left @ plain @ right, rtol=0, atol=1e-10)  # singular values may be close


@given(st.sampled_from(["sign-sgdm", "adam", "muon"]), st.sampled_from([1e-100, 1e-3, 1e100]), st.integers(0, 2**20))
@settings(max_examples=20)
def test_the_unit_of_the_gradient_moves_only_sgd(optimizer, unit, seed):
    rng = np.random.default_rng(seed)
    gradients, init = rng.standard_normal((5, 2, 2)), rng.standard_normal((2, 2))
    plain = simulate.trajectory(optimizer, gradients, init, lr=0.1)
    np.testing.assert_allclose(simulate.trajectory(optimizer, unit * gradients, init, lr=0.1), plain, atol=1e-11)


@pytest.mark.parametrize("share", [1e-16, 1e-14])
def test_muon_drops_a_singular_value_that_is_rounding(share):
    # the cut lies at 2 × 2.2e-16 of the largest
    path = simulate.trajectory("muon", [np.diag([1.0, share])], np.zeros((2, 2)), lr=1.0, beta1=0.0)
    np.testing.assert_allclose(np.diag(path[1]), [-1.0, -float(share > 1e-15)], atol=1e-15)


# --- runs without noise have no chance in them ---


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("burn_in", [0, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_without_noise_records_what_a_loop_over_numbers_does(optimizer, burn_in, dtype):
    mean, init, steps, beta1, beta2 = -1.5, 0.3, 4, 0.6, 0.8
    lr, decay = np.array([0.1, 0.3, 0.2, 0.05]), np.array([0.5, 0.0, 1.0, 2.0])
    sample = simulate.run(
        optimizer,
        rng=np.random.default_rng(0),
        steps=steps,
        lr=lr,
        weight_decay=decay,
        beta1=beta1,
        beta2=beta2,
        mean=mean,
        std=0.0,
        shape=(1, 1),
        blocks=6,
        burn_in=burn_in,
        init_rms=init,
        dtype=dtype,
    )
    digits = {"float64": 1e-13, "float32": 2e-6}[dtype]
    for block in range(6):
        plain, moments, updates, seen = Plain(optimizer, beta1, beta2), [], [], []
        for _ in range(burn_in):
            plain.update(mean)
        for _ in range(steps):
            updates.append(plain.update(mean))
            moments.append(plain.m**2)
        for start in (-init, init):
            theta, path = start, [start**2]
            for t in range(steps):
                theta = (1 - lr[t] * decay[t]) * theta - lr[t] * updates[t]
                path.append(theta**2)
            seen.append(np.array(path))
        found = sample.weight_squares[block]
        assert min(np.abs(found - path).max() for path in seen) < digits
        assert sample.gradient_squares[block] == pytest.approx(mean**2, rel=digits)
        assert sample.momentum_squares[block] == pytest.approx(np.mean(moments), rel=digits)
        assert sample.update_squares[block] == pytest.approx(np.mean(np.square(updates)), rel=digits)
        assert sample.update_means[block] == pytest.approx(np.mean(updates), rel=digits)


def test_a_run_takes_the_usual_settings_unless_told():
    plain = simulate.run("adam", rng=np.random.default_rng(1), steps=3)
    named = simulate.run(
        "adam",
        rng=np.random.default_rng(1),
        steps=3,
        lr=1e-3,
        weight_decay=0.0,
        beta1=0.9,
        beta2=0.95,
        mean=0.0,
        std=1.0,
        shape=16384,
        blocks=16,
        burn_in=0,
        init_rms=0.0,
        dtype="float32",
    )
    for name in ("gradient_squares", "momentum_squares", "update_squares", "update_means", "weight_squares"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(named, name))
    assert plain.weight_squares.shape == (16, 4)
    assert plain.update_means.shape == (16, 16384)


def test_half_the_weights_start_below_zero():
    # without steps of any size the square is the start; a drift tells the signs: (±a − η)² differ
    sample = simulate.run(
        "sgdm",
        rng=np.random.default_rng(2),
        steps=1,
        lr=0.5,
        mean=1.0,
        std=0.0,
        beta1=0.0,
        shape=40_000,
        init_rms=0.5,
        blocks=2,
    )
    # positive halves end at 0, negative ones at −1: the mean square is the share of negative ones
    np.testing.assert_allclose(sample.weight_squares[:, 1], 0.5, atol=4 * 0.5 / 200)  # four standard errors


# --- estimates ---


@st.composite
def records(draw):
    blocks, steps = draw(st.integers(2, 6)), draw(st.integers(1, 4))
    numbers = st.floats(0.1, 2.0)
    row = st.lists(numbers, min_size=blocks, max_size=blocks).map(np.array)
    table = st.lists(row, min_size=steps + 1, max_size=steps + 1).map(lambda rows: np.array(rows).T)
    return simulate.Simulation(draw(row), draw(row), draw(row), draw(table), draw(table))


def plain_error(samples):
    mean = sum(samples) / len(samples)
    return math.sqrt(sum((x - mean) ** 2 for x in samples) / (len(samples) - 1) / len(samples))


@given(records())
def test_estimates_are_means_over_blocks_with_the_error_of_the_mean(sample):
    blocks = sample.update_squares.tolist()
    root = math.sqrt(sum(blocks) / len(blocks))
    assert sample.update_rms.value == pytest.approx(root, rel=1e-13)
    assert sample.update_rms.standard_error == pytest.approx(plain_error(blocks) / (2 * root), rel=1e-9, abs=1e-15)
    for k, column in enumerate(sample.update_means.T.tolist()):
        assert sample.update_mean.value[k] == pytest.approx(sum(column) / len(column), rel=1e-13)
        assert sample.update_mean.standard_error[k] == pytest.approx(plain_error(column), rel=1e-9, abs=1e-15)
    for k, column in enumerate(sample.weight_squares.T.tolist()):
        root = math.sqrt(sum(column) / len(column))
        assert sample.weight_rms_path.value[k] == pytest.approx(root, rel=1e-13)
        expected = pytest.approx(plain_error(column) / (2 * root), rel=1e-9, abs=1e-15)
        assert sample.weight_rms_path.standard_error[k] == expected


@given(records(), st.data())
def test_the_rms_of_the_weights_averages_all_steps_from_its_start(sample, data):
    start = data.draw(st.integers(0, sample.weight_squares.shape[1] - 1))
    means = [sum(row[start:]) / len(row[start:]) for row in sample.weight_squares.tolist()]
    root = math.sqrt(sum(means) / len(means))
    found = sample.weight_rms(start)
    assert found.value == pytest.approx(root, rel=1e-13)
    assert found.standard_error == pytest.approx(plain_error(means) / (2 * root), rel=1e-9, abs=1e-15)
    with pytest.raises(ValueError, match="`start` must be at most"):
        sample.weight_rms(sample.weight_squares.shape[1])
    with pytest.raises(ValueError, match="`start` must be at least 0"):
        sample.weight_rms(-1)


@given(records())
def test_the_error_of_the_momentum_ratio_is_that_of_its_linear_part(sample):
    top, bottom = sample.momentum_squares.tolist(), sample.gradient_squares.tolist()
    size, ratio = sum(bottom) / len(bottom), sum(top) / sum(bottom)
    linear = [(m - ratio * g) / size for m, g in zip(top, bottom, strict=True)]  # of d(M/G) = dM/G − M dG/G²
    assert sample.momentum_ratio.value == pytest.approx(math.sqrt(ratio), rel=1e-12)
    expected = plain_error(linear) / (2 * math.sqrt(ratio))
    assert sample.momentum_ratio.standard_error == pytest.approx(expected, rel=1e-8, abs=1e-14)


def test_the_momentum_ratio_of_faint_gradients_is_that_of_loud_ones():
    ratios = [
        simulate.run("sgdm", rng=np.random.default_rng(3), steps=5, std=std, shape=50, dtype="float64").momentum_ratio
        for std in (1.0, 1e-100)
    ]
    np.testing.assert_allclose(ratios[1], ratios[0], rtol=1e-12)


# --- normals ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_normal_and_independent_of_each_other(dtype):
    size = 50_001  # odd, so that the last pair is cut
    sample = simulate.run(
        "sgdm", rng=np.random.default_rng(7), steps=1, beta1=0.0, shape=size, mean=2.0, std=3.0, blocks=2, dtype=dtype
    )
    standard = (sample.update_means - 2.0) / 3.0
    for row in standard:
        assert kstest(row, "norm").pvalue > 1e-3
        halves = row[: size // 2], row[size // 2 : 2 * (size // 2)]
        for lag in (0, 1, 2):  # pairs lie half a buffer apart; squares tell a common radius
            for left, right in ((halves[0], np.roll(halves[1], lag)), (row, np.roll(row, lag + 1))):
                assert abs(np.mean(left * right)) < 4 / math.sqrt(left.size)
                excess = (left**2 - 1) * (right**2 - 1) / 2
                assert abs(np.mean(excess)) < 4 / math.sqrt(left.size)
    assert np.corrcoef(standard)[0, 1] == pytest.approx(0, abs=4 / math.sqrt(size))


@pytest.mark.parametrize("shape", [1, 3, 700, (5, 40)])
@pytest.mark.parametrize("steps", [1, 50])
def test_every_step_draws_anew_for_sizes_on_either_side_of_a_chunk(shape, steps):
    blocks = 60_000 // (steps * int(np.prod(shape))) + 2
    sample = simulate.run(
        "sgdm", rng=np.random.default_rng(8), steps=steps, beta1=0.0, shape=shape, blocks=min(blocks, 120)
    )
    count = sample.update_means.size
    # a mean over steps of independent normals has variance 1/steps, its square a relative error √(2/count)
    assert np.mean(sample.update_means**2) * steps == pytest.approx(1.0, abs=5 * math.sqrt(2 / count))
    draws = count * steps
    assert np.mean(sample.gradient_squares) == pytest.approx(1.0, abs=5 * math.sqrt(2 / draws))


def test_mean_and_std_of_each_coordinate_are_its_own():
    mean, std = np.array([[0.0, 10.0], [-3.0, 0.0]]), np.array([0.0, 2.0])
    sample = simulate.run("sgdm", rng=np.random.default_rng(9), steps=200, beta1=0.0, mean=mean, std=std, shape=(2, 2))
    spread = np.std(sample.update_means, axis=0, ddof=1) * math.sqrt(200)
    np.testing.assert_allclose(np.mean(sample.update_means, axis=0), mean, atol=5 * 2 / math.sqrt(3200))
    np.testing.assert_allclose(spread, np.broadcast_to(std, (2, 2)), rtol=0.9)
    np.testing.assert_allclose(spread[:, 0], 0.0, atol=1e-5)
    assert (spread[:, 1] > 1.0).all()


# --- bad input ---


def run(**options):
    return simulate.run(**({"optimizer": "adam", "rng": np.random.default_rng(0), "steps": 2, "shape": 2} | options))


def trajectory(**options):
    return simulate.trajectory(**({"optimizer": "adam", "gradients": [[1.0]], "init": [0.0]} | options))


@pytest.mark.parametrize(("value", "kind"), [(-0.5, ValueError), (math.nan, ValueError), ("x", TypeError)])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        *itertools.product([run], ["lr", "weight_decay", "beta1", "beta2", "std", "init_rms"]),
        *itertools.product([trajectory], ["lr", "weight_decay", "beta1", "beta2", "epsilon"]),
    ],
)
def test_a_number_out_of_range_is_named(call, name, value, kind):
    with pytest.raises(kind, match=f"`{name}` must"):
        call(**{name: value})


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: run(optimizer="lion"), ValueError, "`optimizer` must be one of 'sgdm', 'sign-sgdm', 'adam', 'muon'"),
        (lambda: run(rng=3), TypeError, "`rng` must be a numpy.random.Generator"),
        (lambda: run(steps=0), ValueError, "`steps` must be at least 1"),
        (lambda: run(steps=1.5), TypeError, "`steps` must be an integer"),
        (lambda: run(lr=[0.1]), ValueError, r"`lr` must be a number, a Schedule or an array of shape \(2,\)"),
        (
            lambda: run(weight_decay=[0.1] * 3),
            ValueError,
            r"`weight_decay` must be a number, a Schedule or an array of shape \(2,\)",
        ),
        (lambda: run(beta1=1.0), ValueError, r"`beta1` must .* \[0, 1\)"),
        (lambda: run(beta2=1.0), ValueError, r"`beta2` must .* \[0, 1\)"),
        (lambda: run(mean=math.inf), ValueError, "`mean` must be finite"),
        (lambda: run(mean=[[1.0]]), ValueError, r"`mean` must broadcast to the shape \(2,\)"),
        (lambda: run(std=[1.0] * 3), ValueError, r"`std` must broadcast to the shape \(2,\)"),
        (lambda: run(shape=(2, 0)), ValueError, "`shape` must be at least 1"),
        (lambda: run(shape=1.5), TypeError, "`shape` must be an integer"),
        (lambda: run(optimizer="muon"), ValueError, "`shape` must have at least two axes for Muon"),
        (lambda: run(blocks=1), ValueError, "`blocks` must be at least 2"),
        (lambda: run(burn_in=-1), ValueError, "`burn_in` must be at least 0"),
        (lambda: run(dtype="float16"), ValueError, "`dtype` must be one of 'float32', 'float64'"),
        (
            lambda: run(mean=1e16),
            ValueError,
            "`the larger of mean and std` must be 0 or from 1e-15 to 1e.15 in float32",
        ),
        (lambda: run(std=1e-16), ValueError, "in float32, got .*; rescale the gradients or take float64"),
        (lambda: run(std=1e141, dtype="float64"), ValueError, "to 1e.140 in float64, got .*; rescale the gradients$"),
        (lambda: run(std=1e-141, dtype="float64"), ValueError, "must be 0 or from 1e-140"),
        (lambda: trajectory(optimizer="lion"), ValueError, "`optimizer` must be one of"),
        (lambda: trajectory(gradients=[1.0]), ValueError, r"`gradients` must have shape \(steps, \*\(1,\)\)"),
        (lambda: trajectory(gradients=[[math.nan]]), ValueError, "`gradients` must be finite"),
        (lambda: trajectory(gradients=[[1e-141]]), ValueError, "`gradients` must be 0 or from 1e-140 to 1e.140"),
        (lambda: trajectory(gradients=[[-1e141]]), ValueError, "`gradients` must be 0 or from 1e-140 to 1e.140"),
        (lambda: trajectory(init=["a"]), TypeError, "`init` must be real numbers"),
        (lambda: trajectory(optimizer="muon"), ValueError, "`shape` must have at least two axes for Muon"),
        (
            lambda: trajectory(lr=[0.1, 0.1]),
            ValueError,
            r"`lr` must be a number, a Schedule or an array of shape \(1,\)",
        ),
        (lambda: trajectory(beta2=1.0), ValueError, r"`beta2` must .* \[0, 1\)"),
    ],
)
def test_bad_input_of_each_kind_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_sizes_at_the_ends_of_the_range_are_taken():
    for size in (0.0, 1e-140, 1e140):
        assert np.isfinite(simulate.trajectory("adam", [[size]], [0.0])).all()
    for dtype, size in (("float32", 1.1e-15), ("float32", 0.9e15), ("float64", 1e-140), ("float64", 1e140)):
        assert np.isfinite(run(mean=size, std=0.0, dtype=dtype).update_squares).all()
    huge = simulate.trajectory("sgdm", [[1e200]], [0.0], lr=1.0, beta1=0.0)
    assert huge[1, 0] == -1e200  # only Adam squares
