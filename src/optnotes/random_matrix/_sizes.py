"""The sizes of a matrix, checked, and their limits."""

from optnotes._ground.arguments import integer

EXACT_LIMIT = 1024
SIZE_LIMIT = 2**53
"""Largest size: beyond it n − 1 and n are the same float64, and so are their laws."""


def checked_sizes(n: int, m: int, *, exact: bool) -> tuple[int, int]:
    """Return the sizes, larger first, checked."""
    remedy = "float64 cannot tell larger sizes apart"
    pairs = (("n", n), ("m", m))
    sizes = [integer(name, integer(name, size, low=1), high=SIZE_LIMIT, remedy=remedy) for name, size in pairs]
    if exact and min(sizes) > EXACT_LIMIT:
        raise ValueError(
            f"the smaller of `n` and `m` must be at most {EXACT_LIMIT} for the exact law, got {min(sizes)}; "
            'use method="closed-form", or sample_singular_extremes'
        )
    return max(sizes), min(sizes)
