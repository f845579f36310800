"""The book's build: executes the notebooks, keeps the ledger of claims, and renders the site offline.

`python -m book build|refresh|ledger` is the command line; `setup` makes the package a Sphinx extension.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
"""nbformat would import it to check addresses, which no notebook has; its grammar takes 1.5 s in each process."""


def setup(app: "Sphinx") -> dict[str, bool]:
    """Load the parts of the extension; Sphinx calls this."""
    for part in (
        "formulas",
        "figures",
        "order",
        "typeset",
        "reference",
        "pages",
        "map",
        "calculators",
        "head",
        "assets",
    ):
        app.setup_extension(f"{__name__}.{part}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
