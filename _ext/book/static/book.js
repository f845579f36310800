// Formulas that scroll sideways can be reached by keyboard; the theme does the same for code and tables.
(() => {
  const mark = () => document.querySelectorAll(".katex-display, .bd-article :is(p, dd)").forEach((part) => {
    if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  });
  addEventListener("load", mark);
  addEventListener("resize", mark);
})();

// Code is folded. One switch unfolds all of it, on every page, and is remembered; a claim that is linked to opens.
(() => {
  const folds = () => document.querySelectorAll("details.code, details.claim");
  const button = document.querySelector(".code-switch");
  const show = (shown) => {
    folds().forEach((fold) => { fold.open = shown; });
    button?.setAttribute("aria-pressed", String(shown));
  };
  let shown = false;
  try { shown = localStorage.getItem("code") === "shown"; } catch { /* no storage: the switch is for this page */ }
  if (shown) show(true);
  button?.addEventListener("click", () => {
    shown = !shown;
    show(shown);
    try { localStorage.setItem("code", shown ? "shown" : "hidden"); } catch { /* as above */ }
  });

  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  openTarget();
  addEventListener("hashchange", openTarget);

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")].filter((fold) => !fold.matches("details.code"));
    closed.forEach((fold) => { fold.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((fold) => { fold.open = false; }));
})();

document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => print()));

// The ledgers: rows that hold all the words stay; the address carries the words.
(() => {
  const input = document.querySelector(".ledger-filter input");
  if (!input) return;
  const rows = [...document.querySelectorAll("section.ledger tbody tr, section.ledger .steps li")].map(
    (row) => [row, `${row.closest("section").querySelector("h2")?.textContent} ${row.textContent}`.toLowerCase()]);
  const narrow = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let kept = 0;
    rows.forEach(([row, text]) => {
      row.hidden = !words.every((word) => text.includes(word));
      kept += !row.hidden;
    });
    document.querySelectorAll("section.ledger").forEach((section) => {
      const left = [...section.querySelectorAll("tbody tr, .steps li")].filter((row) => !row.hidden);
      section.hidden = words.length > 0 && left.length === 0;
      const steps = section.querySelector(".steps");
      if (steps) steps.open = words.length > 0 && left.some((row) => row.matches("li"));
    });
    document.querySelector(".ledger-filter output").textContent = words.length ? `${kept} of ${rows.length}` : "";
    history.replaceState(null, "", words.length ? `?filter=${encodeURIComponent(input.value)}${location.hash}` :
      location.pathname + location.hash);
  };
  input.addEventListener("input", narrow);
  input.value = new URLSearchParams(location.search).get("filter") ?? "";
  if (input.value) narrow();
})();
