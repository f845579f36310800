"""The style of the book's figures, at the name by which its chapters call it; the code is `optnotes.book.plotting`."""

from optnotes.book.plotting import DARK, LIGHT, theory_and_sample, use_style

__all__ = [
    "DARK",
    "LIGHT",
    "theory_and_sample",
    "use_style",
]
