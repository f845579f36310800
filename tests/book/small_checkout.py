"""A checkout that the suite takes seconds for."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]


def chapter(*cells):
    """A notebook of (code, stored text) pairs."""
    return new_notebook(
        cells=[
            new_code_cell(
                code,
                execution_count=count,
                outputs=[new_output("execute_result", data={"text/plain": text}, execution_count=count)],
            )
            for count, (code, text) in enumerate(cells, start=1)
        ]
    )


def small_checkout(root, notebooks, unit_test="def test_one():\n    assert True\n"):
    """A checkout that the suite takes seconds for: chapters, one unit test, and the book's own tools."""
    for folder in ("src/optnotes", "tests", "chapters"):
        (root / folder).mkdir(parents=True)
    (root / "src" / "optnotes" / "__init__.py").write_text('"""Nothing."""\n')
    (root / "_ext").symlink_to(ROOT / "_ext", target_is_directory=True)
    (root / "chapters" / "conftest.py").write_text((ROOT / "chapters" / "conftest.py").read_text())
    (root / "tests" / "test_one.py").write_text(unit_test)
    (root / "tests" / "test_site.py").write_text("def test_a_browser():\n    assert False\n")
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--doctest-modules"\n')
    chosen = "".join(f"\n- file: chapters/{slug}" for slug in notebooks)
    (root / "_toc.yml").write_text(f"root: chapters/index\nchapters:{chosen}\n")
    for slug, notebook in notebooks.items():
        nbformat.write(notebook, root / "chapters" / f"{slug}.ipynb")
    return root
