"""`make mutation`: single faults in formulas, and whether the tests and chapters that use a formula notice them.

Faults are drawn by a seed, evenly over the files. Each is planted in a copy of the checkout and meets the tests of its
topic, the tests of topics that import it, and then the chapters that do, until something fails. What the time does not
reach is reported as such.
"""

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import psutil

from . import cache
from .compare import outputs_deviation
from .errors import BookError
from .faults import Fault, Site, Tool, cosmic_ray, made, sites
from .imports import Package, scan
from .notebooks import Notebook, chapters, code_cells, read, write
from .portability import known
from .processes import end_tree
from .progress import say
from .rows import ROWS
from .runs import CELL_SECONDS, Surroundings, copy_checkout

REPORT = Path("_build") / "mutation.json"
EQUIVALENT = Path("tests") / "equivalent-mutants.toml"
END = "## The package agrees"
"""Where the derivation of a chapter ends."""
LOOKS = {"plotting.py", "docstrings.py"}
"""Files that state no formula: their numbers are sizes and colours, their sums are texts."""
WORKERS = 2
UNITS_SHARE = 0.7
"""Part of the time after which no more faults are drawn, so that those that the tests let through meet the chapters."""
SLACK, PATIENCE, FIRST = 20.0, 4.0, 600.0
"""A fault is timed out after `PATIENCE` times the processor seconds of a run that passed, and `SLACK` more; where none
has passed yet, after `FIRST`."""
PASSED = (0, 5)
"""pytest's status where all tests passed, and where there are none: a file without doctests."""
FATES = ("unit tests", "chapters", "timeout", "survived", "undecided", "equivalent")
"""What becomes of a fault: who noticed it first; undecided is one that the time left before all had seen it."""
LATE = "the time was over"


class MutationError(BookError):
    """Faults survived, or the tests fail without any."""


Item = TypeVar("Item")
Sources = dict[tuple[str, int | None], str]
"""Code by the file that it stands in, and the number of the cell."""


@dataclass(frozen=True)
class Mutant:
    """A fault and where it is planted: a file of the checkout and, in a notebook, the code cell."""

    file: str
    fault: Fault
    cell: int | None = None

    @property
    def place(self) -> str:
        """Return file and line, as a compiler would name it."""
        return (
            f"{self.file}:{self.fault.line}" if self.cell is None else f"{self.file} cell {self.cell}:{self.fault.line}"
        )

    def plant(self, root: Path) -> None:
        """Write the faulty file in a copy of the checkout."""
        path = root / self.file
        if self.cell is None:
            path.write_text(self.fault.source, encoding="utf-8")
        else:
            notebook = read(path)
            code_cells(notebook)[self.cell].source = self.fault.source
            write(notebook, path)


@dataclass(frozen=True)
class Equivalent:
    """A fault that changes nothing anybody could see: the line as it stands, the line as the fault leaves it, why."""

    file: str
    line: str
    mutant: str
    reason: str


@dataclass(frozen=True)
class Run:
    """How a run of pytest ended: its processor seconds, and whether all passed, a test failed, or the time was over."""

    end: str
    seconds: float
    said: str = ""


Runner = Callable[[Path, Sequence[Path], float, float, bool], Run]
"""Runs targets in a checkout within processor seconds and until a moment of time; or what failed there last."""


@dataclass
class Record:
    """What became of a mutant."""

    mutant: Mutant
    fate: str = "undecided"
    by: str = ""
    seconds: float = 0.0
    passed_tests: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the fault may go on to those whom it has not met."""
        return self.fate == "undecided" and not self.by


@dataclass
class Plan:
    """What a run shares: the checkout, its copies, how pytest is run, the end, and what became of each fault.

    `times` has the processor seconds of what has passed, `unsound` what fails without a fault in tests that failed.
    """

    root: Path
    runner: Runner
    deadline: float
    copies: SimpleQueue[Path] = field(default_factory=SimpleQueue)
    times: dict[str, float] = field(default_factory=dict)
    unsound: dict[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)


def mutation(
    root: Path, seed: int = 1, minutes: float = 30, modules: Sequence[str] = (), notebooks: bool = False
) -> None:
    """Plant faults, print a score by module and the faults that nobody noticed, and store all in `REPORT`.

    A run that is asked to stop reports what it has found.

    Parameters
    ----------
    root
        The repository.
    seed
        Draws the faults.
    minutes
        Time for all of it.
    modules
        Topics of the package, or chapters with `notebooks`; all when none is named.
    notebooks
        Plant the faults in the derivations of the chapters instead of the package.

    Raises
    ------
    MutationError
        A fault survived that is not listed as equivalent, or a test that failed does so without any.
    ValueError
        A module is not known.
    """
    start, sources = time.monotonic(), (notebook_sources if notebooks else package_sources)(root, modules)
    pool = Pool(sources, cosmic_ray(), seed)
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(root, run_tests, start + 60 * minutes)
        for number in range(WORKERS):
            plan.copies.put(copy_checkout(root, Path(scratch) / f"copy {number}"))
        try:
            examine(pool, plan)
        finally:
            report = {
                "seed": seed,
                "minutes": round((time.monotonic() - start) / 60, 1),
                "drawn": len(plan.records),
                "scores": scores(plan.records, pool.possible),
                "mutants": [_entry(record) for record in plan.records],
            }
            _store(root / REPORT, _json(root / REPORT) | {"notebooks" if notebooks else "package": report})
            print("\n".join(summary(plan.records, pool.possible, seed)))
    if broken := sorted(filter(None, plan.unsound.values())):
        raise MutationError("without any fault as well:\n" + "\n".join(broken))
    if alive := [record for record in plan.records if record.fate == "survived"]:
        raise MutationError(
            f"{len(alive)} faults survived; {REPORT} has all; mend a check, or show that nothing changes"
        )


def package_sources(root: Path, modules: Sequence[str]) -> list[Sources]:
    """Return the files of the package that state formulas, each by itself."""
    files = [path for path in sorted((root / "src" / "optnotes").rglob("*.py")) if path.name not in LOOKS]
    topics = {path: topic(path.relative_to(root)) for path in files}
    wanted = known("module", modules, sorted(set(topics.values())))
    return [
        {(path.relative_to(root).as_posix(), None): path.read_text(encoding="utf-8")}
        for path in files
        if topics[path] in wanted
    ]


def notebook_sources(root: Path, slugs: Sequence[str]) -> list[Sources]:
    """Return the cells of the derivations, chapter by chapter."""
    paths = chapters(root)
    return [
        {(paths[slug].relative_to(root).as_posix(), number): source for number, source in derivation(read(paths[slug]))}
        for slug in known("chapter", slugs, list(paths))
    ]


class Pool(Iterator[Mutant]):
    """All faults of some sources, in an order that the seed decides; the groups take turns, and the sources in each.

    `possible` counts them by module, those included that turn out to change nothing in Python's eyes.
    """

    def __init__(self, groups: Sequence[Sources], tool: Tool, seed: int) -> None:
        self._tool, self._draw, self.possible = tool, random.Random(seed), Counter[str]()
        self._mutants = _alternate(
            [_alternate([self._of(*item) for item in self._order([*group.items()])]) for group in self._order(groups)]
        )

    def __next__(self) -> Mutant:
        return next(self._mutants)

    def _of(self, key: tuple[str, int | None], source: str) -> Iterator[Mutant]:
        found = self._order(sites(source, self._tool))
        self.possible[_module(key[0])] += len(found)
        return self._made(key, source, found)

    def _made(self, key: tuple[str, int | None], source: str, found: Sequence[Site]) -> Iterator[Mutant]:
        seen = set[str]()
        for site in found:
            fault = made(source, self._tool, site)
            if fault is not None and fault.source not in seen:
                seen.add(fault.source)
                yield Mutant(key[0], fault, key[1])

    def _order(self, items: Sequence[Item]) -> list[Item]:
        return self._draw.sample(items, len(items))


def derivation(notebook: Notebook) -> list[tuple[int, str]]:
    """Return number and source of the code cells of a notebook that stand before `END`."""
    found: list[tuple[int, str]] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found.append((len(found), cell.source))
        elif any(line.strip() == END for line in cell.source.splitlines()):
            break
    return found


def topic(file: Path) -> str:
    """Return the topic of a file of the package: its folder below `optnotes`, or its own name."""
    return file.relative_to("src/optnotes").parts[0].removesuffix(".py")


def targets(file: str, root: Path) -> list[list[Path]]:
    """Return what may notice a fault in a file, in rounds: its topic's tests, other topics' tests, each chapter.

    Tests and chapters count when their imports, or those of what they import, reach the file.
    """
    if file.endswith(".ipynb"):
        return [[Path(file)]]
    package, path = Package(root / "src"), Path(file)
    name = next(name for name, place in package.paths.items() if place == root / path)
    own, others = [path], list[Path]()
    for test in sorted((root / "tests").rglob("test_*.py")):
        code = test.read_text(encoding="utf-8")
        names_it = any(dotted.split(".")[0] == "optnotes" for _, dotted in scan(code)[0])
        place = test.relative_to(root)
        room = place.parts[1].removeprefix("test_").removesuffix(".py")
        if room == topic(path):
            own += [place] if room != "book" or names_it else []
        elif room != "book" and len(place.parts) > 2 and names_it and name in package.closure(code):
            others.append(place)
    reached = [slug for slug, cells in _cells(root).items() if name in package.closure(cells)]
    return [own, *([others] if others else []), *([Path("chapters") / f"{slug}.ipynb"] for slug in reached)]


def examine(drawn: Iterator[Mutant], plan: Plan) -> list[Record]:
    """Examine faults as long as the time lasts: those that the tests let through meet the chapters afterwards."""
    desk, rounds = _Desk(drawn, plan), _Rounds(plan)

    def work(_: int) -> None:
        with _together(plan):
            while time.monotonic() < plan.deadline and (record := desk.next()):
                if record.passed_tests:
                    _meet(record, rounds.chapters(record.mutant.file), plan)
                    record.fate = "survived" if record.is_open else record.fate
                elif record.is_open:
                    _meet(record, rounds.tests(record.mutant.file), plan)
                    desk.put_back(record)

    try:
        with ThreadPoolExecutor(WORKERS) as pool, _together(plan):
            list(pool.map(work, range(WORKERS)))
    finally:
        desk.close()
    return plan.records


@contextmanager
def _together(plan: Plan) -> Iterator[None]:
    """Let all workers end what they run as soon as one of them fails, or this process is asked to stop."""
    try:
        yield
    except BaseException:
        plan.deadline = 0.0
        raise


class _Desk:
    """Hands out faults: new ones at first, then those that the tests let through, then new ones again."""

    def __init__(self, drawn: Iterator[Mutant], plan: Plan) -> None:
        self._drawn, self._lock, self._records, self._waiting = drawn, threading.Lock(), plan.records, list[Record]()
        self._listed = {(each.file, _bare(each.line), _bare(each.mutant)) for each in equivalents(plan.root)}
        start = time.monotonic()
        self._turn = start + UNITS_SHARE * (plan.deadline - start)

    def next(self) -> Record | None:
        """Return the record of the next fault; None when there is none left."""
        with self._lock:
            if self._waiting and time.monotonic() > self._turn:
                return self._waiting.pop(0)
            if mutant := next(self._drawn, None):
                self._records.append(Record(mutant))
                if (mutant.file, _bare(mutant.fault.before), _bare(mutant.fault.after)) in self._listed:
                    self._records[-1].fate = "equivalent"
                return self._records[-1]
            return self._waiting.pop(0) if self._waiting else None

    def put_back(self, record: Record) -> None:
        """Take a fault back that no test has noticed."""
        with self._lock:
            if record.is_open:
                record.passed_tests = True
                self._waiting.append(record)

    def close(self) -> None:
        """Say of the faults that still wait that the time is over."""
        for record in self._waiting:
            record.by = LATE


class _Rounds:
    """The rounds of each file, made when first needed."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._lock, self._known = plan, threading.Lock(), dict[str, list[list[Path]]]()

    def tests(self, file: str) -> list[list[Path]]:
        return [part for part in self._of(file) if part[0].suffix != ".ipynb" or part[0].as_posix() == file]

    def chapters(self, file: str) -> list[list[Path]]:
        notebooks = [part for part in self._of(file) if part not in self.tests(file)]
        return sorted(notebooks, key=lambda part: (self._plan.root / part[0]).stat().st_size)

    def _of(self, file: str) -> list[list[Path]]:
        with self._lock:
            if file not in self._known:
                self._known[file] = targets(file, self._plan.root)
            return self._known[file]


def _meet(record: Record, rounds: Sequence[Sequence[Path]], plan: Plan) -> None:
    """Plant the fault in a copy and run round by round until something fails; say what became of it."""
    copy = plan.copies.get()
    original = (plan.root / record.mutant.file).read_bytes()
    try:
        for part in rounds:
            if time.monotonic() > plan.deadline:
                raise _OutOfTimeError
            name = " ".join(map(str, part))
            limit = SLACK + PATIENCE * plan.times[name] if name in plan.times else FIRST
            record.mutant.plant(copy)
            run = plan.runner(copy, part, limit, plan.deadline, False)
            (copy / record.mutant.file).write_bytes(original)
            record.seconds += run.seconds
            if run.end == "stopped":
                raise _OutOfTimeError
            if run.end == "passed":
                plan.times.setdefault(name, run.seconds)
            elif run.end == "failed" and (said := _unsound(_failed(run, part), part, copy, plan)):
                record.by = f"without any fault as well: {said}"
            else:
                record.by, record.fate = run.said, _noticed_by(run, part)
                break
    except _OutOfTimeError:
        record.by = LATE
    finally:
        (copy / record.mutant.file).write_bytes(original)
        plan.copies.put(copy)
    if record.fate != "undecided":
        say(f"{record.mutant.place}: {record.fate} ({record.seconds:.0f} s)")


class _OutOfTimeError(Exception):
    """The run must end before it is known who notices the fault."""


def _noticed_by(run: Run, part: Sequence[Path]) -> str:
    return "timeout" if run.end == "timeout" else "chapters" if part[0].suffix == ".ipynb" else "unit tests"


def _failed(run: Run, part: Sequence[Path]) -> str:
    return part[0].as_posix() if part[0].suffix == ".ipynb" else run.said.split(" - ")[0]


def _unsound(name: str, part: Sequence[Path], copy: Path, plan: Plan) -> str:
    """Return what fails without the fault where `name` was what failed last in the copy; nothing where that passes."""
    if name not in plan.unsound and part[0].suffix == ".ipynb" and _is_kept(part[0], plan.root):
        plan.unsound[name] = ""
    if name not in plan.unsound:
        run = plan.runner(copy, part, float("inf"), plan.deadline, True)
        if run.end == "stopped":
            raise _OutOfTimeError
        plan.unsound[name] = "" if run.end == "passed" else run.said
    return plan.unsound[name]


def _is_kept(chapter: Path, root: Path) -> bool:
    """Return whether the cache has outputs of the chapter as it is, and they agree with the stored ones."""
    notebook = read(root / chapter)
    kept = cache.load(cache.key(notebook, root), root)
    pairs = zip(code_cells(notebook), code_cells(kept), strict=True) if kept else ()
    return kept is not None and not any(outputs_deviation(old.outputs, new.outputs).fails for old, new in pairs)


def run_tests(root: Path, chosen: Sequence[Path], limit: float, deadline: float, again: bool = False) -> Run:
    """Run pytest and nbval on targets of a checkout until one fails, a limit of processor time, or the deadline.

    With `again`, run only the tests among them that failed last; of a chapter, all cells.
    """
    where = Surroundings(root, {**ROWS["native"].environment(), "PYTHONDONTWRITEBYTECODE": "1"}, root)
    notebooks = ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"]
    units = ["-p", "no:nbval", *(["--last-failed"] if again else [])]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-rfE", "--color=no"]
    command += [*(notebooks if chosen[0].suffix == ".ipynb" else units), *map(str, chosen)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=where.environment(), cwd=root, stdout=log, stderr=subprocess.STDOUT)
        handle, spent, end = psutil.Process(process.pid), 0.0, ""
        try:
            while process.poll() is None and not end:
                spent = max(spent, _processor_seconds(handle))
                end = "timeout" if spent > limit else "stopped" if time.monotonic() > deadline else ""
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                end_tree([handle])
            process.wait()
        log.seek(0)
        lines = [line for line in log.read().splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1] if lines else "")
    return Run(end or ("passed" if process.returncode in PASSED else "failed"), round(spent, 1), said)


def _processor_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process and all that it has started; other load does not count."""
    total = 0.0
    try:
        for member in (process, *process.children(recursive=True)):
            times = member.cpu_times()
            total += (
                times.user + times.system + (times.children_user + times.children_system if member == process else 0)
            )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return total
    return total


def equivalents(root: Path) -> list[Equivalent]:
    """Return the faults that are known to change nothing."""
    path = root / EQUIVALENT
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.exists() else []
    return [Equivalent(**entry) for entry in entries]


def stale(root: Path) -> list[str]:
    """Return a complaint for each entry of the list of equivalents that no longer fits the code or gives no reason."""
    found = []
    for each in equivalents(root):
        path = root / each.file
        lines = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()} if path.exists() else set()
        if each.line not in lines:
            found.append(f"{each.file} has no line {each.line!r}")
        if each.mutant == each.line or len(each.reason.split()) < 4:
            found.append(f"{each.file}: {each.line!r} needs another line as its mutant, and a reason")
    return found


def scores(records: Sequence[Record], possible: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return by module how many faults there are, and how many met which fate; the rest was not drawn."""
    counts = {name: Counter[str]() for name in sorted(possible)}
    for record in records:
        counts[_module(record.mutant.file)][record.fate] += 1
    return {name: {"possible": possible[name], **{fate: row[fate] for fate in FATES}} for name, row in counts.items()}


def summary(records: Sequence[Record], possible: Mapping[str, int], seed: int) -> Iterator[str]:
    """Yield the lines of the report: a table of modules and fates, then the faults that survived."""
    table = scores(records, possible)
    columns = ("possible", *FATES)
    total = {name: sum(row[name] for row in table.values()) for name in columns}
    yield f"\nfaults by who noticed them first, seed {seed}; the score is the share noticed of those decided"
    yield " ".join([f"{'':24}", *(f"{name:>10}" for name in columns), f"{'score':>8}"])
    for name, row in {**table, "all": total}.items():
        yield " ".join([f"{name:24}", *(f"{row[column]:>10}" for column in columns), f"{_score(row):>8}"])
    yield f"{len(records)} of {total['possible']} were drawn in the time"
    for fate in ("survived", "undecided"):
        for record in records:
            if record.fate == fate:
                yield f"\n{fate}: {record.mutant.place} ({record.mutant.fault.operator})"
                yield from (f"  -{line}" for line in record.mutant.fault.before.splitlines())
                yield from (f"  +{line}" for line in record.mutant.fault.after.splitlines())


def _score(row: Mapping[str, int]) -> str:
    noticed = sum(row[fate] for fate in FATES[:3])
    decided = noticed + row["survived"]
    return f"{noticed / decided:.0%}" if decided else "none"


def _alternate(streams: Sequence[Iterator[Mutant]]) -> Iterator[Mutant]:
    for row in zip_longest(*streams):
        yield from (mutant for mutant in row if mutant is not None)


def _cells(root: Path) -> dict[str, str]:
    return {
        slug: "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines())
        for slug, path in chapters(root).items()
        for text in ["\n".join(cell.source for cell in code_cells(read(path)))]
    }


def _module(file: str) -> str:
    path = Path(file)
    return path.stem if path.suffix == ".ipynb" else topic(path)


def _bare(lines: str) -> str:
    """Return lines without their blanks, which cosmic-ray does not keep as they are."""
    return "".join(lines.split())


def _entry(record: Record) -> dict[str, object]:
    fault = asdict(replace(record.mutant.fault, source=""))
    del fault["source"]
    where = {"file": record.mutant.file, "cell": record.mutant.cell}
    return {**where, **fault, "fate": record.fate, "by": record.by, "seconds": round(record.seconds, 1)}


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content


def _store(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
