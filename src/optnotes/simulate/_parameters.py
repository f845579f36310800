"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    decays="beta1, beta2 : float, in [0, 1)\n    Decays of the two moments; only Adam reads beta2.",
    refused="ValueError : an argument outside its range, or shapes that do not fit.",
)
