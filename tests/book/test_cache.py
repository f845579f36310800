"""Which outputs are kept, and what makes them stale: exactly the files that a notebook's code can reach."""

import os
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book import cache, imports, notebooks

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "pack/__init__.py": '"""One module per topic."""',
    "pack/data/table.csv": "1",
    "pack/flat.py": "from pack import _ground\n",
    "pack/_ground.py": "import math\n",
    "pack/alone.py": "",
    "pack/folder/__init__.py": "from pack.folder._room import f\n",
    "pack/folder/_room.py": "from . import _inner\nfrom .._ground import g\n",
    "pack/folder/_inner.py": "",
    "pack/folder/_unused.py": "",
    "pack/folder/numbers.json": "{}",
    "pack/lazy/__init__.py": "def __getattr__(name):\n    return import_module(f'pack.lazy._{name}')\n",
    "pack/lazy/_one.py": "from pack.alone import x\n",
    "pack/lazy/_two.py": "",
    "pack.egg-info/PKG-INFO": "",
}
TOP = {"pack/__init__.py", "pack/data/table.csv"}
GROUND = {"pack/_ground.py"}
FOLDER = {f"pack/folder/{name}" for name in ("__init__.py", "_room.py", "_inner.py", "numbers.json")}
LAZY = {f"pack/lazy/{name}" for name in ("__init__.py", "_one.py", "_two.py")}
ALL = {name for name in FILES if "egg-info" not in name}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "src"


def notebook(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import numpy", set()),
        ("from pack import flat", TOP | GROUND | {"pack/flat.py"}),
        ("import pack.flat as f", TOP | GROUND | {"pack/flat.py"}),
        ("from pack.flat import f", TOP | GROUND | {"pack/flat.py"}),
        ("if True:\n    from pack import alone, _ground", TOP | GROUND | {"pack/alone.py"}),
        ("from pack import folder", TOP | GROUND | FOLDER),
        ("from pack.folder import f", TOP | GROUND | FOLDER),
        ("from pack.folder._inner import f", TOP | GROUND | FOLDER),
        ("from pack import lazy", TOP | LAZY | {"pack/alone.py"}),
        ("import pack.lazy._two", TOP | {"pack/lazy/__init__.py", "pack/lazy/_two.py"}),
        ("import pack", TOP),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pack.flat\nelse:\n    import pack", TOP),
        ("%matplotlib inline\n!ls\nfrom pack import alone", TOP | {"pack/alone.py"}),
        ("from pack import *", ALL),
        ("import importlib\nimportlib.import_module('pack.' + 'flat')", ALL),
        ("exec('import pack.flat')", ALL),
        ("import subprocess", ALL),
        ("%%timeit\nimport pack", ALL),
        ("this is no Python", ALL),
    ],
)
def test_code_depends_on_what_its_imports_reach(tree, code, expected):
    assert {path.relative_to(tree).as_posix() for path in imports.files(["1", code], tree)} == expected


def test_a_lazy_package_that_is_asked_for_a_name_may_load_all_of_itself(tree):
    (tree / "pack" / "__init__.py").write_text("def __getattr__(name): return __import__(name)")
    found = {code: len(imports.files([code], tree)) for code in ("from pack import alone", "from pack import f")}
    assert found == {"from pack import alone": 3, "from pack import f": len(ALL)}


@pytest.mark.parametrize("slug", notebooks.chapters(ROOT))
def test_no_chapter_of_the_book_depends_on_every_topic(slug):
    code = [cell.source for cell in notebooks.code_cells(notebooks.read(notebooks.chapters(ROOT)[slug]))]
    topics = {path.relative_to(ROOT / "src" / "optnotes").parts[0] for path in imports.files(code, ROOT / "src")}
    assert {"__init__.py", "book"} < topics
    assert len(topics & {"extremes", "memory.py", "steepest"}) <= 1  # no chapter is about two of these


def test_modules_that_import_each_other_are_followed_once(tree):
    (tree / "pack" / "_ground.py").write_text("from . import flat")
    assert len(imports.files(["import pack._ground"], tree)) == 4


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_key_changes_with_the_files_that_are_reached_and_with_no_others(tree, name):
    root = tree.parent
    one, other = notebook("from pack import folder"), notebook("from pack import alone")
    before = [cache.key(one, root), cache.key(other, root)]
    (tree / name).write_text(FILES[name] + "\n# planted\n")
    changed = [old != new for old, new in zip(before, [cache.key(one, root), cache.key(other, root)], strict=True)]
    assert changed == [name in TOP | GROUND | FOLDER, name in TOP | {"pack/alone.py"}]


def test_the_key_depends_on_code_and_not_on_prose_or_outputs(tmp_path):
    plain, prose, shown, code = (notebook("1") for _ in range(4))
    prose.cells.append(new_markdown_cell("text"))
    shown.cells[0].outputs = [new_output("stream", text="1")]
    code.cells[0].source = "2"
    keys = [cache.key(book, tmp_path) for book in (plain, prose, shown, code)]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_the_key_depends_on_the_lock_and_on_the_processor_that_is_asked_for(tmp_path, monkeypatch):
    for name in cache.PROCESSOR:
        monkeypatch.delenv(name, raising=False)
    keys = [cache.key(notebook("1"), tmp_path)]
    (tmp_path / "requirements.lock").write_text("numpy==2")
    keys.append(cache.key(notebook("1"), tmp_path))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    keys.append(cache.key(notebook("1"), tmp_path))
    assert len(set(keys)) == 3


# Storing


def test_what_is_stored_is_found_by_its_key(tmp_path):
    book = notebook("1 + 1")
    book.cells[0].outputs = [new_output("execute_result", data={"text/plain": "2"}, execution_count=1)]
    assert cache.load(cache.key(book, tmp_path), tmp_path) is None
    cache.store(book, tmp_path, environment=cache.SETTINGS)
    assert cache.load(cache.key(book, tmp_path), tmp_path) == book


def test_outputs_of_several_threads_are_not_kept(tmp_path):
    assert cache.store(notebook("1"), tmp_path, environment={**cache.SETTINGS, "OMP_NUM_THREADS": "2"}) is None
    assert cache.load(cache.key(notebook("1"), tmp_path), tmp_path) is None


def test_outputs_of_a_failed_run_are_refused(tmp_path):
    book = notebook("1", "1 / 0")
    book.cells[1].outputs = [new_output("error", ename="ZeroDivisionError", evalue="", traceback=[])]
    with pytest.raises(ValueError, match="must have run without errors to be kept, but cell 2 shows one"):
        cache.store(book, tmp_path, environment=cache.SETTINGS)


def test_a_file_that_is_cut_short_counts_as_missing(tmp_path):
    path = cache.store(notebook("1"), tmp_path, environment=cache.SETTINGS)
    path.write_text(path.read_text()[:20])
    assert cache.load(path.stem, tmp_path) is None
    assert not path.exists()


def test_the_notebooks_used_last_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 2)
    paths = [cache.store(notebook(source), tmp_path, environment=cache.SETTINGS) for source in "12"]
    for age, path in enumerate(paths):
        os.utime(path, (0, 100 - age))
    assert cache.load(paths[1].stem, tmp_path)
    cache.store(notebook("3"), tmp_path, environment=cache.SETTINGS)
    assert [path.exists() for path in paths] == [False, True]


# In the build


def test_after_a_change_in_one_module_only_the_chapters_that_import_it_run(book):
    book.module("topic.py", "def f():\n    return 'old'\n")
    book.write(one=["from optnotes import topic\ntopic.f()"], two=["1"])
    assert book.run()[0] == 0
    book.module("topic.py", "def f():\n    return 'new'\n")
    status, said = book.run()
    assert (status, "executing 1 of 2 notebooks" in said, "book: one " in said) == (0, True, True)
    assert ("new" in book.page("one"), '"1"' in book.page("two")) == (True, True)


def test_going_back_to_earlier_code_executes_nothing(book):
    book.write(one=["'second'"])
    assert "executing 1 of 1 notebooks" in book.run()[1]
    book.write(one=["1"])
    status, said = book.run()
    assert (status, "executing 0 of 1 notebooks" in said, "second" in book.page("one")) == (0, True, False)


def test_the_site_shows_what_another_run_has_stored(book):
    book.write(one=["1 + 1"])
    executed = notebooks.read(book.root / "chapters" / "one.ipynb")
    executed.cells[1].outputs = [new_output("execute_result", data={"text/plain": "stored"}, execution_count=1)]
    notebooks.normalise(executed)
    cache.store(executed, book.root, environment=cache.SETTINGS)
    assert "executing 0 of 1 notebooks" in book.run()[1]
    assert "stored" in book.page("one")


def test_refreshing_leaves_the_build_nothing_to_execute(book):
    book.write(one=["1 + 1"])
    status, said = book.run("refresh")
    assert (status, "book: one " in said) == (0, True)
    assert "executing 0 of 1 notebooks" in book.run()[1]


def test_a_site_that_is_up_to_date_is_left_alone(book):
    before = (book.root / "_build" / "html").stat().st_mtime_ns
    assert book.run() == (0, "book: _build/html is up to date\n")
    assert (book.root / "_build" / "html").stat().st_mtime_ns == before
