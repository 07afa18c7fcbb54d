// Sorts and filters a report's tables. It asks nothing of the network and keeps nothing.
"use strict";
(() => {
  const FILTERED_FROM = 8; // rows
  const NUMBER = /^[<>≤≥~]?\s*([-+−]?\d[\d,]*(?:\.\d+)?)(?=$|[\s%[\]/×])/;
  const isEmpty = (text) => text === "" || text === "–" || text.startsWith("n/a");
  const textOf = (row, column) => (row.cells[column]?.textContent ?? "").trim();

  function valueOf(text) {
    const match = NUMBER.exec(text);
    return match ? Number(match[1].replaceAll(",", "").replace("−", "-")) : NaN;
  }

  function sort(table, rows, head, column) {
    const texts = new Map(rows.map((row) => [row, textOf(row, column)]));
    const full = rows.filter((row) => !isEmpty(texts.get(row)));
    const isNumeric = full.length > 0 && full.every((row) => !isNaN(valueOf(texts.get(row))));
    const before = head.getAttribute("aria-sort");
    const descending = before === null ? isNumeric : before === "ascending";
    const compare = (a, b) => isNumeric
      ? valueOf(texts.get(a)) - valueOf(texts.get(b))
      : texts.get(a).localeCompare(texts.get(b), "en", { numeric: true });
    full.sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const empty = rows.filter((row) => isEmpty(texts.get(row)));
    table.tBodies[0].append(...full, ...empty);
  }

  function makeSortable(table, rows) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, rows, head, column));
    });
  }

  function makeFilter(table, rows) {
    const bar = document.createElement("p"), label = document.createElement("label");
    const input = document.createElement("input"), status = document.createElement("span");
    bar.className = "filter";
    input.type = "search";
    label.append("Rows with ", input);
    status.setAttribute("role", "status");
    bar.append(label, " ", status);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = wanted ? `${shown} of ${rows.length}` : "";
    });
    (table.closest(".wide") ?? table).before(bar);
  }

  for (const table of document.querySelectorAll(".output table, table.plain")) {
    const rows = [...(table.tBodies[0]?.rows ?? [])];
    const spans = table.querySelector("[rowspan]:not([rowspan='1']), [colspan]:not([colspan='1'])");
    if (spans || table.tHead?.rows.length !== 1 || rows.length < 3) continue;
    makeSortable(table, rows);
    if (rows.length >= FILTERED_FROM) makeFilter(table, rows);
  }

  // What is wider than the page scrolls by the keyboard too.
  const makeReachable = () => {
    for (const box of document.querySelectorAll(".wide, pre, .output > figure")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", makeReachable);
  makeReachable();
})();
