"""Single faults in code: each number, sign, operator, comparison and term of a formula, changed.

cosmic-ray makes the faults; what it lacks, a dropped term, is an operator of the same kind here. Code that states no
formula has none: imports, annotations, messages, errors, decorators, texts.
"""

import ast
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import parso

from .errors import BookError

_parse: Callable[[str], Any] = parso.parse
Node = Any
"""A node of parso's tree."""
SWAPS = {
    "ReplaceBinaryOperator": (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Mul_Add", "Pow_Mul", "FloorDiv_Mul",
        "BitAnd_BitOr", "BitOr_BitAnd",
    ),
    "ReplaceUnaryOperator": ("Delete_USub", "Delete_Not", "Delete_Invert"),
    "ReplaceComparisonOperator": (
        "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "Gt_Lt", "LtE_GtE", "GtE_LtE", "Eq_NotEq", "NotEq_Eq",
    ),
}  # fmt: skip
OPERATORS = (
    "NumberReplacer",
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *(f"{kind}_{swap}" for kind, swaps in SWAPS.items() for swap in swaps),
)
"""Those of cosmic-ray that change a formula; the others change decorators, `is`, loops and the handling of errors."""
BINARY = {"arith_expr", "term", "power", "expr", "and_expr", "shift_expr"}
"""Where `*` and `|` multiply and unite; elsewhere they unpack, or part the parameters."""
NO_FORMULA = {"import_from", "import_name", "decorator", "decorators", "raise_stmt", "tfpdef", "fstring", "assert_stmt"}
JUDGES = {"rtol", "atol", "tol", "resolution", "rival"}
"""Arguments that say how closely a judge looks, and what is wrong on purpose; moving them is no fault of a formula."""


FAULTY = {"number", "operator", "keyword", "factor", "not_test", "comparison", "arith_expr", "term"}
PARTS = set("()[]{},:;=.@")
"""Operators in the eyes of parso that no fault can change; to leave them out saves most of the time."""
Site = tuple[str, int]
"""An operator's name, and the occurrence at which it is applied."""


class Operator(Protocol):
    """What cosmic-ray calls an operator."""

    def mutation_positions(self, node: Node) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
        """Yield the start and the end of each fault that the operator can make in a node."""

    def mutate(self, node: Node, index: int) -> Node:
        """Return the node with the fault of this index."""


@dataclass(frozen=True)
class Tool:
    """Operators by name, and how one is applied: `mutate(source, operator, occurrence)` is the faulty source."""

    operators: Mapping[str, Operator]
    mutate: Callable[[str, Operator, int], str | None]


@dataclass(frozen=True)
class Fault:
    """One fault: its line, the operator that makes it, the lines before and after, the faulty source."""

    line: int
    operator: str
    before: str
    after: str
    source: str


class DropTerm:
    """Leaves out one term of a sum, or one factor of a product."""

    def mutation_positions(self, node: Node) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Return the place of each term and factor that can go; at once, for `mutate` takes one out meanwhile."""
        return [(node.children[index].start_pos, node.children[index].end_pos) for index in self._droppable(node)]

    def mutate(self, node: Node, index: int) -> Node:
        """Take out the term with the sign before it; the first one with the sign behind it."""
        place = self._droppable(node)[index]
        first = max(place - 1, 0)
        del node.children[first : first + 2]
        return node

    def _droppable(self, node: Node) -> list[int]:
        if node.type not in {"arith_expr", "term"}:
            return []
        signs = [child.value for child in node.children[1::2]]
        first = [0] if signs[0] in "+*" else []
        return first + [2 * k + 2 for k, sign in enumerate(signs) if sign in {"+", "-", "*", "/"}]


def cosmic_ray() -> Tool:
    """Return cosmic-ray's operators for formulas, and `DropTerm` beside them.

    Raises
    ------
    BookError
        cosmic-ray is not installed.
    """
    try:
        plugins, mutating = import_module("cosmic_ray.plugins"), import_module("cosmic_ray.mutating")
    except ModuleNotFoundError as error:
        raise BookError(f"{error.name} is not installed; `make mutation` installs it") from None
    made = {name: plugins.get_operator(f"core/{name}")() for name in OPERATORS}
    return Tool({**made, "DropTerm": DropTerm()}, mutating.mutate_code)


def sites(source: str, tool: Tool) -> list[Site]:
    """Return the faults that the tool can make in code that states formulas."""
    nodes = [node for node in _walk(_parse(source)) if node.type in FAULTY and getattr(node, "value", "") not in PARTS]
    found: list[Site] = []
    for name, operator in tool.operators.items():
        occurrence = 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if _in_formula(node, start):
                    found.append((name, occurrence))
                occurrence += 1
    return found


def made(source: str, tool: Tool, site: Site) -> Fault | None:
    """Return the fault at a site; None where it changes nothing or leaves no Python."""
    name, occurrence = site
    faulty = tool.mutate(source, tool.operators[name], occurrence)
    if faulty is None or _meaning(faulty) in {None, _meaning(source)}:
        return None
    old, new = source.splitlines(), faulty.splitlines()
    changes = [
        code for code in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    first, last = changes[0], changes[-1]
    before, after = old[first[1] : last[2]], new[first[3] : last[4]]
    return Fault(first[1] + 1, name, "\n".join(before), "\n".join(after), faulty)


def _walk(node: Node) -> Iterator[Node]:
    """Yield the nodes in the order in which cosmic-ray counts occurrences."""
    yield node
    for child in getattr(node, "children", ()):
        yield from _walk(child)


def _in_formula(node: Node, start: tuple[int, int]) -> bool:
    if node.type == "operator" and node.value in {"*", "**", "|", "&"} and node.parent.type not in BINARY:
        return False
    child = node
    while (parent := child.parent) is not None:
        if parent.type in NO_FORMULA or (parent.type == "annassign" and child is parent.children[1]):
            return False
        if parent.type == "funcdef" and parent.annotation is child:
            return False
        if parent.type == "argument" and parent.children[0].get_code().strip() in JUDGES:
            return False
        child = parent
    return start[0] > 0


def _meaning(source: str) -> str | None:
    """Return what Python reads in a source; None where that is nothing. 1e150 + 1 is 1e150."""
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError):
        return None
