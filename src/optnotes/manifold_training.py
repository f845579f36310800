"""The training demonstration of the book, at the name by which its chapter calls it; the code is in `optnotes.book`."""

from optnotes.book.manifold_training import GAP, Training, train

__all__ = [
    "GAP",
    "Training",
    "train",
]
