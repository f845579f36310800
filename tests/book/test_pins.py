"""pyproject.toml, requirements.lock and environment.yml name the same packages at the same versions."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
LOCKS = [LOCK, *((ROOT / "tests" / f"{name}.lock").read_text() for name in ("peers", "mutation"))]


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def locked() -> dict[str, str]:
    """The version of each package on the Python versions that environment.yml names: the first one listed."""
    pins: dict[str, str] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK, flags=re.MULTILINE):
        pins.setdefault(name, version)
    return pins


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lock_meets_every_declared_requirement(requirement):
    assert requirement.name.lower() in locked(), f"run `make lock`: {requirement} is not in requirements.lock"
    assert requirement.specifier.contains(locked()[requirement.name.lower()])


def test_conda_users_get_the_locked_versions():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (through_pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    expected = [f"{name}=={locked()[name]}" for name in sorted({r.name.lower() for r in declared()})]
    assert through_pip == [*expected, "--editable ."]


@pytest.mark.parametrize("lock", LOCKS, ids=["all", "peers", "mutation"])
def test_every_locked_package_has_a_hash_and_no_address(lock):
    pins = len(re.findall(r"^[a-z0-9-]+==", lock, flags=re.MULTILINE))
    assert pins == len(re.findall(r"^[a-z0-9-]+==[^\n]*\\\n    --hash=sha256:", lock, flags=re.MULTILINE))
    assert "://" not in lock


@pytest.mark.parametrize(("lock", "some"), [(LOCKS[1], {"numpy", "scipy"}), (LOCKS[2], {"parso"})])
def test_what_is_installed_besides_shares_the_versions_of_the_lock(lock, some):
    shared = {name for name, _ in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock, flags=re.MULTILINE)} & set(locked())
    assert some <= shared
    assert all(f"\n{name}=={locked()[name]}" in "\n" + lock for name in shared)


def test_jupyter_book_stays_below_2():
    assert locked()["jupyter-book"].startswith("1.")
