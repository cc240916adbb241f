"""Requests out of proxy events, and proxy responses."""

from __future__ import annotations

import gc
import json
import weakref

import pytest
from servery.edge.http import Answer, Response, check_media, parse_request, respond
from servery.errors import MalformedError, UnsupportedMediaError


class Context:
    aws_request_id = "lambda-1"

    def get_remaining_time_in_millis(self) -> int:
        return 5_000


def event(**changes):
    return {
        "httpMethod": "post",
        "path": "/v2/models/iris/infer",
        "requestContext": {"requestId": "gateway-1"},
        **changes,
    }


class TestRequestId:
    @pytest.mark.parametrize("sent", ["a", "A-b_c.9", "x" * 128])
    def test_callers_id_is_taken_when_it_is_sane(self, sent):
        assert parse_request(event(headers={"X-Request-Id": sent})).request_id == sent

    @pytest.mark.parametrize("sent", ["", "x" * 129, "a b", "a\nb", "é", "a,b", "<script>"])
    def test_api_gateways_id_is_taken_when_the_callers_is_not_sane(self, sent):
        assert parse_request(event(headers={"X-Request-Id": sent})).request_id == "gateway-1"

    def test_api_gateways_id_is_taken_when_the_caller_sends_two(self):
        headers = {"X-Request-Id": ["a", "b"]}
        assert parse_request(event(multiValueHeaders=headers)).request_id == "gateway-1"

    def test_lambdas_id_is_taken_when_the_event_has_none(self):
        assert parse_request({"path": "/"}, Context()).request_id == "lambda-1"


class TestRequest:
    def test_headers_are_lower_case_and_joined_when_there_are_several(self):
        request = parse_request(event(multiValueHeaders={"ACCEPT": ["a", "b"]}, headers={"A": "b"}))
        assert request.headers == {"accept": "a, b"}

    def test_single_headers_are_read_when_there_are_no_others(self):
        assert parse_request(event(headers={"Origin": "x"})).headers == {"origin": "x"}

    def test_path_parameters_are_decoded_when_they_are_encoded(self):
        request = parse_request(event(pathParameters={"version": "1.0.0-a%2Fb"}))
        assert request.parameters == {"version": "1.0.0-a/b"}

    def test_empty_parts_are_empty_when_api_gateway_sends_null(self):
        nothing = dict.fromkeys(
            ("body", "headers", "multiValueHeaders", "pathParameters", "queryStringParameters")
        )
        request = parse_request(event(**nothing))
        assert (request.body, request.headers, request.parameters, request.query) == (
            "",
            {},
            {},
            {},
        )

    def test_time_left_is_lambdas_when_that_is_less_than_api_gateways(self):
        assert 4.5 < parse_request(event(), Context()).seconds <= 5.0
        assert 28 < parse_request(event()).seconds <= 29

    @pytest.mark.parametrize(
        ("body", "base64", "size"),
        [("", False, 0), ("abc", False, 3), ("é€", False, 5), ("YWJj", True, 3), ("YQ==", True, 1)],
    )
    def test_size_is_in_bytes_when_it_is_text_or_base64(self, body, base64, size):
        request = parse_request(event(body=body, isBase64Encoded=base64))
        assert request.size == size
        assert len(request.content()) == size

    @pytest.mark.parametrize(("body", "base64"), [("!", True), ("YWJ", True), ("\ud800", False)])
    def test_content_is_refused_when_it_cannot_be_decoded(self, body, base64):
        request = parse_request(event(body=body, isBase64Encoded=base64))
        assert request.size >= 0
        with pytest.raises(MalformedError):
            request.content()


class TestMedia:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"content-type": ""},
            {"content-type": "application/json"},
            {"content-type": "Application/JSON; charset=UTF-8"},
            {"content-type": 'application/json;charset="utf-8"'},
            {"content-type": "application/json", "content-encoding": "identity"},
        ],
    )
    def test_json_passes_when_it_is_plain(self, headers):
        check_media(headers)

    @pytest.mark.parametrize(
        "headers",
        [
            {"content-type": "text/csv"},
            {"content-type": "application/x-www-form-urlencoded"},
            {"content-type": "application/json, application/json"},
            {"content-type": "application/json; charset=latin-1"},
            {"content-encoding": "gzip"},
            {"content-type": "application/json", "inference-header-content-length": "12"},
            {"content-type": "application/octet-stream"},
        ],
    )
    def test_everything_else_is_refused_when_it_is_named(self, headers):
        with pytest.raises(UnsupportedMediaError):
            check_media(headers)


class TestResponse:
    def test_every_answer_has_the_common_headers(self):
        response = respond(Answer(body={"a": 1}), request_id="r", cors={"vary": "Origin"})
        assert response["headers"] == {
            "x-request-id": "r",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            "vary": "Origin",
            "content-type": "application/json",
        }
        assert response["body"] == '{"a":1}'

    def test_ready_json_is_passed_through_when_it_is_text(self):
        assert respond(Answer(body="[1]"), request_id="r")["body"] == "[1]"

    def test_no_content_type_is_told_when_there_is_no_body(self):
        response = respond(Answer(status=204), request_id="r")
        assert response["body"] == ""
        assert "content-type" not in response["headers"]

    def test_it_is_plain_json_whose_end_can_be_watched(self):
        ended = []
        response = respond(Answer(body={}), request_id="r")
        assert isinstance(response, Response)
        watch = weakref.ref(response, ended.append)
        assert json.loads(json.dumps(response)) == dict(response)
        assert not ended
        del response
        gc.collect()
        assert ended == [watch]
