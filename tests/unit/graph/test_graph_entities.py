"""Entities over HTTP: what is kept, what is told, and what is refused by its field."""

from __future__ import annotations

import json

import pytest
from fakes.clock import SetClock
from fakes.entities import MemoryEntities
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.graph.entities import EntitiesApi
from servery.edge.routes import ROUTES
from servery.edge.strict import MAX_BODY
from servery.edge.telemetry import Telemetry
from servery.errors import UnavailableError
from servery.usecases.graph.entities import (
    LONGEST_SECONDS,
    MOST_COLUMNS,
    MOST_ENTITY_BYTES,
    MOST_KEY_BYTES,
    MOST_ROWS,
    MOST_TOLD,
)

CUSTOMER = {"age": 41, "balance": 12.5, "married": True, "job": "náutico", "since": None}


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def store(clock):
    return MemoryEntities(clock)


@pytest.fixture
def ask(store):
    api = Api("graph", EntitiesApi(store).calls(), cors=Cors(""), telemetry=Telemetry("graph"))

    def send(method, path, body=None, query=None, **headers):
        """Status and body; a body that is text is sent as it is."""
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        answer = api.serve(
            {
                "httpMethod": method,
                "path": path,
                "body": text,
                "queryStringParameters": query,
                "headers": {"content-type": "application/json", **headers},
            }
        )
        return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None

    return send


def fields(answer):
    status, body = answer
    assert status == 422, answer
    return {error["field"]: error["message"] for error in body["errors"]}


def test_every_route_of_entities_is_answered_by_it():
    routes = {r.name for r in ROUTES if r.path.startswith("/entities")}
    assert set(EntitiesApi(MemoryEntities()).calls()) == routes


def test_data_are_told_as_they_were_kept(ask):
    assert ask("PUT", "/entities/customer/c-1", CUSTOMER) == (204, None)
    assert ask("GET", "/entities/customer/c-1") == (200, CUSTOMER)


def test_key_is_what_the_caller_wrote_when_it_is_encoded_in_the_path(ask, store):
    ask("PUT", "/entities/customer/a%2Fb%20%C3%A9", {"age": 1})
    assert store.get_many("customer", ["a/b é"]) == {"a/b é": {"age": 1}}


def test_several_are_kept_when_they_come_together(ask, store):
    rows = {f"c-{n}": {"n": n} for n in range(MOST_ROWS)}
    answer = ask("POST", "/entities/customer", {"rows": rows})
    assert answer == (200, {"entity": "customer", "kept": MOST_ROWS})
    assert store.get_many("customer", list(rows)) == rows


def test_404_when_there_are_no_data(ask):
    for path in ("/entities/customer/c-1", "/entities/NOBODY/c-1", "/entities/customer/%00"):
        status, body = ask("GET", path)
        assert (status, body["detail"]) == (404, "there are no data of that entity")


def test_data_are_gone_when_they_were_removed_and_again(ask):
    ask("PUT", "/entities/customer/c-1", CUSTOMER)
    assert ask("DELETE", "/entities/customer/c-1") == (204, None)
    assert ask("DELETE", "/entities/customer/c-1") == (204, None)
    assert ask("DELETE", "/entities/NOBODY/c-1") == (204, None)
    assert ask("GET", "/entities/customer/c-1")[0] == 404


def test_data_are_gone_when_the_time_is_up_that_came_with_them(ask, clock):
    ask("PUT", "/entities/customer/c-1", CUSTOMER, {"seconds": "60"})
    ask("POST", "/entities/customer", {"rows": {"c-2": {"age": 1}}}, {"seconds": "60"})
    clock.advance(59)
    assert ask("GET", "/entities/customer/c-1")[0] == 200
    assert ask("GET", "/entities/customer/c-2")[0] == 200
    clock.advance(2)
    assert ask("GET", "/entities/customer/c-1")[0] == 404
    assert ask("GET", "/entities/customer/c-2")[0] == 404


@pytest.mark.parametrize(
    "seconds", ["0", "-1", "1.5", "", "ten", "\u0661", str(LONGEST_SECONDS + 1), "9" * 5000]
)
def test_seconds_are_refused_when_they_are_no_such_number(ask, seconds):
    answer = ask("PUT", "/entities/customer/c-1", CUSTOMER, {"seconds": seconds})
    assert list(fields(answer)) == ["seconds"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_query_is_refused_when_it_has_more(ask, method):
    answer = ask(method, "/entities/customer/c-1", CUSTOMER, {"ttl": "60"})
    assert list(fields(answer)) == ["ttl"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[1]", "is not a number, text, true, false or null"),
        ('{"a": 1}', "is not a number, text, true, false or null"),
        ("NaN", "is not a finite number"),
        ("1e999", "is not a finite number"),
        ("9223372036854775808", "is too large a number"),
        ('"\\ud800"', "is not valid text"),
    ],
)
def test_column_is_named_when_its_value_cannot_be_kept(ask, store, value, message):
    assert fields(ask("PUT", "/entities/customer/c-1", f'{{"age": {value}}}')) == {"age": message}
    body = f'{{"rows": {{"c-0": {{"age": 1}}, "c-1": {{"age": {value}}}}}}}'
    assert fields(ask("POST", "/entities/customer", body)) == {"rows.c-1.age": message}
    assert store.get_many("customer", ["c-0", "c-1"]) == {}, "all or nothing"


def test_no_value_is_told_when_it_is_refused(ask):
    _, body = ask("PUT", "/entities/customer/c-1", '{"age": ["secret"]}')
    assert "secret" not in json.dumps(body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", "body"),
        ("1", "body"),
        ("", "body"),
        (" ", "body"),
        ("{}", "body"),
        ('{"a": 1, "a": 2}', "a"),
        ('{"": 1}', ""),
        ('{"a\\u0000": 1}', "a\x00"),
        (json.dumps({f"c{n}": n for n in range(MOST_COLUMNS + 1)}), "body"),
    ],
)
def test_field_is_named_when_the_data_of_one_are_no_data(ask, body, field):
    assert list(fields(ask("PUT", "/entities/customer/c-1", body))) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"rows": []}', "rows"),
        ('{"rows": {}}', "rows"),
        ("{}", "rows"),
        ('{"rows": {"a": {"b": 1}}, "more": 1}', "more"),
        ('{"rows": {"a": {"b": 1}, "a": {"b": 1}}}', "rows.a"),
        ('{"rows": {"a": {"b": 1, "b": 2}}}', "rows.a.b"),
        ('{"rows": {"a": 1}}', "rows.a"),
        ('{"rows": {"a": {}}}', "rows.a"),
        ('{"rows": {"": {"b": 1}}}', "rows."),
    ],
)
def test_field_is_named_when_the_data_of_several_are_no_data(ask, body, field):
    assert list(fields(ask("POST", "/entities/customer", body))) == [field]


@pytest.mark.parametrize("body", ["{", "{'a': 1}", '{"a": 1}x', "[" * 100_000])
def test_400_when_the_body_is_no_json(ask, body):
    assert ask("POST", "/entities/customer", body)[0] == 400


def test_depth_is_refused_when_objects_are_in_objects(ask):
    deep = '{"a": ' * 500 + "1" + "}" * 500
    assert list(fields(ask("PUT", "/entities/customer/c-1", deep))) == ["a"]


@pytest.mark.parametrize("entity", ["Customer", "c_1", "1c", "c" * 49, "a%20b", "c%23d", "c%0A"])
def test_entity_is_named_when_it_cannot_be_one(ask, entity):
    assert list(fields(ask("PUT", f"/entities/{entity}/c-1", CUSTOMER))) == ["entity"]
    rows = {"rows": {"c-1": CUSTOMER}}
    assert list(fields(ask("POST", f"/entities/{entity}", rows))) == ["entity"]


def test_key_is_named_when_it_is_too_long(ask):
    assert ask("PUT", f"/entities/customer/{'é' * (MOST_KEY_BYTES // 2)}", CUSTOMER)[0] == 204
    long = "é" * (MOST_KEY_BYTES // 2) + "x"
    assert list(fields(ask("PUT", f"/entities/customer/{long}", CUSTOMER))) == ["key"]


def test_413_when_there_is_more_than_may_come_at_once(ask):
    rows = {f"c-{n}": {"n": n} for n in range(MOST_ROWS + 1)}
    large = {"text": "x" * MOST_ENTITY_BYTES}
    assert ask("POST", "/entities/customer", {"rows": rows})[0] == 413
    assert ask("POST", "/entities/customer", {"rows": {"c-1": large}})[0] == 413
    assert ask("PUT", "/entities/customer/c-1", large)[0] == 413
    assert ask("PUT", "/entities/customer/c-1", {"text": "x" * MAX_BODY})[0] == 413
    assert ask("POST", "/entities/customer", '{"rows": "' + "x" * 5_000_000 + '"}')[0] == 413


def test_415_when_the_body_says_that_it_is_something_else(ask):
    answer = ask("PUT", "/entities/customer/c-1", CUSTOMER, **{"content-type": "text/csv"})
    assert answer[0] == 415


def test_so_many_are_told_when_more_are_wrong(ask):
    rows = {f"c-{n}": {"a": [], "b": []} for n in range(MOST_ROWS)}
    found = fields(ask("POST", "/entities/customer", {"rows": rows}))
    assert len(found) == MOST_TOLD


def test_503_when_not_all_could_be_written():
    class Busy(MemoryEntities):
        def put_many(self, entity, rows, *, seconds=None):
            raise UnavailableError("not all could be written; send them again")

    api = Api("graph", EntitiesApi(Busy()).calls(), cors=Cors(""), telemetry=Telemetry("graph"))
    event = {
        "httpMethod": "POST",
        "path": "/entities/customer",
        "body": '{"rows": {"a": {"b": 1}}}',
        "headers": {"content-type": "application/json"},
    }
    answer = api.serve(event)
    assert answer["statusCode"] == 503
    assert "retry-after" in answer["headers"]
