"""The page in a real browser: its own origin, another origin that may be asked, and one not."""

from __future__ import annotations

import pytest
from fakes.chromium import chromium
from fakes.flower_model import images, with_examples
from fakes.gateway_server import KEY, GatewayServer
from fakes.page_server import Cloud, PageServer
from fakes.signatures import FLOWERS
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

VERSION = "1.1.0-dabc1234.sdef5678"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    cloud.release(VERSION, signature=with_examples(FLOWERS))
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def server(cloud, tmp_path_factory):
    server = PageServer(cloud, tmp_path_factory.mktemp("home"))
    yield server
    server.close()


@pytest.fixture
def gateway(cloud, server):
    gateway = GatewayServer(cloud, allowed=f"https://example.org,{server.url}")
    yield gateway
    gateway.close()


@pytest.fixture
def strict_gateway(cloud):
    gateway = GatewayServer(cloud, allowed="https://example.org")
    yield gateway
    gateway.close()


def test_class_is_shown_when_the_own_origin_is_asked(page, server):
    page.complaints()
    page.open(server.url)

    assert page.ask() == "setosa"
    assert page.facts()["version"] == VERSION
    assert page.facts()["served by"] == "web_single"
    assert page.facts()["request"]
    assert page.complaints() == []


def test_form_has_unit_range_and_example_when_the_signature_has(page, server):
    page.open(server.url)
    field = page.field("petal_width")

    attributes = {name: field.get_attribute(name) for name in ("type", "min", "max", "value")}
    assert attributes == {"type": "number", "min": "0", "max": "10", "value": "0.2"}
    label = page.driver.find_element(By.CSS_SELECTOR, f"label[for={field.get_attribute('id')}]")
    assert label.get_attribute("textContent") == "petal width in cm"


def test_error_stands_at_its_field_when_a_value_is_out_of_range(page, server):
    page.open(server.url)
    page.fill("petal_width", "99")
    page.ask()

    assert "out of range" in page.error_of("petal_width")
    assert page.error_of("petal_length") == ""
    assert page.field("petal_width").get_attribute("aria-invalid") == "true"
    assert page.driver.switch_to.active_element == page.field("petal_width")
    page.fill("petal_width", "1")
    assert page.ask() == "setosa"
    assert page.error_of("petal_width") == ""


def test_other_origin_answers_when_it_allows_the_page(page, server, gateway):
    page.open(f"{server.url}/#api={gateway.url}&key={KEY}")

    assert page.ask("gateway") == "setosa"
    assert page.facts()["asked"] == gateway.url
    assert page.facts()["served by"] == "champion"
    assert gateway.methods() == ["OPTIONS", "POST"]
    assert {origin for _, _, origin in gateway.seen} == {server.url}


def test_field_error_crosses_origins_when_the_gateway_refuses(page, server, gateway):
    page.open(f"{server.url}/#api={gateway.url}&key={KEY}")
    page.fill("sepal_width", "-3")
    page.ask("gateway")

    assert "out of range" in page.error_of("sepal_width")


def test_browser_refuses_when_the_other_origin_does_not_allow_the_page(
    page, server, strict_gateway
):
    page.open(f"{server.url}/#api={strict_gateway.url}&key={KEY}")
    page.complaints()

    said = page.ask("gateway")

    assert "does not allow pages from" in said
    assert strict_gateway.methods() == ["OPTIONS"]
    assert any("CORS policy" in complaint for complaint in page.complaints())


def test_page_refuses_when_an_address_is_beyond_its_policy(page, server):
    page.open(f"{server.url}/#api=https://elsewhere.example&key={KEY}")
    page.complaints()

    assert "policy of this page" in page.ask("gateway")
    assert any("Content Security Policy" in complaint for complaint in page.complaints())


def test_key_is_asked_for_when_there_is_none(page, server, gateway):
    page.open(f"{server.url}/#api={gateway.url}")

    assert "no API key" in page.ask("gateway")
    key = page.driver.switch_to.active_element
    assert key.get_attribute("id") == "key"
    key.send_keys(KEY)
    assert page.ask("gateway") == "setosa"


def test_key_leaves_the_address_when_the_page_has_it(page, server):
    page.open(f"{server.url}/#api=http://localhost:9&key={KEY}")

    assert KEY not in page.driver.current_url
    assert "api=" in page.driver.current_url
    stored = page.driver.execute_script("return sessionStorage.getItem('servery.key')")
    assert stored == KEY
    assert page.driver.execute_script("return localStorage.length") == 0


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_cut_off_when_the_window_is_narrow_or_wide(page, server, width):
    page.open(server.url)
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        page.ask()
        widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
        content, window = page.driver.execute_script(widths)
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert content <= window == width


def test_page_says_what_to_run_until_a_model_is_released(page, tmp_path):
    cloud = Cloud(tmp_path)
    server = PageServer(cloud, tmp_path)
    try:
        page.open(server.url)
        commands = [c.text for c in page.driver.find_elements(By.CSS_SELECTOR, "#empty code")]
        assert commands == ["servery train iris", "servery release iris"]
        cloud.release(VERSION, signature=images(4))
        page.shown("#empty-again").click()
        page.shown(".board")
        _draw(page)
        assert page.ask() == "setosa"
    finally:
        server.close()
        cloud.close()


def _draw(page):
    """Draw with the pointer and with the keyboard."""
    cells = page.driver.find_elements(By.CSS_SELECTOR, "[role=gridcell]")
    assert len(cells) == 16
    ActionChains(page.driver).click_and_hold(cells[0]).move_to_element(cells[2]).release().perform()
    said = [cell.get_attribute("aria-label") for cell in cells]
    assert said[0] == "row 1, column 1: 16 of 16"
    assert said[4] == "row 2, column 1: 4 of 16"
    page.driver.execute_script("arguments[0].focus()", cells[0])
    page.driver.switch_to.active_element.send_keys(
        Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.SPACE, "-"
    )
    assert cells[8].get_attribute("aria-label") == "row 3, column 1: 14 of 16"
    assert page.driver.switch_to.active_element == cells[8]
