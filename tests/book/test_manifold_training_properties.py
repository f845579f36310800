"""Training on the manifold against a loop over examples with gradients by differences; invariances; bad input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optnotes.manifold_training import train
from optnotes.steepest import stiefel

EXAMPLES, FEATURES, WIDTH = 8, 4, 2
FREE = ("muon", "muon-projection", "muon-rescaled", "sgd-projection", "dual", "dual-free")


def data(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((EXAMPLES, FEATURES)), np.append(rng.integers(0, 3, EXAMPLES - 3), [0, 1, 2])


def polar(matrix):
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    return matrix @ vectors @ np.diag(values**-0.5) @ vectors.T


def cross_entropy(inputs, labels, weight, head, bias):
    """Mean of −log p of the own class and share of examples whose largest logit is another, one at a time."""
    total, wrong = 0.0, 0
    for example, label in zip(inputs, labels, strict=True):
        hidden = [max(sum(example[i] * weight[i, k] for i in range(len(example))), 0.0) for k in range(weight.shape[1])]
        logits = [sum(hidden[k] * head[k, c] for k in range(len(hidden))) + bias[c] for c in range(len(bias))]
        total += math.log(sum(math.exp(x) for x in logits)) - logits[label]
        wrong += max(range(len(logits)), key=logits.__getitem__) != label
    return total / len(labels), wrong / len(labels)


def differences(loss, array):
    """Gradient by central differences."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        shift = np.zeros_like(array)
        shift[index] = 1e-5
        gradient[index] = (loss(array + shift) - loss(array - shift)) / 2e-5
    return gradient


def plain_training(rule, seed, *, lr, head_lr, dual_lr, steps):
    """All examples in each batch, so that the draw of the batches does not matter."""
    inputs, labels = data(seed)
    rng = np.random.default_rng(seed)
    weight = np.linalg.qr(rng.standard_normal((FEATURES, WIDTH)))[0]
    head, bias, multiplier, off = rng.standard_normal((WIDTH, 3)) / math.sqrt(WIDTH), np.zeros(3), 0.0, []
    for step in range(steps):
        left = 1 - step / steps

        def loss(w, v, b):
            return cross_entropy(inputs, labels, w, v, b)[0]

        gradient = differences(lambda w, v=head, b=bias: loss(w, v, b), weight)
        slopes = (
            differences(lambda v, w=weight, b=bias: loss(w, v, b), head),
            differences(lambda b, w=weight, v=head: loss(w, v, b), bias),
        )
        head, bias = head - head_lr * left * slopes[0], bias - head_lr * left * slopes[1]
        rate = lr * left
        if rule.startswith("muon"):
            size, weight = math.sqrt((weight**2).sum()), weight - rate * polar(gradient)
            if rule == "muon-projection":
                weight = polar(weight)
            if rule == "muon-rescaled":
                weight = weight / math.sqrt((weight**2).sum()) * size
        elif rule == "sgd-projection":
            weight = polar(weight - rate * gradient)
        elif rule == "stiefel":
            weight = polar(weight - rate * stiefel(gradient, weight, tol=1e-6).direction)
        else:
            direction = polar(gradient + weight @ (multiplier * np.eye(WIDTH) if step == 0 else multiplier))
            tilt = weight.T @ direction + direction.T @ weight
            multiplier = multiplier - dual_lr * rate * math.sqrt((gradient**2).sum()) * tilt
            weight = polar(weight - rate * direction) if rule == "dual" else weight - rate * direction
        off.append(max(abs(np.linalg.eigvalsh(weight.T @ weight - np.eye(WIDTH)))))
    return *cross_entropy(inputs, labels, weight, head, bias), weight, off


@pytest.mark.parametrize("rule", [*FREE, "stiefel"])
@settings(max_examples=4)
@given(seed=st.integers(0, 2**20), lr=st.floats(0.02, 0.2), head_lr=st.floats(0.1, 1.0), dual_lr=st.floats(0.2, 3.0))
def test_training_is_the_loop_over_examples(rule, seed, lr, head_lr, dual_lr):
    options = {"lr": lr, "head_lr": head_lr, "dual_lr": dual_lr, "steps": 3}
    loss, error, weight, off = plain_training(rule, seed, **options)
    inputs, labels = data(seed)
    found = train(inputs, labels, rule, rng=np.random.default_rng(seed), width=WIDTH, batch_size=EXAMPLES, **options)
    # differences are good to 1e-9; the package stops the Stiefel direction at a gap of 1e-4, whose root it may be off
    digits = 1e-3 if rule == "stiefel" else 1e-6
    np.testing.assert_allclose(found.weight, weight, atol=digits)
    assert found.loss == pytest.approx(loss, abs=digits)
    assert found.error == error
    np.testing.assert_allclose(found.off_manifold, off, atol=digits)


def test_training_takes_its_settings_unless_told():
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((140, 20)), np.arange(140) % 3
    plain = train(inputs, labels, "dual", lr=0.1, rng=np.random.default_rng(1))
    named = train(
        inputs,
        labels,
        "dual",
        lr=0.1,
        rng=np.random.default_rng(1),
        width=16,
        steps=100,
        batch_size=128,
        head_lr=0.5,
        dual_lr=1.0,
    )
    assert plain.loss == named.loss
    np.testing.assert_array_equal(plain.weight, named.weight)
    assert plain.weight.shape == (20, 16)
    assert plain.off_manifold.shape == (100,)


@pytest.mark.parametrize("rule", [*FREE, "stiefel"])
def test_classes_may_be_named_in_any_order_of_the_examples(rule):
    inputs, labels = data(5)
    order = np.random.default_rng(1).permutation(EXAMPLES)
    runs = [
        train(a, b, rule, lr=0.1, rng=np.random.default_rng(2), width=2, steps=4, batch_size=EXAMPLES)
        for a, b in ((inputs, labels), (inputs[order], labels[order]))
    ]
    assert runs[0].loss == pytest.approx(runs[1].loss, rel=1e-4)
    assert runs[0].error == runs[1].error


def test_a_shift_of_all_logits_leaves_no_overflow():
    inputs, labels = data(3)
    found = train(1e4 * inputs, labels, "muon", lr=0.1, rng=np.random.default_rng(0), width=2, steps=2, batch_size=8)
    assert math.isfinite(found.loss)


@pytest.mark.parametrize(
    ("rule", "svds"),
    [("muon", 3), ("muon-rescaled", 3), ("sgd-projection", 3), ("dual-free", 3), ("dual", 6), ("muon-projection", 6)],
)
def test_each_rule_counts_its_decompositions(rule, svds):
    inputs, labels = data(1)
    found = train(inputs, labels, rule, lr=0.1, rng=np.random.default_rng(0), width=2, steps=3, batch_size=4)
    assert found.svds == svds


def test_the_steepest_rule_counts_those_of_its_solver_and_of_the_retraction():
    inputs, labels = data(1)
    found = train(inputs, labels, "stiefel", lr=0.1, rng=np.random.default_rng(0), width=2, steps=3, batch_size=4)
    assert found.svds >= 6
    lone = train(inputs, labels, "stiefel", lr=0.1, rng=np.random.default_rng(0), width=2, steps=1, batch_size=4)
    assert lone.svds < found.svds


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"inputs": [[math.nan]]}, ValueError, "`inputs` must be finite"),
        ({"inputs": [1.0, 2.0]}, ValueError, "`inputs` must have two dimensions"),
        ({"labels": [[0]]}, ValueError, "`labels` must be a list of whole numbers"),
        ({"labels": [0.0] * 8}, ValueError, "`labels` must be a list of whole numbers"),
        ({"labels": [0] * 7}, ValueError, "`labels` must name the class of each of 8 examples, got 7"),
        ({"labels": [-1] * 8}, ValueError, "`labels` must start from 0"),
        ({"rule": "adam"}, ValueError, "`rule` must be one of 'stiefel', 'dual', 'dual-free', 'muon'"),
        ({"rng": 0}, TypeError, "`rng` must be a numpy.random.Generator"),
        ({"width": 0}, ValueError, "`width` must be at least 1"),
        ({"width": 5}, ValueError, "`width` must be at most 4"),
        ({"steps": 0}, ValueError, "`steps` must be at least 1"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"batch_size": 9}, ValueError, "`batch_size` must be at most 8"),
        *[
            ({name: value}, kind, f"`{name}` must")
            for name in ("lr", "head_lr", "dual_lr")
            for value, kind in ((0.0, ValueError), (-0.5, ValueError), (math.nan, ValueError), ("x", TypeError))
        ],
    ],
)
def test_bad_input_of_each_kind_is_named(options, kind, message):
    inputs, labels = data(0)
    usual = {"inputs": inputs, "labels": labels, "rule": "muon", "lr": 0.1, "rng": np.random.default_rng(0)}
    with pytest.raises(kind, match=message):
        train(**(usual | {"width": 2, "batch_size": 4} | options))


def test_one_label_and_one_feature_are_enough():
    found = train([[1.0], [2.0]], [0, 0], "muon", lr=0.1, rng=np.random.default_rng(0), width=1, steps=1, batch_size=1)
    assert (found.loss, found.error) == (0.0, 0.0)


def test_steps_of_next_to_nothing_leave_the_start():
    inputs, labels = data(2)
    usual = {"rng": np.random.default_rng(3), "width": 2, "steps": 2, "batch_size": 4}
    found = train(inputs, labels, "dual", lr=1e-12, head_lr=1e-12, dual_lr=1e-12, **usual)
    start = np.linalg.qr(np.random.default_rng(3).standard_normal((FEATURES, WIDTH)))[0]
    np.testing.assert_allclose(found.weight, start, atol=1e-11)
