"""Which files below `src/` some code depends on: its imports, and theirs, read without running anything."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

OPEN = {"__import__", "eval", "exec", "import_module", "runpy", "subprocess"}
"""Names by which code can import what its text does not say."""

Reached = tuple[int, str]
"""How an import statement names a module: its leading dots, and the rest with the name taken from it."""


def files(cells: Sequence[str], tree: Path) -> list[Path]:
    """Return the files below `tree` that the code of some cells depends on, sorted.

    Those are the modules that it imports, the packages around them, what these import in turn, and the data files
    in the folders of the packages. Code that cannot be read, or that imports by names made at run time, depends on
    every file of the folder that it stands in; for cells that is the whole tree.
    """
    package = Package(tree)
    found = package.closure("\n".join(map(_plain, cells)))
    return sorted(path for name in found for path in package.owned[name])


class Package:
    """The modules below a folder: where they are, and which of them a module reaches.

    `paths` has the file of each module by dotted name, `owned` that file and the data files beside it.
    """

    def __init__(self, tree: Path) -> None:
        present = [path for path in sorted(tree.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
        self.paths = {_name(path, tree): path for path in present if path.suffix == ".py"}
        self.owned = {name: [path] for name, path in self.paths.items()}
        for path in present:
            if path.suffix != ".py" and (owner := self._package_around(path, tree)):
                self.owned[owner].append(path)

    def closure(self, code: str) -> set[str]:
        """Return the modules that are loaded when `code`, which stands outside the tree, runs."""
        waiting, found = set(self._imported(code, "", is_package=True)), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                path = self.paths[name]
                waiting |= set(self._imported(path.read_text(encoding="utf-8"), name, path.name == "__init__.py"))
        return found

    def _imported(self, code: str, name: str, is_package: bool) -> Iterator[str]:
        around = name if is_package else name.rpartition(".")[0]
        reached, is_open = scan(code)
        if is_open and not (is_package and name):  # a lazy package is opened by those who ask it for a name
            yield from self._below(around)
        for level, dotted in reached:
            base = around.split(".")[: len(around.split(".")) - level + 1] if level else []
            yield from self._loaded(".".join([*filter(None, base), *filter(None, [dotted])]))

    def _loaded(self, dotted: str) -> Iterator[str]:
        parts = dotted.removesuffix(".*").split(".")
        prefixes = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        modules = [prefix for prefix in prefixes if prefix in self.paths]
        yield from modules
        if modules and (dotted.endswith(".*") or self._is_lazy(modules[-1])):
            yield from self._below(modules[-1])

    def _is_lazy(self, name: str) -> bool:
        path = self.paths[name]
        return path.name == "__init__.py" and scan(path.read_text(encoding="utf-8"))[1]

    def _below(self, package: str) -> Iterator[str]:
        yield from (name for name in self.paths if not package or f"{name}.".startswith(f"{package}."))

    def _package_around(self, path: Path, tree: Path) -> str:
        names = (_name(folder / "__init__.py", tree) for folder in path.parents if folder.is_relative_to(tree))
        return next((name for name in names if name in self.paths), "")


@lru_cache(maxsize=1024)
def scan(code: str) -> tuple[frozenset[Reached], bool]:
    """Return what the import statements of `code` reach, and whether it may import anything else besides."""
    try:
        nodes = list(_executed(ast.parse(code)))
    except (SyntaxError, ValueError):
        return frozenset(), True
    reached = {entry for node in nodes for entry in _reached(node)}
    words = {getattr(node, "id", getattr(node, "attr", "")) for node in nodes} | {dotted for _, dotted in reached}
    return frozenset(reached), any(word.split(".")[0] in OPEN or word.split(".")[-1] in OPEN for word in words)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node and all below it, without what only a type checker reads."""
    yield node
    is_typing = isinstance(node, ast.If) and getattr(node.test, "id", getattr(node.test, "attr", "")) == "TYPE_CHECKING"
    for child in node.orelse if is_typing else ast.iter_child_nodes(node):  # type: ignore[attr-defined]
        yield from _executed(child)


def _reached(node: ast.AST) -> Iterator[Reached]:
    if isinstance(node, ast.Import):
        yield from ((0, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from ((node.level, f"{node.module or ''}.{alias.name}".lstrip(".")) for alias in node.names)


def _name(path: Path, tree: Path) -> str:
    parts = path.relative_to(tree).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _plain(source: str) -> str:
    """Return a cell's source without IPython's lines; what is left of other magics cannot be parsed, as is right."""
    return "\n".join("" if re.match(r"\s*[%!][^%]", line) else line for line in source.splitlines())
