"""A Chromium for the tests of the report; without one they are skipped, saying why."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chimera_compliance.report import html
from chimera_compliance.results import Results

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")

QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1360,1000",
]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["webdriver.Chrome"]:
    """One Chromium for all tests, with a profile of its own."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no chromium and chromedriver on PATH: run tests/browser/install as root")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in [*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.set_script_timeout(180)  # axe-core takes its time on a page that is all expanded
    yield chrome
    chrome.quit()


@pytest.fixture
def show(browser, tmp_path: Path) -> Iterator[Callable]:
    """Opens the report of some results; afterwards the browser is as it was."""

    def show(results: Results, fragment: str = "", edit: Callable[[str], str] = str) -> "webdriver.Chrome":
        page = tmp_path / html.FILE
        page.write_text(edit(html.render(results)), encoding="utf-8")
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get(page.as_uri() + fragment)
        return browser

    yield show
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core (Deque, MPL-2.0)."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-core is not installed: run tests/browser/install")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")
