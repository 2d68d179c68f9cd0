"""A real browser, and a report of a made world that it opens. A machine without the browser fails these tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from spectra_eval_cli.main import main

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
METRICS = "js_divergence,kl_divergence,category_ndcg@5,tail_mass_error,soft_ece,smooth_ece"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a report of a made world with three context windows and two horizons, as a user would."""
    folder = tmp_path_factory.mktemp("report")
    table, page = folder / "world.parquet", folder / "report.html"
    world = ["-O", "users=60", "-O", "categories=12", "-O", "noise=0.6", "-O", "list_length=5"]
    steps = (
        ["prepare", "synthetic", *world, "--context-windows", "1,3,5", "--horizons", "long,short", "-o", str(table)],
        ["report", str(table), "--metrics", METRICS, "--bootstrap", "100", "-o", str(page)],
    )
    for words in steps:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
    return page


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Start one browser with a profile of its own, and a log of all that it asks for."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    driver = shutil.which("chromedriver")
    if not found or not driver:
        pytest.fail("needs a browser and its driver: apt-get install chromium chromium-driver", pytrace=False)
    options = ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(executable_path=driver))
    chrome.set_page_load_timeout(60)
    yield chrome
    chrome.quit()


@pytest.fixture
def page(browser: Chrome, report: Path) -> Chrome:
    """Open the report anew, in a light window of full width, with empty logs."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(report.as_uri())
    return browser


def asked_for(browser: Chrome) -> list[str]:
    """Give every address that was asked for since the log was last read."""
    events: list[Any] = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
