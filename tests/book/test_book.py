"""The build of the book: notebooks, ledger, record pages, checks of the built pages."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.core import publish_doctree
from nbformat.v4 import new_code_cell, new_notebook, new_output
from sphinxcontrib import katex

from optnotes import claims as claims_module
from optnotes.checks import RIVAL_REPLACES
from optnotes.plotting import DARK, LIGHT

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book import assets, execute, figures, formulas, head, ledger, notebooks, pages, typeset, verify  # noqa: E402
from book import map as map_of_chapters  # noqa: E402
from book.build import swap  # noqa: E402


def claim(id="a", kind="proved", rests_on=(), chapter="demo"):
    return {
        "id": id, "chapter": chapter, "statement": "$1 = 1$", "kind": kind, "detail": "as given",
        "source": "new", "rests_on": list(rests_on),
        "rank": "step", "premise": "", "rival": "",
    }  # fmt: skip


def showing(source, *records, mime=claims_module.CLAIM_MIME):
    outputs = [new_output("display_data", data={mime: record, "text/plain": "x"}) for record in records]
    return new_notebook(cells=[new_code_cell(source, outputs=outputs, execution_count=1)])


def small_book(folder, *sources):
    (folder / "chapters").mkdir()
    (folder / "_toc.yml").write_text("format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/demo\n")
    path = folder / "chapters" / "demo.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


# Notebooks and their execution


def test_chapters_come_in_the_order_of_the_contents(tmp_path):
    path = small_book(tmp_path, "1")
    assert notebooks.documents(tmp_path) == ["chapters/index", "chapters/demo"]
    assert notebooks.chapters(tmp_path) == {"demo": path}


def test_the_stored_form_has_no_times_no_random_ids_and_merged_streams():
    cell = new_code_cell("print(1)", metadata={"execution": {"iopub.status.idle": "2026"}}, execution_count=7)
    cell.outputs = [new_output("stream", name="stdout", text=text) for text in ("1\n", "2\n")]
    book = new_notebook(cells=[cell], metadata={"kernelspec": {"name": "mine", "display_name": "Mine"}})
    cell = book.cells[0]
    cell.id = ""
    notebooks.normalise(book)
    assert (cell.execution_count, cell.metadata, cell.outputs[0].text) == (1, {}, "1\n2\n")
    assert book.metadata.kernelspec.name == "python3"
    assert re.fullmatch("[0-9a-f]{8}", cell.id)


def test_executing_twice_changes_no_byte(tmp_path):
    path = small_book(tmp_path, "print('a'); print('b')", "import sys; {'x', 'y', 'z'}", "sys.executable")
    execute.refresh(tmp_path)
    first = path.read_bytes()
    execute.refresh(tmp_path, ["demo"])
    assert path.read_bytes() == first
    assert repr(sys.executable) in nbformat.read(path, 4).cells[2].outputs[0].data["text/plain"]


def test_a_failing_cell_is_named_and_leaves_the_notebook_as_it_was(tmp_path):
    path = small_book(tmp_path, "1", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(execute.CellError, match=r"demo, cell 2: ZeroDivisionError: division by zero\n1 / 0"):
        execute.refresh(tmp_path)
    assert path.read_bytes() == before


def test_a_dead_kernel_is_named(tmp_path):
    small_book(tmp_path, "1", "import os; os._exit(1)")
    with pytest.raises(execute.CellError, match="demo, cell 2: DeadKernelError"):
        execute.refresh(tmp_path)


def test_an_unknown_chapter_is_refused_with_the_known_ones(tmp_path):
    small_book(tmp_path, "1")
    with pytest.raises(execute.CellError, match=r"no notebook of _toc.yml is called deom; there are: demo"):
        execute.refresh(tmp_path, ["deom"])


# The ledger


def test_the_mime_types_and_verdicts_are_those_of_the_package():
    assert ledger.MIMES == {"claims": claims_module.CLAIM_MIME, "verdicts": claims_module.VERDICT_MIME}
    assert set(pages.VERDICTS) == set(claims_module.VERDICTS)


def test_every_kind_that_a_judge_gives_has_its_place():
    source = (ROOT / "src" / "optnotes" / "book" / "checks.py").read_text()
    premises = {"proved for", "quoted", "assumed"}
    assert set(re.findall(r'Evidence\("(\w+)"', source)) | premises == set(ledger.KINDS)
    assert RIVAL_REPLACES


def test_records_are_read_from_the_outputs():
    book = showing("chapter.claim('a', '$1 = 1$', identity, 1, 1, rival=2)", claim())
    assert ledger.records(book, "demo") == {"claims": [claim()], "verdicts": []}


@pytest.mark.parametrize("source", ["chapter.claim('a', 's', judge)", "claim(id='a')", "%time\nx = c.claim('a', 's')"])
def test_a_claim_whose_check_did_not_run_is_an_error(source):
    with pytest.raises(ledger.LedgerError, match="demo, cell 1: claim a is stated but not among the outputs"):
        ledger.records(showing(source), "demo")


def test_a_verdict_that_is_not_shown_is_an_error():
    with pytest.raises(ledger.LedgerError, match=r"verdict eq. 3 is stated but not among the outputs"):
        ledger.records(showing("chapter.verdict('eq. 3', 'x', 'right', 'a')"), "demo")


def test_a_claim_of_another_chapter_is_an_error():
    with pytest.raises(ledger.LedgerError, match="demo states claims of other"):
        ledger.records(showing("f()", claim(chapter="other")), "demo")


def test_an_id_used_in_two_chapters_is_an_error():
    with pytest.raises(ledger.LedgerError, match="claim ids used twice: a"):
        ledger.derive({"claims": [claim(), claim(chapter="other")], "verdicts": []})


def test_a_reference_to_no_claim_is_an_error():
    with pytest.raises(ledger.LedgerError, match="claim a refers to claims that do not exist: b"):
        ledger.derive({"claims": [claim(rests_on=["b"])], "verdicts": []})
    verdict = {"chapter": "demo", "equation": "eq. 1", "claims": ["c"]}
    with pytest.raises(ledger.LedgerError, match=r"the verdict on eq. 1 refers to claims that do not exist: c"):
        ledger.derive({"claims": [claim()], "verdicts": [verdict]})


def test_claims_in_a_circle_are_an_error():
    circle = [claim("a", rests_on=["b"]), claim("b", rests_on=["a"])]
    with pytest.raises(ledger.LedgerError, match="a → b → a"):
        ledger.derive({"claims": circle, "verdicts": []})


def test_the_status_is_the_weakest_kind_below():
    chain = [claim("a", "sampled"), claim("b", "exact", ["a"]), claim("c", "proved", ["b"]), claim("d", "rate")]
    derived = ledger.derive({"claims": chain, "verdicts": []})["claims"]
    assert [one["status"] for one in derived] == ["sampled", "sampled", "sampled", "rate"]


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ledger.LedgerError, match="claim a is of kind 'believed'"):
        ledger.derive({"claims": [claim(kind="believed")], "verdicts": []})


# Record pages


def test_the_ledger_holds_figures_to_ten_digits_and_nothing_that_only_the_comparison_needs():
    evidence = {"figure": 0.0123456789012345, "noise": 1e-11, "resolution": 1 / 3, "words": "margin {figure}"}
    [published] = ledger.derive({"claims": [{**claim(), **evidence}], "verdicts": []})["claims"]
    assert published == {**claim(), "status": "proved", "figure": 0.0123456789, "resolution": 0.3333333333}
    [plain] = ledger.derive({"claims": [{**claim(), "figure": None}], "verdicts": []})["claims"]
    assert plain["figure"] is None


def test_the_results_page_counts_kinds_and_links_to_the_claim():
    chain = [claim("a", "sampled"), {**claim("b", "proved", ["a"]), "rank": "result", "rival": "another"}]
    counts, groups = pages.claims_page(ledger.derive({"claims": chain, "verdicts": []})["claims"])
    assert "| proved | 1 | 0 |" in counts
    assert "| all | 2 | 2 |" in counts
    link = '| <a href="demo.html#claim-b">b</a> | $1 = 1$ |'
    evidence = "**proved** (as given); rejected: another; rests on a claim that is sampled"
    assert groups["demo"][2] == f"{link} {evidence} | new |"


def test_the_steps_of_a_chapter_are_folded_links():
    _, groups = pages.claims_page(ledger.derive({"claims": [claim("a", "sampled")], "verdicts": []})["claims"])
    text = "\n".join(groups["demo"])
    assert '<details class="steps"><summary>1 steps</summary>' in text
    assert '<li data-kind="sampled"><a href="demo.html#claim-a">a</a> <span>sampled</span></li>' in text


def verdict(equation="Su 11301, eq. 1", verdict="right", printed="p", correct=""):
    return {
        "chapter": "demo", "equation": equation, "printed": printed, "verdict": verdict, "correct": correct,
        "claims": ["a"],
    }  # fmt: skip


def test_bars_of_formulas_do_not_end_a_cell_of_a_table():
    _, groups = pages.verdicts_page([verdict(printed=r"$\|x\|$ | y")])
    assert r"| eq. 1 | $\\|x\\|$ \| y |" in groups["Su 11301"][4]


def test_what_fails_comes_first_under_its_source():
    given = [verdict(verdict=name, correct="q") for name in ("right", "limited", "wrong")]
    _, groups = pages.verdicts_page([*given, verdict("Kosson 2023, eq. 2")])
    assert list(groups) == ["Kosson 2023", "Su 11301"]
    assert [line.split(" | ")[2] for line in groups["Su 11301"][4:-1]] == ["wrong", "limited", "right"]


def test_a_claim_is_a_sentence_that_opens_to_its_evidence():
    record = {**claim(rests_on=["b"]), "rank": "result", "premise": "", "rival": "the sum, $2$"}
    shown = typeset.typeset_claim(record)
    assert shown["ids"] == ["claim-a"]
    assert shown["classes"] == ["claim", "result"]
    summary, evidence = shown.children
    assert [formula.astext() for formula in summary.findall(nodes.math)] == ["1 = 1"]
    assert summary.astext().endswith("proved")
    assert [term.astext() for term in evidence.findall(nodes.term)] == [
        "claim", "evidence", "rejected", "source", "rests on",
    ]  # fmt: skip
    assert [link["refuri"] for link in evidence.findall(nodes.reference)] == ["#claim-b"]


# Formulas, figures, assets


def test_the_vendored_katex_is_the_one_that_renders():
    bundled = (Path(katex.__file__).parent / "katex.min.js").read_text(encoding="utf-8")
    sheet = (ROOT / "_ext/book/static/katex/katex.min.css").read_text(encoding="utf-8")
    version = re.search(r'katex-version:after\{content:"([\d.]+)"', sheet).group(1)
    assert version == katex.katex_version
    assert f'version:"{version}"' in bundled


def test_every_font_of_the_style_sheet_is_vendored():
    folder = ROOT / "_ext/book/static/katex"
    named = set(re.findall(r"url\((fonts/[^)]+)\)", (folder / "katex.min.css").read_text()))
    assert named == {f"fonts/{path.name}" for path in (folder / "fonts").iterdir()}
    assert {f"fonts/KaTeX_{name}.woff2" for name in assets.KATEX_FONTS.values()} <= named


def test_node_comes_with_the_environment():
    version = subprocess.run([formulas.node(), "--version"], capture_output=True, text=True, check=True).stdout
    assert int(version[1:].split(".")[0]) >= 18  # the oldest node that the renderer's socket server is tested on


def test_the_palettes_have_the_same_names_and_no_colour_twice():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)


def test_a_dark_figure_differs_in_colours_alone():
    svg = f'<svg style="fill: {LIGHT["ink"]}; stroke: {LIGHT["theory"].upper()}" id="#abc">#123456</svg>'
    expected = f'<svg style="fill: {DARK["ink"]}; stroke: {DARK["theory"]}" id="#abc">#123456</svg>'
    assert figures.darken(svg) == expected


def test_the_size_of_a_figure_is_in_css_pixels():
    assert figures.size('<svg width="72pt" height="36.0pt" viewBox="0 0 72 36">') == (96, 48)
    with pytest.raises(ValueError, match="must give its width and height in points"):
        figures.size("<svg>")


def test_a_page_preloads_the_fonts_of_its_formulas():
    assert assets.preloads('<span class="katex"><i class="mord mathnormal">x</i></span>') == [
        "Main-Regular",
        "Math-Italic",
    ]
    assert assets.preloads("<p>prose</p>") == []


# Checks of pages


def site_with(folder, body, name="chapters/a.html"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<html><body>{body}</body></html>")
    return verify.problems(folder, ["chapters/a"])


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (r"<p>so \(x\) holds</p>", "a formula is not rendered"),
        ("<p>$$x$$</p>", "a formula is not rendered"),
        (r"<p>\frac{1}{2}</p>", "a formula is not rendered"),
        ('<span class="katex-error" title="no">x</span>', "KaTeX refuses a formula: no"),
        ('<div class="output traceback">x</div>', "an output shows a traceback"),
        ('<script src="https://cdn.example/x.js"></script>', "<script> loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "<link> loads //cdn.example/x.css"),
        ('<img src="x.svg" alt="">', "an image has no size"),
        ('<img src="x.svg" width="1" height="1">', "an image has no alternative text"),
        ('<a href="b.html">b</a>', "a link leads nowhere: b.html"),
        ('<a href="#nowhere">b</a>', "a link leads to an anchor that is not there: #nowhere"),
    ],
)
def test_a_fault_planted_in_a_page_is_found(tmp_path, body, complaint):
    assert any(complaint in problem for problem in site_with(tmp_path, body))


def test_a_sound_page_passes(tmp_path):
    body = r"""<h1 id="top">A</h1><a href="#top">up</a><a href="https://example.org">source</a><pre>$$ \frac</pre>
    <span class="katex"><annotation encoding="application/x-tex">\frac{1}{2}</annotation></span>"""
    assert site_with(tmp_path, body) == []


def test_pages_missing_and_left_over_are_found(tmp_path):
    found = site_with(tmp_path, "x", name="chapters/b.html")
    assert found == ["chapters/a.html: the page is missing", "chapters/b.html: a page that _toc.yml does not name"]


def test_a_style_sheet_that_loads_from_elsewhere_is_found(tmp_path):
    (tmp_path / "x.css").write_text("@font-face{src:url(https://cdn.example/f.woff2)}")
    assert "x.css: loads from another origin" in site_with(tmp_path, "x")


def test_the_new_site_takes_the_place_of_the_old(tmp_path):
    for name in ("new", "html"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    swap(tmp_path / "new", tmp_path / "html")
    assert [path.name for path in tmp_path.rglob("*")] == ["html", "new"]


def test_the_old_site_stays_when_the_new_one_cannot_come(tmp_path):
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "kept").touch()
    with pytest.raises(FileNotFoundError):
        swap(tmp_path / "missing", tmp_path / "html")
    assert (tmp_path / "html" / "kept").exists()


# What a page says of itself


def test_the_description_of_a_page_is_its_first_sentences_without_formulas():
    paragraphs = [nodes.paragraph("", r"Let \alpha be 1. Words only."), nodes.paragraph("", "Later.")]
    document = publish_doctree("")
    document += paragraphs
    assert head.description(document) == "Words only."
    assert head.description(publish_doctree("word " * 99)).endswith("word …")
    assert head.description(publish_doctree("")) == ""


def test_the_list_of_pages_holds_their_addresses():
    assert "<loc>https://example.org/a&amp;b.html</loc>" in head.sitemap("https://example.org", ["a&b"])


def test_a_page_keeps_one_viewport_and_gets_the_switch_where_code_is_folded():
    view = '<meta name="viewport" content="width=device-width">'
    page = f'<html><head>{view}\n{view}</head><body><div class="article-header-buttons"></div>{{}}</body></html>'
    plain, folded = (assets._finish_page(page.format(body)) for body in ("", '<details class="code"></details>'))
    assert plain.count("viewport") == folded.count("viewport") == 1
    assert "code-switch" not in plain
    assert folded.count('<button class="btn btn-sm code-switch"') == folded.count("<noscript>") == 1


def test_the_map_leads_to_every_chapter_of_the_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    drawn = re.findall(r'href="([\w-]+)\.html"', map_of_chapters.chart(toc))
    assert sorted(drawn) == sorted(notebooks.chapters(ROOT))


def test_the_scripts_of_a_page_are_files():
    scripts = {}
    page = """<html data-content_root="../"><script>let a = 1;</script><script>DOCUMENTATION_OPTIONS.pagename = 'b';
</script><script src="c.js"></script><button onclick="window.print()">"""
    moved = assets.without_inline_scripts(page, scripts)
    [name] = scripts
    assert scripts[name] == "let a = 1;\n"
    assert re.findall(r'src="([^"]*)"', moved) == [f"../_static/{name}", "c.js"]
    assert moved.endswith("<button data-print>")
    assert "let a" not in moved
    assert "pagename" not in moved
