"""Every judge passes on a true statement, and fails on a planted fault, on empty input and when undecided."""

import re

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from optnotes import checks
from optnotes.checks import CheckError, RefutedError

x = sp.Symbol("x", positive=True)
n = sp.Symbol("n", positive=True, integer=True)


@pytest.mark.parametrize(
    ("left", "right", "route"),
    [
        (x, x, "identical"),
        ((x + 1) ** 2, x**2 + 2 * x + 1, "expand"),
        (1 / x + 1 / (x + 1), (2 * x + 1) / (x * (x + 1)), "together"),
        (sp.sin(x) ** 2 + sp.cos(x) ** 2, 1, "simplify"),
    ],
)
def test_identity_is_proved_and_names_its_route(left, right, route):
    assert checks.identity(left, right) == checks.Evidence("proved", route)


def test_identity_compares_matrices_entry_by_entry():
    matrix = sp.Matrix([[(x + 1) ** 2, x], [0, 1]])
    assert checks.identity(matrix, sp.Matrix([[x**2 + 2 * x + 1, x], [0, 1]])).kind == "proved"
    with pytest.raises(CheckError, match="not identical"):
        checks.identity(matrix, sp.Matrix([[x**2 + 2 * x + 1, x], [0, 2]]))


def test_identity_rejects_a_wrong_factor_and_shows_where():
    with pytest.raises(CheckError, match=r"not identical: the difference is .* at \{x: "):
        checks.identity(sp.sqrt(2 * sp.pi) * x, sp.sqrt(3 * sp.pi) * x)


def test_identity_is_not_fooled_by_equal_names_with_other_assumptions():
    with pytest.raises(CheckError, match=r"not identical|undecided"):
        checks.identity(x, sp.Symbol("x"))


def test_identity_calls_false_only_what_is_false_under_the_assumptions():
    negative = sp.Symbol("x", negative=True)
    with pytest.raises(CheckError, match="undecided"):
        checks.identity(sp.atan(negative) + sp.atan(1 / negative), -sp.pi / 2)
    with pytest.raises(RefutedError, match="not identical"):
        checks.identity(sp.Abs(negative), negative)


def test_identity_fails_when_undecided():
    f = sp.Function("f")
    with pytest.raises(CheckError, match="undecided"):
        checks.identity(f(x), f(x + 1))


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (0.5 * x, x / 2, "floating-point"),
        (sp.oo, sp.oo, "finite sides"),
        (sp.nan, sp.nan, "finite sides"),
        (sp.eye(2), sp.eye(3), "shapes"),
        (sp.zeros(0, 0), sp.zeros(0, 0), "shapes"),
        (sp.eye(2), sp.Integer(1), "a matrix and a scalar"),
        ([x], [x], "expressions or matrices"),
    ],
)
def test_identity_refuses_what_cannot_be_compared(left, right, message):
    with pytest.raises(CheckError, match=message):
        checks.identity(left, right)


def test_limit_is_computed_and_compared():
    assert checks.limit((1 + 1 / x) ** x, x, sp.oo, sp.E).kind == "proved"
    with pytest.raises(CheckError, match="not identical"):
        checks.limit((1 + 1 / x) ** x, x, sp.oo, sp.pi)


def test_limit_to_infinity_is_not_a_finite_one():
    assert checks.limit(sp.log(x), x, sp.oo, sp.oo).detail == "limit"
    with pytest.raises(CheckError, match="the limit is oo, not 1"):
        checks.limit(sp.log(x), x, sp.oo, 1)


def test_limit_fails_when_undecided():
    with pytest.raises(CheckError, match="undecided"):
        checks.limit(sp.Function("f")(x), x, sp.oo, 1)


SCALES = np.array([1e1, 1e2, 1e3, 1e4, 1e5])


def test_order_reads_the_slope():
    assert checks.order(-3 / SCALES**2, SCALES, -2).figure == pytest.approx(-2, abs=1e-9)  # exact power law


@pytest.mark.parametrize(
    ("errors", "scales", "message"),
    [
        (SCALES**-1.5, SCALES, "slope -1.500"),
        (1 / SCALES[:3], SCALES[:3], "at least 4 scales"),
        (np.ones(5), np.ones(5), "at least 4 scales"),
        (0 * SCALES, SCALES, "differ from zero"),
        (np.array([1, -1, 1, -1, 1]) / SCALES**2, SCALES, "one sign"),
        (np.exp(-np.linspace(2, 2.006, 5)), np.linspace(2, 2.006, 5), "factor of 8"),
        ([], [], "empty"),
        (SCALES * np.nan, SCALES, "not finite"),
    ],
)
def test_order_rejects_wrong_rates_and_thin_evidence(errors, scales, message):
    with pytest.raises(CheckError, match=message):
        checks.order(errors, scales, -2)


@pytest.mark.parametrize("turn", [1, -1])
def test_order_rejects_a_curve_that_bends_away_where_errors_are_smallest(turn):
    errors = np.array([1e-2, 1e-4, 1e-6, 1e-8, 1e-9])
    with pytest.raises(RefutedError, match="smallest two errors"):
        checks.order(errors[::turn], SCALES[::turn], -2, within=0.3)


def test_order_does_not_pass_by_a_generous_tolerance():
    with pytest.raises(CheckError, match="does not tell powers apart"):
        checks.order(SCALES**-1.0, SCALES, -2, within=np.inf)


def test_bound_reports_the_tightest_margin():
    assert checks.bound([0, 0], [1.0, 2.0], [1.5, 2.1]).figure == pytest.approx(0.05)  # 0.1 / 2
    assert checks.bound(None, 1.0, 2.0).figure == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("lower", "value", "upper", "message"),
    [
        (None, [1.0, 2.0], [1.5, 1.9], "violated"),
        (1.1, 1.0, None, "violated"),
        (None, 1.0, None, "lower or an upper"),
        (None, [], 1.0, "empty"),
        ([[0.0], [0.0]], [1.0, 2.0], None, "shapes"),
        (None, np.nan, 1.0, "not finite"),
    ],
)
def test_bound_rejects_violations_and_empty_statements(lower, value, upper, message):
    with pytest.raises(CheckError, match=message):
        checks.bound(lower, value, upper)


def test_agree_compares_elementwise_not_on_the_sum():
    with pytest.raises(CheckError, match=r"differ by 0\.5"):
        checks.agree([1.0, 1.0], [1.5, 1.0 / 1.5], rtol=1e-3)


def test_agree_handles_zeros():
    assert checks.agree([0.0, 1.0], [0.0, 1.0], rtol=1e-15).kind == "exact"
    with pytest.raises(CheckError, match="differ by inf"):
        checks.agree([1e-30], [0.0], rtol=1e-3)
    assert checks.agree([1e-30], [0.0], rtol=1e-15, atol=1e-20).detail == "within 1e-15 relative or 1e-20 absolute"


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ([1.0, 2.0], [[1.0], [2.0]], {"rtol": 0.1}, "shapes"),
        (1.0, 5.0, {"rtol": 10}, "tolerances"),
        (1.0, 5.0, {"rtol": 0.1, "atol": np.inf}, "tolerances"),
        (np.array([1.0 + 5j]), [1.0], {"rtol": 0.1}, "real"),
    ],
)
def test_agree_refuses_comparisons_that_would_always_pass(a, b, options, message):
    with pytest.raises(CheckError, match=message):
        checks.agree(a, b, **options)


@pytest.mark.parametrize(("a", "b"), [([], []), (np.nan, np.nan), (np.inf, np.inf)])
def test_agree_refuses_empty_and_infinite_input(a, b):
    with pytest.raises(CheckError, match=r"empty|not finite"):
        checks.agree(a, b, rtol=1.0)


def test_approximate_demands_a_tight_statement():
    assert checks.approximate(1.03, 1.0, within=0.04, domain="one point").figure == pytest.approx(0.03)
    with pytest.raises(CheckError, match=r"misses by 0\.05"):
        checks.approximate(1.05, 1.0, within=0.04, domain="one point")
    with pytest.raises(CheckError, match="more than twice"):
        checks.approximate(1.01, 1.0, within=0.04, domain="one point")


def test_monte_carlo_accepts_the_truth_and_rejects_a_wrong_factor():
    sample = np.random.default_rng(0).normal(loc=2.0, scale=1.0, size=10_000)
    error = sample.std(ddof=1) / 100
    assert checks.monte_carlo(sample.mean(), error, 2.0, resolution=0.05).kind == "sampled"
    with pytest.raises(CheckError, match="contradicts"):
        checks.monte_carlo(sample.mean(), error, 2.0 * 1.05, resolution=0.05)


@pytest.mark.parametrize(
    ("error", "message"), [(0.1, "too short a run"), (0.0, "nothing was sampled"), (np.nan, "not finite")]
)
def test_monte_carlo_fails_when_it_could_not_see_the_deviation(error, message):
    with pytest.raises(CheckError, match=message):
        checks.monte_carlo(2.0, error, 2.0, resolution=0.05)


def test_monte_carlo_refuses_a_resolution_that_sees_nothing():
    with pytest.raises(CheckError, match="coarser than the expected value"):
        checks.monte_carlo(2.0, 1.0, 2.0, resolution=1e9)


def test_monte_carlo_judges_the_worst_of_several_estimates():
    with pytest.raises(CheckError, match=r"z = -5\.0"):
        checks.monte_carlo([1.0, 0.95], [0.01, 0.01], [1.0, 1.0], resolution=0.05)


def test_every_judge_names_the_argument_that_a_rival_replaces():
    judges = {name for name in dir(checks) if getattr(getattr(checks, name), "__module__", "") == CheckError.__module__}
    assert set(checks.RIVAL_REPLACES) == {name for name in judges if name[0].islower() and name[0] != "_"}


FAILURES = {
    "agree": (
        lambda: checks.agree([[1.0, 2.0], [3.0, 0.4]], [[1.0, 2.0], [3.0, 0.5]], rtol=1e-8),
        "the routes differ by 0.2 relative, 2e+07 × the tolerance 1e-08 at index (1, 1): 0.4 against 0.5",
    ),
    "agree, nearly": (
        lambda: checks.agree(0.50000000016, 0.5, rtol=1e-12),
        "the routes differ by 3.2e-10 relative, 320 × the tolerance 1e-12: 0.50000000016 against 0.5",
    ),
    "agree, absolute": (
        lambda: checks.agree([0.0, 1.5], [0.0, 1.0], rtol=0, atol=0.25),
        "the routes differ by 0.25 relative after 0.25 absolute, the tolerance is 0 at index 1: 1.5 against 1",
    ),
    "approximate": (
        lambda: checks.approximate([1.01, 1.05], 1.0, within=0.04, domain="a few"),
        "the approximation misses by 0.05 relative, 1.25 × the tolerance 0.04 at index 1: 1.05 against 1, for a few",
    ),
    "bound above": (
        lambda: checks.bound(0.0, [1.0, 2.0], [1.5, 1.9]),
        "violated: tightest relative margin is -0.05 at index 1: 2 is above the upper bound 1.9",
    ),
    "bound below": (
        lambda: checks.bound(1.1, 1.0, 2.0),
        "violated: tightest relative margin is -0.1: 1 is below the lower bound 1.1",
    ),
    "order": (
        lambda: checks.order(SCALES**-1.5, SCALES, -2),
        "slope -1.500 (smallest two errors: -1.500) is not -2 ± 0.1 (± 0.2): 5 × the tolerance",
    ),
    "order, bent": (
        lambda: checks.order([1e-2, 1e-4, 1e-6, 1e-8, 1e-9], SCALES, -2, within=0.3),
        "slope -1.800 (smallest two errors: -1.000) is not -2 ± 0.3 (± 0.6): 1.67 × the tolerance",
    ),
    "monte_carlo": (
        lambda: checks.monte_carlo([1.0, 0.95], [0.01, 0.01], [1.0, 1.0], resolution=0.05),
        "z = -5.0: the sample contradicts the expected value: 0.95 ± 0.01 against 1 at index 1, "
        "1.25 × the 4 standard errors allowed",
    ),
    "identity": (
        lambda: checks.identity(sp.Matrix([[x, 2]]), sp.Matrix([[x, 3]])),
        "not identical: the difference is -1.00000 at {} in entry (0, 1): 2.00000 against 3.00000",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_says_what_was_found_and_expected_where_and_how_far_beyond_tolerance(name):
    judge, message = FAILURES[name]
    with pytest.raises(RefutedError) as failure:
        judge()
    assert str(failure.value) == message


def approximate(error):
    return checks.approximate(1 + error, 1.0, within=0.06, domain="one point")


def sampled(z):
    return checks.monte_carlo(1 + z * 0.01, 0.01, 1.0, resolution=0.05)


def bounded(margin):
    return checks.bound(None, 1.0, 1 + margin)


def rate(slope):
    return checks.order(1e9 * SCALES**slope, SCALES, slope)


@pytest.mark.parametrize(
    ("judge", "figure", "shown"),
    [
        (approximate, 0.0448, "error up to 4.5 % for one point"),
        (approximate, 0.0445, "error up to 4.45 % for one point"),
        (approximate, 0.05, "error up to 5 % for one point"),
        (sampled, 1.0, "z = 1.0, would see 4 %"),
        (sampled, 1.25, "z = 1.25, would see 4 %"),
        (sampled, 0.0, "z = 0.0, would see 4 %"),
        (sampled, -0.01, "z = 0.0, would see 4 %"),
        (bounded, 0.01, "tightest margin 0.01"),
        (bounded, 0.00995, "tightest margin 0.00995"),
        (bounded, 0.0, "tightest margin 0"),
        (rate, -1.0005, "slope -1.0005"),
        (rate, -2.0, "slope -2.000"),
    ],
)
def test_the_last_digit_shown_does_not_turn_with_the_noise(judge, figure, shown):
    assert {judge(figure + noise).detail for noise in (0, 1e-13, 1e-12)} == {shown}


@pytest.mark.parametrize(("judge", "figure"), [(approximate, 0.041), (sampled, 1.3), (bounded, 0.03), (rate, -2.2)])
def test_the_noise_of_a_figure_is_more_than_that_of_its_inputs_and_less_than_1e_7(judge, figure):
    evidence = judge(figure)
    assert evidence.figure == pytest.approx(figure, rel=1e-12)
    assert 1e-12 <= evidence.noise <= 1e-7 * abs(figure)


def test_a_sample_reports_the_deviation_that_it_would_have_shown():
    assert checks.monte_carlo([1.0, 4.0], [0.01, 0.02], [1.0, 4.0], resolution=0.1).resolution == pytest.approx(0.04)


@pytest.mark.parametrize("judge", [approximate, sampled, bounded, rate])
def test_the_words_are_the_detail_without_its_figures(judge):
    evidence = judge(0.05)
    parts = [part for part in re.split(r"\{figure\}|\{resolution\}", evidence.words) if part]
    assert all(part in evidence.detail for part in parts)
    assert not re.search(r"\d", evidence.words)


@given(
    numbers=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5),
    rtol=st.floats(1e-12, 1e-2),
    atol=st.floats(0, 1e-4),
    place=st.integers(0, 4),
    sign=st.sampled_from([-1, 1]),
)
def test_the_resolution_of_two_exact_routes_is_the_change_that_no_number_could_hide(numbers, rtol, atol, place, sign):
    seen = checks.agree(numbers, numbers, rtol=rtol, atol=atol).resolution
    changed = np.array(numbers)
    changed[place % len(numbers)] *= 1 + sign * seen * 1.03
    with pytest.raises(CheckError, match="the routes differ"):
        checks.agree(changed, numbers, rtol=rtol, atol=atol)


@pytest.mark.parametrize("judge", [lambda yes: checks.agree(yes, 1, rtol=0), lambda yes: checks.bound(0, yes, None)])
def test_truth_values_are_no_numbers(judge):
    with pytest.raises(CheckError, match="holds truth values"):
        judge(np.array([True, True]))


def test_an_error_of_half_the_value_is_no_approximation():
    with pytest.raises(CheckError, match="a coarser statement is a `bound`"):
        checks.approximate(1.5, 1.0, within=0.51, domain="one point")
