"""The package lists its topics, shows what they show, and a practitioner's import needs NumPy and SciPy alone."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import optnotes

HEAVY = ("cycler", "matplotlib", "mpmath", "sympy")

WITHOUT = f"""
import sys

class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
"""

CALLS = {
    "batch_size": "batch_size.steps_and_examples(64, 100.0)",
    "extremes": "extremes.expected_max(4096)",
    "instances": "instances.stiefel_8x4()",
    "matrix_sign": "matrix_sign.msign(2 * np.eye(2))",
    "memory": "memory.memory_steps(1e-3, 0.1, 0.1)",
    "moments": "moments.adam_update_rms(0.9)",
    "random_matrix": "random_matrix.expected_spectral_norm(8, 4)",
    "schedules": "schedules.cosine(1e-3, 100)(np.arange(3.0))",
    "simulate": "simulate.run('adam', rng=np.random.default_rng(0), steps=3, shape=64, blocks=2)",
    "steepest": "steepest.sphere(np.ones(3), np.array([1.0, 0.0, 0.0]))",
    "weight_rms": "weight_rms.adamw(1e-3, 0.1, 10)",
}
BOOK = {"book", "checks", "claims", "manifold_training", "plotting"}


def run(code: str) -> subprocess.CompletedProcess[str]:
    path = f"import sys; sys.path.insert(0, {str(Path(optnotes.__file__).parents[1])!r})\n"
    return subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=False)


def test_the_package_lists_its_public_modules():
    here = Path(optnotes.__file__).parent
    found = {path.stem for path in here.glob("[a-z]*.py")} | {path.parent.name for path in here.glob("[a-z]*/*.py")}
    assert set(optnotes.__all__) == found
    assert set(optnotes.__all__) <= set(dir(optnotes))


@pytest.mark.parametrize("name", optnotes.__all__)
def test_every_public_module_can_be_imported_says_what_it_is_and_has_what_it_lists(name):
    module = importlib.import_module(f"optnotes.{name}")
    assert getattr(optnotes, name) is module
    assert module.__doc__
    if name != "book" and hasattr(module, "__all__"):
        assert all(hasattr(module, entry) for entry in module.__all__)


@pytest.mark.parametrize("name", sorted(BOOK - {"book"}))
def test_a_short_name_shows_all_that_the_book_has_and_the_same_objects(name):
    short, full = (importlib.import_module(f"{path}.{name}") for path in ("optnotes", "optnotes.book"))
    assert all(getattr(short, entry) is getattr(full, entry) for entry in short.__all__)
    own = {entry for entry, value in vars(full).items() if getattr(value, "__module__", "") == full.__name__}
    assert {entry for entry in own if not entry.startswith("_")} <= set(short.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'optnotes' has no attribute 'weight_rsm'"):
        optnotes.weight_rsm  # noqa: B018


def test_the_package_alone_loads_no_topic_and_a_topic_is_loaded_when_it_is_used():
    loaded = "print(*sorted({'numpy', 'scipy'} & set(sys.modules)), 'optnotes.weight_rms' in sys.modules)\n"
    done = run(f"import optnotes\n{loaded}optnotes.weight_rms.adamw\n{loaded}")
    assert done.stdout.splitlines() == ["False", "numpy scipy True"], done.stderr


def test_each_topic_has_its_call():
    assert set(CALLS) | BOOK == set(optnotes.__all__)


def test_every_topic_computes_without_the_packages_of_the_book():
    calls = "\n".join(f"from optnotes import {name}; assert {call} is not None" for name, call in CALLS.items())
    done = run(f"{WITHOUT}import numpy as np\n{calls}\nassert not set(sys.modules) & {set(HEAVY)}\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["checks", "claims", "plotting", "book.checks", "book.plotting"])
def test_without_its_packages_a_tool_of_the_book_names_the_extra(module):
    done = run(f"{WITHOUT}import optnotes.{module}")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("pip install 'optnotes[book]'")
