"""The rooms of the package and who imports whom, read from the source, and their picture for contributors."""

import ast
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from .notebooks import replace

PICTURE = ".github/house.svg"
GROUND = "_ground"
SHORT = {"checks", "claims", "instances", "manifold_training", "plotting"}
"""Names of one line that show what another room holds; the picture leaves them out."""

WIDTH, ROOM, FLOOR, GAP, LEFT = 900, 46, 104, 16, 20


class Import(NamedTuple):
    """A line of a file that imports a module: `optnotes` names are relative to the package."""

    file: str
    module: str

    @property
    def room(self) -> str:
        """The topic that the file belongs to."""
        return self.file.removesuffix(".py").split("/")[0]

    @property
    def target(self) -> str:
        """The topic, or the package from elsewhere, that is imported."""
        return self.module.removeprefix("optnotes.").split(".")[0] if self.inside else self.module.split(".")[0]

    @property
    def inside(self) -> bool:
        """Whether the module belongs to the package."""
        return self.module.split(".")[0] == "optnotes"


def sources(package: Path) -> dict[str, str]:
    """Return the text of each file of the package but the outermost door, which names all and imports none."""
    found = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    return {name: found[name] for name in sorted(found) if name != "__init__.py"}


def imports(texts: dict[str, str]) -> Iterator[Import]:
    """Yield what the files import, wherever in the file; a name imported from a package counts as its module."""
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in texts}
    for file, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from (Import(file, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                folder = ["optnotes", *file.split("/")[:-1]]
                base = ".".join([*folder[: len(folder) + 1 - node.level], node.module or ""]).rstrip(".")
                base = base if node.level else str(node.module)
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    yield Import(file, whole if whole.removeprefix("optnotes.") in modules else base)


def arrows(found: Iterable[Import]) -> dict[str, set[str]]:
    """Return, for each room that imports another, the rooms that it imports."""
    graph: dict[str, set[str]] = {}
    for line in found:
        if line.inside and line.target != line.room:
            graph.setdefault(line.room, set()).add(line.target)
    return graph


def floors(texts: dict[str, str]) -> list[list[str]]:
    """Return the rooms from the ground up, each one floor above the highest that it imports."""
    graph = arrows(imports(texts))
    rooms = {name.removesuffix(".py").split("/")[0] for name in texts} - SHORT
    height: dict[str, int] = {}
    while left := rooms - set(height):
        for room in sorted(left):
            below = (graph.get(room, set()) | {GROUND}) - {room} - SHORT
            if below <= set(height) or room == GROUND:
                height[room] = 0 if room == GROUND else 1 + max(height[name] for name in below)
    return [sorted(room for room in rooms if height[room] == level) for level in range(max(height.values()) + 1)]


def house(root: Path) -> None:
    """Write the picture of the house into the repository."""
    text = picture(sources(root / "src" / "optnotes"))
    replace(root / PICTURE, lambda part: part.write_text(text, encoding="utf-8"))


def picture(texts: dict[str, str]) -> str:
    """Return the house as SVG: a row of rooms for each floor, and an arrow to each room that is imported."""
    graph, storeys = arrows(imports(texts)), floors(texts)
    height = FLOOR * len(storeys) + 40
    boxes = {
        room: (LEFT + i * (WIDTH - 2 * LEFT + GAP) / len(row), height - FLOOR * (level + 1), len(row))
        for level, row in enumerate(storeys)
        for i, room in enumerate(row)
    }
    lines = [
        _arrow(boxes[room], boxes[to], index, len(graph[room]))
        for room in boxes
        for index, to in enumerate(sorted(graph.get(room, set()) & set(boxes) - {GROUND}))
    ]
    rooms = [_room(room, *place, sum(name.startswith(f"{room}/") for name in texts)) for room, place in boxes.items()]
    title = "Rooms of the package optnotes: a room stands above those that it imports; all stand on the ground floor"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="15">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0 8 4 0 8z" fill="#47617d"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" fill="#fdfcf8"/>',
            *lines,
            *rooms,
            "</svg>",
            "",
        ]
    )


def _room(name: str, x: float, y: float, count: int, files: int) -> str:
    width = (WIDTH - 2 * LEFT + GAP) / count - GAP
    fill = {"book": "#f3e6d0", GROUND: "#dde3d8"}.get(name, "#e3ecf5")
    what = "the book's own tools" if name == "book" else "belongs to no topic" if name == GROUND else f"{files} files"
    return (
        f'<g><rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{ROOM}" rx="5" fill="{fill}" stroke="#47617d"/>'
        f'<text x="{x + width / 2:.0f}" y="{y + 20:.0f}" text-anchor="middle" fill="#1d2733">{escape(name)}</text>'
        f'<text x="{x + width / 2:.0f}" y="{y + 37:.0f}" text-anchor="middle" font-size="11" fill="#4a5563">'
        f"{what}</text></g>"
    )


def _arrow(start: tuple[float, float, int], end: tuple[float, float, int], index: int, many: int) -> str:
    def centre(box: tuple[float, float, int], share: float) -> float:
        return box[0] + ((WIDTH - 2 * LEFT + GAP) / box[2] - GAP) * share

    x, y = centre(start, (index + 1) / (many + 1)), start[1] + ROOM
    to, top = centre(end, 0.5), end[1]
    bend = (top - y) / 2
    path = f"M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {to:.0f} {top - bend:.0f} {to:.0f} {top:.0f}"
    return f'<path d="{path}" fill="none" stroke="#47617d" stroke-width="1.4" marker-end="url(#tip)"/>'
