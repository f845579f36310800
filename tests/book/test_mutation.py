"""Faults stand where formulas do, meet those who use the formula, and what the time did not reach is told."""

import json
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import parso
import pytest
from nbformat.v4 import new_markdown_cell

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "_ext"), str(Path(__file__).parent)]

from small_checkout import chapter, small_checkout  # noqa: E402

from book import mutation  # noqa: E402
from book.cache import SETTINGS, store  # noqa: E402
from book.errors import BookError  # noqa: E402
from book.faults import DropTerm, Tool, made, sites  # noqa: E402
from book.mutation import (  # noqa: E402
    EQUIVALENT,
    REPORT,
    MutationError,
    Plan,
    Pool,
    Run,
    derivation,
    equivalents,
    examine,
    notebook_sources,
    package_sources,
    stale,
    summary,
    targets,
)
from book.notebooks import read  # noqa: E402


class Number:
    """Adds 1 to a number, as cosmic-ray does."""

    def mutation_positions(self, node):
        return [(node.start_pos, node.end_pos)] if node.type == "number" else []

    def mutate(self, node, _):
        node.value = str(float(node.value) + 1)
        return node


def mutate(source, operator, occurrence):
    """Stands for cosmic-ray's function of this name, which is not installed with the book."""
    tree, count = parso.parse(source), 0
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        for index, _ in enumerate(operator.mutation_positions(node)):
            if count == occurrence:
                operator.mutate(node, index)
                return tree.get_code()
            count += 1
        waiting += reversed(getattr(node, "children", []))
    return None


TOOL = Tool({"Number": Number(), "DropTerm": DropTerm()}, mutate)


def faults(source):
    found = (made(source, TOOL, site) for site in sites(source, TOOL))
    return [fault.after.strip() for fault in found if fault]


@pytest.fixture
def root(tmp_path):
    """A package of two topics, the second of which uses the first, and a chapter of the second."""
    book = {"one": chapter(("from optnotes import beta", ""), ("x = 3", ""))}
    book["one"].cells.insert(1, new_markdown_cell("## The package agrees"))
    root = small_checkout(tmp_path, book)
    for name, code in {
        "alpha": "def f(x: float) -> float:\n    return 2 * x\n",
        "beta": "from .alpha import f\n\n\ndef g(x: float) -> float:\n    return f(x) + x\n",
    }.items():
        (root / f"src/optnotes/{name}.py").write_text(code)
        (root / "tests" / name).mkdir()
        (root / "tests" / name / f"test_{name}.py").write_text(f"from optnotes import {name}\n")
    return root


def plan(root, runner, seconds=60.0, copies=2):
    made = Plan(root, runner, time.monotonic() + seconds, SimpleQueue())
    for number in range(copies):
        made.copies.put(mutation.copy_checkout(root, root.parent / f"{root.name} copy {number}"))
    return made


def all_mutants(root, seed=1, modules=()):
    return Pool(package_sources(root, modules), TOOL, seed)


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("y = a + b - c", ["y = b - c", "y = a - c", "y = a + b"]),
        ("y = a - b", ["y = a"]),
        ("y = a * b / c", ["y = b / c", "y = a / c", "y = a * b"]),
        ("y = a // b", []),
    ],
)
def test_each_term_that_can_go_is_dropped_once(source, left):
    assert faults(source) == left


def test_code_that_states_no_formula_has_no_faults():
    source = '''"""A text of 3 + 4."""
from a import b2
x: Array[2]
@cached(3)
def f(a: Array[4], *, c: int | None) -> Array[5]:
    if a:
        raise ValueError(f"more than {c + 1}")
    judge(a, rtol=7, rival=a + 8)
'''
    assert faults(source) == []


def test_a_default_and_a_condition_have_faults():
    assert faults("def f(a=1):\n    require(a < 2, 'a', 'be below')") == [
        "def f(a=2.0):",
        "require(a < 3.0, 'a', 'be below')",
    ]


def test_a_change_that_python_reads_alike_or_not_at_all_is_no_fault():
    assert made("x = 1e300", TOOL, ("Number", 0)) is None
    assert made("x = 1", Tool({"Number": Number()}, lambda *_: "x = = 1"), ("Number", 0)) is None


def test_without_cosmic_ray_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cosmic_ray.plugins", None)
    with pytest.raises(BookError, match="`make mutation` installs it"):
        mutation.cosmic_ray()


def test_the_seed_decides_which_faults_are_drawn(root):
    drawn = [[m.fault.source for m in all_mutants(root, seed)] for seed in range(8)]
    assert drawn[3] == [m.fault.source for m in all_mutants(root, 3)]
    assert len(set(map(tuple, drawn))) > 1
    assert all(sorted(order) == sorted(drawn[0]) for order in drawn)


def test_files_take_turns(root):
    assert {mutant.file for mutant in islice(all_mutants(root), 2)} == {
        "src/optnotes/alpha.py",
        "src/optnotes/beta.py",
    }


def test_a_module_alone_can_be_asked_for_and_must_be_known(root):
    assert {mutant.file for mutant in all_mutants(root, modules=["beta"])} == {"src/optnotes/beta.py"}
    with pytest.raises(ValueError, match="no module is called gamma"):
        next(all_mutants(root, modules=["gamma"]))


def test_a_derivation_ends_where_the_package_agrees(root):
    path = root / "chapters" / "one.ipynb"
    assert derivation(read(path)) == [(0, "from optnotes import beta")]
    notebook = chapter(("x = 3", ""))
    (root / "chapters" / "one.ipynb").write_text(json.dumps(notebook))
    (mutant,) = Pool(notebook_sources(root, []), TOOL, 1)
    assert mutant.place == "chapters/one.ipynb cell 0:1"
    mutant.plant(root)
    assert read(path).cells[0].source == "x = 4.0"


def test_a_fault_meets_its_topic_then_those_who_import_it_then_chapters(root):
    assert targets("src/optnotes/alpha.py", root) == [
        [Path("src/optnotes/alpha.py"), Path("tests/alpha/test_alpha.py")],
        [Path("tests/beta/test_beta.py")],
        [Path("chapters/one.ipynb")],
    ]
    assert targets("src/optnotes/beta.py", root) == [
        [Path("src/optnotes/beta.py"), Path("tests/beta/test_beta.py")],
        [Path("chapters/one.ipynb")],
    ]
    assert targets("chapters/one.ipynb", root) == [[Path("chapters/one.ipynb")]]


def noticing(*where, end="failed"):
    """A runner under which those targets notice any fault; it keeps what it was asked to run."""

    def run(copy, chosen, *_):
        run.asked.append([path.name for path in chosen])
        originals = {"alpha.py": "2 * x", "beta.py": "f(x) + x"}
        faulty = any(text not in (copy / "src/optnotes" / name).read_text() for name, text in originals.items())
        return Run(end if faulty and {path.name for path in chosen} & set(where) else "passed", 1.0, "FAILED here")

    run.asked = []
    return run


@pytest.mark.parametrize(
    ("runner", "fate"),
    [
        (noticing("test_beta.py"), "unit tests"),
        (noticing("one.ipynb"), "chapters"),
        (noticing("test_beta.py", end="timeout"), "timeout"),
        (noticing(), "survived"),
    ],
)
def test_the_fate_is_who_noticed_first(root, runner, fate):
    before = (root / "src/optnotes/alpha.py").read_text()
    records = examine(all_mutants(root), plan(root, runner))
    assert {record.fate for record in records} == {fate}
    assert len(records) == len(list(all_mutants(root)))
    assert (root / "src/optnotes/alpha.py").read_text() == before
    assert (["one.ipynb"] in runner.asked) == (fate in {"chapters", "survived"})


def test_what_the_time_did_not_reach_is_told(root):
    def run(_copy, chosen, *_):
        return Run("stopped" if chosen[0].suffix == ".ipynb" else "passed", 1.0)

    records = examine(all_mutants(root), plan(root, run))
    assert {(record.fate, record.by) for record in records} == {("undecided", "the time was over")}
    assert "\nundecided: src/optnotes/alpha.py:2 (Number)" in list(summary(records, {"alpha": 9, "beta": 5}, 1))
    assert "5 of 14 were drawn in the time" in list(summary(records, {"alpha": 9, "beta": 5}, 1))
    assert examine(all_mutants(root), plan(root / "..", run, seconds=-1, copies=0)) == []


def test_time_that_the_chapters_leave_goes_to_more_faults(root, monkeypatch):
    monkeypatch.setattr(mutation, "UNITS_SHARE", 0.0)
    runner = noticing("test_alpha.py")
    records = examine(all_mutants(root), plan(root, runner))
    assert len(records) == len(list(all_mutants(root)))
    assert {record.fate for record in records} == {"unit tests", "survived"}


def test_nothing_starts_after_the_time(root):
    late = plan(root, noticing("test_alpha.py"))

    def run(*_):
        late.deadline = 0.0
        run.runs += 1
        return Run("passed", 1.0)

    run.runs, late.runner = 0, run
    records = examine(all_mutants(root), late)
    assert {(record.fate, record.by) for record in records} == {("undecided", "the time was over")}
    assert run.runs <= mutation.WORKERS


def test_a_run_that_is_asked_to_stop_reports_what_it_has_found(root, monkeypatch, capsys):
    runner = noticing("test_alpha.py")

    def run(*arguments):
        if len(runner.asked) == 3:
            raise KeyboardInterrupt
        return runner(*arguments)

    monkeypatch.setattr(mutation, "cosmic_ray", lambda: TOOL)
    monkeypatch.setattr(mutation, "run_tests", run)
    monkeypatch.setattr(mutation, "WORKERS", 1)
    with pytest.raises(KeyboardInterrupt):
        mutation.mutation(root, minutes=1)
    assert json.loads((root / REPORT).read_text())["package"]["drawn"] in {2, 3}
    assert "were drawn in the time" in capsys.readouterr().out


def test_a_worker_that_raises_ends_the_others(root):
    def run(*_):
        if not stopped.is_set():
            stopped.set()
            raise KeyboardInterrupt
        while time.monotonic() < interrupted.deadline:
            time.sleep(0.01)
        return Run("stopped", 1.0)

    stopped, interrupted = threading.Event(), plan(root, run)
    with pytest.raises(KeyboardInterrupt):
        examine(all_mutants(root), interrupted)
    assert interrupted.deadline == 0.0


def test_what_fails_without_a_fault_decides_nothing_and_is_told_in_the_end(root, monkeypatch, capsys):
    monkeypatch.setattr(mutation, "cosmic_ray", lambda: TOOL)
    monkeypatch.setattr(mutation, "run_tests", lambda *_: Run("failed", 1.0, "FAILED a - red"))
    with pytest.raises(MutationError, match=r"without any fault as well:\nFAILED a - red$"):
        mutation.mutation(root, minutes=1)
    mutants = json.loads((root / REPORT).read_text())["package"]["mutants"]
    assert {(one["fate"], one["by"]) for one in mutants} == {("undecided", "without any fault as well: FAILED a - red")}
    assert "undecided: src/optnotes/alpha.py:2" in capsys.readouterr().out


def test_a_test_that_fails_is_run_once_without_a_fault(root):
    runner = noticing("test_alpha.py")
    records = examine(all_mutants(root, modules=["alpha"]), plan(root, runner, copies=1))
    assert {record.fate for record in records} == {"unit tests"}
    assert len(runner.asked) == len(records) + 1


def test_a_chapter_whose_kept_outputs_agree_is_not_run_without_a_fault(root):
    notebook = read(root / "chapters" / "one.ipynb")
    store(notebook, root, environment=SETTINGS)
    runner = noticing("one.ipynb")
    examine(all_mutants(root), plan(root, runner))
    assert runner.asked.count(["one.ipynb"]) == len(list(all_mutants(root)))


def test_a_fault_that_changes_nothing_is_listed_with_its_reason_and_kept_apart(root, monkeypatch, capsys):
    entry = '[[mutant]]\nfile = "src/optnotes/alpha.py"\nline = "return 2 * x"\nmutant = "return 3.0 * x"\n'
    (root / EQUIVALENT).write_text(f'{entry}reason = "nobody looks at it"\n')
    assert stale(root) == []
    monkeypatch.setattr(mutation, "cosmic_ray", lambda: TOOL)
    monkeypatch.setattr(mutation, "run_tests", noticing("one.ipynb"))
    mutation.mutation(root, seed=2, minutes=1)
    report = json.loads((root / REPORT).read_text())["package"]
    assert report["seed"] == 2
    assert report["scores"]["alpha"]["equivalent"] == 1
    assert report["scores"]["beta"]["possible"] == 2
    assert "alpha" in capsys.readouterr().out
    monkeypatch.setattr(mutation, "run_tests", noticing())
    with pytest.raises(MutationError, match="faults survived"):
        mutation.mutation(root, seed=2, minutes=1)
    assert "-    return f(x) + x\n  +    return f(x)" in capsys.readouterr().out


def test_an_entry_that_fits_no_line_or_gives_no_reason_is_stale(root):
    entry = '[[mutant]]\nfile = "src/optnotes/alpha.py"\nline = "return 9"\nmutant = "return 9"\nreason = "so"\n'
    (root / EQUIVALENT).write_text(entry)
    assert [text.split(": ")[0] for text in stale(root)] == [
        "src/optnotes/alpha.py has no line 'return 9'",
        "src/optnotes/alpha.py",
    ]


def test_the_list_of_this_book_fits_its_code():
    assert equivalents(ROOT)
    assert stale(ROOT) == []


def test_pytest_is_stopped_at_a_failure_and_at_its_processor_time(root):
    (root / "tests" / "test_red.py").write_text("def test_red():\n    assert 1 == 2\n")
    (root / "tests" / "test_busy.py").write_text("def test_busy():\n    while True:\n        pass\n")
    red = mutation.run_tests(root, [Path("tests/test_red.py")], 100.0, float("inf"))
    assert (red.end, red.said.split()[:2]) == ("failed", ["FAILED", "tests/test_red.py::test_red"])
    (root / "tests" / "test_red.py").write_text("def test_red():\n    pass\ndef test_other():\n    assert 1 == 2\n")
    again = mutation.run_tests(root, [Path("tests/test_red.py")], 100.0, float("inf"), again=True)
    assert (again.end, again.said.split(",")[0]) == ("passed", "1 passed")
    assert mutation.run_tests(root, [Path("tests/test_busy.py")], 0.5, float("inf")).end == "timeout"
    assert mutation.run_tests(root, [Path("tests/test_busy.py")], 100.0, time.monotonic()).end == "stopped"
