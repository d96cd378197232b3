"use strict";
// Sorting and filtering of tables that stand in the page already. `#sort=column`, `#sort=-column` and `#filter=words`
// behind the page's address do at once what a click and the box do.
addEventListener("DOMContentLoaded", () => {
  const text = (row, at) => row.cells[at].textContent;
  const isNull = (row, at) => row.cells[at].classList.contains("x");
  const collator = new Intl.Collator(undefined, { numeric: true });
  const number = (t) => (/^-?\d+$/.test(t) ? BigInt(t) : Number(t));
  const keys = {
    n: number,
    // Fractions of a second have as many digits as they need.
    t: (t) => t.replace(/Z$/, ""),
    s: (t) => t,
  };
  const under = (kind) => (kind === "s" ? collator.compare : (a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const section of document.querySelectorAll("section")) {
    if (section.querySelector("nav")) continue;
    const table = section.querySelector("table");
    if (!table) continue;
    const body = table.tBodies[0], all = [...body.rows], heads = [...table.tHead.rows[0].cells];
    const nav = document.createElement("nav"), box = document.createElement("input"), count = document.createElement("output");
    box.type = "search";
    box.placeholder = "Filter rows";
    box.setAttribute("aria-label", "Filter rows");
    nav.append(box, count);
    section.append(nav);
    const shown = (n) => n.toLocaleString("en") + (n === 1 ? " row" : " rows");
    let texts;
    const filter = () => {
      texts ??= all.map((row) => row.textContent.toLowerCase());
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      all.forEach((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        left += row.hidden ? 0 : 1;
      });
      count.textContent = words.length ? left.toLocaleString("en") + " of " + shown(all.length) : shown(all.length);
    };
    const sort = (at, way) => {
      heads.forEach((head, other) => {
        if (other === at && way) head.setAttribute("aria-sort", way);
        else head.removeAttribute("aria-sort");
      });
      const kind = heads[at].dataset.k, turn = way === "descending" ? -1 : 1, order = under(kind);
      let rows = all;
      if (way) {
        const there = all.filter((row) => !isNull(row, at)).map((row) => [keys[kind](text(row, at)), row]);
        there.sort((a, b) => turn * order(a[0], b[0]));
        rows = [...there.map((pair) => pair[1]), ...all.filter((row) => isNull(row, at))];
      }
      body.replaceChildren(...rows);
    };
    const next = { null: "ascending", ascending: "descending", descending: null };
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(at, next[head.getAttribute("aria-sort")]));
    });
    box.addEventListener("input", filter);
    const wanted = asked.get("sort") ?? "", name = wanted.replace(/^-/, "");
    const at = heads.findIndex((head) => head.textContent === name);
    if (wanted && at >= 0) sort(at, wanted.startsWith("-") ? "descending" : "ascending");
    box.value = asked.get("filter") ?? "";
    count.textContent = shown(all.length);
    if (box.value) filter();
  }
});
