"""What the build is doing and how far it is: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tqdm import tqdm


def say(text: str) -> None:
    """Print one line, above the bar if there is one."""
    tqdm.write(f"book: {text}", file=sys.stdout)
    sys.stdout.flush()


class Progress:
    """A bar over `total` steps, which belong to `items` that are begun and ended one by one."""

    def __init__(self, what: str, items: int, total: int, unit: str) -> None:
        self._items, self._ended, self._running = items, 0, list[str]()
        self._bar = tqdm(
            desc=f"book: {what}", total=total, unit=unit, file=sys.stderr, leave=False, dynamic_ncols=True,
            disable=not sys.stderr.isatty(), bar_format="{desc} {bar} {n_fmt}/{total_fmt} {unit} {elapsed}{postfix}",
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self) -> None:
        """Show that one more step is done."""
        self._bar.update()

    @contextmanager
    def item(self, name: str) -> Iterator[None]:
        """Show that an item runs, and say at its end how long it took."""
        start = time.monotonic()
        self._show([*self._running, name])
        try:
            yield
            self._end(name, f"{time.monotonic() - start:.1f} s")
        except Exception:  # and not what calls the item off from outside
            self._end(name, f"failed after {time.monotonic() - start:.1f} s")
            raise

    def _end(self, name: str, outcome: str) -> None:
        self._ended += 1
        self._show([other for other in self._running if other != name])
        say(f"{name} {outcome} ({self._ended}/{self._items})")

    def _show(self, running: list[str]) -> None:
        self._running = running
        self._bar.set_postfix_str(", ".join(running))
