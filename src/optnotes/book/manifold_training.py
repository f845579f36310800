"""A two-layer network whose hidden layer may live on the Stiefel manifold, trained by seven rules side by side.

Logits are relu(AW)V + b for a batch A of examples; only W differs between the rules, V and b follow plain SGD. The
chapter on dual descent trains it on handwritten digits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optnotes._ground.arguments import FloatArray, choice, generator, integer, real_matrix, real_number, require
from optnotes.matrix_sign import msign
from optnotes.steepest import retract, stiefel

IntArray = NDArray[np.int64]

GAP = 1e-4
"""Certified gap of the steepest direction, relative to ‖G‖_*; tangency is exact whatever the gap."""


@dataclass(frozen=True, eq=False)
class Training:
    """What a run left: mean loss over the training examples, share of wrong labels, layers, distance from the manifold.

    Attributes
    ----------
    loss, error : cross-entropy (nats) and share of misclassified examples of the training set after the last step.
    weight, head, bias : the layers W, V and b after the last step.
    off_manifold : ‖WᵀW − I‖₂ after each step.
    svds : polar factors and SVDs that the updates of W took; no measure of their time.
    """

    loss: float
    error: float
    weight: FloatArray
    head: FloatArray
    bias: FloatArray
    off_manifold: FloatArray
    svds: int

    def evaluate(self, inputs: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
        """Return cross-entropy (nats) and share of misclassified examples on other data, such as a test set.

        Parameters
        ----------
        inputs
            Shape (examples, features), the features of the training.
        labels
            Classes of the training, shape (examples,).

        Raises
        ------
        TypeError, ValueError
            Other numbers of features or examples, or a label that the training did not have.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> run = train([[1.0, 0.0], [0.0, 1.0]], [0, 1], "muon", lr=0.1, rng=rng, width=2, batch_size=2)
        >>> run.evaluate([[1.0, 0.0], [0.0, 1.0]], [0, 1]) == (run.loss, run.error)
        True
        """
        A, classes = _examples(inputs, labels)
        features, known = len(self.weight), len(self.bias)
        require(A.shape[1] == features, "inputs", f"have the {features} features of the training", A.shape[1])
        require(classes.max() < known, "labels", f"be below {known}, the classes of the training", int(classes.max()))
        return _score(_Net(self.weight, self.head, self.bias).logits(A), classes)


def train(
    inputs: ArrayLike,
    labels: ArrayLike,
    rule: str,
    *,
    lr: float,
    rng: np.random.Generator,
    width: int = 16,
    steps: int = 100,
    batch_size: int = 128,
    head_lr: float = 0.5,
    dual_lr: float = 1.0,
) -> Training:
    """Return the outcome of stochastic training of relu(AW)V + b under one rule for W.

    W starts with orthonormal columns. The learning rates of all parts fall linearly to zero.

    Parameters
    ----------
    inputs
        Shape (examples, features).
    labels
        Whole numbers from 0, shape (examples,).
    rule
        `"stiefel"`: the certified steepest direction and the retraction. `"dual"`: one polar factor
        Φ = msign(G + WX) with X carried over, X ← X − dual_lr·lr·‖G‖_F(WᵀΦ + ΦᵀW), and the retraction.
        `"dual-free"`: the same without the retraction. `"muon"`: W − lr·msign(G). `"muon-projection"`: its msign.
        `"muon-rescaled"`: the same step, rescaled to the Frobenius norm of the start. `"sgd-projection"`:
        msign(W − lr·G).
    lr, head_lr, dual_lr
        Positive; `dual_lr` has no unit.
    rng
        Draws the start and the batches, so that one seed gives all rules the same of both.
    width, steps, batch_size
        At least 1, `width` at most the number of features, `batch_size` at most that of examples.

    Returns
    -------
    A `Training`.

    Raises
    ------
    TypeError, ValueError
        Arguments outside their ranges.

    References
    ----------
    Su 2025 [11388], simultaneous iteration. Bernstein 2025, Modular Manifolds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> run = train([[1.0, 0.0], [0.0, 1.0]], [0, 1], "stiefel", lr=0.1, rng=rng, width=2, batch_size=2)
    >>> run.error, bool(run.off_manifold.max() < 1e-12)
    (0.0, True)
    """
    A, classes = _examples(inputs, labels)
    choice("rule", rule, _RULES)
    source, k = generator("rng", rng), integer("width", width, low=1, high=A.shape[1])
    total, batch = integer("steps", steps, low=1), integer("batch_size", batch_size, low=1, high=len(A))
    rates = [real_number(name, value, low=0.0, low_open=True) for name, value in (("lr", lr), ("head_lr", head_lr))]
    state = _State(np.linalg.qr(source.standard_normal((A.shape[1], k)))[0], _dual_lr(dual_lr))
    outputs = int(classes.max()) + 1
    net = _Net(state.weight, source.standard_normal((k, outputs)) / np.sqrt(k), np.zeros(outputs))
    off = np.empty(total)
    for step in range(total):
        chosen = source.choice(len(A), batch, replace=False)
        gradient = net.descend_head(A[chosen], classes[chosen], rates[1] * (1 - step / total))
        _RULES[rule](state, gradient, rates[0] * (1 - step / total))
        net.weight = state.weight
        off[step] = np.linalg.norm(state.weight.T @ state.weight - np.eye(k), 2)
    return Training(*_score(net.logits(A), classes), net.weight, net.head, net.bias, off, state.svds)


@dataclass
class _State:
    """The hidden layer, its multiplier X and the count of SVDs."""

    weight: FloatArray
    dual_lr: float
    multiplier: FloatArray = field(init=False)
    svds: int = 0

    def __post_init__(self) -> None:
        self.multiplier = np.zeros((self.weight.shape[1],) * 2)


@dataclass
class _Net:
    """relu(AW)V + b."""

    weight: FloatArray
    head: FloatArray
    bias: FloatArray

    def logits(self, inputs: FloatArray) -> FloatArray:
        activity: FloatArray = np.maximum(inputs @ self.weight, 0.0) @ self.head + self.bias
        return activity

    def descend_head(self, inputs: FloatArray, classes: IntArray, lr: float) -> FloatArray:
        """Take one step of SGD on V and b; return the gradient by W at the point before it."""
        hidden = np.maximum(inputs @ self.weight, 0.0)
        surplus = _softmax(hidden @ self.head + self.bias)
        surplus[np.arange(len(classes)), classes] -= 1.0
        surplus /= len(classes)
        gradient: FloatArray = inputs.T @ ((surplus @ self.head.T) * (hidden > 0))
        self.head = self.head - lr * hidden.T @ surplus
        self.bias = self.bias - lr * surplus.sum(axis=0)
        return gradient


def _stiefel(state: _State, gradient: FloatArray, lr: float) -> None:
    found = stiefel(gradient, state.weight, tol=GAP)
    state.weight = retract(state.weight, found.direction, lr)
    state.svds += found.svds + 1


def _dual(state: _State, gradient: FloatArray, lr: float) -> None:
    _dual_free(state, gradient, lr)
    state.weight = msign(state.weight)
    state.svds += 1


def _dual_free(state: _State, gradient: FloatArray, lr: float) -> None:
    direction = msign(gradient + state.weight @ state.multiplier)
    inner = state.weight.T @ direction
    step = state.dual_lr * lr * np.linalg.norm(gradient)
    state.multiplier = state.multiplier - step * (inner + inner.T)
    state.weight = state.weight - lr * direction
    state.svds += 1


def _muon(state: _State, gradient: FloatArray, lr: float) -> None:
    state.weight = state.weight - lr * msign(gradient)
    state.svds += 1


def _muon_projection(state: _State, gradient: FloatArray, lr: float) -> None:
    _muon(state, gradient, lr)
    state.weight = msign(state.weight)
    state.svds += 1


def _muon_rescaled(state: _State, gradient: FloatArray, lr: float) -> None:
    before = np.linalg.norm(state.weight)
    _muon(state, gradient, lr)
    state.weight = state.weight * (before / np.linalg.norm(state.weight))


def _sgd_projection(state: _State, gradient: FloatArray, lr: float) -> None:
    state.weight = msign(state.weight - lr * gradient)
    state.svds += 1


_RULES: dict[str, Callable[[_State, FloatArray, float], None]] = {
    "stiefel": _stiefel,
    "dual": _dual,
    "dual-free": _dual_free,
    "muon": _muon,
    "muon-projection": _muon_projection,
    "muon-rescaled": _muon_rescaled,
    "sgd-projection": _sgd_projection,
}


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: FloatArray = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _score(logits: FloatArray, classes: IntArray) -> tuple[float, float]:
    """Return mean cross-entropy and share of examples whose largest logit is not that of their class."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(classes)), classes]
    loss = float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - own))
    return loss, float(np.mean(logits.argmax(axis=1) != classes))


def _examples(inputs: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, IntArray]:
    A, classes = real_matrix("inputs", inputs), _classes(labels)
    require(len(A) == len(classes), "labels", f"name the class of each of {len(A)} examples", len(classes))
    return A, classes


def _classes(labels: ArrayLike) -> IntArray:
    array = np.asarray(labels)
    require(array.ndim == 1 and array.dtype.kind in "iu", "labels", "be a list of whole numbers", labels)
    require(array.size and array.min() >= 0, "labels", "start from 0", labels)
    return array.astype(np.int64)


def _dual_lr(value: float) -> float:
    return real_number("dual_lr", value, low=0.0, low_open=True)
