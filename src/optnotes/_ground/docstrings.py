"""Text that functions share in their docstrings, written once and filled in at import.

A line that holds nothing but `{name}` becomes the text of that name, indented as the line is. So help() and the pages
made from docstrings show whole numpydoc sections, and formulas keep their braces.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

PLACEHOLDER = re.compile(r"^([ \t]*)\{([a-z]\w*)\}[ \t]*$", re.MULTILINE)

COMMON = {
    "beta1": "beta1 : float\n    Decay β₁ of the average that is the momentum, 0 ≤ β₁ < 1; 0 is no momentum.",
    "rates": (
        "lr, weight_decay : float, array of shape (steps,) or Schedule\n"
        "    Rates η_t, λ_t ≥ 0 of the steps 1, …, `steps`; η_tλ_t < 1."
    ),
    "steps": "steps : int\n    Number of steps, ≥ 1.",
}


def filler(**own: str) -> Callable[[Function], Function]:
    """Return the decorator of a topic, which fills in the common texts and the topic's own."""
    texts = COMMON | own

    def described(function: Function) -> Function:
        def text(found: re.Match[str]) -> str:
            indent, name = found.groups()
            if name not in texts:
                known = ", ".join(sorted(texts))
                raise ValueError(
                    f"`{function.__qualname__}` has the placeholder {{{name}}} in its docstring; it must "
                    f"be one of {known}"
                )
            return "\n".join(indent + line for line in texts[name].split("\n"))

        if function.__doc__:  # none under -OO
            function.__doc__ = PLACEHOLDER.sub(text, function.__doc__)
        return function

    return described
