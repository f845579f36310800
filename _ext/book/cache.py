"""Outputs of executed notebooks in `_build/cache`, by a key of all that they depend on.

The tests and the build share them: whoever executes a notebook stores it, and the other need not.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from . import imports
from .notebooks import Notebook, code_cells, read, write

SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
"""Environment of the kernels whose outputs are kept: more threads change the last digit of a parallel sum."""
PROCESSOR = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
"""Variables that choose the arithmetic of another processor; their values are part of the key."""
KEPT = 60
"""Notebooks that stay in the cache, the last used ones: enough to change between a few branches."""


def key(notebook: Notebook, root: Path) -> str:
    """Return the key of a notebook's outputs: a hash of its code and of all that the outputs depend on.

    That is: the files of `src/` that its imports reach (`imports.files`), the lock, the interpreter, the way
    notebooks are run, and the processor that `PROCESSOR` asks for. Prose and stored outputs do not count.
    """
    code = [cell.source for cell in code_cells(notebook)]
    run = [Path(__file__).with_name(name) for name in ("execute.py", "notebooks.py")]
    files = [*imports.files(code, root / "src"), *filter(Path.exists, [root / "requirements.lock"])]
    machine = [os.environ.get(name, "") for name in PROCESSOR]
    return _hash([*code, *machine, hash_files(files, root), *(path.read_text(encoding="utf-8") for path in run)])


def load(key: str, root: Path) -> Notebook | None:
    """Return the executed notebook that is stored under `key`, if there is one, and keep it for longer."""
    path = _path(key, root)
    try:
        notebook = read(path)
        os.utime(path)
    except FileNotFoundError:
        return None
    except ValueError:  # not JSON: a disk error, since files come whole
        path.unlink(missing_ok=True)
        return None
    return notebook


def store(
    notebook: Notebook, root: Path, under: str | None = None, environment: Mapping[str, str] = os.environ
) -> Path | None:
    """Keep an executed notebook, in one step, and drop those used longest ago beyond `KEPT`.

    Parameters
    ----------
    notebook
        All code cells ran, in order, from a fresh kernel; the outputs are what the kernel sent, with every part of
        their MIME bundles, brought into the stored form by `notebooks.normalise`.
    root
        Root of the repository.
    under
        What `key(notebook, root)` gave before the run. Without it the key is taken now, which is wrong when a file
        of the package has changed since the kernel started.
    environment
        Environment of the kernel.

    Returns
    -------
    Path | None
        The file in `_build/cache`; None, and nothing is stored, when `environment` is not that of `SETTINGS`.

    Raises
    ------
    ValueError
        A cell shows an error: outputs of a failed run are never kept.
    """
    for position, cell in enumerate(notebook.cells, start=1):
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            raise ValueError(f"notebook must have run without errors to be kept, but cell {position} shows one")
    if any(environment.get(name) != value for name, value in SETTINGS.items()):
        return None
    path = _path(under or key(notebook, root), root)
    write(notebook, path)
    _prune(path.parent)
    return path


def hash_files(paths: Iterable[Path], root: Path) -> str:
    """Return a hash of the names and contents of files, and of the interpreter's version."""
    entries = [(path.relative_to(root).as_posix(), path.read_bytes().hex()) for path in sorted(paths)]
    return _hash([sys.version, *(text for entry in entries for text in entry)])


def _path(key: str, root: Path) -> Path:
    return root / "_build" / "cache" / f"{key}.ipynb"


def _prune(folder: Path) -> None:
    ages = {path: _age(path) for path in folder.iterdir()}
    stale = sorted((path for path in ages if path.suffix == ".ipynb"), key=ages.__getitem__)[KEPT:]
    left = [path for path in ages if path.suffix == ".part" and ages[path] > 3600]  # of a process that was killed
    for path in [*stale, *left]:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another process has dropped it meanwhile
        return 0.0


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()
