"""The package lists its modules, and each can be imported."""

import importlib
from pathlib import Path

import optnotes


def test_the_package_lists_its_public_modules():
    found = {path.stem for path in Path(optnotes.__file__).parent.glob("[a-z]*.py")}
    assert set(optnotes.__all__) == found


def test_every_public_module_can_be_imported_and_says_what_it_is():
    assert all(importlib.import_module(f"optnotes.{name}").__doc__ for name in optnotes.__all__)
