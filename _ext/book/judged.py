"""What a chapter's claims show in its code: rivals that are none, and judges that cannot fail."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .notebooks import Notebook, code_cells

JUDGES = {
    "identity": ("left", "right"),
    "limit": ("expression", "expected"),
    "order": ("errors", "expected"),
    "bound": ("value", "upper"),
    "agree": ("a", "b"),
    "approximate": ("value", "exact"),
    "monte_carlo": ("estimate", "expected"),
}
"""The two arguments of a judge that stand against each other."""
POSITIONS = {"limit": (0, 3), "order": (0, 2), "bound": (1, 2), "monte_carlo": (0, 2)}
NUDGE = (0.8, 1.25)
"""A rival between these times the right answer is the right answer with an error, no theory."""
TINY = 1e-6
TOPICS = {
    "batch_size", "extremes", "matrix_sign", "memory", "moments", "random_matrix", "schedules", "simulate", "steepest",
    "weight_rms", "manifold_training",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A claim as it stands in the code: its id, its judge, and the arguments by name."""

    id: str
    judge: str
    sides: tuple[ast.expr, ...]
    options: Mapping[str, ast.expr]


def calls(notebook: Notebook) -> Iterator[Call]:
    """Yield the claims that the cells of a notebook state."""
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "claim" and len(node.args) > 2:
                yield _call(node)


def faults(call: Call) -> Iterator[str]:
    """Yield why the judge of a claim shows nothing, or its rival is no theory."""
    rival = call.options.get("rival")
    if rival is not None and "against" not in call.options:
        yield "a rival is another theory: say in words which, in `against`"
    if rival is not None and any(map(_is_nudge, _entries(rival))):
        yield "the rival is the right answer with a small error, which no theory says"
    if len(call.sides) == 2 and ast.dump(call.sides[0]) == ast.dump(call.sides[1]):
        yield "both sides are the same expression"
    if call.sides and all(map(_is_literal, call.sides)):
        yield "both sides are typed: nothing is computed"
    functions = [_function(side) for side in call.sides]
    if len(functions) == 2 and functions[0] and functions[0] == functions[1]:
        yield f"both sides are {functions[0]}: the package is compared with itself"


def _call(node: ast.Call) -> Call:
    judge = getattr(node.args[2], "attr", "")
    given = node.args[3:]
    options = {pair.arg: pair.value for pair in node.keywords if pair.arg}
    sides = tuple(
        given[place] if place < len(given) else options[name]
        for place, name in zip(POSITIONS.get(judge, (0, 1)), JUDGES.get(judge, ()), strict=False)
        if place < len(given) or name in options
    )
    id = node.args[0].value if isinstance(node.args[0], ast.Constant) else ast.unparse(node.args[0])
    return Call(str(id), judge, sides, options)


def _entries(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions that a rival consists of: itself, or what is in its lists and mappings."""
    if isinstance(node, ast.List | ast.Tuple):
        for part in node.elts:
            yield from _entries(part)
    elif isinstance(node, ast.Dict):
        for part in node.values:
            yield from _entries(part)
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"array", "full", "Matrix"}:
        for part in node.args:
            yield from _entries(part)
    else:
        yield node


def _is_nudge(node: ast.AST) -> bool:
    """Whether an expression is another one times a number close to 1, or plus a tiny one."""
    if not isinstance(node, ast.BinOp):
        return False
    parts = [(_constant(node.left), node.right), (_constant(node.right), node.left)]
    numbers = [number for number, other in parts if number is not None and _constant(other) is None]
    if isinstance(node.op, ast.Mult | ast.Div):
        return any(NUDGE[0] < number < NUDGE[1] and number != 1 for number in numbers)
    return isinstance(node.op, ast.Add | ast.Sub) and any(0 < abs(number) < TINY for number in numbers)


def _constant(node: ast.expr) -> float | None:
    """Return the value of an arithmetic expression of numbers alone."""
    if any(not isinstance(part, _ARITHMETIC) for part in ast.walk(node)):
        return None
    try:
        value = eval(compile(ast.Expression(node), "rival", "eval"), {"__builtins__": {}})
    except ArithmeticError:
        return None
    return float(value) if isinstance(value, int | float) else None


_ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.unaryop)


def _is_literal(node: ast.expr) -> bool:
    """Whether an expression holds nothing but numbers and the libraries that calculate with them."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return not names - {"np", "sp", "math"}


def _function(node: ast.expr) -> str | None:
    """Return the function of the package that an expression is a call of, and nothing else."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return f"{node.func.value.id}.{node.func.attr}" if node.func.value.id in TOPICS else None
    return None
