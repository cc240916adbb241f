"""The page's function as it is: under `chalice local`, and as Lambda runs what `sam build` made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from fakes.flower_model import FLOWER, flower_manifest, flower_onnx
from fakes.lambda_platform import LambdaPlatform
from fakes.page_server import Cloud, PageServer
from fakes.template import ROOT

ONE, TWO = "1.1.0-dabc1234.sdef5678", "2.1.0-dabc1234.sdef5678"
HOST = "abc.execute-api.eu-central-1.amazonaws.com"


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not so within {seconds:g} s"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def cloud(folder):
    cloud = Cloud(folder)
    cloud.release(ONE)
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def server(cloud, folder):
    server = PageServer(cloud, folder)
    yield server
    server.close()


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url, timeout=20) as client:
        yield client


def test_page_comes_with_its_policy_when_it_is_opened(http):
    page = http.get("/")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<title>Servery</title>" in page.text


def test_page_is_not_sent_again_when_the_browser_has_it(http):
    etag = http.get("/static/page.js").headers["etag"]

    again = http.get("/static/page.js", headers={"if-none-match": etag})

    assert (again.status_code, again.content) == (304, b"")


def test_prediction_is_answered_when_the_record_fits(http):
    answer = http.post("/web/predict", json={"records": [FLOWER]})

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-model-version"] == ONE
    assert answer.json()["predictions"][0]["class"] == "setosa"
    assert answer.json()["served_by"] == "web_single"


def test_request_is_logged_when_it_is_answered(http, cloud):
    http.post("/web/predict", json={"records": [FLOWER]}, headers={"x-request-id": "logged-1"})

    def written():
        lines = (json.loads(line) for line in list(cloud.stub.records))
        return [line for line in lines if line["request_id"] == "logged-1"]

    [line] = wait_until(written, "the line is written")
    assert (line["route"], line["status"], line["model_version"]) == ("web_single", 200, ONE)


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/a/b", None, {}, 404),
        ("GET", "/a/b/c", None, {}, 404),
        ("GET", "/static/nothing.js", None, {}, 404),
        ("DELETE", "/", None, {}, 405),
        ("GET", "/web/predict", None, {}, 405),
        ("POST", "/web/model", b"{}", {}, 405),
        ("POST", "/web/predict", b"{", {"content-type": "application/json"}, 400),
        ("POST", "/web/predict", b"", {"content-type": "application/json"}, 400),
        ("POST", "/web/predict", b"\xff\xfe", {"content-type": "application/json"}, 400),
        ("POST", "/web/predict", b"a,b", {"content-type": "text/csv"}, 415),
        ("POST", "/web/predict", b"abc", {"content-type": "image/png"}, 415),
        ("POST", "/web/predict", b'{"records": [{}]}', {}, 422),
    ],
)
def test_refusal_is_a_problem_when_chalice_has_shapes_of_its_own(
    http, method, path, content, headers, status
):
    answer = http.request(method, path, content=content, headers=headers)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["type"].startswith("urn:servery:")) == (status, True)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.fixture
def one_again(http, cloud):
    """Puts the first champion back for the tests that come after, in whatever order."""
    yield
    cloud.release(ONE)
    wait_until(
        lambda: http.get("/web/model").json()["model_version"] == ONE, "the first answers again"
    )


@pytest.mark.usefixtures("one_again")
def test_next_champion_answers_without_a_failure_when_it_is_released(http, cloud):
    assert http.get("/web/model").json()["model_version"] == ONE
    cloud.release(TWO, favourite="virginica")
    seen = []

    def swapped():
        answer = http.post("/web/predict", json={"records": [FLOWER]})
        told = answer.json()
        seen.append((answer.status_code, told["model_version"], told["predictions"][0]["class"]))
        return told["model_version"] == TWO

    wait_until(swapped, "the next champion answers")
    assert set(seen) <= {(200, ONE, "setosa"), (200, TWO, "virginica")}
    assert http.get("/web/model").json()["model_version"] == TWO


@pytest.fixture
def packaged(tmp_path):
    """A folder on Python's path with the model's package, as a model layer has it."""
    package = tmp_path / "layer" / "servery_model"
    package.mkdir(parents=True)
    content = flower_onnx("versicolor")
    manifest = flower_manifest(content, favourite="versicolor")
    (package / "model.onnx").write_bytes(content)
    (package / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return package.parent


def test_package_answers_when_the_model_is_in_the_image(tmp_path, packaged):
    empty = Cloud(tmp_path)
    server = PageServer(empty, tmp_path, packaged)
    try:
        answer = httpx.post(f"{server.url}/web/predict", json={"records": [FLOWER]}, timeout=20)
        model = httpx.get(f"{server.url}/web/model", timeout=20).json()
    finally:
        server.close()
        empty.close()

    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["class"] == "versicolor"
    assert model["model_version"] == "0.1.0-dabc1234.sdef5678"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """What `sam build` makes of the function."""
    target = tmp_path_factory.mktemp("package")
    make = ["make", "--silent", "--makefile=functions/web_single/Makefile"]
    options = [f"ARTIFACTS_DIR={target}", f"PYTHON={sys.executable}"]
    subprocess.run([*make, "build-WebSingleFunction", *options], cwd=ROOT, check=True)
    return target


def test_package_has_the_runtime_of_chalice_alone_when_it_is_built(package):
    assert {p.name for p in (package / "chalice").glob("*.py")} == {"__init__.py", "app.py"}
    assert {p.name for p in package.glob("*.py")} == {"app.py"}
    size = sum(p.stat().st_size for p in package.rglob("*") if p.is_file())
    assert size < 400_000


@pytest.fixture
def function(package, tmp_path):
    """The built function under Lambda's own runtime, on an AWS where nothing is released."""
    cloud, platform = Cloud(tmp_path), LambdaPlatform()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT / "layers/core"),
        "LAMBDA_TASK_ROOT": str(package),
        "AWS_LAMBDA_RUNTIME_API": platform.address,
        **cloud.environment(),
    }
    output = (tmp_path / "output").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "app.app"],
        cwd=package,
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    yield platform, cloud
    process.kill()
    process.wait()
    output.close()
    platform.close()
    cloud.close()


def event(method: str, resource: str, body: Any = None, **parameters: str) -> dict[str, Any]:
    path = resource.format(**parameters)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"Host": HOST, "Content-Type": "application/json"},
        "multiValueHeaders": {"Host": [HOST], "Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": {"ApiUrl": "https://def.execute-api.eu-central-1.amazonaws.com/prod"},
        "requestContext": {
            "requestId": "gateway-1",
            "path": f"/prod{path}",
            "resourcePath": resource,
            "httpMethod": method,
        },
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }


def test_events_of_api_gateway_are_answered_when_the_built_package_runs(function):
    platform, cloud = function
    page = platform.invoke("1", event("GET", "/"))
    script = platform.invoke("2", event("GET", "/static/{file}", file="page.js"))
    empty = platform.invoke("3", event("GET", "/web/model"))
    cloud.release(ONE)
    model = platform.invoke("4", event("GET", "/web/model"))
    answer = platform.invoke("5", event("POST", "/web/predict", {"records": [FLOWER]}))

    assert page["statusCode"] == script["statusCode"] == 200
    policy = page["headers"]["Content-Security-Policy"]
    assert "connect-src 'self' https://def.execute-api.eu-central-1.amazonaws.com;" in policy
    assert script["headers"]["Content-Type"] == "text/javascript; charset=utf-8"
    assert json.loads(empty["body"])["released"] is False
    told = json.loads(model["body"])
    assert told["model_version"] == ONE
    assert told["api_url"] == "https://def.execute-api.eu-central-1.amazonaws.com/prod"
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["request_id"] == "gateway-1"
    assert answer["headers"]["X-Request-Id"] == "gateway-1"
    platform.wait_for("extension next", 6)
    assert json.loads(cloud.stub.records[-1])["request_id"] == "gateway-1"
