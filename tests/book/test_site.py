"""The built site in a real browser that reaches nothing but the site.

Skipped where there is no browser or no site; with SITE_REQUIRED set, both are demanded.
"""

import functools
import gzip
import http.server
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from optnotes import memory, schedules, weight_rms

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
sys.path.insert(0, str(ROOT / "_ext"))

from book.build import is_current  # noqa: E402
from book.ledger import CLAIMS  # noqa: E402
from book.notebooks import chapters, documents  # noqa: E402

PAGES = [f"{document}.html" for document in documents(ROOT)]
CHAPTERS = [f"chapters/{slug}.html" for slug in chapters(ROOT)]
VERDICTS = json.loads((ROOT / CLAIMS).read_text(encoding="utf-8"))["verdicts"]
VIEWPORTS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
"""A site may forbid all but its own files; what that stops is a complaint in the console."""
STILL = 0.01
"""Sum of layout shifts that nobody sees; a slow machine may paint a font late."""
SHIFTS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(e => sum += e.value)).observe(
    {type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 500);
})"""
CONTRAST = """selector => {
  const rgb = text => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };
  const light = c => [0.2126, 0.7152, 0.0722].reduce((s, w, i) => {
    const x = c[i] / 255; return s + w * (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); }, 0);
  const back = e => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  return [...document.querySelectorAll(selector)].map(e => {
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(back(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05); });
}"""


@pytest.fixture(scope="module")
def origin():
    if not (SITE / "index.html").exists():
        absent("no site has been built: run `make book` first")
    if not is_current(ROOT):
        absent("the site is older than its sources: run `make book`")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def end_headers(self):
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        absent(f"no browser found: install chromium (looked for {', '.join(BROWSERS)})")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


def absent(reason):
    (pytest.fail if os.environ.get("SITE_REQUIRED") else pytest.skip)(reason)


class Visit:
    """One page opened in a fresh context, with all it asked for and complained of."""

    def __init__(self, browser, origin, path, viewport, scheme):
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
        self.context.route("**/*", lambda route: self._admit(route, origin))
        self.page = self.context.new_page()
        self.complaints, self.loaded = [], set()
        self.page.on("console", lambda m: m.type in {"error", "warning"} and self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("response", self._note)
        self.page.goto(origin + path, wait_until="networkidle")

    def _admit(self, route, origin):
        if route.request.url.startswith((origin, "data:")):
            route.continue_()
        else:
            self.complaints.append(f"outside: {route.request.url}")
            route.abort()

    def _note(self, response):
        self.loaded.add(urlsplit(response.url).path.lstrip("/"))
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")


@pytest.fixture(scope="module")
def visit(browser, origin):
    visits = {}

    def open_page(path, viewport="desktop", scheme="light"):
        key = path, viewport, scheme
        if key not in visits:
            visits[key] = Visit(browser, origin, path, VIEWPORTS[viewport], scheme)
        return visits[key]

    yield open_page
    for one in visits.values():
        one.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_complaint_and_nothing_moves(visit, path):
    opened = visit(path)
    assert opened.complaints == []
    assert opened.page.evaluate(SHIFTS) <= STILL
    assert opened.page.locator(".katex-error").count() == 0


@pytest.mark.parametrize("path", PAGES)
def test_a_page_does_not_scroll_sideways_on_a_phone(visit, path):
    opened = visit(path, "phone")
    assert opened.page.evaluate("document.scrollingElement.scrollWidth") <= VIEWPORTS["phone"]["width"]
    assert opened.page.evaluate(SHIFTS) <= STILL


@pytest.mark.parametrize("path", PAGES)
def test_what_scrolls_inside_itself_can_be_reached_by_keyboard(visit, path):
    page = visit(path, "phone").page
    page.wait_for_timeout(400)  # the theme marks code and tables after 300 ms
    unreachable = page.evaluate("""() => [...document.querySelectorAll("article *")].filter(e =>
      e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1 && e.tabIndex !== 0
      && ["auto", "scroll"].includes(getComputedStyle(e).overflowX)).map(e => e.outerHTML.slice(0, 120))""")
    assert unreachable == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_landmarks_a_skip_link_and_one_visible_title(visit, path):
    page = visit(path).page
    assert page.locator("main#main-content").count() == 1
    assert page.locator("a[href='#main-content']").count() == 1
    assert page.locator("h1:visible").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_themes(visit, path, scheme):
    page = visit(path, scheme=scheme).page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    contrasts = page.evaluate(CONTRAST, "article p, article li, article td, article th, article h1, article figcaption")
    assert min(contrasts) >= 4.5  # WCAG AA for text of normal size


@pytest.mark.parametrize("path", CHAPTERS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_suit_the_theme(visit, path, scheme):
    page, other = visit(path, scheme=scheme).page, {"light": "dark", "dark": "light"}[scheme]
    assert page.locator(f"img.only-{scheme}:visible").count() == page.locator(f"img.only-{scheme}").count()
    assert page.locator(f"img.only-{other}:visible").count() == 0
    assert page.locator("img:not([alt]), img[alt='']").count() == 0


@pytest.mark.parametrize("path", CHAPTERS)
def test_a_chapter_with_all_it_loads_weighs_at_most_700_kb(visit, path):
    opened = visit(path)
    opened.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    opened.page.wait_for_load_state("networkidle")
    sizes = {name: len(gzip.compress((SITE / name).read_bytes())) for name in opened.loaded if (SITE / name).is_file()}
    assert sum(sizes.values()) <= 700_000, sorted(sizes.items(), key=lambda item: -item[1])[:8]


@pytest.mark.parametrize("path", CHAPTERS)
def test_a_chapter_offers_its_notebook(visit, path):
    page = visit(path).page
    with page.expect_download() as download:
        page.evaluate("document.querySelector('a[href$=\".ipynb\"]').click()")
    assert download.value.suggested_filename == f"{Path(path).stem}.ipynb"


def test_search_finds_the_chapter(visit):
    page = visit("search.html?q=Gumbel").page
    page.wait_for_selector("#search-results li a")
    found = page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.href)")
    assert any("maximum-of-normals.html" in link for link in found)


def test_the_theme_button_turns_the_page_dark(visit):
    opened = visit("genindex.html")
    for _ in range(3):
        opened.page.locator("button.theme-switch-button:visible").first.click()
        if opened.page.evaluate("document.documentElement.dataset.mode") == "dark":
            break
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.complaints == []


@pytest.mark.parametrize("path", CHAPTERS)
def test_a_chapter_reads_as_a_text_with_its_code_folded(visit, path):
    page = visit(path).page
    assert page.locator("details.claim").count() > 20
    assert page.locator("details.claim.result").count() >= 4
    assert page.locator("article .cell_input:visible").count() == 0
    assert page.locator("details.claim > summary .katex").count() > 10
    assert "$" not in page.locator("article").inner_text()
    places = page.evaluate("""() => ["in-practice", "setting-and-notation"].map(
      id => document.getElementById(id).getBoundingClientRect().top)""")
    assert places[0] < places[1]


def test_one_switch_shows_all_code_and_is_remembered(browser, origin):
    opened = Visit(browser, origin, CHAPTERS[0], VIEWPORTS["desktop"], "light")
    solutions = opened.page.locator("article .toggle .cell_input, article .tag_hide-cell .cell_input").count()
    cells = opened.page.locator("article .cell_input").count() - solutions
    opened.page.locator(".code-switch").click()
    assert opened.page.locator("article .cell_input:visible").count() >= cells > 50
    opened.page.goto(origin + CHAPTERS[1], wait_until="networkidle")
    assert opened.page.locator("article .cell_input:visible").count() > 0
    assert opened.page.locator(".code-switch").get_attribute("aria-pressed") == "true"
    opened.page.locator(".code-switch").click()
    assert opened.page.locator("article .cell_input:visible").count() == 0
    assert opened.complaints == []
    opened.context.close()


def test_a_link_to_a_claim_opens_it_in_view(browser, origin):
    opened = Visit(browser, origin, "chapters/results.html", VIEWPORTS["desktop"], "light")
    link = opened.page.locator("article table a[href*='#claim-']").first
    id = link.get_attribute("href").split("#")[1]
    link.click()
    opened.page.wait_for_load_state("networkidle")
    claim = opened.page.locator(f"#{id}[open]")
    claim.wait_for()
    assert claim.locator("dl.evidence").is_visible()
    top = claim.bounding_box()["y"]
    assert 0 <= top < VIEWPORTS["desktop"]["height"]
    opened.context.close()


def test_a_sentence_leads_to_the_claim_it_names(browser, origin):
    opened = Visit(browser, origin, CHAPTERS[0], VIEWPORTS["desktop"], "light")
    name = opened.page.locator(".admonition .claim-names a").first
    id = name.get_attribute("href").split("#")[1]
    name.click()
    assert opened.page.locator(f"#{id}").get_attribute("open") is not None
    opened.context.close()


def test_print_shows_evidence_and_no_code(browser, origin):
    opened = Visit(browser, origin, CHAPTERS[0], VIEWPORTS["desktop"], "light")
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator("details.claim:not([open])").count() == 0
    assert opened.page.locator("article .cell_input:visible").count() == 0
    opened.context.close()


def test_the_ledgers_are_narrowed_by_words_and_the_address_keeps_them(browser, origin):
    opened = Visit(browser, origin, "chapters/corrections.html", VIEWPORTS["phone"], "light")
    rows = opened.page.locator("section.ledger tbody tr")
    everything = rows.count()
    opened.page.locator(".ledger-filter input").fill("11307 wrong")
    left = [text.lower() for text in opened.page.locator("section.ledger tbody tr:visible").all_inner_texts()]
    assert 0 < len(left) < everything
    assert all("wrong" in text for text in left)
    assert opened.page.url.endswith("?filter=11307%20wrong")
    opened.page.reload(wait_until="networkidle")
    assert opened.page.locator("section.ledger tbody tr:visible").count() == len(left)
    assert opened.complaints == []
    opened.context.close()


@pytest.fixture
def landing(browser, origin):
    """The first page, in a window of its own; nothing may complain while it is used."""
    opened = Visit(browser, origin, "chapters/index.html", VIEWPORTS["desktop"], "light")
    yield opened.page
    assert opened.complaints == []
    opened.context.close()


def follow(page, name):
    page.locator("article").get_by_role("link", name=name, exact=True).first.click()
    page.wait_for_load_state("networkidle")


def answer(page, calculator, **inputs):
    form = page.locator(f"form[data-calculator={calculator}]")
    for name, value in inputs.items():
        field = form.locator(f"[name={name}]")
        field.select_option(value) if name == "schedule" else field.fill(value)
    return form.locator("output").inner_text()


def test_somebody_learns_the_weight_rms_of_a_run(landing):
    follow(landing, "weight RMS")
    run = {"schedule": "cosine", "lr": "3e-4", "weight_decay": "0.1", "steps": "100000", "init_rms": "0.02"}
    schedule = schedules.cosine(3e-4, 100_000)
    expected = weight_rms.adamw(schedule, 0.1, 100_000, init_rms=0.02)[-1]
    assert f"{expected:.4g}" in answer(landing, "weight-rms", **run)
    assert "weight-rms.lr=3e-4" in landing.url


def test_somebody_learns_the_rates_of_four_optimisers_at_twice_the_batch(landing):
    follow(landing, "batch size")
    text = answer(landing, "batch-size", batch_size="256", new_batch_size="512")
    assert all(name in text for name in ("SGD", "SignSGD", "Adam", "Muon"))


def test_somebody_learns_the_share_of_the_last_tenth_of_the_data(landing):
    follow(landing, "memory")
    text = answer(landing, "batch-memory", schedule="wsd", lr="3e-4", weight_decay="0.1", steps="100000")
    weights = memory.batch_weights(schedules.wsd(3e-4, 100_000, decay_steps=10_000), 0.1, 100_000)
    assert f"{100 * weights[-10_000:].sum():.3g} %" in text


def test_somebody_learns_the_expected_maximum(landing):
    follow(landing, "maximum")
    assert "3.626082" in answer(landing, "expected-max", n="4096")
    assert "`n` must be finite and lie in [1, inf), got 0.0" in answer(landing, "expected-max", n="0")


def test_somebody_finds_every_error_of_an_essay_by_its_number(landing):
    follow(landing, "Corrections")
    landing.locator(".ledger-filter input").fill("11307")
    rows = landing.locator("section.ledger tbody tr:visible")
    assert rows.count() == sum("11307" in verdict["equation"] for verdict in VERDICTS)


def test_somebody_reads_the_documentation_of_a_function(landing):
    follow(landing, "adamw()")
    assert "Return the RMS of the weights" in landing.locator("dl:has(> #optnotes\\.weight_rms\\.adamw)").inner_text()


def test_somebody_takes_the_install_line_and_the_entry_to_cite(landing):
    assert "pip install git+" in landing.locator("article").inner_text()
    assert "@software{optimizer_notes," in landing.locator("article pre").all_inner_texts()[-1]


def test_somebody_makes_a_pdf(landing):
    landing.goto(landing.url.replace("index", "weight-rms"), wait_until="networkidle")
    assert landing.pdf().startswith(b"%PDF")
