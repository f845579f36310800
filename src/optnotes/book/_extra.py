"""What to say where the packages of the extra `book` are missing."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def from_extra() -> Iterator[None]:
    """Let a missing package name the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        remedy = "it comes with the extra `book`: pip install 'optnotes[book]'"
        raise ModuleNotFoundError(f"{error}; {remedy}", name=error.name) from error
