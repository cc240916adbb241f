"""A real Chromium, headless and silent, for the tests that are marked `browser`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 20
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1000",
)


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with a profile of its own; the test is skipped where there is none."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = Page(webdriver.Chrome(options=options, service=Service(driver)))
    try:
        yield page
    finally:
        page.driver.quit()


class Page:
    """The page, by what a person sees of it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Open an address in a tab without any memory, and wait until the page knows its state."""
        self.driver.switch_to.new_window("tab")
        self.driver.get(url)
        self.shown("#empty, #work, #failure")

    def shown(self, css: str) -> WebElement:
        """The first element that fits and can be seen, as soon as there is one."""

        def visible(driver: Any) -> WebElement | None:
            found = driver.find_elements(By.CSS_SELECTOR, css)
            return next((one for one in found if one.is_displayed()), None)

        return WebDriverWait(self.driver, SECONDS).until(visible, f"{css} is not shown")

    def field(self, name: str) -> WebElement:
        """The control of an input."""
        return self.driver.find_element(By.NAME, name)

    def error_of(self, name: str) -> str:
        """What is said to be wrong at an input."""
        *_, described = self.field(name).get_attribute("aria-describedby").split()
        return str(self.driver.find_element(By.ID, described).text)

    def fill(self, name: str, value: str) -> None:
        """Type a value over what stands in an input."""
        control = self.field(name)
        control.clear()
        control.send_keys(value)

    def ask(self, route: str = "web") -> str:
        """Choose whom to ask, press Predict; the class that comes back, or the problem's text."""
        self.driver.find_element(By.CSS_SELECTOR, f"[name=route][value={route}]").click()
        self.driver.find_element(By.ID, "ask").click()
        return str(self.shown("#result .verdict, #problem").text)

    def facts(self) -> dict[str, str]:
        """What an answer says about itself."""
        names = self.driver.find_elements(By.CSS_SELECTOR, ".facts dt")
        values = self.driver.find_elements(By.CSS_SELECTOR, ".facts dd")
        return {n.text: v.text for n, v in zip(names, values, strict=True)}

    def complaints(self) -> list[str]:
        """What the browser has complained about since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
