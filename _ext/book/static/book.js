// Formulas that scroll sideways can be reached by keyboard; the theme does the same for code and tables.
(() => {
  const mark = () => document.querySelectorAll(".katex-display, .bd-article p").forEach((part) => {
    if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  });
  addEventListener("load", mark);
  addEventListener("resize", mark);
})();
