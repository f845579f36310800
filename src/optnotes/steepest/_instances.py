"""Printed instances of the sources, kept as data so that chapters and tests compare like with like."""

import json
from importlib.resources import files

import numpy as np

from optnotes._ground.arguments import FloatArray


def stiefel_8x4() -> tuple[FloatArray, FloatArray]:
    """Return the gradient and the weight of the 8 × 4 instance of steepest descent on the Stiefel manifold.

    Returns
    -------
    Two arrays of shape (8, 4), printed with float32 digits: the weight is orthonormal to 1e-6.

    References
    ----------
    Su 2025 [11221].

    Examples
    --------
    >>> gradient, weight = stiefel_8x4()
    >>> bool(np.linalg.norm(weight.T @ weight - np.eye(4), 2) < 1e-6)
    True
    """
    record = json.loads(files("optnotes.steepest").joinpath("data/stiefel_8x4.json").read_text(encoding="utf-8"))
    return np.array(record["gradient"]), np.array(record["weight"])
