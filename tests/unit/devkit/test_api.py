import httpx
import pytest
from devkit import views
from devkit.api import Api, ApiError
from devkit.errors import DevkitError


def api(*answers):
    given = list(answers)
    seen = []

    def respond(request):
        seen.append(request)
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


def test_fields_and_detail_when_the_api_refuses():
    problem = {
        "detail": "1 field is wrong",
        "errors": [{"field": "records[0].a", "message": "is no number"}],
    }
    caller, _ = api(httpx.Response(422, json=problem))
    with pytest.raises(ApiError, match="1 field is wrong") as caught:
        caller.post("/v2/models/iris/infer", {})
    assert caught.value.details == ("records[0].a: is no number",)
    assert caught.value.status == 422


def test_sent_again_when_the_api_is_busy():
    busy = httpx.Response(503, headers={"retry-after": "0"}, json={})
    caller, seen = api(busy, busy, httpx.Response(200, json={"models": []}))
    assert caller.get("/models") == {"models": []}
    assert len(seen) == 3


def test_given_up_when_the_api_stays_busy():
    caller, seen = api(httpx.Response(429, headers={"retry-after": "0"}, json={}))
    with pytest.raises(ApiError):
        caller.get("/models")
    assert len(seen) == 4


def test_sentence_when_nothing_answers():
    caller, _ = api(httpx.ConnectError("refused"))
    with pytest.raises(DevkitError, match="did not answer: refused") as caught:
        caller.get("/models")
    assert "servery status" in caught.value.hint


def test_text_is_shown_when_an_error_is_no_json():
    caller, _ = api(httpx.Response(502, text="Bad gateway"))
    with pytest.raises(ApiError, match="Bad gateway"):
        caller.get("/models")


def test_advice_on_the_key_when_it_is_not_valid():
    caller, _ = api(httpx.Response(403, json={"message": "Forbidden"}))
    with pytest.raises(ApiError) as caught:
        caller.get("/models")
    assert "API key" in caught.value.hint


def test_every_model_is_listed_when_there_are_more_than_one_page():
    first = httpx.Response(200, json={"models": [{"name": "a"}], "next": "a"})
    last = httpx.Response(200, json={"models": [{"name": "b"}], "next": ""})
    caller, seen = api(first, last)
    assert [model["name"] for model in views.models(caller)] == ["a", "b"]
    assert seen[1].url.params["before"] == "a", "the parameter that the route takes"
