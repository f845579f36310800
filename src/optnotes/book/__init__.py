"""What only the book needs: the judges, the claims, the style of its figures, the training demonstration.

No topic imports it. SymPy and Matplotlib come with the extra `book`: `pip install 'optnotes[book]'`.
"""

__all__ = ["checks", "claims", "manifold_training", "plotting"]
