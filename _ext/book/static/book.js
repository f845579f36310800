// Parts that scroll sideways can be reached and scrolled by keyboard.
(() => {
  const wide = ".katex-display, .pst-scrollable-table-container, .cell_output, .highlight pre, .bd-article p";
  const mark = () => document.querySelectorAll(wide).forEach((part) => {
    if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
    else if (part.getAttribute("tabindex") === "0") part.removeAttribute("tabindex");
  });
  addEventListener("load", mark);
  addEventListener("resize", mark);
})();
