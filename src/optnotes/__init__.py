"""Numerical companions of the chapters of Optimizer Notes, one module per topic.

Import the module of a topic and call its functions by their flat names, as in
`from optnotes import extremes; extremes.expected_max(4096)`.
"""

__all__ = [
    "batch_size",
    "checks",
    "claims",
    "extremes",
    "instances",
    "manifold_training",
    "matrix_sign",
    "memory",
    "moments",
    "plotting",
    "random_matrix",
    "schedules",
    "simulate",
    "steepest",
    "weight_rms",
]
