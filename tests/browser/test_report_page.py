"""The reviewer's report in a real browser: filters, keyboard, paper, no script, hostile text, accessibility, size."""

import base64
import re
import time

import pytest
import sample_results
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from chimera_compliance.report import index, write_all

VISIBLE = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).length"
EVIL = "\"'><script>owned=1</script><img src=x onerror=owned=1><a href='javascript:owned=1'>x</a>\u202e{{7*7}}"


def visible(browser, selector: str) -> int:
    return browser.execute_script(VISIBLE, selector)


def messages(browser) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def choose(browser, value: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f"input[value='{value}']").click()


def media(browser, kind: str = "screen", scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})


def width(browser, pixels: int) -> None:
    metrics = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def without_script(page: str) -> str:
    return re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)


def violations(browser, axe: str) -> list[str]:
    """What axe-core finds, which must have looked at something."""
    browser.execute_script(axe)
    checked, found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(["
        "r.passes.length, r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target + ' '"
        " + n.failureSummary).join(' | '))]))"
    )
    assert checked > 15
    return found


def test_the_page_opens_without_a_word_of_complaint(show):
    browser = show(sample_results.realistic())
    assert browser.find_element(By.TAG_NAME, "h1").text == "Not compliant"
    assert visible(browser, ".findings > li") == 20
    assert messages(browser) == []


def test_filters_narrow_and_stand_in_the_hash(show):
    browser = show(sample_results.realistic())
    choose(browser, "critical")
    assert visible(browser, ".findings > li") == 4
    choose(browser, "C04")
    assert visible(browser, ".findings > li") == 1
    assert visible(browser, "#controls > .control") == 1
    assert browser.current_url.endswith("#severity=critical&control=C04")
    assert browser.find_element(By.TAG_NAME, "output").text == "1 of 20 findings, 1 of 12 controls"


def test_a_hash_restores_its_filters(show):
    browser = show(sample_results.realistic(), "#outcome=not_reviewed")
    assert visible(browser, ".findings > li") == 0
    assert visible(browser, "#controls > .control") == 9
    assert browser.find_element(By.CSS_SELECTOR, "input[value=not_reviewed]").is_selected()


def test_what_is_new_and_what_blocks_can_be_filtered(show):
    browser = show(sample_results.eventful())
    choose(browser, "regressed")
    assert visible(browser, ".findings > li") == 1
    assert browser.current_url.endswith("#status=regressed")
    browser.find_element(By.CSS_SELECTOR, "[type=reset]").click()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    choose(browser, "waived")
    assert visible(browser, ".findings > li") == 3
    assert browser.current_url.endswith("#gate=waived")
    assert visible(browser, "#controls .requirements > li") > 0


def test_a_clause_of_a_framework_narrows_the_report_and_can_be_dropped(show):
    browser = show(sample_results.eventful())
    opened = browser.find_element(By.XPATH, "//summary[contains(., 'CWE')]")
    opened.click()
    browser.find_element(By.LINK_TEXT, "CWE-306").click()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert browser.current_url.endswith("#clause=CWE%3ACWE-306")
    assert visible(browser, ".findings > li") == 6
    assert visible(browser, "#controls > .control") == 1
    chip = browser.find_element(By.CSS_SELECTOR, ".clause button")
    assert chip.text.startswith("CWE CWE-306 ")
    chip.click()
    assert visible(browser, ".findings > li") == 20
    assert "#" not in browser.current_url


def test_a_run_without_one_before_it_offers_no_filter_for_what_is_new(show):
    browser = show(sample_results.realistic())
    assert browser.find_elements(By.CSS_SELECTOR, "[data-filter=status], [data-filter=gate]") == []


def test_cells_of_the_matrix_lead_to_their_finding(show):
    browser = show(sample_results.eventful())
    link = browser.find_element(By.CSS_SELECTOR, ".grid .f a")
    name = link.get_attribute("href").partition("#")[2]
    link.click()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert visible(browser, f"#{name} .evidence") == 1


def test_text_is_searched_and_cleared(show):
    browser = show(sample_results.realistic(), "#text=wallets")
    assert visible(browser, ".findings > li") == 3
    browser.find_element(By.CSS_SELECTOR, "[type=reset]").click()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert visible(browser, ".findings > li") == 20
    assert "#" not in browser.current_url


@pytest.mark.parametrize("fragment", ["#severity=nonsense", "#=", "#text=%", "#nowhere", "#control=C03,<b>"])
def test_a_hash_that_nobody_wrote_breaks_nothing(show, fragment):
    browser = show(sample_results.realistic(), fragment)
    assert not [message for message in messages(browser) if "Error" in message]
    assert visible(browser, "main")


def test_a_link_opens_what_it_points_to_even_when_filtered_away(show):
    results = sample_results.realistic()
    last = results.findings[-1].fingerprint
    browser = show(results, "#severity=critical")
    browser.execute_script("location.hash = arguments[0]", f"f-{last}")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert visible(browser, f"#f-{last} .evidence") == 1


def test_the_keyboard_reaches_and_opens_a_finding(show):
    browser = show(sample_results.realistic())
    first_closed = browser.find_element(By.CSS_SELECTOR, ".findings details:not([open]) summary")
    first_closed.send_keys(Keys.ENTER)
    assert first_closed.find_element(By.XPATH, "..").get_attribute("open")


def test_the_first_stop_of_the_keyboard_skips_to_the_findings(show):
    browser = show(sample_results.realistic())
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the findings"


def test_a_command_is_offered_for_copying(show):
    browser = show(sample_results.realistic())
    button = browser.find_element(By.CSS_SELECTOR, ".command .copy")
    command = browser.find_element(By.CSS_SELECTOR, ".command code").text
    button.click()
    assert browser.execute_script("return getSelection().toString()") == command
    assert command.startswith("curl ")


def test_everything_can_be_expanded_and_collapsed(show):
    browser = show(sample_results.realistic())
    button = browser.find_element(By.CSS_SELECTOR, "[data-action=expand]")
    button.click()
    assert browser.find_elements(By.CSS_SELECTOR, "main details:not([open])") == []
    button.click()
    assert browser.find_elements(By.CSS_SELECTOR, "main details[open]") == []


def test_it_is_whole_without_script(show):
    browser = show(sample_results.eventful(), edit=without_script)
    assert browser.find_elements(By.CSS_SELECTOR, "a[href^='#clause=']") == []
    assert visible(browser, "#changes tbody tr") == 1
    assert visible(browser, "#waivers tbody tr") == 4
    assert not browser.find_element(By.CSS_SELECTOR, ".filters").is_displayed()
    assert visible(browser, ".findings > li") == 20
    assert visible(browser, "#controls .requirements > li") == 16
    closed = browser.find_element(By.CSS_SELECTOR, ".findings details:not([open]) summary")
    closed.click()
    assert closed.find_element(By.XPATH, "../div").is_displayed()


def test_paper_shows_everything(show):
    browser = show(sample_results.eventful(), edit=without_script)
    media(browser, "print")
    heights = browser.execute_script(
        "return [...document.querySelectorAll('.evidence, .detail, .sample .exchange, .grid, .clauses')]"
        ".map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 30
    assert min(heights) > 10
    assert visible(browser, ".filters") == 0
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 5


def test_script_that_is_not_ours_never_runs(show):
    def plant(page: str) -> str:
        planted = "<script>owned=1</script><img src=x onerror=owned=1><p style='color: red' id=planted>x</p>"
        return page.replace("<main>", "<main>" + planted)

    browser = show(sample_results.realistic(), edit=plant)
    assert browser.execute_script("return typeof owned") == "undefined"
    assert browser.execute_script("return document.getElementById('planted').style.color") == ""
    assert sum("Content Security Policy" in message for message in messages(browser)) >= 3


def test_hostile_text_in_every_field_is_only_text(show):
    browser = show(sample_results.hostile(sample_results.eventful(), EVIL))
    browser.find_element(By.CSS_SELECTOR, "[data-action=expand]").click()
    assert browser.execute_script("return typeof owned") == "undefined"
    assert browser.find_elements(By.CSS_SELECTOR, "main img, main script, a[href^=javascript]") == []
    assert messages(browser) == []
    text = browser.find_element(By.TAG_NAME, "main").text
    assert "<script>owned=1</script>" in text
    assert "⟨U+202E⟩" in text
    assert "\u202e" not in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "pixels"), [("eventful", 1360), ("eventful", 360), ("green", 1360)])
def test_axe_finds_nothing(show, axe, scheme, name, pixels):
    browser = show(getattr(sample_results, name)())
    media(browser, scheme=scheme)
    width(browser, pixels)
    browser.find_element(By.CSS_SELECTOR, "[data-action=expand]").click()
    assert violations(browser, axe) == []


@pytest.mark.parametrize("pixels", [320, 390, 800])
def test_narrow_screens_never_scroll_sideways(show, pixels):
    browser = show(sample_results.eventful())
    width(browser, pixels)
    browser.find_element(By.CSS_SELECTOR, "[data-action=expand]").click()
    assert browser.execute_script("return document.documentElement.scrollWidth") <= pixels


def test_thousands_of_findings_stay_usable(show):
    started = time.monotonic()
    browser = show(sample_results.many(5000))
    assert visible(browser, ".findings > li") == 5000
    opened = time.monotonic() - started
    spent = browser.execute_script(
        "const from = performance.now(); document.querySelector('input[value=critical]').click();"
        "document.body.offsetHeight; return performance.now() - from"
    )
    assert visible(browser, ".findings > li") == 3333
    assert spent < 2000
    assert opened < 20


@pytest.fixture
def runs(tmp_path):
    """A folder of runs of two targets, one of which cannot be read."""
    for day, results in enumerate([sample_results.eventful(), sample_results.green(), sample_results.realistic()] * 2):
        results.run.started = f"2026-11-{day + 1:02}T02:00:00+00:00"
        results.run.target = "Chimera production" if day == 5 else "Chimera staging"
        folder = tmp_path / f"run {day}"
        write_all(results, folder)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "results.json").write_text('{"schema')
    return index.write_index(tmp_path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pixels", [1360, 360])
def test_the_page_over_all_runs_is_clean_and_fits(browser, axe, runs, scheme, pixels):
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(runs.as_uri())
    media(browser, scheme=scheme)
    width(browser, pixels)
    assert messages(browser) == []
    assert visible(browser, ".runs tbody tr") == 6
    assert browser.execute_script("return document.documentElement.scrollWidth") <= pixels
    assert violations(browser, axe) == []
    media(browser)
    width(browser, 1360)


def test_a_run_of_the_page_over_all_runs_leads_to_its_report(browser, runs):
    browser.get(runs.as_uri())
    browser.find_element(By.CSS_SELECTOR, ".runs a").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "Not compliant"
