"""A row that the machine does not honour cannot pass, and a cell tells its share of the tolerance."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_output

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "_ext"), str(Path(__file__).parent)]

from small_checkout import chapter, small_checkout  # noqa: E402

from book import observe, probe, rows, runs  # noqa: E402
from book.portability import REPORT, PortabilityError, portability, summary  # noqa: E402
from book.rows import ROWS  # noqa: E402


def sight(**variables):
    """What the machine shows to a process of its own under these variables."""
    where = runs.Surroundings(ROOT, {**rows.ONE_THREAD, **variables}, ROOT)
    return json.loads(where.module("book.probe"))


@pytest.fixture(scope="module")
def native():
    return sight()


def test_the_native_row_shows_what_it_asks_for(native):
    assert probe.complaints(rows.ONE_THREAD, native, native) == []
    assert probe.differs(native, native) == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"NPY_DISABLE_CPU_FEATURES": "NOSUCH"}, "knows no feature NOSUCH to disable"),
        ({"OPENBLAS_CORETYPE": "Nosuch"}, "not Nosuch|no OpenBLAS is loaded"),
        ({"LC_ALL": "xx_XX.UTF-8"}, "the locale is 'none: .*', not xx_XX.UTF-8 with ','"),
    ],
)
def test_a_name_that_the_machine_ignores_is_noticed(native, variables, message):
    found = "\n".join(probe.complaints(variables, sight(**variables), native))
    assert pytest.RaisesExc(ValueError, match=message).matches(ValueError(found)), found


def shown(**changes):
    blas = [{"internal_api": "openblas", "version": "1", "architecture": "Haswell", "num_threads": 1}]
    base = {"numpy": "2", "dispatch": ["X86_V4"], "features": ["FMA3"], "warnings": [], "blas": blas, "libc": "glibc"}
    arithmetic = {"libm": "a", "elementary": "a", "linear algebra": "a"}
    place = {"locale": "C", "decimal_point": ".", "seconds_west": 0, "hash": 1}
    return {**base, **arithmetic, **place, **changes}


PLANTED = {
    "a feature is still used": ({"NPY_DISABLE_CPU_FEATURES": "X86_V4"}, {"features": ["X86_V4"]}, "still uses X86_V4"),
    "a warning of NumPy": ({}, {"warnings": ["You cannot disable CPU feature"]}, "NumPy warns"),
    "another core": ({"OPENBLAS_CORETYPE": "Nehalem"}, {}, "runs Haswell, not Nehalem"),
    "no OpenBLAS": ({"OPENBLAS_CORETYPE": "Nehalem"}, {"blas": []}, "no OpenBLAS is loaded"),
    "one thread": ({"OPENBLAS_NUM_THREADS": "2"}, {}, "uses 1 threads, not 2"),
    "the same C library": ({"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-NOSUCH"}, {}, "does not know the names"),
    "no comma": ({"LC_ALL": "de_DE.UTF-8"}, {"locale": "de_DE.UTF-8"}, "install it"),
    "the time zone": ({"TZ": "NPT-5:45"}, {"seconds_west": 0}, "not -20700 s"),
    "the hash seed": ({"PYTHONHASHSEED": "1"}, {}, "hashes of texts are the same"),
    "the jitter": ({"BOOK_JITTER": "1"}, {"elementary": "b"}, "the last places of linear algebra do not move"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_row_that_is_not_in_force_is_noticed(fault):
    variables, changes, message = PLANTED[fault]
    (found,) = probe.complaints(variables, shown(**changes), shown())
    assert message in found


def test_a_feature_that_the_processor_does_not_have_may_be_disabled():
    assert probe.complaints({"NPY_DISABLE_CPU_FEATURES": "X86_V4"}, shown(), shown()) == []


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_every_row_applies_to_linux_on_x86(row):
    assert row.inapplicable("x86_64", "Linux") == ""


def test_a_row_for_another_machine_says_so():
    assert ROWS["haswell"].inapplicable("arm64", "Darwin") == "it is made for x86_64, and this is arm64"
    assert ROWS["nehalem"].inapplicable("AMD64", "Windows") == ""
    assert ROWS["elsewhere"].inapplicable("AMD64", "Windows") == "it is made for linux and darwin, and this is windows"


def test_the_locale_of_this_process_stays_as_it_was(tmp_path):
    import locale  # noqa: PLC0415

    before = locale.setlocale(locale.LC_ALL)
    rows.locale_folder("xx_XX.UTF-8", tmp_path)
    assert locale.setlocale(locale.LC_ALL) == before


def test_a_kernel_that_did_not_get_the_variables_of_its_row_is_noticed(monkeypatch):
    """The environment of a process, as the system keeps it, is that of its start."""
    kernel = SimpleNamespace(km=SimpleNamespace(provisioner=SimpleNamespace(pid=os.getpid())))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    assert "OPENBLAS_CORETYPE" in observe.without_row(kernel)


def test_noise_is_told_by_its_share_text_between_outputs_has_none_and_a_change_fails_the_row(tmp_path, capsys):
    books = {
        "noise": chapter(("2 / 3", "0.6666666666667"), ("'word'", "'word'")),
        "change": chapter(("2 / 3", "0.66666667333")),
        "streams": chapter(("print(1)\ndisplay(2)\nprint(3)\n4", "4"), ("1 / 0", "1")),
    }
    shown = [new_output("stream", text="1\n"), new_output("display_data", data={"text/plain": "2"})]
    books["streams"].cells[0].outputs[:0] = [*shown, new_output("stream", text="3\n")]
    root = small_checkout(tmp_path, books, "def test_one():\n    assert 1 == 2\n")
    with pytest.raises(PortabilityError, match=r'failed: native; .*ROWS="native"'):
        portability(root, ["native"])
    report = json.loads((root / REPORT).read_text())["rows"]["native"]
    (noise,) = [cell for cell in report["cells"] if cell["chapter"] == "noise"]
    assert noise["cell"] == 0
    assert noise["used"] == pytest.approx(5e-5, rel=0.1)  # 3.3e-14 of 6.7e-10
    (broken,) = [cell for cell in report["cells"] if cell["chapter"] == "streams"]
    assert (broken["cell"], broken["what"]) == (1, "it did not run to its end")
    assert {failure["id"].split("::")[0] for failure in report["failures"]} == {
        "chapters/change.ipynb",
        "chapters/streams.ipynb",
        "tests/test_one.py",
    }
    out = capsys.readouterr().out
    assert "native: 4 of 4 files done" in out.replace("portability: ", "")
    assert "FAILED chapters/change.ipynb::Cell 0" in out


def test_a_row_that_passed_on_these_files_is_kept_on_request(tmp_path, capsys, monkeypatch):
    root = small_checkout(tmp_path, {"noise": chapter(("1", "1"))})
    record = {"what": "", "inapplicable": "", "complaints": [], "stopped": "", "cells": [], "failures": []}
    ran = []
    record |= {"tests": {}, "differs": [], "passed": True}
    monkeypatch.setattr("book.portability._row", lambda row, _: ran.append(row.name) or record)
    for _ in range(2):
        portability(root, ["native"], resume=True)
    assert ran == ["native"]
    assert "native: passed before on these files" in capsys.readouterr().out
    (root / "chapters" / "noise.ipynb").write_text((root / "chapters" / "noise.ipynb").read_text() + "\n")
    portability(root, ["native"], resume=True)
    assert ran == ["native", "native"]


def test_a_row_whose_probe_fails_has_failed(tmp_path, monkeypatch, capsys):
    root = small_checkout(tmp_path, {"noise": chapter(("1", "1"))})
    monkeypatch.setitem(ROWS, "broken", rows.Row("broken", "a seed that is none", {"PYTHONHASHSEED": "none"}))
    with pytest.raises(PortabilityError, match="failed: broken"):
        portability(root, ["broken"])
    assert "the machine does not show what the row asks for: the probe failed: " in capsys.readouterr().out


@pytest.mark.parametrize(("names", "slugs", "kind"), [(["pdp11"], [], "row"), ([], ["chapter-none"], "chapter")])
def test_an_unknown_name_is_refused(names, slugs, kind):
    with pytest.raises(ValueError, match=f"no {kind} is called"):
        portability(ROOT, names, slugs)


def test_a_run_that_tests_nothing_has_not_passed(tmp_path):
    root = small_checkout(tmp_path, {})
    where = runs.Surroundings(root, ROWS["native"].environment(), root)
    outcome = runs.suite(where, [root / "nowhere"], root / "log", lambda _: None, workers=1)
    assert not outcome.passed
    assert "pytest ended with status" in outcome.stopped


def test_the_tests_of_the_build_are_left_out():
    names = {path.name for path in runs.numeric_tests(ROOT)}
    assert "src" in names
    assert not names & set(runs.NOT_NUMERIC)


def test_the_summary_tells_rows_that_do_not_apply():
    row = {"what": "", "inapplicable": "it is made for x86_64, and this is arm64", "tests": {}, "failures": []}
    assert "\nhaswell: does not apply: it is made for x86_64, and this is arm64" in list(
        summary({"haswell": row}, ["a"])
    )


def test_an_interrupted_run_leaves_no_process(tmp_path):
    root = small_checkout(tmp_path, {"busy": chapter(("open('busy', 'w').close()\nwhile True: pass", "1"))})
    where = runs.Surroundings(root, ROWS["native"].environment(), root)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.suite(where, [root / "chapters" / "busy.ipynb"], root / "log", stop, workers=1)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout
    assert str(root) not in left
