"""Open pages of reports in a real browser and use them: `make pages-check`.

Without arguments a page of every kind is made and checked; give HTML files to check those instead.
Screenshots (desktop, phone, dark) and a PDF of each are left in a folder, to be looked at.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from browser import Browser

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from real_pages import all_pages

MAX_BYTES = 5_000_000
SORTED = """(() => {
  const table = document.querySelector("#TABLE"), head = [...table.tHead.rows[0].cells].find(
    one => one.classList.contains("num"));
  head.click();
  const keys = [...table.tBodies[0].rows].map(row => keyOf(row.cells[head.cellIndex]));
  const known = keys.filter(key => key !== "").map(Number);
  return known.every((key, i) => i === 0 || known[i - 1] <= key)
    && head.getAttribute("aria-sort") === "ascending";
})()"""
FILTERED = """(() => {
  const table = document.querySelector("#TABLE"), rows = [...table.tBodies[0].rows];
  const find = table.parentElement.previousElementSibling.querySelector("input[type=search]");
  find.value = rows[0].cells[0].textContent.trim().split(" ")[0] + " zzz";
  find.dispatchEvent(new Event("input"));
  const none = rows.every(row => row.getClientRects().length === 0);
  find.value = "";
  find.dispatchEvent(new Event("input"));
  return none && rows.every(row => row.getClientRects().length > 0);
})()"""
COLUMN = """(() => {
  const table = document.querySelector("#TABLE");
  const box = table.parentElement.previousElementSibling.querySelector(".menu input");
  const before = table.rows[1].cells[0].getClientRects().length;
  box.click();
  const hidden = table.rows[1].cells[0].getClientRects().length;
  box.click();
  return before === 1 && hidden === 0;
})()"""
COPIED = """(async () => {
  const table = document.querySelector("#TABLE"), tools = table.parentElement.previousElementSibling;
  const button = [...tools.querySelectorAll("button")].find(one => one.textContent === "Copy");
  button.click();
  await new Promise(done => setTimeout(done, 300));
  const csv = written(table, ",", true).split("\\n");
  return button.textContent === "Copied" && csv.length === table.rows.length;
})()"""
POINT = """(() => {
  const svg = document.querySelector("svg[data-points]");
  svg.scrollIntoView({ block: "center" });
  const [, left, top, right, bottom] = JSON.parse(svg.dataset.points)[0];
  const at = new DOMPoint((left + right) / 2, (top + bottom) / 2).matrixTransform(svg.getScreenCTM());
  return [at.x, at.y];
})()"""
SWITCHED = """(() => {
  const key = document.querySelector("[data-key][role=button]");
  if (!key) return true;
  const svg = key.closest("svg"), gone = () => svg.querySelectorAll("[data-series].gone").length;
  key.dispatchEvent(new Event("click"));
  const hidden = gone();
  key.dispatchEvent(new Event("click"));
  return hidden > 0 && gone() === 0;
})()"""
FOLDED = """(() => {
  const all = [...document.querySelectorAll("details")], before = all.map(one => one.open);
  const works = all.every(one => {
    const was = one.open;
    one.querySelector("summary").click();
    return one.open !== was;
  });
  all.forEach((one, i) => { one.open = before[i]; });
  return works;
})()"""
DRAWN = """(async () => {
  const place = document.querySelector(".logos article");
  if (!place) return true;
  place.scrollIntoView({ block: "center" });
  await new Promise(done => setTimeout(done, 300));
  return !!place.querySelector("svg, canvas");
})()"""
SEARCHED = """(() => {
  const place = document.querySelector(".logos");
  if (!place) return true;
  const find = place.querySelector("input"), name = place.querySelector("h4").textContent;
  find.value = name;
  find.dispatchEvent(new Event("input"));
  const found = [...place.querySelectorAll("article h4")];
  return found.length > 0 && found.length < 5 && found.some(one => one.textContent === name);
})()"""
CUT = """[...document.querySelectorAll(".scroll")].filter(
  one => one.scrollWidth > one.clientWidth + 1).map(one => one.firstElementChild.id)"""
WIDER = "document.documentElement.scrollWidth > innerWidth + 1"


async def check(browser: Browser, page: Path, out: Path) -> list[str]:
    """Return what is wrong with a page."""
    wrong = []
    if page.stat().st_size > MAX_BYTES:
        wrong.append(f"it has {page.stat().st_size:,} bytes")
    for name, width, dark in (
        ("phone", 390, False),
        ("dark", 1280, True),
        ("desktop", 1280, False),
    ):
        await browser.open(page, width=width, dark=dark)
        await browser.screenshot(out / f"{page.stem}-{name}.png")
        if await browser.value(WIDER):
            wrong.append(f"{name}: the page is wider than its window")
    tables = await browser.value(
        "[...document.querySelectorAll('details[open] table')].filter("
        "one => one.tBodies[0].rows.length > 5 && one.querySelector('td.num')).map(one => one.id)"
    )
    for what, script in (
        ("sort", SORTED),
        ("filter", FILTERED),
        ("columns", COLUMN),
        ("copy", COPIED),
    ):
        for table in tables[:1]:
            if not await browser.value(script.replace("TABLE", table)):
                wrong.append(f"{what}: table {table}")
    if await browser.value("!!document.querySelector('svg[data-points]')"):
        await browser.move(*await browser.value(POINT))
        if not await browser.value("!tip.hidden && tip.textContent.length > 0"):
            wrong.append("hover: no value is shown")
        await browser.screenshot(out / f"{page.stem}-hover.png")
    for what, script in (
        ("legend", SWITCHED),
        ("logo", DRAWN),
        ("search", SEARCHED),
        ("fold", FOLDED),
    ):
        if not await browser.value(script):
            wrong.append(what)
    await browser.pdf(out / f"{page.stem}.pdf")
    # The width of an A4 page on its side, without margins.
    await browser.open(page, width=1031, media="print")
    wrong += [f"print: table {name} is cut" for name in await browser.value(CUT)]
    wrong += browser.errors
    wrong += [url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))]
    return wrong


async def main(pages: list[Path]) -> int:
    out = Path(tempfile.mkdtemp(prefix="pages-seen-"))
    bad = 0
    for page in pages or all_pages(out):
        async with Browser() as browser:
            wrong = await check(browser, page, out)
        bad += bool(wrong)
        print(
            f"{'FAIL' if wrong else 'ok'}  {page} ({page.stat().st_size:,} bytes)",
            *wrong,
            sep="\n      ",
        )
    print(f"screenshots and PDF files: {out}")
    return bad


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(list(map(Path, sys.argv[1:])))))
