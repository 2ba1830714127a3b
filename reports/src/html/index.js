"use strict";
// Filters and sorting. Without this script the list is whole, the worst first.
(() => {
  const body = document.querySelector("#runs tbody");
  const inputs = {
    verdict: document.getElementById("by-verdict"),
    scenario: document.getElementById("by-scenario"),
    defect: document.getElementById("by-defect"),
    seed: document.getElementById("by-seed"),
  };
  const shown = document.getElementById("shown");

  const filter = () => {
    const wanted = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, input.value.trim().toLowerCase()]));
    let count = 0;
    for (const row of body.rows) {
      const has = row.dataset;
      const defects = has.defect.toLowerCase().split(", ");
      const fits = (!wanted.verdict || has.verdict === wanted.verdict) &&
        has.scenario.toLowerCase().includes(wanted.scenario) &&
        (!wanted.defect || defects.includes(wanted.defect)) &&
        (!wanted.seed || has.seed === wanted.seed);
      row.hidden = !fits;
      if (fits) count += 1;
    }
    const all = body.rows.length;
    shown.textContent = count === all ? "" : `${count} of ${all} shown`;
  };
  for (const input of Object.values(inputs)) input.addEventListener("input", filter);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());

  const numbers = ["seed", "requests", "lasted", "margin"];
  const value = (row, name) => {
    if (name === "verdict") return Number(row.dataset.rank);
    const text = row.dataset[name];
    if (!numbers.includes(name)) return text;
    // A seed has 64 bits, which is more than a number has here.
    if (name === "seed") return BigInt(text);
    return text === "" ? null : Number(text);
  };
  // Sorts by the column that was asked for last, if any was.
  const sort = () => {
    const header = document.querySelector("#runs th[aria-sort$=cending]");
    if (!header) return;
    const name = header.querySelector("[data-sort]").dataset.sort;
    const sign = header.getAttribute("aria-sort") === "descending" ? -1 : 1;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [value(a, name), value(b, name)];
      // A run without a margin comes last, whichever way.
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x < y ? -1 : x > y ? 1 : 0);
    });
    body.append(...rows);
  };
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const header = button.parentElement;
      const next = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of header.parentElement.cells) {
        if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      }
      header.setAttribute("aria-sort", next);
      sort();
    });
  }
  document.addEventListener("renewed", () => {
    sort();
    filter();
  });
})();
