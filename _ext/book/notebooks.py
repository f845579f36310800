"""Notebooks of the book: which there are, in the order of `_toc.yml`, and how they are read and written."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Notebook = Any
"""An `nbformat` notebook: nested dictionaries with attribute access."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def documents(root: Path) -> list[str]:
    """Return the pages that `_toc.yml` names, in its order, as paths without suffix."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *_files(toc)]


def chapters(root: Path) -> dict[str, Path]:
    """Return the notebooks among the pages: slug to path, in the order of the book."""
    paths = [root / f"{document}.ipynb" for document in documents(root)]
    return {path.stem: path for path in paths if path.exists()}


def read(path: Path) -> Notebook:
    """Read a notebook in format 4; a file that is none raises `ValueError` with its name."""
    nbformat = _nbformat()
    try:
        return nbformat.read(path, as_version=4)
    except nbformat.reader.NotJSONError as error:
        raise ValueError(f"{path} must be a notebook, which is JSON: {str(error)[:80]}") from None


def write(notebook: Notebook, path: Path) -> None:
    """Write a notebook, replacing the file in one step."""
    replace(path, lambda part: _nbformat().write(notebook, part))


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file, and put it at `path` in one step when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # of this process alone: another may write the same
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def normalise(notebook: Notebook) -> None:
    """Make the stored form depend on sources and results alone: no times, machine names, random ids."""
    notebook.metadata = _nbformat().from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: set[str] = set()
    for position, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        if cell.get("id", "") in seen | {""}:
            cell["id"] = hashlib.sha256(f"{position} {cell.source}".encode()).hexdigest()[:8]
        seen.add(cell["id"])
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = count
        cell.outputs = _merge_streams(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count


def code_cells(notebook: Notebook) -> list[Any]:
    """Return the code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _nbformat() -> Any:
    import nbformat  # noqa: PLC0415 - takes seconds, and a site that is up to date reads no notebook

    return nbformat


def _files(entry: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for child in [*entry.get("parts", []), *entry.get("chapters", []), *entry.get("sections", [])]:
        found += [child["file"]] if "file" in child else []
        found += _files(child)
    return found


def _merge_streams(outputs: list[Any]) -> list[Any]:
    merged: list[Any] = []
    for output in outputs:
        stream = output.output_type == "stream"
        if stream and merged and merged[-1].output_type == "stream" and merged[-1].name == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged
