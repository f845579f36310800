import numpy as np
import pytest

from optnotes.manifold_training import train
from optnotes.matrix_sign import msign

CONSTRAINED = ["stiefel", "dual", "muon-projection", "sgd-projection"]
RULES = [*CONSTRAINED, "muon", "muon-rescaled", "dual-free"]


def clusters(rng):
    """Return 90 points around three corners of a cube in six dimensions, with their labels."""
    labels = np.arange(90) % 3
    return np.eye(6)[2 * labels] + 0.1 * rng.standard_normal((90, 6)), labels


def run(rule, *, lr=0.1, seed=0, **options):
    inputs, labels = clusters(np.random.default_rng(7))
    defaults = {"width": 4, "steps": 40, "batch_size": 30}
    return train(inputs, labels, rule, lr=lr, rng=np.random.default_rng(seed), **(defaults | options))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_separates_three_clusters(rule):
    found = run(rule)
    assert found.error == 0
    assert found.loss < np.log(3)  # the loss of guessing


@pytest.mark.parametrize("rule", CONSTRAINED)
def test_constrained_rules_stay_on_the_manifold(rule):
    found = run(rule)
    assert found.off_manifold.shape == (40,)
    assert found.off_manifold.max() <= 1e-12


@pytest.mark.parametrize("rule", ["muon", "dual-free"])
def test_free_rules_leave_the_manifold(rule):
    assert run(rule).off_manifold[-1] > 0.01


def test_the_rescaled_rule_keeps_the_frobenius_norm_and_not_the_manifold():
    found = run("muon-rescaled")
    assert np.linalg.norm(found.weight) == pytest.approx(2.0, rel=1e-13)  # four orthonormal columns at the start
    assert found.off_manifold[-1] > 0.01


def test_a_projected_step_of_muon_is_the_polar_factor_of_its_free_step():
    free, projected = (run(rule, steps=1).weight for rule in ("muon", "muon-projection"))
    np.testing.assert_allclose(projected, msign(free), atol=1e-14)


def test_a_run_is_evaluated_on_other_data_as_on_its_own():
    inputs, labels = clusters(np.random.default_rng(7))
    found = run("muon")
    assert found.evaluate(inputs, labels) == (found.loss, found.error)
    logits = np.maximum(inputs[:5] @ found.weight, 0) @ found.head + found.bias
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found.evaluate(inputs[:5], labels[:5])[0] == pytest.approx(-np.mean(np.log(shares[range(5), labels[:5]])))
    assert found.evaluate(inputs[:1], [(labels[0] + 1) % 3])[1] == 1


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (np.ones((1, 5)), [0], "`inputs` must have the 6 features of the training, got 5"),
        (np.ones((1, 6)), [3], "`labels` must be below 3, the classes of the training, got 3"),
        (np.ones((2, 6)), [0], "`labels` must name the class of each of 2 examples, got 1"),
    ],
)
def test_bad_data_to_evaluate_on_is_named(inputs, labels, message):
    with pytest.raises(ValueError, match=message):
        run("muon", steps=1).evaluate(inputs, labels)


@pytest.mark.parametrize("rule", RULES)
def test_one_seed_gives_one_run(rule):
    assert run(rule).loss == run(rule).loss
    assert run(rule).loss != run(rule, seed=1).loss


def test_one_step_of_muon_moves_against_the_numerical_gradient():
    inputs, labels = clusters(np.random.default_rng(7))
    rng = np.random.default_rng(3)
    start = np.linalg.qr(rng.standard_normal((6, 4)))[0]
    head = rng.standard_normal((4, 3)) / 2

    def loss(weight):
        logits = np.maximum(inputs @ weight, 0) @ head
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(90), labels])

    units = 1e-6 * np.eye(24).reshape(24, 6, 4)
    gradient = np.array([(loss(start + u) - loss(start - u)) / 2e-6 for u in units]).reshape(6, 4)
    found = run("muon", seed=3, steps=1, batch_size=90)
    assert found.weight == pytest.approx(start - 0.1 * msign(gradient), abs=1e-7)  # error of the differences


def test_counts_of_decompositions():
    rules = ("muon", "muon-rescaled", "sgd-projection", "dual", "muon-projection")
    assert [run(rule).svds for rule in rules] == [40, 40, 40, 80, 80]
    assert run("stiefel").svds >= 80


def test_the_first_step_of_the_simultaneous_iteration_is_that_of_muon():
    off = [run("dual-free", lr=lr, steps=1, dual_lr=1e-9).off_manifold[0] for lr in (0.1, 0.05)]
    muon = [run("muon", lr=lr, steps=1).off_manifold[0] for lr in (0.1, 0.05)]
    assert off == pytest.approx(muon, rel=1e-9)  # rounding: X starts at zero


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "adam"}, "`rule` must be one of 'stiefel', 'dual'"),
        ({"lr": 0.0}, "`lr` must be finite and lie in"),
        ({"head_lr": -1.0}, "`head_lr` must be finite and lie in"),
        ({"dual_lr": 0.0}, "`dual_lr` must be finite and lie in"),
        ({"width": 7}, "`width` must be at most 6, got 7"),
        ({"steps": 0}, "`steps` must be at least 1, got 0"),
        ({"batch_size": 91}, "`batch_size` must be at most 90, got 91"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        run(**({"rule": "muon"} | options))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(89, int), "`labels` must name the class of each of 90 examples, got 89"),
        (np.zeros(90), "`labels` must be a list of whole numbers"),
        (np.full(90, -1), "`labels` must start from 0"),
    ],
)
def test_bad_labels_are_named(labels, message):
    inputs, _ = clusters(np.random.default_rng(7))
    with pytest.raises(ValueError, match=message):
        train(inputs, labels, "muon", lr=0.1, rng=np.random.default_rng(0), width=2)


def test_a_seed_in_the_place_of_a_generator_is_refused():
    inputs, labels = clusters(np.random.default_rng(7))
    with pytest.raises(TypeError, match=r"`rng` must be a numpy.random.Generator"):
        train(inputs, labels, "muon", lr=0.1, rng=0)
