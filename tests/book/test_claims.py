"""A claim passes with its judge, and only when the same judge rejects the rival."""

import json

import pytest
import sympy as sp

from optnotes import checks
from optnotes.checks import CheckError
from optnotes.claims import CLAIM_MIME, VERDICT_MIME, Chapter

x = sp.Symbol("x", positive=True)


def test_a_claim_shows_as_one_line_and_carries_its_record():
    claim = Chapter("demo").claim("one", "$x$", checks.identity, x, x, rival=2 * x, source="eq. (1)")
    bundle = claim._repr_mimebundle_()
    assert bundle["text/plain"] == "claim one: proved (identical); rejected: a rival; source: eq. (1)"
    assert 'id="claim-one"' in bundle["text/html"]
    assert json.loads(json.dumps(bundle[CLAIM_MIME]))["statement"] == "$x$"


def test_a_false_claim_is_named():
    with pytest.raises(CheckError, match="claim two of demo fails: not identical"):
        Chapter("demo").claim("two", "$x$", checks.identity, x, 2 * x, rival=x)


@pytest.mark.parametrize("rival", [3.0, 1.1])
def test_a_failure_names_the_claim_its_statement_and_its_source(rival):
    value = 1.0 if rival == 1.1 else 2.0
    with pytest.raises(CheckError) as failure:
        Chapter("demo").claim("two", "$x_1$", checks.agree, value, 1.0, rtol=0.5, rival=rival, source="eq. (1)")
    assert str(failure.value).startswith("claim two")
    assert str(failure.value).endswith("\n  statement: $x_1$\n  source: eq. (1)")


def test_a_record_holds_the_figure_as_a_number_with_its_noise_and_resolution():
    claim = Chapter("demo").claim("two", "$x$", checks.monte_carlo, 1.01, 0.01, 1.0, resolution=0.05, rival=2.0)
    record = json.loads(json.dumps(claim._repr_mimebundle_()[CLAIM_MIME]))
    assert record["figure"] == pytest.approx(1.0)
    assert record["resolution"] == pytest.approx(0.04)
    assert 0 < record["noise"] < 1e-7
    assert record["words"] == "z = {figure}, would see {resolution}"
    assert record["detail"] == "z = 1.0, would see 4 %"


def test_the_record_of_a_proof_has_words_and_no_figure():
    claim = Chapter("demo").claim("two", "$x$", checks.identity, x, x, rival=2 * x)
    assert (claim.figure, claim.resolution, claim.words) == (None, None, "identical")


def test_a_judge_that_accepts_the_rival_decides_nothing():
    with pytest.raises(CheckError, match="claim three: the judge accepts the rival"):
        Chapter("demo").claim("three", "$x$", checks.agree, 1.0, 1.0, rtol=0.5, rival=1.1)


@pytest.mark.parametrize("rival", [float("nan"), [], [1.0, 2.0, 3.0]])
def test_a_rival_that_cannot_be_judged_is_no_control(rival):
    with pytest.raises(CheckError, match="claim three: the rival was not judged"):
        Chapter("demo").claim("three", "$x$", checks.agree, [1.0, 2.0], [1.0, 2.0], rtol=0.1, rival=rival)


def test_a_tightened_tolerance_is_no_rival():
    with pytest.raises(ValueError, match="must be another statement, not another tolerance, got rtol"):
        Chapter("demo").claim("three", "$x$", checks.agree, 1.0, 1.001, rtol=0.1, rival={"rtol": 0.0})


def test_a_true_rival_that_sympy_cannot_decide_is_no_control():
    f = sp.Function("f")
    with pytest.raises(CheckError, match="the rival was not judged"):
        Chapter("demo").claim("three", "$x$", checks.identity, f(x), f(x), rival=f(x + 1))


def test_a_rival_may_replace_another_argument_by_name():
    claim = Chapter("demo").claim("four", "$x$", checks.bound, 0.0, 1.0, 2.0, rival={"lower": 1.5})
    assert claim.kind == "bounded"


def test_a_proof_needs_no_rival_and_names_the_one_it_has():
    chapter = Chapter("demo")
    assert chapter.claim("five", "$x$", checks.identity, x, x).rival == ""
    claim = chapter.claim("six", "$x$", checks.identity, x, x, rival=2 * x, against="twice as much")
    assert repr(claim) == "claim six: proved (identical); rejected: twice as much; source: new"


def test_a_rival_theory_in_words_needs_one_in_numbers():
    with pytest.raises(ValueError, match="give both, got 'twice as much' alone"):
        Chapter("demo").claim("five", "$x$", checks.identity, x, x, against="twice as much")


@pytest.mark.parametrize(
    ("premise", "kind"),
    [({"case": "$t = 5$"}, "proved for"), ({"assumed": "a mean field"}, "assumed"), ({"quoted": "Gordon"}, "quoted")],
)
def test_a_proof_from_a_premise_is_no_stronger_than_that(premise, kind):
    claim = Chapter("demo").claim("five", "$x$", checks.identity, x, x, **premise)
    assert (claim.kind, [claim.premise]) == (kind, list(premise.values()))
    assert repr(claim).startswith(f"claim five: {kind} {claim.premise}, (identical)")


def test_a_premise_is_for_a_proof_and_stands_alone():
    with pytest.raises(ValueError, match="`case` is for a proof"):
        Chapter("demo").claim("five", "$x$", checks.agree, 1.0, 1.0, rtol=0.1, case="$t = 5$")
    with pytest.raises(ValueError, match="one premise is enough"):
        Chapter("demo").claim("five", "$x$", checks.identity, x, x, case="$t = 5$", quoted="Gordon")


def test_a_rank_is_one_of_two():
    assert Chapter("demo").claim("five", "$x$", checks.identity, x, x, rank="result").rank == "result"
    with pytest.raises(ValueError, match="`rank` must be one of result, step, got 'main'"):
        Chapter("demo").claim("five", "$x$", checks.identity, x, x, rank="main")


def test_a_failed_claim_is_not_registered():
    chapter = Chapter("demo")
    with pytest.raises(CheckError):
        chapter.claim("six", "$x$", checks.identity, x, 2 * x, rival=3 * x)
    with pytest.raises(ValueError, match="must name claims that passed"):
        chapter.verdict("eq. (1)", "$x$", "right", "six")


def test_an_id_cannot_stand_for_two_statements():
    chapter = Chapter("demo")
    chapter.claim("seven", "$x$", checks.identity, x, x, rival=2 * x)
    chapter.claim("seven", "$x$", checks.identity, x, x, rival=2 * x)  # a cell run again in the lab
    with pytest.raises(ValueError, match="`id` must be new in its chapter, got 'seven'"):
        chapter.claim("seven", "$y$", checks.identity, x, x, rival=2 * x)


@pytest.mark.parametrize("id", ["", "Two Words", "-a", "a--b"])
def test_an_id_is_a_slug(id):
    with pytest.raises(ValueError, match="`id` must be lower-case words joined by hyphens"):
        Chapter("demo").claim(id, "$x$", checks.identity, x, x, rival=2 * x)


@pytest.fixture
def chapter():
    chapter = Chapter("demo")
    chapter.claim("eight", "$x$", checks.identity, x, x, rival=2 * x)
    return chapter


def test_a_verdict_carries_its_record(chapter):
    verdict = chapter.verdict("Su 2025, eq. (1)", "$2x$", "wrong", "eight", correct="$x$")
    bundle = verdict._repr_mimebundle_()
    assert bundle["text/plain"] == "verdict on Su 2025, eq. (1): wrong; shown by eight"
    assert bundle[VERDICT_MIME]["claims"] == ("eight",)


@pytest.mark.parametrize(
    ("verdict", "correct", "claims", "message"),
    [
        ("dubious", "", ["eight"], "`verdict` must be one of wrong, limited, misprint"),
        ("wrong", "", ["eight"], "`correct` must be given exactly when"),
        ("right", "$x$", ["eight"], "`correct` must be given exactly when"),
        ("right", "", [], "`claims` must name claims"),
        ("definition", "$x$", [], "`correct` must be given exactly when"),
        ("unjustified", "", ["eight"], "`correct` must be given exactly when"),
    ],
)
def test_a_verdict_without_ground_is_refused(chapter, verdict, correct, claims, message):
    with pytest.raises(ValueError, match=message):
        chapter.verdict("eq. (1)", "$x$", verdict, *claims, correct=correct)


def test_a_definition_has_a_verdict_without_claims(chapter):
    assert repr(chapter.verdict("eq. (1)", "$x$", "definition")) == (
        "verdict on eq. (1): a definition, neither true nor false"
    )
