"""Execution of notebooks: in parallel, by this interpreter, with outputs that repeat to the byte."""

import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from traitlets import default

from .cache import SETTINGS
from .notebooks import Notebook, chapters, code_cells, normalise, read, write

TIMEOUT = 120
"""Seconds that one cell may run, as in `make test`."""


class CellError(RuntimeError):
    """A cell failed: names the notebook, the cell and its error."""


def refresh(root: Path, slugs: Sequence[str] = ()) -> None:
    """Execute the chapters named (all when none is) in place; one that fails stays as it was."""
    known = chapters(root)
    unknown = sorted(set(slugs) - set(known))
    if unknown:
        raise CellError(f"no notebook of _toc.yml is called {', '.join(unknown)}; there are: {', '.join(known)}")
    execute_all([(known[slug], known[slug]) for slug in slugs or known], root)


def execute_all(jobs: Sequence[tuple[Path, Path]], root: Path) -> None:
    """Execute each (source, target) in a process of its own, at least two at a time; report every failure."""
    if not jobs:
        return
    failures = []
    workers = min(len(jobs), max(2, os.cpu_count() or 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_execute_file, source, target, root): source.stem for source, target in jobs}
        for future in as_completed(futures):
            if error := future.exception():
                failures.append(str(error) if isinstance(error, CellError) else f"{futures[future]}: {error!r}")
    if failures:
        raise CellError("\n".join(sorted(failures)))


def execute(notebook: Notebook, name: str, root: Path) -> None:
    """Execute `notebook` from a fresh kernel in `chapters/` and bring it into its stored form.

    Raises
    ------
    CellError
        A cell raised, ran out of time or killed the kernel.
    """
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("execution", None)
    started = [0]  # the kernel's own count is lost when it dies
    with tempfile.TemporaryDirectory() as scratch:
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_manager_class=ThisInterpreter,
            record_timing=False,
            on_cell_start=lambda cell, cell_index: started.append(cell_index + 1),  # noqa: ARG005 - called by name
            resources={"metadata": {"path": str(root / "chapters")}},
        )
        try:
            client.execute(env=environment(root, scratch))
        except (CellControlSignal, DeadKernelError) as error:
            raise CellError(_describe(notebook, name, started[-1], error)) from None
    normalise(notebook)


class ThisInterpreter(AsyncKernelManager):
    """Kernel manager that starts the current interpreter, whatever kernels the machine names."""

    @default("kernel_spec_manager")
    def _own_specs(self) -> KernelSpecManager:
        return OwnSpecs()


class OwnSpecs(KernelSpecManager):
    """The one kernel there is: this interpreter."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
        """Return how to start this interpreter as a kernel, whatever name is asked for."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def _execute_file(source: Path, target: Path, root: Path) -> None:
    notebook = read(source)
    execute(notebook, source.stem, root)
    write(notebook, target)


def environment(root: Path, scratch: str) -> dict[str, str]:
    """Return the environment of a kernel whose outputs are the book's; `scratch` is a folder of its own."""
    return {
        **os.environ,
        **SETTINGS,
        "IPYTHONDIR": scratch,  # no start-up files of the user
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": str(root / "src"),
    }


def _describe(notebook: Notebook, name: str, started: int, error: Exception) -> str:
    for position, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"{name}, cell {position}: {output.ename}: {output.evalue}\n{cell.source}"
    return f"{name}, cell {started}: {type(error).__name__}: {error}"
