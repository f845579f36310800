"""The judges of the book, at the name by which its chapters call them; the code is `optnotes.book.checks`."""

from optnotes.book.checks import (
    RIVAL_REPLACES,
    Z_MAX,
    CheckError,
    Evidence,
    RefutedError,
    agree,
    approximate,
    bound,
    identity,
    limit,
    monte_carlo,
    order,
)

__all__ = [
    "RIVAL_REPLACES",
    "Z_MAX",
    "CheckError",
    "Evidence",
    "RefutedError",
    "agree",
    "approximate",
    "bound",
    "identity",
    "limit",
    "monte_carlo",
    "order",
]
