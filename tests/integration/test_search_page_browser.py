"""The page of a search in a real browser: charts and table are one thing, and nothing is loaded."""

from __future__ import annotations

import re

import pytest
from devkit.search_page import page as search_page
from devkit.search_reading import read
from fakes.chromium import chromium
from fakes.search_views import forest, linear, search, won
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

TRIALS = [
    linear(0, 0.90, c=0.1),
    forest(1, 0.93),
    linear(2, None),
    forest(3, 0.96, trees=311),
    linear(4, 0.94, c=50.0),
    forest(10, 0.91),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page.driver


@pytest.fixture
def opened(browser, tmp_path):
    path = tmp_path / "search.html"
    path.write_text(search_page(read(won(search(*TRIALS)))), encoding="utf-8")
    browser.get(path.as_uri())
    return browser


def numbers(driver, css):
    return [each.get_attribute("data-trial") for each in driver.find_elements(By.CSS_SELECTOR, css)]


def one(driver, css):
    return driver.find_element(By.CSS_SELECTOR, css)


def row(driver, number):
    return one(driver, f"tr[data-trial='{number}']")


def test_page_works_by_its_own_policy_when_it_is_opened_from_a_disk(opened):
    assert opened.get_log("browser") == []
    loaded = "return performance.getEntriesByType('resource').length"
    assert opened.execute_script(loaded) == 0
    assert one(opened, "h1").text == "Search for wine"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out_when_the_scheme_is_light_or_dark(opened, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def colour(element, name):
        found = re.findall(r"[0-9.]+", element.value_of_css_property(name))
        red, green, blue = map(float, found[:3])
        return 0.299 * red + 0.587 * green + 0.114 * blue

    back = colour(one(opened, "body"), "background-color")
    assert (back > 128) is (scheme == "light")
    for css, name in [("body", "color"), (".dot", "fill"), (".q-best .line", "stroke")]:
        assert abs(colour(one(opened, css), name) - back) > 70, css


def test_trial_is_shown_everywhere_when_it_is_pointed_at(opened):
    ActionChains(opened).move_to_element(row(opened, 3)).perform()

    assert set(numbers(opened, ".on")) == {"3"}
    assert len(opened.find_elements(By.CSS_SELECTOR, ".on")) == 3
    assert "n_estimators=311" in one(opened, "#told").text


def test_trial_stays_when_it_was_clicked_until_escape(opened):
    row(opened, 1).click()
    ActionChains(opened).move_to_element(row(opened, 3)).perform()
    assert set(numbers(opened, ".on")) == {"1"}

    ActionChains(opened).send_keys(Keys.ESCAPE).perform()
    assert numbers(opened, ".on") == []
    assert one(opened, "#told").text == ""


def test_mark_of_the_history_leads_to_the_row_when_it_is_pointed_at(opened):
    mark = one(opened, "section circle.reach")
    ActionChains(opened).move_to_element(mark).perform()

    assert "on" in row(opened, 0).get_attribute("class")


def test_architecture_leaves_charts_and_table_when_it_is_unticked(opened):
    one(opened, "input[data-candidate='1']").click()

    shown = [
        r.get_attribute("data-trial")
        for r in opened.find_elements(By.CSS_SELECTOR, "tbody tr")
        if r.is_displayed()
    ]
    assert shown == ["0", "2", "4"]
    figures = opened.find_elements(By.TAG_NAME, "figure")
    assert [f.is_displayed() for f in figures] == [True, False]
    one(opened, "input[data-candidate='1']").click()
    assert all(f.is_displayed() for f in figures)


def test_rows_are_in_the_order_of_a_column_when_its_head_is_clicked(opened):
    head = one(opened, "th button[data-column='2']")
    head.click()
    assert numbers(opened, "tbody tr") == ["0", "10", "1", "4", "3", "2"]
    head.click()
    assert numbers(opened, "tbody tr") == ["3", "4", "1", "10", "0", "2"]
    one(opened, "th button[data-column='0']").click()
    assert numbers(opened, "tbody tr") == ["0", "1", "2", "3", "4", "10"]


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_cut_off_when_the_window_is_narrow_or_wide(opened, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
        content, window = opened.execute_script(widths)
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert content <= window == width
