"use strict";
const make = (name, settings = {}, ...inside) => {
  const element = Object.assign(document.createElement(name), settings);
  element.append(...inside);
  return element;
};
const all = (what, where = document) => [...where.querySelectorAll(what)];

/* Copying. */
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1200);
}
for (const code of all("pre > code")) {
  const button = make("button", { type: "button", textContent: "Copy" });
  button.onclick = () => copy(code.textContent, button);
  code.before(button);
}

/* Tables: sort, filter, columns, copy, CSV. */
const keyOf = cell => cell.dataset.key ?? cell.textContent;
const numberIn = text => parseFloat(text.replace(/^(-?)inf$/, "$1Infinity"));
/* By the numbers that texts begin with, as in "-0.2 ± 0.1"; other texts by their letters. */
const inOrder = (x, y) => numberIn(x) - numberIn(y) || x.localeCompare(y, "en", { numeric: true });
function sortBy(head) {
  const table = head.closest("table"), place = head.cellIndex;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const compare = (a, b) => {
    const [x, y] = [keyOf(a.cells[place]), keyOf(b.cells[place])];
    if (x === "" || y === "") return (x === "") - (y === "");
    return up ? inOrder(x, y) : inOrder(y, x);
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
}
function showColumn(table, place, shown) {
  for (const row of table.rows) row.cells[place].classList.toggle("off", !shown);
}
/* Text that a spreadsheet would run as a formula; numbers and strands stay as they are. */
const harmless = text => /^[=+@\t\r-]./.test(text) && isNaN(text.replace("−", "-")) ? `'${text}` : text;
function written(table, between, exact) {
  const quoted = text => between === "," && /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const kept = cell => exact || !cell.classList.contains("off");
  const text = cell => exact && cell.classList.contains("num") ? keyOf(cell) : harmless(cell.textContent.trim());
  const rows = [...table.rows].filter(row => !row.classList.contains("out"));
  const plain = row => [...row.cells].filter(cell => !cell.closest("td.logo, [data-plain]"));
  return rows.map(row => plain(row).filter(kept).map(cell => quoted(text(cell))).join(between)).join("\n");
}
function save(name, text) {
  const link = make("a", { download: name, href: URL.createObjectURL(new Blob([text], { type: "text/csv" })) });
  link.click();
  URL.revokeObjectURL(link.href);
}
for (const table of all("table")) {
  const heads = [...table.tHead.rows[0].cells], rows = [...table.tBodies[0].rows];
  for (const head of heads) {
    if (!("plain" in head.dataset)) head.onclick = () => sortBy(head);
    if ("off" in head.dataset) showColumn(table, head.cellIndex, false);
  }
  const tools = make("div", { className: "tools" });
  if (rows.length > 5) {
    const find = make("input", { type: "search", placeholder: "Filter rows" }), count = make("span");
    find.setAttribute("aria-label", "Filter rows");
    find.oninput = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.classList.toggle("out", !words.every(word => text.includes(word)));
      }
      const left = rows.filter(row => !row.classList.contains("out")).length;
      count.textContent = words.length ? `${left} of ${rows.length}` : "";
    };
    tools.append(find, count);
  }
  if (heads.length > 4) {
    const menu = make("div", { className: "menu" });
    for (const head of heads) {
      const box = make("input", { type: "checkbox", checked: !("off" in head.dataset) });
      box.onchange = () => showColumn(table, head.cellIndex, box.checked);
      menu.append(make("label", {}, box, ` ${head.textContent}`));
    }
    tools.append(make("details", {}, make("summary", { textContent: "Columns" }), menu));
  }
  const button = make("button", { type: "button", textContent: "Copy" });
  button.onclick = () => copy(written(table, "\t", false), button);
  const csv = make("button", { type: "button", textContent: "CSV" });
  csv.onclick = () => save(`${table.id.replace(/-table/, "")}.csv`, written(table, ",", true) + "\n");
  tools.append(button, csv);
  table.parentElement.before(tools);
}

/* Values on hover, and curves that are switched by their legend. */
const tip = make("div", { className: "tip", hidden: true });
document.body.append(tip);
function tell(text, event) {
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const box = tip.getBoundingClientRect(), room = document.documentElement.clientWidth - box.width - 4;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, room))}px`;
  tip.style.top = `${event.clientY > box.height + 16 ? event.clientY - box.height - 10 : event.clientY + 18}px`;
}
function placeIn(svg, event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
}
const REACH = 14;
for (const svg of all("svg[data-points], svg:has([data-key])")) {
  const points = JSON.parse(svg.dataset.points ?? "[]"), gone = new Set();
  const series = all("[data-series]", svg);
  const within = (name, key) => name === key || ` / ${name} / `.includes(` / ${key} / `);
  const hidden = name => [...gone].some(key => within(name, key));
  const light = test => {
    const lit = series.filter(one => test && test(one.dataset.series));
    svg.classList.toggle("lit", lit.length > 0);
    for (const one of series) one.classList.toggle("lit", lit.includes(one));
  };
  svg.addEventListener("pointermove", event => {
    const at = placeIn(svg, event);
    let best = null, least = REACH, size = Infinity;
    for (const point of points) {
      const [name, left, top, right, bottom] = point;
      const away = Math.hypot(Math.max(left - at.x, 0, at.x - right), Math.max(top - at.y, 0, at.y - bottom));
      const room = (right - left) * (bottom - top);
      if (hidden(name) || away > least || (away === least && room >= size)) continue;
      [best, least, size] = [point, away, room];
    }
    tell(best && best[5], event);
    if (!event.target.closest("[data-key]")) light(best && best[0] ? name => name === best[0] : null);
  });
  svg.addEventListener("pointerleave", event => { tell("", event); light(null); });
  const keys = all("[data-key]", svg).filter(key => series.some(one => within(one.dataset.series, key.dataset.key)));
  for (const key of all("[data-key]", svg)) if (!keys.includes(key)) key.style.cursor = "auto";
  for (const key of keys) {
    const name = key.dataset.key, same = keys.filter(one => one.dataset.key === name);
    const turn = () => {
      if (!gone.delete(name)) gone.add(name);
      for (const one of same) {
        one.classList.toggle("gone", gone.has(name));
        one.setAttribute("aria-pressed", String(!gone.has(name)));
      }
      for (const one of series) one.classList.toggle("gone", hidden(one.dataset.series));
      light(null);
    };
    key.addEventListener("click", turn);
    key.addEventListener("pointerenter", () => light(one => within(one, name)));
    key.addEventListener("pointerleave", () => light(null));
    if (key === same[0]) {
      key.setAttribute("tabindex", "0");
      key.setAttribute("role", "button");
      key.setAttribute("aria-label", `show ${name}`);
      key.addEventListener("keydown", event => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        turn();
      });
    }
  }
}

/* Sequences with their logos, drawn when they come into view. */
const ROW = 100, WIDE = 10, HIGH = 64, PAGE = 20;
const LETTERS = {
  A: ["#009E73", "M0 1L.38 0H.62L1 1H.79L.71.77H.29L.21 1ZM.35.59H.65L.5.16Z"],
  C: ["#0072B2", "M1 .3C.97.1.78 0 .53 0 .2 0 0 .2 0 .5S.2 1 .53 1C.78 1 .97.9 1 .7H.79C.76.8.67.84.53.84.33.84.21.7.21.5S.33.16.53.16C.67.16.76.2.79.3Z"],
  G: ["#E69F00", "M1 .3C.97.1.78 0 .53 0 .2 0 0 .2 0 .5S.2 1 .53 1C.8 1 1 .88 1 .66V.46H.55V.61H.8V.68C.78.79.67.84.53.84.33.84.21.7.21.5S.33.16.53.16C.67.16.76.2.79.3Z"],
  T: ["#D55E00", "M0 0H1V.18H.6V1H.4V.18H0Z"],
};
const letterAt = (base, x, y, wide, tall) =>
  `<path d="${LETTERS[base][1]}" fill="${LETTERS[base][0]}" fill-rule="evenodd" transform="translate(${x} ${y.toFixed(1)}) scale(${wide} ${tall.toFixed(1)})"/>`;
for (const cell of all("td.logo")) {
  const columns = JSON.parse(cell.dataset.bits), parts = [];
  for (const [i, bits] of columns.entries()) {
    let y = 40;
    for (const [tall, base] of bits.map((bit, k) => [bit * 20, "ACGT"[k]]).sort((a, b) => a[0] - b[0])) {
      if (tall < .3) continue;
      y -= tall;
      parts.push(letterAt(base, i * 12, y, 11, tall));
    }
  }
  cell.innerHTML = `<svg viewBox="0 0 ${Math.max(columns.length, 12) * 12} 40" role="img">${parts.join("")}</svg>`;
  cell.firstChild.setAttribute("aria-label", `logo of ${cell.parentElement.cells[0].textContent}`);
}
const signed = value => (value < 0 ? "−" : "+") + Math.abs(value).toPrecision(3);
function drawLogo(article, one, scale, unit) {
  /* One unit of value is as high in every sequence; a line has the room that its letters need. */
  const lines = [], parts = [];
  let end = 0;
  for (let start = 0; start < one.bases.length; start += ROW) {
    const tall = one.values.slice(start, start + ROW).map(value => value * HIGH / 1000);
    const top = Math.max(...tall, 6) + 3, low = Math.min(...tall, 0) - 3;
    lines.push({ start, tall, top: end, zero: end + top, low: end + top - low });
    end += top - low + 16;
  }
  for (const { start, tall, top, zero, low } of lines) {
    for (const [i, height] of tall.entries()) {
      const x = 8 + i * WIDE, place = one.first + start + i, base = one.bases[start + i];
      if (one.box && place >= one.box[0] && place < one.box[1])
        parts.push(`<rect x="${x}" y="${top}" width="${WIDE}" height="${low - top}" fill="#E69F00" opacity=".25"/>`);
      if (place % 20 === 0)
        parts.push(`<text x="${x + WIDE / 2}" y="${low + 10}" text-anchor="middle" font-size="11" fill="var(--soft)">${String(place).replace("-", "−")}</text>`);
      if (LETTERS[base] && Math.abs(height) >= .4) parts.push(letterAt(base, x + .5, zero - height, WIDE - 1, height));
    }
    parts.push(`<path d="M8 ${zero}h${tall.length * WIDE}" stroke="var(--soft)" stroke-width=".6"/>`);
  }
  const box = make("div");
  box.innerHTML = `<svg viewBox="0 0 ${ROW * WIDE + 16} ${end.toFixed(0)}" role="img">${parts.join("")}</svg>`;
  const svg = box.firstChild;
  svg.setAttribute("aria-label", `Bases of ${one.name} as high as their attributions`);
  svg.addEventListener("pointermove", event => {
    const at = placeIn(svg, event), line = lines.findLast(known => known.top <= at.y) ?? lines[0];
    const i = line.start + Math.floor((at.x - 8) / WIDE);
    const known = at.x >= 8 && at.x < 8 + line.tall.length * WIDE;
    tell(known ? `${one.bases[i]} at ${one.first + i}\n${signed(one.values[i] / 1000 * scale)} ${unit}` : "", event);
  });
  svg.addEventListener("pointerleave", event => tell("", event));
  article.append(svg);
}
for (const place of all(".logos")) {
  const { sequences, scale, unit } = JSON.parse(place.querySelector("script").textContent);
  const find = make("input", { type: "search", placeholder: "Search sequences" }), count = make("span");
  find.setAttribute("aria-label", "Search sequences");
  const list = make("div"), more = make("button", { type: "button", textContent: "Show more" });
  place.append(make("div", { className: "tools" }, find, count), list, make("div", { className: "tools" }, more));
  let shown = 0, found = sequences;
  const seen = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      drawLogo(target, found[target.dataset.place], scale, unit);
    }
  }, { rootMargin: "400px" });
  const grow = () => {
    for (const [i, one] of found.slice(shown, shown + PAGE).entries()) {
      const article = make("article", {}, make("h4", { textContent: one.name }), make("p", { className: "soft", textContent: one.about }));
      article.dataset.place = shown + i;
      list.append(article);
      seen.observe(article);
    }
    shown = Math.min(shown + PAGE, found.length);
    count.textContent = `${shown} of ${found.length} shown`;
    more.hidden = shown === found.length;
  };
  const begin = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = sequences.filter(one => {
      const text = `${one.name} ${one.about} ${one.bases}`.toLowerCase();
      return words.every(word => text.includes(word));
    });
    shown = 0;
    list.replaceChildren();
    grow();
  };
  find.oninput = begin;
  more.onclick = grow;
  begin();
  addEventListener("beforeprint", () => {
    for (const article of all("article", list)) {
      if (article.querySelector("svg")) continue;
      seen.unobserve(article);
      drawLogo(article, found[article.dataset.place], scale, unit);
    }
  });
}

/* What is folded opens for print, and for a link that leads into it. */
let closed = [];
addEventListener("beforeprint", () => {
  closed = all("main details:not([open])").filter(one => !one.closest(".tools"));
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
const unfold = () => {
  const target = document.getElementById(location.hash.slice(1));
  for (let one = target; one; one = one.parentElement) if (one.localName === "details") one.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", unfold);
if (location.hash) unfold();
