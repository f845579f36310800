"""`make portability`: the suite under the kernels of several processors, other threads, locales and places.

Each row starts with a probe, so that a name which NumPy, OpenBLAS or the C library ignores cannot pass for a row.
The report says, chapter by chapter, how much of its tolerance the worst cell used.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import probe
from .cache import hash_files
from .errors import BookError
from .notebooks import chapters
from .rows import PLACE, ROWS, Row, locale_folder
from .runs import CHECKOUT, Event, Outcome, Surroundings, copy_checkout, numeric_tests, suite

REPORT = Path("_build") / "portability.json"
LOGS = Path("_build") / "portability"
UNITS = "unit tests"
WORST = 5
"""Cells of each row that the summary names."""


class PortabilityError(BookError):
    """A row failed: the summary above says which, and where."""


def portability(
    root: Path, names: Sequence[str] = (), slugs: Sequence[str] = (), units: bool = True, resume: bool = False
) -> None:
    """Run the suite under the rows named (all when none is) and print, and store, what moved.

    Parameters
    ----------
    root
        The repository.
    names, slugs
        Rows and chapters; all when none is named.
    units
        Run the numeric unit tests as well.
    resume
        Keep the rows of the last report that passed on these very files.

    Raises
    ------
    PortabilityError
        A row failed: by its probe, in a test or in a cell.
    ValueError
        A row or a chapter is not known.
    """
    rows = [ROWS[name] for name in known("row", names, list(ROWS))]
    wanted = known("chapter", slugs, list(chapters(root)))
    key = json.dumps([_key(root), list(wanted), units])
    report = _previous(root, key) if resume else {}
    report = {"key": key, "machine": _machine(), "rows": report.get("rows", {})}
    with tempfile.TemporaryDirectory() as scratch:
        native = _sight(Surroundings(root, ROWS["native"].environment(), root))
        plan = _Plan(root, wanted, units, native, Path(scratch))
        for row in rows:
            if row.name in report["rows"] and report["rows"][row.name]["passed"]:
                _say(f"{row.name}: passed before on these files")
                continue
            report["rows"][row.name] = _row(row, plan)
            _store(root, report)
    print("\n".join(summary({row.name: report["rows"][row.name] for row in rows}, wanted)))
    failed = [row.name for row in rows if not report["rows"][row.name]["passed"]]
    if failed:
        again = f'make portability ROWS="{" ".join(failed)}"'
        raise PortabilityError(f"failed: {', '.join(failed)}; {REPORT} has every cell; again: {again}")


def summary(rows: dict[str, Any], slugs: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the report: a table chapters × rows, the worst cells, the failures.

    A number in the table is the largest share of its tolerance that a cell used; above 1 a cell fails.
    """
    yield "\nlargest share of its tolerance that a cell used"
    yield " ".join([f"{'':24}", *(f"{name:>10}" for name in rows)])
    for slug in slugs:
        yield " ".join([f"{slug:24}", *(f"{_share(row, slug):>10}" for row in rows.values())])
    yield " ".join([f"{UNITS:24}", *(f"{_units(row):>10}" for row in rows.values())])
    for measure in ("seconds", "processor_seconds"):
        yield " ".join([f"{measure.replace('_', ' '):24}", *(f"{row.get(measure, 0):>10.0f}" for row in rows.values())])
    for name, row in rows.items():
        if row["inapplicable"]:
            yield f"\n{name}: does not apply: {row['inapplicable']}"
            continue
        yield f"\n{name}: {row['what']}; {_arithmetic(name, row)}"
        yield from (f"  the machine does not show what the row asks for: {text}" for text in row["complaints"])
        yield from ([f"  {row['stopped']}"] if row["stopped"] else [])
        for cell in sorted(row["cells"], key=lambda cell: -cell["used"])[:WORST]:
            yield f"  {cell['used']:.2g} of its tolerance: {cell['chapter']} cell {cell['cell']}: {cell['what']}"
        yield from (f"  FAILED {test['id']}\n{_indented(test['message'])}" for test in row["failures"])


@dataclass(frozen=True)
class _Plan:
    """What all rows share: the repository, what is run, what the machine shows by itself, a folder to write in."""

    root: Path
    slugs: Sequence[str]
    units: bool
    native: probe.Sight
    scratch: Path


def _row(row: Row, plan: _Plan) -> dict[str, Any]:
    """Probe and run one row; return its part of the report."""
    record: dict[str, Any] = {"what": row.what, "inapplicable": row.inapplicable(), "complaints": [], "stopped": ""}
    record |= {"seconds": 0.0, "cells": [], "failures": [], "tests": {}, "differs": [], "probe": {}}
    if record["inapplicable"]:
        _say(f"{row.name}: does not apply: {record['inapplicable']}")
        return {**record, "passed": True}
    where = _surroundings(row, plan.root, plan.scratch)
    try:
        sight = _sight(where)
    except subprocess.CalledProcessError as error:  # NumPy stops at a feature that it cannot do without
        said = (error.stderr.strip().splitlines() or ["nothing"])[-1]
        _say(f"{row.name}: the probe failed: {said}")
        return {**record, "complaints": [f"the probe failed: {said}"], "passed": False}
    record |= {"probe": sight, "differs": probe.differs(sight, plan.native)}
    record["complaints"] = probe.complaints(where.variables, sight, plan.native)
    if not Path(sight["package"]).resolve().is_relative_to(where.root.resolve()):
        record["complaints"].append(f"the package comes from {sight['package']}, not from {where.root}")
    if record["complaints"]:
        _say(f"{row.name}: the machine does not show what the row asks for: {'; '.join(record['complaints'])}")
        return {**record, "passed": False}
    notebooks = [path for slug, path in chapters(where.root).items() if slug in plan.slugs]
    targets = [*notebooks, *(numeric_tests(where.root) if plan.units else [])]
    with progress(row.name) as told:
        outcome = suite(where, targets, plan.root / LOGS / f"{row.name}.log", told)
    if lost := sorted({name for test in outcome.tests for name in test.get("without", [])}):
        record["complaints"] = [f"the kernels of the notebooks run without {', '.join(lost)}"]
    return {**record, **_record(outcome), "passed": outcome.passed and not lost}


def _record(outcome: Outcome) -> dict[str, Any]:
    units = [test for test in outcome.tests if "cell" not in test]
    cells = [
        {"chapter": file_of(test).stem, **{key: test[key] for key in ("cell", "used", "what")}}
        for test in outcome.tests
        if test.get("used")
    ]
    kept = ("id", "outcome", "seconds", "message")
    return {
        "seconds": outcome.seconds,
        "processor_seconds": outcome.processor_seconds,
        "stopped": outcome.stopped,
        "tests": dict(Counter(test["outcome"] for test in units)),
        "cells": cells,
        "executed": dict(Counter(file_of(test).stem for test in outcome.tests if "cell" in test)),
        "failures": [{key: test[key] for key in kept} for test in outcome.failures],
    }


@contextmanager
def progress(name: str) -> Iterator[Callable[[Event], None]]:
    """Show how far a run is: a bar on a terminal, elsewhere a line for every file that is done."""
    left: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    done: set[str] = set()
    live = sys.stderr.isatty()
    bar = tqdm(desc=name, unit=" tests", disable=not live, leave=False)

    def told(event: Event) -> None:
        if event["kind"] == "collected":
            left.update(event["files"])
            bar.reset(total=left.total())
            return
        file = str(file_of(event))
        spent[file] += event["seconds"]
        if event["id"] in done:
            return
        done.add(event["id"])
        left[file] -= 1
        bar.update()
        bar.set_postfix_str(Path(file).name)
        if left[file] == 0 and not live:
            open_files = sum(count > 0 for count in left.values())
            _say(f"{name}: {len(left) - open_files} of {len(left)} files done: {file}, {spent[file]:.0f} s")

    with bar:
        yield told


def _surroundings(row: Row, root: Path, scratch: Path) -> Surroundings:
    variables = row.environment()
    if "LC_ALL" in variables and variables["LC_ALL"] != "C":
        variables |= locale_folder(variables["LC_ALL"], scratch)
    if not row.elsewhere:
        return Surroundings(root, variables, root)
    folder, place = scratch / row.name, scratch / row.name / PLACE
    place.mkdir(parents=True)
    (folder / "another folder").mkdir()
    return Surroundings(copy_checkout(root, place), variables, folder / "another folder")


def _sight(where: Surroundings) -> probe.Sight:
    sight: probe.Sight = json.loads(where.module("book.probe"))
    return sight


def known(kind: str, asked: Sequence[str], choice: Sequence[str]) -> Sequence[str]:
    """Return those of `choice` that were asked for, in its order; all when none was."""
    if unknown := [name for name in asked if name not in choice]:
        raise ValueError(f"no {kind} is called {', '.join(unknown)}; there are: {', '.join(choice)}")
    return [name for name in choice if name in asked] if asked else choice


def _key(root: Path) -> str:
    files = [path for tree in CHECKOUT for path in (root / tree).rglob("*") if path.suffix in {".py", ".ipynb", ".npz"}]
    return hash_files([*files, root / "pyproject.toml"], root)


def _previous(root: Path, key: str) -> dict[str, Any]:
    path = root / REPORT
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return report if report.get("key") == key else {}


def _store(root: Path, report: dict[str, Any]) -> None:
    path = root / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _machine() -> dict[str, str]:
    return {"system": platform.platform(), "machine": platform.machine(), "python": platform.python_version()}


def _share(row: dict[str, Any], slug: str) -> str:
    if row["inapplicable"]:
        return "n/a"
    if any(file_of(test).stem == slug for test in row["failures"]):
        return "FAIL"
    if not row.get("executed", {}).get(slug):
        return "not run"
    return f"{max((cell['used'] for cell in row['cells'] if cell['chapter'] == slug), default=0.0):.2g}"


def file_of(test: Event) -> Path:
    """Return the file of a test, relative to the checkout."""
    return Path(test["id"].split("::")[0])


def _units(row: dict[str, Any]) -> str:
    counts = row["tests"]
    return "FAIL" if counts.get("failed") else f"{counts.get('passed', 0)} pass" if counts else "not run"


def _arithmetic(name: str, row: dict[str, Any]) -> str:
    if name == "native":
        return "the others are compared with it"
    return f"rounds differently in {', '.join(row['differs'])}" if row["differs"] else "rounds as the native row does"


def _indented(message: str) -> str:
    return "\n".join(f"    {line}" for line in message.splitlines()[-30:])


def _say(text: str) -> None:
    tqdm.write(f"portability: {text}", file=sys.stdout)
    sys.stdout.flush()
