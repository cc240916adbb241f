"""The page of the deployed stack in a real browser: who may call the API from where (S0, S1)."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from fakes.chromium import chromium

pytestmark = pytest.mark.usefixtures("warm_iris")
FETCH = """
const [url, key, done] = arguments;
fetch(url, {
  method: "POST",
  headers: {"content-type": "application/json", "x-api-key": key},
  body: '{"records": [{}]}',
}).then((answer) => done(answer.status), (error) => done(error.name));
"""


def _at(url: str, host: str) -> str:
    """The same address under another name of this machine, which is another origin."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{host}:{parts.port}").geturl()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def elsewhere():
    """The address of a page that is in nobody's list."""

    class Blank(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_page_has_type_policy_and_validator_when_it_is_fetched(web_url):
    start = httpx.get(web_url, timeout=60)
    script = httpx.get(f"{web_url.rstrip('/')}/static/page.js", timeout=60)
    again = httpx.get(
        f"{web_url.rstrip('/')}/static/page.js",
        headers={"if-none-match": script.headers["etag"]},
        timeout=60,
    )

    assert start.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in start.headers["content-security-policy"]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert again.status_code == 304


def test_predict_needs_a_key_when_the_page_does_not(iris, web_url, api_key):
    predict = f"{web_url.rstrip('/')}/web/predict"
    record = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    body = {"records": [record]}

    refused = httpx.post(predict, json=body, timeout=60)
    answered = httpx.post(predict, json=body, headers={"x-api-key": api_key}, timeout=60)

    assert refused.status_code == 403
    assert answered.status_code == 200, answered.text
    assert answered.json()["model_version"] == iris["released_as"]


@pytest.mark.browser
@pytest.mark.parametrize("slash", ["/", ""], ids=["slash", "no slash"])
def test_class_is_shown_when_the_own_origin_is_asked(page, iris, web_url, api_key, slash):
    page.open(f"{web_url.rstrip('/')}{slash}#key={api_key}")

    assert page.ask() in {"setosa", "versicolor", "virginica"}
    assert page.facts()["version"] == iris["released_as"]
    assert page.facts()["served by"] == "web_single"
    assert api_key not in page.driver.current_url


@pytest.mark.browser
@pytest.mark.needs("two_local_origins")
def test_other_origin_answers_when_it_allows_the_page(page, iris, web_url, api_url, api_key):
    page.open(f"{_at(web_url, '127.0.0.1')}#api={_at(api_url, 'localhost')}&key={api_key}")

    assert page.ask("gateway") in {"setosa", "versicolor", "virginica"}, page.complaints()
    assert page.facts()["version"] == iris["released_as"]
    assert page.facts()["served by"] == "champion"
    assert urlsplit(page.facts()["asked"]).hostname == "localhost"


@pytest.mark.browser
@pytest.mark.needs("two_local_origins")
def test_field_error_crosses_origins_when_the_gateway_refuses(
    page, iris, web_url, api_url, api_key
):
    page.open(f"{_at(web_url, '127.0.0.1')}#api={_at(api_url, 'localhost')}&key={api_key}")
    page.fill("petal_width", "1e9")
    page.ask("gateway")

    assert page.error_of("petal_width"), iris


@pytest.mark.browser
@pytest.mark.needs("two_local_origins")
def test_browser_refuses_when_a_page_is_in_nobodys_list(page, iris, api_url, api_key, elsewhere):
    page.driver.get(elsewhere)
    page.driver.set_script_timeout(30)
    page.complaints()

    answer = page.driver.execute_async_script(
        FETCH, f"{_at(api_url, 'localhost')}/v2/models/iris/infer", api_key
    )

    assert answer == "TypeError", iris
    assert any("CORS policy" in complaint for complaint in page.complaints())
