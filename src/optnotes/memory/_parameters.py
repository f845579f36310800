"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    first="lr_max : float\n    Rate of the first step, > 0.",
    weights="weights : array of shape (steps,)\n    Weights ≥ 0, not all zero, as from `batch_weights`.",
    remembered="remembered : float\n    Share r of the initial weights in the final ones, in (0, 1).",
)
