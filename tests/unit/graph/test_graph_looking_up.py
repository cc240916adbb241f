"""A model whose own server looks data up: what it is sent, and whose failures are whose."""

from __future__ import annotations

import msgspec
import pytest
from fakes.graph_plant import Plant, states, values
from servery.errors import UnavailableError

COLUMNS = [{"name": "age", "dtype": "int"}, {"name": "income", "dtype": "float", "unit": "EUR"}]


@pytest.fixture
def plant():
    plant = Plant()
    plant.model("credit", values(lambda row: row["amount"]))
    return plant


def arrange(plant, key="request.customer", request="customer:string amount:float", **changes):
    step = {
        "name": "score",
        "model": "credit",
        "lookup": {"entity": "customer", "key": key, "columns": COLUMNS},
        **changes,
    }
    inputs = {"amount": "request.amount", **changes.get("inputs", {})}
    plant.graph({"steps": [step]}, {"score": inputs}, request)


def refuse(plant, *fields, status=422, reason=""):
    errors = [{"field": f, "message": "there are no data of this customer"} for f in fields]
    body = msgspec.json.encode({"errors": errors}).decode()
    plant.models["credit"].answer = lambda _: {"status": status, "body": body, "reason": reason}


def test_the_server_is_told_what_to_look_up_when_asked(plant):
    arrange(plant)
    status, _ = plant.ask({"customer": "c-1", "amount": 5.0}, {"customer": "c-2", "amount": 7.0})
    assert status == 200
    (event,) = plant.models["credit"].events
    assert msgspec.json.decode(event["body"])["records"] == [{"amount": 5.0}, {"amount": 7.0}]
    assert event["lookup"]["entity"] == "customer"
    assert event["lookup"]["keys"] == ["c-1", "c-2"]
    assert [column["name"] for column in event["lookup"]["columns"]] == ["age", "income"]


def test_a_column_is_not_looked_up_when_inputs_say_where_it_comes_from(plant):
    arrange(plant, inputs={"age": "request.age"}, request="customer:int amount:float age:int")
    plant.ask({"customer": 7, "amount": 5.0, "age": 30})
    (event,) = plant.models["credit"].events
    assert event["lookup"]["keys"] == ["7"]
    assert [column["name"] for column in event["lookup"]["columns"]] == ["income"]
    assert plant.models["credit"].asked == [[{"amount": 5.0, "age": 30}]]


def test_the_caller_is_told_its_own_rows_when_there_are_no_data_of_their_keys(plant):
    arrange(plant, when={"of": "request.amount", "above": 1})
    refuse(plant, "lookup[1]")
    rows = [{"customer": f"c-{i}", "amount": amount} for i, amount in enumerate((5.0, 0.0, 7.0))]
    status, body = plant.ask(*rows)
    assert status == 422
    assert [error["field"] for error in body["errors"]] == ["records[2].customer"]


def test_it_is_a_bad_answer_when_the_key_came_from_an_earlier_step(plant):
    plant.model("whose", lambda rows: [{"class": "c-9"} for _ in rows])
    lookup = {"entity": "customer", "key": "owner.class", "columns": COLUMNS}
    plant.graph(
        {
            "steps": [
                {"name": "owner", "model": "whose"},
                {"name": "score", "model": "credit", "lookup": lookup},
            ]
        },
        {"score": {"amount": "request.amount"}, "owner": {"amount": "request.amount"}},
        "amount:float",
    )
    refuse(plant, "lookup[0]")
    status, body = plant.ask({"amount": 5.0})
    assert (status, body["hop"]) == (502, "score")


def test_the_reason_is_told_when_the_data_do_not_fit(plant):
    arrange(plant)
    refuse(plant, status=502, reason="age of the customer is not a whole number")
    status, body = plant.ask({"customer": "c-1", "amount": 5.0})
    assert (status, body["hop"]) == (502, "score")
    assert "age of the customer is not a whole number" in body["detail"]


@pytest.mark.parametrize("away", [{"status": 503, "reason": "away"}, UnavailableError("away")])
def test_the_hop_is_away_when_its_server_cannot_read_the_data(plant, away):
    arrange(plant)
    plant.models["credit"].answer = lambda _: away
    status, body = plant.ask({"customer": "c-1", "amount": 5.0})
    assert (status, body["hop"]) == (503, "score")
    assert states(body) == {"score": "failed"}
