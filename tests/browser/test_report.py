"""The report in a real browser: silent, alone, sortable, and readable in the dark, on paper and on a telephone."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.conftest import asked_for

pytestmark = pytest.mark.browser

FIGURES = {
    "js-divergence-bars",
    "category-ndcg-bars",
    "js-histogram",
    "margin-curve",
    "category-bias",
    "exposure",
    "frequency",
    "reliability",
    "js-divergence-by-tail-preference",
    "js-divergence-by-context-window-long",
    "js-divergence-by-context-window-short",
    "category-ndcg-by-context-window-long",
    "category-ndcg-by-context-window-short",
}


def test_the_page_is_silent_and_asks_for_nothing_but_itself(page: Chrome, report: Path) -> None:
    assert {url for url in asked_for(page) if not url.startswith("data:")} == {report.as_uri()}
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert report.stat().st_size < 1_000_000


def test_a_page_that_asks_for_more_would_be_found_out(page: Chrome, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><img src='http://127.0.0.1:9/pixel.png'><script>console.error('x')</script>")
    page.get_log("performance")
    page.get(bad.as_uri())
    assert "http://127.0.0.1:9/pixel.png" in asked_for(page)
    assert page.get_log("browser") != []


def test_every_figure_is_drawn(page: Chrome) -> None:
    assert {figure.get_attribute("id") for figure in page.find_elements(By.TAG_NAME, "figure")} == FIGURES
    for svg in page.find_elements(By.CSS_SELECTOR, "figure svg"):
        assert svg.size["width"] > 300 and svg.size["height"] > 100
        assert svg.aria_role in ("img", "image") and len(svg.accessible_name) > 20


def test_no_text_of_a_figure_is_cut_off(page: Chrome) -> None:
    cut = page.execute_script("""
        const cut = [];
        for (const svg of document.querySelectorAll("figure svg")) {
          const box = svg.getBoundingClientRect();
          for (const text of svg.querySelectorAll("text")) {
            const t = text.getBoundingClientRect();
            if (t.left < box.left - 1 || t.right > box.right + 1 || t.top < box.top - 1 || t.bottom > box.bottom + 1)
              cut.push(text.textContent);
          }
        }
        return cut;""")
    assert cut == []


def heads(page: Chrome, table: str) -> list[WebElement]:
    return page.find_elements(By.CSS_SELECTOR, f"{table} thead th")


def column(page: Chrome, table: str, place: int) -> list[Any]:
    return page.execute_script(
        """return Array.from(document.querySelectorAll(arguments[0] + " tbody tr"), row => {
             let place = arguments[1];
             const cell = Array.from(row.cells).find(cell => (place -= cell.colSpan) < 0);
             const value = cell.getAttribute("data-v");
             return value === null ? cell.textContent.trim() : value === "" ? null : Number(value); });""",
        table,
        place,
    )


def sorted_as_said(page: Chrome, values: list[Any], *, ascending: bool) -> bool:
    """Tell whether the known values are in order, numbers or words, and the missing ones last."""
    known = [value for value in values if value is not None]
    if known and isinstance(known[0], str):
        order = page.execute_script(
            "const c = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'});"
            "return arguments[0].slice().sort(c.compare)",
            known,
        )
    else:
        order = sorted(known)
    return values == (order if ascending else order[::-1]) + [None] * (len(values) - len(known))


@pytest.mark.parametrize("table", [".systems", "#results-table"])
def test_every_column_sorts_by_mouse(page: Chrome, table: str) -> None:
    before = sorted(map(str, column(page, table, 0)))
    for place in range(len(heads(page, table))):
        for direction in ("ascending", "descending"):
            button = heads(page, table)[place].find_element(By.TAG_NAME, "button")
            page.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
            button.click()
            said = [head.get_attribute("aria-sort") for head in heads(page, table)]
            assert said[place] == direction and said.count(None) == len(said) - 1
            assert sorted_as_said(page, column(page, table, place), ascending=direction == "ascending")
    assert sorted(map(str, column(page, table, 0))) == before, "no row is lost"


@pytest.mark.parametrize("key", [Keys.ENTER, Keys.SPACE], ids=["enter", "space"])
def test_a_column_sorts_by_keyboard(page: Chrome, key: str) -> None:
    wanted = heads(page, ".systems")[1].find_element(By.TAG_NAME, "button")
    for _ in range(60):
        ActionChains(page).send_keys(Keys.TAB).perform()
        if page.switch_to.active_element == wanted:
            break
    assert page.switch_to.active_element == wanted, "the header is reached by the tabulator"
    outline = page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "where one is, is seen"
    for direction in ("ascending", "descending"):
        ActionChains(page).send_keys(key).perform()
        assert heads(page, ".systems")[1].get_attribute("aria-sort") == direction
        assert sorted_as_said(page, column(page, ".systems", 1), ascending=direction == "ascending")
    assert page.switch_to.active_element == wanted


def test_rows_are_filtered_and_figures_show_their_numbers(page: Chrome) -> None:
    page.find_element(By.ID, "results-filter").send_keys("js_divergence history")
    shown = [row.text for row in page.find_elements(By.CSS_SELECTOR, "#results-table tbody tr") if row.is_displayed()]
    assert shown and all("js_divergence" in text and "history" in text for text in shown)
    assert page.find_element(By.CSS_SELECTOR, "form.filter output").text.startswith(f"{len(shown)} of ")
    summary = page.find_element(By.CSS_SELECTOR, "#reliability summary")
    summary.send_keys(Keys.ENTER)
    assert page.find_element(By.CSS_SELECTOR, "#reliability details table").is_displayed()


_CONTRASTS = """
const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const low = [];
const texts = "h1, h2, h3, p, a, td, th, dt, dd, li, summary, svg text, code, .word";
for (const element of document.querySelectorAll(texts)) {
  if (!element.textContent.trim() || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const own = element instanceof SVGElement ? style.fill : style.color;
  const pair = [light(parse(own)), light(ground(element))];
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) low.push([element.tagName, element.textContent.trim().slice(0, 40), ratio]);
}
return [light(ground(document.body)), low];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_in_light_and_in_dark(page: Chrome, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    paper, low = page.execute_script(_CONTRASTS)
    assert (paper < 0.05) == (scheme == "dark")
    assert low == []


def test_on_paper_everything_is_black_on_white(page: Chrome) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    paper, low = page.execute_script(_CONTRASTS)
    assert paper == pytest.approx(1.0) and low == []
    assert not page.find_element(By.TAG_NAME, "nav").is_displayed()
    printed = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 60


@pytest.mark.parametrize("width", [400, 320, 768])
def test_a_narrow_window_scrolls_down_only(page: Chrome, width: int) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    wide, view = page.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert view <= width
    assert wide <= view


def test_the_page_is_whole_without_scripts(page: Chrome, report: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(report.as_uri())
        assert page.find_element(By.CSS_SELECTOR, "#verdict p").text
        assert page.find_elements(By.CSS_SELECTOR, ".systems tbody tr")
        assert not page.find_element(By.CSS_SELECTOR, "form.filter").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
