"""Execution of notebooks: side by side, by this interpreter, with outputs that repeat to the byte."""

import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import IO

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets import default

from . import cache
from .compare import keep_stored
from .errors import BookError
from .lock import Record, sole_build
from .notebooks import Notebook, chapters, code_cells, normalise, read, write
from .progress import Progress

TIMEOUT = 120
"""Seconds that one cell may run, as in `make test`."""


class CellError(BookError):
    """A cell failed: names the notebook, the cell and its error."""


def refresh(root: Path, slugs: Sequence[str] = (), timeout: int = TIMEOUT) -> None:
    """Execute the chapters named (all when none is) in place; one that fails stays as it was.

    So do outputs that differ from the stored ones by no more than noise, whatever processor made them.
    """
    known = chapters(root)
    unknown = sorted(set(slugs) - set(known))
    if unknown:
        raise CellError(f"no notebook of _toc.yml is called {', '.join(unknown)}; there are: {', '.join(known)}")
    wanted = {slug: read(known[slug]) for slug in slugs or known}

    def keep(slug: str) -> None:
        keep_stored(read(known[slug]), wanted[slug])
        write(wanted[slug], known[slug])

    with sole_build(root) as record:
        execute_all(wanted, root, timeout, record, keep)


def execute_all(
    notebooks: Mapping[str, Notebook], root: Path, timeout: int, record: Record, keep: Callable[[str], None]
) -> None:
    """Execute the notebooks, by slug, as many at a time as there are cores and at least two.

    Each one goes to the cache as soon as it is done, and then `keep` is called with its slug.

    Raises
    ------
    CellError
        Names every cell that raised, ran out of time or lost its kernel. Anything else ends the run at once.
    """
    steps = sum(len(notebook.cells) for notebook in notebooks.values())
    # Windows' own event loop cannot wait for the sockets of a kernel.
    with (
        Progress("executing", len(notebooks), steps, "cells") as progress,
        asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
    ):

        async def one(slug: str) -> None:
            key = cache.key(notebooks[slug], root)
            with progress.item(slug):
                await execute(notebooks[slug], slug, root, timeout=timeout, record=record, step=progress.step)
            cache.store(notebooks[slug], root, key, cache.SETTINGS)
            keep(slug)

        failures = runner.run(_side_by_side(one, list(notebooks)))
    if failures:
        raise CellError("\n".join(failures))


async def execute(
    notebook: Notebook, name: str, root: Path, *, timeout: int, record: Record, step: Callable[[], None]
) -> None:
    """Execute `notebook` from a fresh kernel in `chapters/` and bring it into its stored form.

    Raises
    ------
    CellError
        A cell raised, ran longer than `timeout` seconds or lost the kernel, or no kernel started.
    """
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("execution", None)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        Path(scratch, "kernel.log").open("w+b") as log,
    ):
        kernel = ThisInterpreter(connection_file=str(Path(scratch, "kernel.json")))
        client = NotebookClient(
            notebook, km=kernel, timeout=timeout, record_timing=False, log=_SILENT,
            force_raise_errors=True, skip_cells_with_tag="",
        )  # fmt: skip
        where = name
        try:
            await kernel.start_kernel(
                cwd=str(root / "chapters"), env=environment(root, scratch), stdout=log, stderr=log
            )
            record(kernel.process.pid)
            await client.async_start_new_kernel_client()
            for index, cell in enumerate(notebook.cells):
                where = f"{name}, cell {index + 1}"
                await client.async_execute_cell(cell, index)
                step()
        except CellExecutionError as error:
            raise CellError(f"{where}: {error.ename}: {error.evalue}\n{cell.source}") from None
        except CellTimeoutError:
            raise CellError(f"{where}: CellTimeoutError: still running after {timeout} s\n{cell.source}") from None
        except DeadKernelError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from None  # nbclient takes a call-off for the death of the kernel
            raise CellError(f"{where}: DeadKernelError: {_death(kernel)}\n{cell.source}{_said(log)}") from None
        except RuntimeError as error:
            raise CellError(f"{where}: the kernel did not start: {error}{_said(log)}") from None
        finally:
            if client.kc:
                client.kc.stop_channels()
            if kernel.has_kernel:
                await kernel.shutdown_kernel(now=True)
    normalise(notebook)


class ThisInterpreter(AsyncKernelManager):
    """Kernel manager that starts the current interpreter, whatever kernels the machine names."""

    @default("kernel_spec_manager")
    def _own_specs(self) -> KernelSpecManager:
        return OwnSpecs()

    @property
    def process(self) -> "Popen[bytes]":
        """The kernel's process, once it is started."""
        return self.provisioner.process  # type: ignore[union-attr, no-any-return]


class OwnSpecs(KernelSpecManager):
    """The one kernel there is: this interpreter."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
        """Return how to start this interpreter as a kernel, whatever name is asked for."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


_SILENT = logging.Logger("nbclient", logging.CRITICAL + 1)
"""What nbclient would log is in the errors that it raises."""


async def _side_by_side(one: Callable[[str], Awaitable[None]], slugs: Sequence[str]) -> list[str]:
    """Return what went wrong in the cells of the notebooks, in their order."""
    places = asyncio.Semaphore(max(2, os.cpu_count() or 2))
    failures = {}

    async def in_turn(slug: str) -> None:
        async with places:
            try:
                await one(slug)
            except CellError as error:
                failures[slug] = str(error)

    for task in asyncio.as_completed([asyncio.create_task(in_turn(slug)) for slug in slugs]):
        await task
    return [failures[slug] for slug in slugs if slug in failures]


def environment(root: Path, scratch: str) -> dict[str, str]:
    """Return the environment of a kernel whose outputs are the book's; `scratch` is a folder of its own."""
    return {
        **os.environ,
        **cache.SETTINGS,
        "IPYTHONDIR": scratch,  # no start-up files of the user
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": str(root / "src"),
    }


def _said(log: IO[bytes], lines: int = 20) -> str:
    """Return the last lines that the kernel itself has written, such as the trace of a crash."""
    log.seek(0)
    return "".join(f"\n  {line.rstrip()}" for line in log.read().decode(errors="replace").splitlines()[-lines:])


def _death(kernel: ThisInterpreter) -> str:
    status = kernel.process.poll() or 0
    if status < 0:
        return f"the kernel was killed by {signal.Signals(-status).name}: out of memory, or from outside"
    return f"the kernel ended by itself, with status {status}"
