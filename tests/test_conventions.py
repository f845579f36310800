"""One convention in every public signature: the same name means the same thing, with the same default and place."""

import importlib
import inspect
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

import optnotes
from optnotes import memory, schedules, simulate, weight_rms
from optnotes._ground.docstrings import PLACEHOLDER, filler

CLAIMS = Path(__file__).parents[1] / "claims.json"
BOOK = {"book", "checks", "claims", "manifold_training", "plotting"}
POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
RATES = ("lr", "weight_decay")


def functions():
    for topic in sorted(set(optnotes.__all__) - BOOK):
        module = importlib.import_module(f"optnotes.{topic}")
        for name in sorted(vars(module)):
            found = getattr(module, name)
            if inspect.isfunction(found) and not name.startswith("_") and found.__module__.startswith(module.__name__):
                yield f"{topic}.{name}", found


FUNCTIONS = dict(functions())
SIGNATURES = {name: inspect.signature(function).parameters for name, function in FUNCTIONS.items()}

# Each topic names its own routes, and the first is what most calls of that topic want.
OWN_DEFAULTS = {
    "method": "the routes of a topic have its own names, and the one that most of its calls want is the default",
    "optimizer": "the usual optimiser of the question: Adam for the weights, the sign for a surge, SGD for a decrease",
    "lr": "without a rate a decrease is that of the best rate, and a simulation takes the common 1e-3",
    "tol": "the tangent of a norm ball is a root in one variable, found to rounding; the others iterate on matrices",
    "max_iterations": "the sphere has one method with one limit; elsewhere each method has its own",
}
OWN_ORDER = {
    ("optimizer", "lr"): "`expected_decrease` and `simulate` are of an optimiser, `stationary` is of rates",
    ("lr", "optimizer"): "the same pair",
}
ONE_RATE = {  # takes one rate in place of a course of rates
    "memory.memory_steps": "the age of a batch is that under rates that stay; arrays are many such rates",
    "steepest.retract": "it is one step",
    "weight_rms.rotation": "an equilibrium is under rates that stay",
    "weight_rms.stationary": "an equilibrium is under rates that stay",
}
COMPUTED = "batch_size."  # these functions return a rate
COURSES = {  # the weights, or what is known of them, after three steps with rates η and λ
    "memory.balanced_lr": lambda _, decay: memory.balanced_lr(0.3, decay, 3),
    "memory.batch_weights": lambda lr, decay: memory.batch_weights(lr, decay, 3),
    "memory.decay_for_memory": lambda lr, _: memory.decay_for_memory(lr, 3, 0.5),
    "memory.initial_weight": lambda lr, decay: memory.initial_weight(lr, decay, 3),
    "schedules.rates_and_decay": lambda lr, decay: schedules.rates_and_decay(lr, decay, 3),
    "simulate.run": lambda lr, decay: (
        simulate.run(
            "adam", rng=np.random.default_rng(0), lr=lr, weight_decay=decay, steps=3, shape=4, dtype="float64"
        ).weight_squares
    ),
    "simulate.trajectory": lambda lr, decay: simulate.trajectory(
        "adam", [[1.0], [-2.0], [0.5]], [1.0], lr=lr, weight_decay=decay
    ),
    "weight_rms.adamw": lambda lr, decay: weight_rms.adamw(lr, decay, 3),
    "weight_rms.adamw_weights": lambda lr, decay: weight_rms.adamw_weights([[1.0], [-2.0], [0.5]], [1.0], lr, decay),
    "weight_rms.coupled_solution": lambda lr, _: weight_rms.coupled_solution(lr, 2.0, [1, 2, 3]),
    "weight_rms.ode_solution": lambda lr, _: weight_rms.ode_solution(lr, 0.5, [1, 2, 3]),
    "weight_rms.sign_momentum": lambda lr, decay: weight_rms.sign_momentum(lr, decay, 3),
}
NO_DECAY = {  # the closed forms that have one weight decay, or none to choose
    "memory.balanced_lr",
    "memory.decay_for_memory",
    "weight_rms.coupled_solution",
    "weight_rms.ode_solution",
}


def test_the_same_name_has_the_same_default():
    found = {}
    for function, parameters in SIGNATURES.items():
        for name, parameter in parameters.items():
            if parameter.default is not parameter.empty:
                found.setdefault(name, {}).setdefault(repr(parameter.default), []).append(function)
    differing = {name: defaults for name, defaults in found.items() if len(defaults) > 1}
    assert set(differing) == set(OWN_DEFAULTS), differing


def test_the_decays_of_the_moments_have_the_defaults_of_the_notation_page():
    for name, value in (("beta1", 0.9), ("beta2", 0.95)):
        given = [parameters[name].default for parameters in SIGNATURES.values() if name in parameters]
        assert {default for default in given if default is not inspect.Parameter.empty} == {value}
    assert r"$\beta_1 = 0.9$ and $\beta_2 = 0.95$" in (Path(__file__).parents[1] / "chapters/notation.md").read_text(
        encoding="utf-8"
    )


def test_two_names_stand_in_the_same_order_wherever_both_do():
    before = {}
    for function, parameters in SIGNATURES.items():
        names = [name for name, parameter in parameters.items() if parameter.kind is POSITIONAL]
        for pair in itertools.combinations(names, 2):
            before.setdefault(pair, []).append(function)
    turned = {pair: before[pair] for pair in before if pair[::-1] in before}
    assert set(turned) == set(OWN_ORDER), turned


def test_each_function_that_takes_a_rate_has_its_call():
    taking = {name for name, parameters in SIGNATURES.items() if set(RATES) & set(parameters)}
    assert {name for name in taking if not name.startswith(COMPUTED)} == set(COURSES) | set(ONE_RATE)


@pytest.mark.parametrize("name", COURSES)
def test_a_rate_is_a_number_an_array_of_steps_or_a_schedule(name):
    course = COURSES[name]
    by_number = course(0.3, 0.5)
    for lr, decay in ((np.full(3, 0.3), [0.5] * 3), (schedules.constant(0.3), schedules.constant(0.5))):
        np.testing.assert_allclose(course(lr, decay), by_number, rtol=1e-14)  # a piece more or less may round


@pytest.mark.parametrize("name", sorted(set(COURSES) - NO_DECAY))
def test_a_step_that_wipes_out_the_weights_is_refused(name):
    for lr, decay in ((0.5, 2.0), ([0.5] * 3, schedules.constant(2.0))):
        with pytest.raises(ValueError, match=r"`lr·weight_decay` must be below 1 at every step, got 1\.0; lower the"):
            COURSES[name](lr, decay)


@pytest.mark.parametrize("name", ["weight_rms.stationary", "weight_rms.rotation"])
def test_an_equilibrium_refuses_a_course_of_rates(name):
    rest = (1.0, 1.0) if name.endswith("rotation") else ()
    with pytest.raises(TypeError, match="`lr` must be"):
        FUNCTIONS[name](schedules.constant(0.1), 0.1, *rest)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_shows_a_signature_that_can_be_read(name):
    shown = str(inspect.signature(FUNCTIONS[name]))
    assert not any(word in shown for word in ("Buffer", "Union[", "_SupportsArray"))
    assert len(shown) <= max(200, 32 * len(SIGNATURES[name]))  # the simulation has fourteen parameters


def sections(text):
    """Return the sections of a numpydoc docstring."""
    parts = re.split(r"^(\w[\w ]*)\n-+$", inspect.cleandoc(text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(text):
    """Return the names that open the entries of a section, such as `lr, weight_decay : float`."""
    heads = re.findall(r"^\S.*", text, flags=re.MULTILINE)
    return [name.lstrip("*") for head in heads for name in head.split(" : ")[0].split(", ")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_describes_each_parameter_and_no_other(name):
    parts = sections(FUNCTIONS[name].__doc__)
    assert sorted(described(parts["Parameters"])) == sorted(SIGNATURES[name])
    assert {"Returns", "Raises", "Examples"} <= set(parts)
    assert not PLACEHOLDER.search(FUNCTIONS[name].__doc__)


def test_shared_text_is_filled_in_with_the_indent_of_its_line_and_formulas_stay():
    @filler(point="x : float\n    Where.")
    def function():
        """Return x^{2}.

        {point}
            At {point}.
        """

    assert inspect.cleandoc(function.__doc__) == "Return x^{2}.\n\nx : float\n    Where.\n    At {point}."


def test_a_placeholder_without_text_is_refused_at_import():
    with pytest.raises(ValueError, match=r"`.*function` has the placeholder \{lrr\} .* one of beta1, rates, steps"):

        @filler()
        def function():
            """Return nothing.

            {lrr}
            """


def domains(function):
    """The paragraphs below "Domain" in a docstring."""
    text = inspect.getdoc(function)
    match = re.search(r"^Domain\n-+\n(.*?)(?=^\w[^\n]*\n-+$|\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1].strip() if match else ""


CLAIMED = {name: function for name, function in FUNCTIONS.items() if domains(function)}


@pytest.mark.parametrize("name", CLAIMED)
def test_a_domain_names_the_claims_of_the_book_that_show_it(name):
    last = domains(CLAIMED[name]).split("\n\n")[-1]
    match = re.search(r"\bClaims: ((?:`[\w-]+`(?:,\s+)?)+)\.$", last)
    assert match, f"the domain of {name} ends in no list of claims: {last[-80:]!r}"
    known = {claim["id"] for claim in json.loads(CLAIMS.read_text(encoding="utf-8"))["claims"]}
    assert set(re.findall(r"`([\w-]+)`", match[1])) <= known
