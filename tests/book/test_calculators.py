"""The calculators compute what the package computes, and refuse what it refuses, in its words."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from optnotes import batch_size, extremes, memory, schedules, weight_rms

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book import calculators  # noqa: E402
from book.formulas import node  # noqa: E402

LAWS = ROOT / "_ext" / "book" / "static" / "laws.js"
RUNNER = """
import {{ readFileSync }} from "node:fs";
const laws = await import("data:text/javascript;base64," + readFileSync({path}).toString("base64"));
const calls = JSON.parse(readFileSync(0));
const answer = ([name, ...given]) => {{
  try {{
    const found = laws[name](...given.map((x) => (x && x.lrs && x.lrs.shape ? {{ ...x, lrs: laws.rates(x.lrs) }} : x)));
    return found instanceof Float64Array ? [...found] : found;
  }} catch (error) {{ return {{ error: error.message }}; }}
}};
process.stdout.write(JSON.stringify(calls.map(answer)));
"""
SCHEDULES = ("constant", "linear", "cosine", "wsd")


def javascript(calls):
    script = RUNNER.format(path=json.dumps(str(LAWS)))
    command = [node(), "--input-type=module", "-e", script]
    done = subprocess.run(command, input=json.dumps(calls), capture_output=True, encoding="utf-8", check=True)
    return json.loads(done.stdout)


def random_run(rng, steps):
    warmup = int(rng.integers(0, steps))
    return {
        "shape": str(rng.choice(SCHEDULES)), "lr": 10 ** rng.uniform(-5, -0.5), "lrEnd": 10 ** rng.uniform(-7, -0.5),
        "steps": steps, "warmup": warmup, "decaySteps": int(rng.integers(0, steps - warmup + 1)),
    }  # fmt: skip


def python_schedule(run):
    if run["shape"] == "constant":
        return schedules.constant(run["lr"], warmup=run["warmup"])
    options = {"lr_end": run["lrEnd"], "warmup": run["warmup"]}
    if run["shape"] == "wsd":
        options["decay_steps"] = run["decaySteps"]
    return getattr(schedules, run["shape"])(run["lr"], run["steps"], **options)


@pytest.fixture(scope="module")
def runs():
    rng = np.random.default_rng(20261125)
    return [(random_run(rng, int(rng.integers(1, 60))), rng.uniform(0, 0.9), rng.uniform(0, 0.99)) for _ in range(500)]


def test_rates_are_those_of_the_schedules(runs):
    found = javascript([["rates", run] for run, _, _ in runs])
    for (run, _, _), rates in zip(runs, found, strict=True):
        expected = python_schedule(run)(np.arange(1.0, run["steps"] + 1))
        np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-15 * run["lr"])


@pytest.mark.parametrize("snr", [0.0, 0.3])
def test_the_weight_rms_is_that_of_the_package(runs, snr):
    given = [{"lrs": run, "weightDecay": decay, "beta1": b, "initRms": 0.02, "snr": snr} for run, decay, b in runs]
    for (run, decay, beta1), path in zip(runs, javascript([["adamwRms", one] for one in given]), strict=True):
        schedule = python_schedule(run)
        expected = weight_rms.adamw(schedule, decay, run["steps"], beta1=beta1, init_rms=0.02, snr=snr)
        np.testing.assert_allclose(path, expected, rtol=1e-12)


def test_the_memory_of_batches_is_that_of_the_package(runs):
    moved = [one for one in runs if python_schedule(one[0])(np.arange(1.0, one[0]["steps"] + 1)).any()]
    given = [{"lrs": run, "weightDecay": decay, "beta1": beta1} for run, decay, beta1 in moved]
    found = javascript([["batchWeights", one] for one in given] + [["initialWeight", one] for one in given])
    for (run, decay, beta1), weights, left in zip(moved, found, found[len(moved) :], strict=False):
        schedule, steps = python_schedule(run), run["steps"]
        np.testing.assert_allclose(weights, memory.batch_weights(schedule, decay, steps, beta1=beta1), rtol=1e-12)
        assert left == pytest.approx(memory.initial_weight(schedule, decay, steps), rel=1e-12)


def test_rates_at_a_batch_are_those_of_the_package():
    rng = np.random.default_rng(1)
    cases = [(10 ** rng.uniform(0, 6), 10 ** rng.uniform(-2, 6), rng.uniform(0, 0.99)) for _ in range(1000)]
    calls = [["ratesAtBatch", {"batch": b, "noiseScale": s, "beta1": beta1}] for b, s, beta1 in cases]
    for (batch, scale, beta1), found in zip(cases, javascript(calls), strict=True):
        one = batch_size.Quadratic([1.0], [1.0], [scale])
        column = batch_size.MatrixQuadratic([[1.0]], np.sqrt(scale))
        for name, law, problem in (
            ("sgd", batch_size.sgd, one),
            ("sign", batch_size.sign_sgd, one),
            ("adam", batch_size.adam, one),
            ("muon", batch_size.muon, column),
        ):
            assert found[name] == pytest.approx(float(law(batch, problem, beta1=beta1)), rel=1e-12), name


def test_two_batch_sizes_give_back_the_noise_scale_they_were_made_with():
    rng = np.random.default_rng(2)
    cases = [(rng.uniform(0.1, 9), rng.uniform(0, 99), int(rng.integers(1, 99))) for _ in range(200)]
    calls = [
        ["noiseScale", {"squareSmall": g + t / b, "squareLarge": g + t / (9 * b), "batchSmall": b, "batchLarge": 9 * b}]
        for g, t, b in cases
    ]
    for (square, trace, _), found in zip(cases, javascript(calls), strict=True):
        assert found["gradientSquare"] == pytest.approx(square, rel=1e-9)
        assert found["noiseScale"] == pytest.approx(trace / square, rel=1e-9)


def test_the_expected_maximum_is_that_of_the_package():
    sizes = [1.0, 1 + 1e-12, *np.geomspace(1.001, 1e300, 2000)]
    found = javascript([["expectedMax", n, calculators._maximum_table()] for n in sizes[:3] + sizes[3::40]])
    np.testing.assert_allclose(found, extremes.expected_max(sizes[:3] + sizes[3::40]), rtol=1e-12)


REFUSED = {
    "negative rate": (["rates", {"shape": "cosine", "lr": "-1", "steps": 9}], lambda: schedules.cosine(-1.0, 9)),
    "no number": (["rates", {"shape": "cosine", "lr": "nan", "steps": 9}], lambda: schedules.cosine(np.nan, 9)),
    "half a step": (["rates", {"shape": "linear", "lr": 1, "steps": 2.5}], lambda: schedules.linear(1.0, 2.5)),
    "no step": (["rates", {"shape": "linear", "lr": 1, "steps": 0}], lambda: schedules.linear(1.0, 0)),
    "long warm-up": (
        ["rates", {"shape": "linear", "lr": 1, "steps": 5, "warmup": 5}],
        lambda: schedules.linear(1.0, 5, warmup=5),
    ),
    "long decay": (
        ["rates", {"shape": "wsd", "lr": 1, "steps": 5, "warmup": 2, "decaySteps": 4}],
        lambda: schedules.wsd(1.0, 5, warmup=2, decay_steps=4),
    ),
    "beta1 of 1": (
        ["adamwRms", {"lrs": [0.1], "weightDecay": 0.1, "beta1": 1}],
        lambda: weight_rms.adamw(0.1, 0.1, 1, beta1=1.0),
    ),
    "no batch": (
        ["ratesAtBatch", {"batch": 0, "noiseScale": 1}],
        lambda: batch_size.sgd(0.0, batch_size.Quadratic([1.0], [1.0], [1.0])),
    ),
    "less than one": (["expectedMax", 0.5, {}], lambda: extremes.expected_max(0.5)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_the_words_of_the_package(name):
    call, python = REFUSED[name]
    with pytest.raises((ValueError, TypeError)) as refused:
        python()
    [found] = javascript([call])
    assert found["error"] == str(refused.value)


def test_a_form_names_its_fields_and_shows_examples_without_scripts():
    form = calculators.form("weight-rms")
    assert all(f'name="{field.name}"' in form for field in calculators.CALCULATORS["weight-rms"].fields)
    assert "<noscript><table>" in form
    assert "0.0283" in form
