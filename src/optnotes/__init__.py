"""Numerical companions of the chapters of Optimizer Notes, one topic a name.

Import a topic and call its functions by their flat names, as in
`from optnotes import extremes; extremes.expected_max(4096)`; or `import optnotes`, which loads a topic when it is
first used. Topics need NumPy and SciPy; the tools of the book need its extra, `pip install 'optnotes[book]'`.

A topic is a folder whose `__init__` is its one public door, or a single file while it is one room. Every room inside
a folder has a leading underscore, so that it never takes the name of a function that the door shows. A room imports
its neighbours relatively and another topic through that topic's door. `_ground` holds what belongs to no topic,
`book` what only the book needs; `checks`, `claims`, `instances`, `manifold_training` and `plotting` are short names.
"""

import importlib
from typing import TYPE_CHECKING

__all__ = [
    "batch_size",
    "book",
    "checks",
    "claims",
    "extremes",
    "instances",
    "manifold_training",
    "matrix_sign",
    "memory",
    "moments",
    "plotting",
    "random_matrix",
    "schedules",
    "simulate",
    "steepest",
    "weight_rms",
]

if TYPE_CHECKING:
    from . import (
        batch_size,
        book,
        checks,
        claims,
        extremes,
        instances,
        manifold_training,
        matrix_sign,
        memory,
        moments,
        plotting,
        random_matrix,
        schedules,
        simulate,
        steepest,
        weight_rms,
    )
else:  # a type checker would take any name for a module

    def __getattr__(name):  # noqa: ANN001, ANN202
        if name in __all__:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
