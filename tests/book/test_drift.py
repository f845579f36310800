"""On other dependencies assertions count and printed forms do not; each claim's fate is told."""

import json
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "_ext"), str(Path(__file__).parent)]

from small_checkout import small_checkout  # noqa: E402

from book import drift, runs  # noqa: E402
from book.ledger import MIMES  # noqa: E402
from book.rows import ROWS  # noqa: E402

CLAIM = """from IPython.display import display
display({"%s": {"id": "%s", "kind": "%s"}, "text/plain": "now"}, raw=True)"""


def stating(id, kind, code=None):
    """A cell whose stored output shows a claim, and whose code shows it as `kind` or does something else."""
    record = {MIMES["claims"]: {"id": id, "kind": "proved"}, "text/plain": "then"}
    source = code or CLAIM % (MIMES["claims"], id, kind)
    return new_code_cell(source, execution_count=1, outputs=[new_output("display_data", data=record)])


@pytest.fixture(scope="module")
def outcome_and_root(tmp_path_factory):
    cells = [
        stating("sound", "proved"),
        stating("weaker", "sampled"),
        stating(
            "wrong", "", "class CheckError(AssertionError): pass\nraise CheckError('claim wrong fails: 1 is not 2')"
        ),
        stating("later", "", "undefined"),
    ]
    root = small_checkout(tmp_path_factory.mktemp("drift"), {"one": new_notebook(cells=cells)})
    ids = ["sound", "weaker", "wrong", "later"]
    ledger = {"claims": [{"chapter": "one", "id": id, "kind": "proved"} for id in ids]}
    (root / "claims.json").write_text(json.dumps(ledger))
    where = runs.Surroundings(root, ROWS["native"].environment(), root)
    targets = [root / "chapters" / "one.ipynb"]
    return runs.suite(where, targets, root / "log", lambda _: None, assertions_only=True, workers=1), root


def test_another_printed_form_is_no_failure_and_an_exception_is(outcome_and_root):
    outcome, _ = outcome_and_root
    assert [test["outcome"] for test in outcome.tests] == ["passed", "passed", "failed", "failed"]


def test_each_claim_has_a_fate(outcome_and_root):
    outcome, root = outcome_and_root
    verdicts = list(drift.fates(root, ["one"], outcome))
    assert [(verdict.id, verdict.fate) for verdict in verdicts] == [
        ("sound", "passed"),
        ("weaker", "kind"),
        ("wrong", "failed"),
        ("later", "lost"),
    ]
    assert verdicts[1].what == "proved in claims.json, sampled here"
    assert "1 is not 2" in verdicts[2].what
    assert "undefined" in verdicts[3].what


def test_the_report_counts_fates_by_chapter_and_names_what_did_not_pass(outcome_and_root):
    outcome, root = outcome_and_root
    text = "\n".join(drift.summary("highest", {"numpy": "9"}, list(drift.fates(root, ["one"], outcome)), outcome))
    assert "highest: numpy 9" in text
    assert f"{'one':24} {1:>7} {1:>7} {1:>7} {1:>7}" in text
    assert "kind: one weaker: proved in claims.json, sampled here" in text


def test_a_claim_whose_chapter_did_not_run_is_lost(outcome_and_root):
    _, root = outcome_and_root
    assert {verdict.fate for verdict in drift.fates(root, ["one"], runs.Outcome())} == {"lost"}


def test_an_upper_bound_can_be_lifted_and_a_package_without_one_is_refused():
    text = '"mpmath>=1.3,<1.4", # why\n"numpy>=2.1",'
    assert drift.without_upper_bounds(text, ["mpmath"]) == '"mpmath>=1.3", # why\n"numpy>=2.1",'
    with pytest.raises(
        ValueError, match=r"`allow` must name a package with an upper bound in pyproject\.toml, got 'numpy'"
    ):
        drift.without_upper_bounds(text, ["numpy"])


def test_a_resolution_that_uv_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`resolution` must be one of lowest-direct, highest, got 'newest'"):
        drift.drift(tmp_path, "newest")
