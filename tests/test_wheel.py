"""What pip installs: a wheel that computes beside NumPy and SciPy alone, and whose extra names what the book needs."""

import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parent))

from test_package import CALLS

ROOT = Path(__file__).parents[1]
NUMERICS = ("numpy", "numpy.libs", "scipy", "scipy.libs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("optnotes-*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Return the interpreter of an environment that holds the wheel, NumPy and SciPy, and nothing else."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True, with_pip=False)
    interpreter = place / "bin" / "python"
    library = next(place.glob("lib/python*/site-packages"))
    for name in NUMERICS:
        source = Path(metadata.distribution(name.partition(".")[0]).locate_file(name))
        if source.exists():
            (library / name).symlink_to(source, target_is_directory=True)
    pip(sys.executable, "--python", str(interpreter), "install", "--no-deps", "--no-index", str(wheel))
    return interpreter


def pip(interpreter: str, *arguments: str) -> None:
    command = [interpreter, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the environment is made of links")


def test_every_topic_of_the_wheel_computes_beside_numpy_and_scipy_alone(python):
    calls = "\n".join(f"from optnotes import {name}; assert {call} is not None" for name, call in CALLS.items())
    done = run(python, f"import numpy as np, optnotes\nprint(optnotes.__file__)\n{calls}")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(python.parents[1])


@pytest.mark.parametrize("module", ["checks", "claims", "plotting"])
def test_a_tool_of_the_book_names_the_extra_that_it_needs(python, module):
    done = run(python, f"import optnotes.{module}")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("pip install 'optnotes[book]'")


def test_the_wheel_asks_for_numpy_and_scipy_and_its_extra_for_what_the_book_imports(python):
    listed = "from importlib.metadata import requires; print(*requires('optnotes'), sep='\\n')"
    needs = [Requirement(line) for line in run(python, listed).stdout.splitlines()]
    plain = {need.name for need in needs if need.marker is None}
    book = {need.name for need in needs if need.marker and need.marker.evaluate({"extra": "book"})}
    assert plain == {"numpy", "scipy"}
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/optnotes/book").glob("*.py"))
    imported = set(re.findall(r"^\s*(?:from|import) ([a-zA-Z_]\w*)", text, re.MULTILINE))
    foreign = imported - set(sys.stdlib_module_names) - {"optnotes"}
    assert {"matplotlib", "sympy"} <= foreign
    owners, beside = metadata.packages_distributions(), {"cycler", "matplotlib-inline"}  # of matplotlib and ipykernel
    assert all(
        {owner.lower().replace("_", "-") for owner in owners[name]} & (book | plain | beside) for name in foreign
    ), foreign
    assert {"jupyter-book", "nbclient", "nbformat", "ipykernel"} <= book
