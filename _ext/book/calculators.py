"""The directive `{calculator}`: a form that computes in the page, and a table of examples where no script runs."""

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from optnotes import batch_size, extremes, memory, schedules, weight_rms
from optnotes.extremes import _maximum

SCHEDULES = ("cosine", "linear", "wsd", "constant")
Row = tuple[str, str]


@dataclass(frozen=True)
class Field:
    """An input: its name in Python, what stands beside it, its first value, and the values to choose from."""

    name: str
    label: str
    value: str
    choices: Sequence[str] = ()


@dataclass(frozen=True)
class Calculator:
    """A form: its fields, the conditions under which its law holds, and examples for a page without scripts."""

    title: str
    fields: Sequence[Field]
    holds: str
    examples: Callable[[], list[Row]]
    table: Callable[[], dict[str, Any]] | None = None


RUN = (
    Field("schedule", "schedule", "cosine", SCHEDULES),
    Field("lr", "largest learning rate η", "3e-4"),
    Field("lr_end", "last learning rate", "0"),
    Field("steps", "steps", "100000"),
    Field("warmup", "steps of warm-up", "0"),
    Field("decay_steps", "steps of decay (wsd)", "10000"),
    Field("weight_decay", "weight decay λ", "0.1"),
    Field("beta1", "β₁", "0.9"),
)


def _rms_examples() -> list[Row]:
    run = schedules.cosine(3e-4, 100_000)
    return [
        (
            "cosine from 3e-4, λ = 0.1, 100 000 steps, from RMS 0.02",
            f"{weight_rms.adamw(run, 0.1, 100_000, init_rms=0.02)[-1]:.4f}",
        )
    ]


def _memory_examples() -> list[Row]:
    run = schedules.wsd(3e-4, 100_000, decay_steps=10_000)
    weights = memory.batch_weights(run, 0.1, 100_000)
    return [
        (
            "wsd from 3e-4, last 10 000 of 100 000 steps, λ = 0.1: share of the last tenth",
            f"{weights[-10_000:].sum():.1%}",
        )
    ]


def _batch_examples() -> list[Row]:
    one = batch_size.Quadratic(np.ones(1), np.ones(1), np.full(1, 1000.0))
    laws = {"SGD": batch_size.sgd, "SignSGD": batch_size.sign_sgd, "Adam": batch_size.adam}
    ratios = {name: law([512.0], one)[0] / law([256.0], one)[0] for name, law in laws.items()}
    return [
        (f"{name}, 256 to 512, noise scale 1000: multiply the rate by", f"{ratio:.3f}")
        for name, ratio in ratios.items()
    ]


def _maximum_examples() -> list[Row]:
    return [(f"n = {n}", f"{extremes.expected_max(n):.6f}") for n in (16, 4096, 10**6)]


def _maximum_table() -> dict[str, Any]:
    pieces = _maximum.interpolant(_maximum.mean_over_gap)
    return {"edges": pieces.x.tolist(), "coefficients": pieces.c.tolist()}


CALCULATORS = {
    "weight-rms": Calculator(
        "Weight RMS of AdamW along a schedule",
        (*RUN, Field("init_rms", "RMS of the initial weights", "0.02")),
        "Pure noise, independent from step to step; v replaced by its mean; no scale invariance, no gradient from the "
        "weights.",
        _rms_examples,
    ),
    "batch-memory": Calculator(
        "What the final weights remember",
        RUN,
        "Decoupled weight decay, updates whose scale changes slowly: the weight of a batch in the final weights, not "
        "in the loss.",
        _memory_examples,
    ),
    "batch-size": Calculator(
        "Learning rate for another batch size",
        (
            Field("batch_size", "batch size now", "256"),
            Field("new_batch_size", "new batch size", "512"),
            Field("noise_scale", "noise scale 𝓑", "1000"),
            Field("beta1", "β₁", "0.9"),
        ),
        "The rate of the largest decrease in one step, in the mean field, for one signal-to-noise ratio and a diagonal "
        "Hessian; Muon in the Newton view with equal singular values. Batch sizes and noise scale in one unit.",
        _batch_examples,
    ),
    "noise-scale": Calculator(
        "Noise scale from two batch sizes",
        (
            Field("square_small", "mean squared gradient norm, small batch", "5.0"),
            Field("square_large", "mean squared gradient norm, large batch", "2.0"),
            Field("batch_small", "small batch", "32"),
            Field("batch_large", "large batch", "256"),
        ),
        "Means over steps between which the weights hardly change; the ratio of means, not the mean of ratios.",
        list,
    ),
    "expected-max": Calculator(
        "Expected maximum of n normal numbers",
        (Field("n", "n, a real number ≥ 1", "4096"),),
        "Independent standard normal numbers; relative error below 1e-12.",
        _maximum_examples,
        _maximum_table,
    ),
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive; Sphinx calls this."""
    app.add_directive("calculator", CalculatorDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class CalculatorDirective(SphinxDirective):
    """A calculator, by its name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the form; an unknown name is an error."""
        name = self.arguments[0]
        if name not in CALCULATORS:
            raise self.error(f"no calculator is called {name!r}; there are: {', '.join(CALCULATORS)}")
        return [nodes.raw("", form(name), format="html")]


def form(name: str) -> str:
    """Return the form of a calculator as HTML."""
    one = CALCULATORS[name]
    fields = "".join(_field(f"{name}-{field.name}", field) for field in one.fields)
    table = f" data-table='{json.dumps(one.table())}'" if one.table else ""
    examples = "".join(f"<tr><td>{html.escape(what)}</td><td>{value}</td></tr>" for what, value in one.examples())
    without = f"<noscript><table><caption>Examples</caption>{examples}</table></noscript>" if examples else ""
    return (
        f'<form class="calculator" data-calculator="{name}"{table} aria-label="{html.escape(one.title)}">'
        f'<p class="title">{html.escape(one.title)}</p><div class="fields">{fields}</div>'
        f'<output aria-live="polite"></output>{without}<p class="holds">{html.escape(one.holds)}</p></form>'
    )


def _field(id: str, field: Field) -> str:
    label = f'<label for="{id}">{html.escape(field.label)}</label>'
    if field.choices:
        options = "".join(f"<option>{choice}</option>" for choice in field.choices)
        return f'<div>{label}<select id="{id}" name="{field.name}">{options}</select></div>'
    value = html.escape(field.value)
    given = f'name="{field.name}" value="{value}" inputmode="decimal" autocomplete="off"'
    return f'<div>{label}<input id="{id}" {given}></div>'
