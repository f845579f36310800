"""The imagined processor: off unless asked for, a few last places when it is, and the same again for the same seed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book import jitter  # noqa: E402

PROBE = """
import json
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from scipy import special

from optnotes import matrix_sign

a, b = np.random.default_rng(0).standard_normal((2, 30, 30))
shell = InteractiveShell()
shell.user_ns.update(a=a, b=b, np=np)
shell.run_cell("product, power, whole, square = a @ b, abs(a)**0.3, np.rint(a) @ np.rint(b), a**2", silent=True)
shell.run_cell("import sympy as sp; symbol = str(sp.Symbol('x')**3)", silent=True)
cell = shell.user_ns
print(json.dumps({
    "exp": np.exp(a).tolist(), "erfcx": special.erfcx(b).tolist(), "product": cell["product"].tolist(),
    "power": cell["power"].tolist(), "svd": np.linalg.svd(a, compute_uv=False).tolist(),
    "package": matrix_sign.sym(a.T @ matrix_sign.msign(a)).tolist(), "seed": np.exp(b).tolist(),
    "vectors": np.sign(np.linalg.svd(a)[0][0]).tolist(),
    "whole": cell["whole"].tolist(), "square": cell["square"].tolist(), "exact": [np.exp(0.0), special.erf(9.0)],
    "sum": (a + b).tolist(), "root": np.sqrt(abs(a)).tolist(), "symbol": cell["symbol"],
}))
"""
MOVED = ["exp", "erfcx", "product", "power", "svd", "package"]
EXACT = ["whole", "square", "exact", "sum", "root", "symbol"]


def values(**environment):
    path = os.pathsep.join(str(ROOT / part) for part in ("_ext/startup", "_ext", "src"))
    clean = {name: value for name, value in os.environ.items() if name != "BOOK_JITTER"}
    done = subprocess.run([sys.executable, "-c", PROBE], env={**clean, "PYTHONPATH": path, **environment},
                          capture_output=True, text=True, check=True)  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def plain():
    return values()


@pytest.fixture(scope="module")
def jittered():
    return values(BOOK_JITTER="1")


def test_without_the_variable_nothing_moves(plain):
    a, b = np.random.default_rng(0).standard_normal((2, 30, 30))
    assert (np.array(plain["exp"]) == np.exp(a)).all()
    assert (np.array(plain["seed"]) == np.exp(b)).all()


@pytest.mark.parametrize("name", MOVED)
def test_what_libraries_compute_moves_in_its_last_places(plain, jittered, name):
    before, after = np.array(plain[name]), np.array(jittered[name])
    assert (before != after).mean() > 0.5
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-13)  # 30 terms of a sum, 4 ulp each


@pytest.mark.parametrize("name", EXACT)
def test_what_every_processor_rounds_alike_stays(plain, jittered, name):
    assert plain[name] == jittered[name]


def test_signs_of_singular_vectors_turn(plain, jittered):
    assert plain["vectors"] != jittered["vectors"]


def test_the_same_numbers_move_alike_wherever_they_stand():
    noise, numbers = jitter.Noise(1), np.linspace(0.1, 0.9, 50)
    assert (noise.moved(numbers[::-1]) == noise.moved(numbers)[::-1]).all()
    assert noise.moved(0.1) == noise.moved(numbers)[0]


def test_another_seed_moves_otherwise():
    numbers = np.linspace(0.1, 0.9, 50)
    first, second = (jitter.Noise(seed).moved(numbers) for seed in (1, 2))
    assert (first != second).any()


@pytest.mark.parametrize("number", [0.0, 1.0, -7.0, np.inf, 3])
def test_whole_numbers_which_libraries_hit_exactly_stay(number):
    assert all(jitter.Noise(seed).moved(number) == number for seed in range(20))


def test_no_value_crosses_a_whole_number():
    below = np.full(200, np.nextafter(1.0, 0.0))
    assert (jitter.Noise(1).moved(below) <= 1).all()


def test_a_symmetric_matrix_stays_symmetric_and_its_zeros_zero():
    matrix = np.array([[0.1, 0.3, 0.0], [0.3, 0.7, 0.2], [0.0, 0.2, 0.0]])
    moved = jitter.Noise(1).perturbed(matrix, entrywise=False)
    assert (moved == moved.T).all()
    assert ((moved == 0) == (matrix == 0)).all()
    assert (moved != matrix).any()
