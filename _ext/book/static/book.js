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
