"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    square="matrix\n    Shape (…, m, m), finite.",
    part="Array of the shape of `matrix`.",
    refused="TypeError, ValueError\n    `matrix` is no finite real array, or its last two sizes differ.",
)
