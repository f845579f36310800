"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    exact_sizes="n, m : int\n    Rows and columns, in either order; the smaller at most 1024.",
    point="x : array_like\n    Where, any shape, real or ±∞.",
    probabilities=(
        "ndarray\n"
        "    Probabilities, of the shape of `x`; absolute error below 1e-12, and below 1e-9 in the far tails, where\n"
        "    the root of a determinant sees its rounding."
    ),
    refused="TypeError, ValueError\n    `x` is not real or ±∞, or a size is not an integer or out of range.",
)
