"""Page, REST, preprocessing and model in one function: a Chalice app that is its own handler.

On Lambda the handler is `app.app`. On a laptop, in this folder, with the settings of the function
in the environment (WEB_MODEL, REGISTRY_TABLE, ARTIFACTS_BUCKET, PREDICTION_LOG_STREAM):

    chalice local --port 8000

The API key is API Gateway's business; `chalice local` asks for none.
"""

from __future__ import annotations

from functools import cache

from chalice.app import Response
from chalicelib import page
from chalicelib.bridge import METHODS, WebSingleApp, answer_of, event_of
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Answer, Request
from servery.edge.telemetry import Telemetry
from servery.edge.web_single import WebSingleApi
from servery.wiring import web_single as wiring

app = WebSingleApp()


@cache
def _api() -> Api:
    web = WebSingleApi(wiring.web_single(), wiring.prediction_recorder())
    calls = {
        "page": _page,
        "static_file": _static,
        "web_model": lambda request, _: web.model(api_url=_api_url(request)),
        "web_predict": web.predict,
    }
    cors = Cors(wiring.allowed_origins())
    return Api("web_single", calls, cors=cors, telemetry=Telemetry("web_single"))


@app.route("/", methods=METHODS, content_types=[])
@app.route("/static/{file}", methods=METHODS, content_types=[])
@app.route("/web/model", methods=METHODS, content_types=[])
@app.route("/web/predict", methods=METHODS, content_types=[])
# What is not here: `chalice local` would refuse it in a shape of its own.
@app.route("/{a}", methods=METHODS, content_types=[])
@app.route("/{a}/{b}", methods=METHODS, content_types=[])
@app.route("/{a}/{b}/{c}", methods=METHODS, content_types=[])
def answer(**_: str) -> Response:
    """Answer the current request."""
    request = app.request
    return answer_of(_api().serve(event_of(request), request.lambda_context))


def _page(request: Request, _: dict[str, str]) -> Answer:
    known, host = request.headers.get("if-none-match", ""), request.headers.get("host", "")
    return page.start(known=known, api_url=_api_url(request), host=host)


def _static(request: Request, parameters: dict[str, str]) -> Answer:
    return page.static(parameters["file"], known=request.headers.get("if-none-match", ""))


def _api_url(request: Request) -> str:
    stage = app.request.stage_vars or {}
    host = request.headers.get("host", "")
    return page.api_url(wiring.api_url(), stage.get("ApiUrl", ""), host=host)
