"""`make drift`: the suite on the oldest supported and on the newest released dependencies.

Printed forms differ between releases, so a cell fails only when it raises, and the claims are compared one by one with
`claims.json`: passed, of another kind, failed, or lost because an earlier cell failed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BookError
from .ledger import CLAIMS, MIMES
from .notebooks import chapters, code_cells, read
from .portability import UNITS, file_of, known, progress
from .rows import ROWS
from .runs import Outcome, Surroundings, numeric_tests, suite

PLACE = Path("_build") / "drift"
RESOLUTIONS = ("lowest-direct", "highest")
EXTRAS = ("book", "test")
"""What the suite needs; JupyterLab and the tools that build the package stay out."""
OLD_WARNINGS = ("-W", "default::DeprecationWarning")
"""Old libraries call new ones by their old names; on the newest such a warning is an error, as in `make test`."""
OLDEST_PYTHON = "3.11"


class DriftError(BookError):
    """The suite fails on these dependencies: the report above says where."""


@dataclass(frozen=True)
class Verdict:
    """What became of a claim of `claims.json`."""

    chapter: str
    id: str
    fate: str
    what: str = ""


def drift(
    root: Path,
    resolution: str,
    slugs: Sequence[str] = (),
    *,
    units: bool = True,
    allow: Sequence[str] = (),
    version: str = "",
) -> None:
    """Install dependencies by one of uv's resolutions, run the suite there, and report claim by claim.

    Parameters
    ----------
    root
        The repository.
    resolution
        `lowest-direct` (each direct dependency at its lower bound, on the oldest Python) or `highest`.
    slugs
        Chapters; all when none is named.
    units
        Run the numeric unit tests as well.
    allow
        Packages whose upper bound in `pyproject.toml` is lifted, to see what their next release does.
    version
        Python's version, such as `3.13`; the oldest supported one, or the running one, when none is given.

    Raises
    ------
    DriftError
        A test or a claim failed, or a claim came out as another kind.
    ValueError
        A chapter, a resolution or a package to allow is not known.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"`resolution` must be one of {', '.join(RESOLUTIONS)}, got {resolution!r}")
    wanted = known("chapter", slugs, list(chapters(root)))
    name = "-".join([resolution, *allow])
    python = _environment(root, name, resolution, allow, version)
    targets = [*(chapters(root)[slug] for slug in wanted), *(numeric_tests(root) if units else [])]
    where = Surroundings(root, ROWS["native"].environment(), root, str(python))
    options = OLD_WARNINGS if resolution != "highest" else ()
    with progress(name) as told:
        outcome = suite(where, targets, root / PLACE / f"{name}.log", told, assertions_only=True, options=options)
    verdicts = list(fates(root, wanted, outcome))
    versions = _versions(root, name)
    (root / PLACE / f"{name}.json").write_text(_report(versions, verdicts, outcome), encoding="utf-8")
    print("\n".join(summary(name, versions, verdicts, outcome)))
    if not outcome.passed or any(verdict.fate != "passed" for verdict in verdicts):
        raise DriftError(f"{name}: {PLACE / name}.json has every claim, {PLACE / name}.txt the versions")


def fates(root: Path, slugs: Sequence[str], outcome: Outcome) -> Iterator[Verdict]:
    """Yield what became of each claim of the chapters: the kinds in `claims.json` against those that were shown."""
    ledger = json.loads((root / CLAIMS).read_text(encoding="utf-8"))["claims"]
    cells = {(file_of(test).stem, test["cell"]): test for test in outcome.tests if "cell" in test}
    shown = {(slug, claim["id"]): claim for (slug, _), test in cells.items() for claim in test["claims"]}
    places = {(slug, id): cell for slug in slugs for id, cell in _places(chapters(root)[slug])}
    for claim in ledger:
        slug, id = claim["chapter"], claim["id"]
        if slug not in slugs:
            continue
        test = cells.get((slug, places.get((slug, id), -1)))
        if (fresh := shown.get((slug, id))) is None:
            fate = "failed" if test and _raised_here(test) else "lost"
            yield Verdict(slug, id, fate, _gist(test["message"]) if test else "its cell did not run")
        elif fresh["kind"] != claim["kind"]:
            yield Verdict(slug, id, "kind", f"{claim['kind']} in {CLAIMS}, {fresh['kind']} here")
        else:
            yield Verdict(slug, id, "passed")


def summary(name: str, versions: dict[str, str], verdicts: Sequence[Verdict], outcome: Outcome) -> Iterator[str]:
    """Yield the lines of the report: versions, claims by chapter, what did not pass."""
    yield f"\n{name}: " + ", ".join(f"{package} {version}" for package, version in versions.items())
    yield " ".join([f"{'':24}", *(f"{fate:>7}" for fate in ("passed", "kind", "failed", "lost"))])
    for slug in dict.fromkeys(verdict.chapter for verdict in verdicts):
        counts = [[verdict.chapter, verdict.fate] for verdict in verdicts]
        yield " ".join(
            [f"{slug:24}", *(f"{counts.count([slug, fate]):>7}" for fate in ("passed", "kind", "failed", "lost"))]
        )
    units = [test for test in outcome.tests if "cell" not in test]
    yield f"{UNITS:24} {sum(test['outcome'] == 'passed' for test in units):>7} passed, {outcome.seconds:.0f} s in all"
    yield from ([outcome.stopped] if outcome.stopped else [])
    for verdict in verdicts:
        if verdict.fate != "passed":
            yield f"{verdict.fate}: {verdict.chapter} {verdict.id}: {verdict.what}"
    yield from (f"FAILED {test['id']}: {_gist(test['message'])}" for test in outcome.failures)


def without_upper_bounds(pyproject: str, packages: Sequence[str]) -> str:
    """Return the text of `pyproject.toml` with the upper bounds of some packages lifted.

    Examples
    --------
    >>> without_upper_bounds('"sympy>=1.14,<1.15", # held still', ["sympy"])
    '"sympy>=1.14", # held still'
    """
    for package in packages:
        pattern = re.compile(rf'("{re.escape(package)}>=[^,"]+),<[^"]+"')
        if not pattern.search(pyproject):
            raise ValueError(f"`allow` must name a package with an upper bound in pyproject.toml, got {package!r}")
        pyproject = pattern.sub(r'\1"', pyproject)
    return pyproject


def _environment(root: Path, name: str, resolution: str, allow: Sequence[str], version: str) -> Path:
    """Make the environment and return its interpreter."""
    place, uv = root / PLACE, _uv(root)
    place.mkdir(parents=True, exist_ok=True)
    version = version or (OLDEST_PYTHON if resolution != "highest" else ".".join(map(str, sys.version_info[:2])))
    declared = place / name / "pyproject.toml"
    shutil.rmtree(declared.parent, ignore_errors=True)
    declared.parent.mkdir()
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    declared.write_text(without_upper_bounds(text, allow), encoding="utf-8")
    pins = place / f"{name}.txt"
    extras = [option for extra in EXTRAS for option in ("--extra", extra)]
    how = [
        "--resolution",
        resolution,
        "--python-version",
        version,
        "--no-header",
        "--no-annotate",
        "--quiet",
        "--upgrade",
    ]
    _run([uv, "pip", "compile", *how, *extras, str(declared), "-o", str(pins)])
    home = place / name / "venv"
    _run([uv, "venv", "--quiet", "--python", version, str(home)])
    python = home / ("Scripts" if os.name == "nt" else "bin") / ("python.exe" if os.name == "nt" else "python")
    _run([uv, "pip", "sync", "--quiet", "--python", str(python), str(pins)])
    return python


def _uv(root: Path) -> str:
    """Return the path of uv; where the machine has none, it is installed into a scratch environment."""
    if found := shutil.which("uv"):
        return found
    home = root / PLACE / "uv"
    folder = home / ("Scripts" if os.name == "nt" else "bin")
    if not (path := shutil.which("uv", path=str(folder))):
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(folder / "python"), "-m", "pip", "install", "--quiet", "uv"])
        path = shutil.which("uv", path=str(folder))
    return str(path)


def _run(command: Sequence[str]) -> None:
    run = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8")
    if run.returncode:
        raise DriftError(f"{' '.join(command[:3])} failed:\n{run.stderr.strip()[-2000:]}")


def _places(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the claims of a notebook with the number of the cell that shows each, counting code cells from 0."""
    for number, cell in enumerate(code_cells(read(path))):
        for output in cell.outputs:
            if record := output.get("data", {}).get(MIMES["claims"]):
                yield record["id"], number


def _raised_here(test: dict[str, Any]) -> bool:
    return bool(test["outcome"] == "failed" and "CheckError" in test["message"])


def _gist(message: str) -> str:
    """Return the last line of a failure that names an error, or its last line."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in message.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"(E\s+)?[\w.]*(Error|Warning|Exception)\b", line)]
    return (named or lines or ["no message"])[-1][:300]


def _versions(root: Path, name: str) -> dict[str, str]:
    pins = (root / PLACE / f"{name}.txt").read_text(encoding="utf-8")
    found = dict(re.findall(r"^([\w.-]+)==([^ ;\n]+)", pins, flags=re.MULTILINE))
    return {
        package: found[package] for package in ("numpy", "scipy", "sympy", "mpmath", "matplotlib") if package in found
    }


def _report(versions: dict[str, str], verdicts: Sequence[Verdict], outcome: Outcome) -> str:
    report = {
        "versions": versions,
        "seconds": outcome.seconds,
        "stopped": outcome.stopped,
        "claims": [vars(verdict) for verdict in verdicts],
        "failures": [{key: test[key] for key in ("id", "message")} for test in outcome.failures],
    }
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"
