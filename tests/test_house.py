"""The house keeps its floors: who may import whom, read from the source."""

import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import optnotes

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "_ext"))

from book.house import GROUND, PICTURE, arrows, floors, imports, picture, sources  # noqa: E402

FLOORS = {  # room: what it may import beside the ground floor
    GROUND: set(),
    "extremes": set(),
    "matrix_sign": set(),
    "moments": set(),
    "random_matrix": set(),
    "schedules": set(),
    "batch_size": {"moments"},
    "memory": {"schedules"},
    "simulate": {"schedules"},
    "steepest": {"matrix_sign"},
    "weight_rms": {"moments", "schedules"},
    "instances": {"steepest"},
    "book": {"matrix_sign", "steepest"},
    "checks": {"book"},
    "claims": {"book"},
    "manifold_training": {"book"},
    "plotting": {"book"},
}
BOOK = {"book", "checks", "claims", "manifold_training", "plotting"}
OF_THE_BOOK = {"cycler", "matplotlib", "mpmath", "sympy"}
INTERNALS = {  # rooms that another topic enters by the window: importer, room, why it is not public
    ("weight_rms", "moments._laplace"): "a sum rule of the integral behind the moments",
    ("weight_rms", "schedules._pieces"): "each piece of a schedule relaxes in its own closed form",
    ("instances", "steepest._instances"): "the short name of the printed instance",
}


def circles(texts: dict[str, str]) -> list[str]:
    """Return the rooms of a circle, and the files of one inside a room."""
    found = [line for line in imports(texts) if line.inside]
    files: dict[str, set[str]] = {}
    for line in found:
        path = line.module.removeprefix("optnotes.").replace(".", "/")
        name = f"{path}.py" if f"{path}.py" in texts else f"{path}/__init__.py"
        if name != line.file:
            files.setdefault(line.file, set()).add(name)
    circular = []
    for graph in (arrows(found), files):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circular.append(" → ".join(error.args[1]))
    return circular


def climbs(texts: dict[str, str]) -> list[str]:
    """Return the arrows between rooms that the floors do not allow."""
    graph = arrows(list(imports(texts)))
    allowed = {room: floor | ({GROUND} - {room}) for room, floor in FLOORS.items()}
    return [f"{room} → {to}" for room, reached in graph.items() for to in sorted(reached - allowed.get(room, set()))]


def windows(texts: dict[str, str]) -> list[str]:
    """Return the imports across topics that take neither the door nor a listed window."""
    across = [line for line in imports(texts) if line.inside and line.target not in {line.room, GROUND}]
    inner = [(line, line.module.removeprefix("optnotes.")) for line in across if "._" in line.module]
    return [f"{line.file}: {room}" for line, room in inner if (line.room, room) not in INTERNALS]


def luxuries(texts: dict[str, str]) -> list[str]:
    """Return what a practitioner's topic takes from the book: a tool of it, or a package of its extra."""
    taken = [line for line in imports(texts) if line.room not in BOOK and line.room != "__init__"]
    return [f"{line.file}: {line.module}" for line in taken if line.target in BOOK | OF_THE_BOOK]


def unmarked(texts: dict[str, str]) -> list[str]:
    """Return the rooms inside a topic whose names have no leading underscore."""
    inside = [Path(name) for name in texts if "/" in name]
    free = {"book", GROUND}
    return [path.as_posix() for path in inside if path.parent.name not in free and not path.name.startswith("_")]


RULES = (circles, climbs, windows, luxuries, unmarked)


@pytest.fixture(scope="module")
def house() -> dict[str, str]:
    return sources(Path(optnotes.__file__).parent)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(house, rule):
    assert rule(house) == []


def test_the_floors_name_every_room_and_no_arrow_that_is_gone(house):
    assert {name.removesuffix(".py").split("/")[0] for name in house} == set(FLOORS)
    graph = arrows(list(imports(house)))
    assert {room: graph.get(room, set()) - {GROUND} for room in FLOORS} == FLOORS


def test_every_window_is_used(house):
    used = {(line.room, line.module.removeprefix("optnotes.")) for line in imports(house) if line.inside}
    assert set(INTERNALS) <= used


FAULTS = {
    "a circle of topics": (circles, "schedules/_pieces.py", "from optnotes import weight_rms"),
    "a circle of rooms": (circles, "schedules/_pieces.py", "from ._schedule import Schedule"),
    "a room that imports its own door": (circles, "extremes/_ties.py", "from . import expected_max"),
    "a ground that climbs": (climbs, "_ground/arguments.py", "from optnotes.moments import adam_update_rms"),
    "a topic that climbs": (climbs, "moments/_laplace.py", "def f():\n    import optnotes.schedules"),
    "a topic nobody knows": (climbs, "lion.py", "from .schedules import constant"),
    "a window": (windows, "memory/_weights.py", "from optnotes.schedules._pieces import Piece"),
    "a window by its name": (windows, "memory/_weights.py", "from optnotes.schedules import _pieces"),
    "a window opened for another": (windows, "memory/_weights.py", "from ..moments import _laplace"),
    "a tool of the book": (luxuries, "memory/_weights.py", "from optnotes import checks"),
    "the book itself": (luxuries, "steepest/_spheres.py", "from ..book import plotting"),
    "a package of the book": (luxuries, "simulate/_run.py", "def f():\n    import sympy as sp"),
    "part of a package of the book": (luxuries, "simulate/_run.py", "from matplotlib.axes import Axes"),
    "a public room": (unmarked, "memory/weights.py", ""),
}


@pytest.mark.parametrize(("rule", "file", "line"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_breaks_the_rule(house, rule, file, line):
    assert rule({**house, file: house.get(file, "") + "\n" + line})


def test_the_committed_picture_is_that_of_the_imports(house):
    assert (ROOT / PICTURE).read_text(encoding="utf-8") == picture(house), "run python -m book house"


def test_each_room_of_the_picture_stands_above_those_that_it_imports(house):
    level = {room: height for height, row in enumerate(floors(house)) for room in row}
    assert level[GROUND] == 0
    graph = arrows(imports(house))
    assert all(level[room] > level[to] for room in level for to in graph.get(room, set()) & set(level))
    drawn = picture({**house, "lion/_laws.py": "from optnotes.schedules import constant"})
    assert ">lion<" in drawn
    assert drawn.count("<path") == picture(house).count("<path") + 1
