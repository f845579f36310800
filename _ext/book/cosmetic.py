"""`python -m book cosmetic REVISION`: a proof that a refresh changed the looks of the stored outputs and nothing else.

Made for a new SymPy, whose printers write the same expression otherwise. What cannot be proved has changed.
"""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import nbformat

from .compare import outputs_deviation
from .errors import BookError
from .notebooks import Notebook, chapters, code_cells, read

GRADES = ("identical", "rounding", "typesetting", "changed")
"""How an output may have changed, each worse than the one before."""
SETTING = {r"\displaystyle", r"\limits", r"\left", r"\right", r"\cdot", r"\,", r"\;", r"\:", r"\!", "\\ ", "~"}
"""Tokens of LaTeX that place what is printed and mean nothing."""
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\S", re.DOTALL)


class CosmeticError(BookError):
    """An output changed, or nothing proves that it did not."""


@dataclass(frozen=True)
class Change:
    """One output of a cell, before and after."""

    chapter: str
    cell: int
    grade: str
    what: str = ""


def cosmetic(root: Path, revision: str) -> None:
    """Compare the stored outputs with those of a git revision, and print how each one changed.

    Raises
    ------
    CosmeticError
        Code differs, an output changed, or a chapter was added or removed.
    ValueError
        git knows no such revision.
    """
    changes = [
        change
        for slug, path in chapters(root).items()
        for change in compared(slug, _at(root, revision, path), read(path))
    ]
    counts = Counter(change.grade for change in changes)
    for change in changes:
        if change.grade in GRADES[2:]:
            print(f"{change.grade}: {change.chapter} cell {change.cell}: {change.what}")
    print("outputs: " + ", ".join(f"{counts[grade]} {grade}" for grade in GRADES))
    if counts["changed"]:
        raise CosmeticError(f"the refresh since {revision} is not cosmetic: {counts['changed']} outputs changed")


def compared(slug: str, before: Notebook | None, after: Notebook) -> Iterator[Change]:
    """Yield how each output of a chapter changed; other code in a cell counts as a change."""
    if before is None:
        yield Change(slug, 0, "changed", "the chapter is new")
        return
    for number, (old, new) in enumerate(zip_longest(code_cells(before), code_cells(after))):
        if old is None or new is None or old.source != new.source:
            yield Change(slug, number, "changed", "its code differs, so its outputs prove nothing")
        elif len(old.outputs) != len(new.outputs):
            yield Change(slug, number, "changed", f"{len(old.outputs)} outputs before, {len(new.outputs)} now")
        else:
            for one, other in zip(old.outputs, new.outputs, strict=True):
                grade, what = judged(one, other)
                yield Change(slug, number, grade, what)


def judged(before: Any, after: Any) -> tuple[str, str]:
    r"""Return the grade of an output's change, and what is to be seen of it.

    - `identical`: everything but the execution count is equal to the byte;
    - `rounding`: `compare.outputs_deviation` takes the difference for noise; pictures may differ as they like, because
      the numbers that they draw are printed beside them;
    - `typesetting`: SymPy's one-line form of the expression (`text/plain`) is the same tree, terms of sums in any
      order; or there is no such form, and the LaTeX is equal but for spaces, `\left`, `\right`, `\cdot` and braces
      around one token;
    - `changed`: anything else. A product in another order is a change: matrices do not commute.
    """
    if _kept(before) == _kept(after):
        return "identical", ""
    deviation = outputs_deviation([before], [after])
    if not deviation.fails:
        return "rounding", str(deviation)
    old, new = before.get("data", {}), after.get("data", {})
    if set(old) == set(new) == {"text/plain", "text/latex"}:
        trees = expression(old["text/plain"]), expression(new["text/plain"])
        proved = None not in trees and trees[0] == trees[1]
    elif set(old) == set(new) == {"text/latex"}:
        proved = marks(old["text/latex"]) == marks(new["text/latex"])
    else:
        proved = False
    return ("typesetting" if proved else "changed"), str(deviation)


def expression(text: str) -> str | None:
    """Return the tree of a Python expression as text, with the terms of each sum sorted; None where it is none.

    Examples
    --------
    >>> expression("f(b + a) - c") == expression("-c + f(a + b)")
    True
    >>> expression("a - b") == expression("b - a")
    False
    """
    try:
        return _tree(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return None


def marks(latex: str) -> list[str]:
    r"""Return the tokens of LaTeX without what only sets them: spaces, `\left`, `\right`, `\cdot`, braces around one.

    Examples
    --------
    >>> marks(r"2 \cdot x^{2}") == marks(r"2\, x^2")
    True
    """
    tokens = [token for token in _TOKEN.findall(latex) if token not in SETTING]
    bare: list[str] = []
    for token in tokens:
        bare.append(token)
        if token == "}" and bare[-3:-2] == ["{"] and bare[-2] not in "{}":
            bare[-3:] = [bare[-2]]
    return bare


def _tree(node: ast.AST) -> str:
    if isinstance(node, ast.BinOp | ast.UnaryOp) and isinstance(node.op, ast.Add | ast.Sub | ast.USub):
        return f"Sum({', '.join(sorted(_terms(node, '+')))})"
    if isinstance(node, ast.AST):
        parts = [_tree(value) for _, value in ast.iter_fields(node) if not isinstance(value, ast.expr_context)]
        return f"{type(node).__name__}({', '.join(parts)})"
    if isinstance(node, list):
        return f"[{', '.join(map(_tree, node))}]"
    return repr(node)


def _terms(node: ast.AST, sign: str) -> Iterator[str]:
    other = "-" if sign == "+" else "+"
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
            yield from _terms(left, sign)
            yield from _terms(right, sign if isinstance(operator, ast.Add) else other)
        case _ if (positive := _without_minus(node)) is not None:
            yield from _terms(positive, other)
        case _:
            yield sign + _tree(node)


def _without_minus(node: ast.AST) -> ast.expr | None:
    """Return -a*b/c without its minus, which Python puts at the first factor; None where there is none."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return operand
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as operator, right=right):
            first = _without_minus(left)
            return None if first is None else ast.BinOp(first, operator, right)
    return None


def _kept(output: Any) -> dict[str, Any]:
    return {key: value for key, value in output.items() if key != "execution_count"}


def _at(root: Path, revision: str, path: Path) -> Notebook | None:
    """Return the notebook as it was at a revision, or None where there was none."""
    git = ["git", "-C", str(root)]
    if subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], capture_output=True, check=False
    ).returncode:
        raise ValueError(f"`revision` must be known to git, got {revision!r}: see `git log`")
    name = f"{revision}:./{path.relative_to(root).as_posix()}"
    shown = subprocess.run([*git, "show", name], capture_output=True, check=False, text=True, encoding="utf-8")
    return nbformat.reads(shown.stdout, as_version=4) if shown.returncode == 0 else None  # type: ignore[no-untyped-call]
