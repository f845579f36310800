"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    size="n : array_like\n    Number of variables, real, ≥ 1.",
    point="z : array_like\n    Real or ±∞; broadcasts with n.",
    refused="TypeError, ValueError\n    If n is not a real number ≥ 1.",
    refused_point="TypeError, ValueError\n    If z is not real numbers or ±∞, or n is not a real number ≥ 1.",
)
