"""A pair in a line: the preprocessor's server asks the predictor's, and says whose fault it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fakes.pair_models import NAMES, ROWS, add_pair, halves
from fakes.pair_servers import FUNCTION, PairServers
from msgspec.structs import replace
from servery.errors import (
    DeadlineExceededError,
    FaultError,
    ModelServerError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)


@pytest.fixture
def pair() -> PairServers:
    return PairServers()


def said(answer: dict[str, Any]) -> list[Any]:
    """All of the predictions but who made them, as text: numbers to the last digit."""
    rows = json.loads(answer["body"], parse_float=str)["predictions"]
    return [{name: row[name] for name in ("class", "probabilities")} for row in rows]


def test_answers_are_those_of_the_proxy_byte_for_byte_when_handed_on(pair: PairServers) -> None:
    made = json.loads(pair.ask("infer", pair.before, {"records": ROWS})["body"])
    body = {"records": [row["features"] for row in made["predictions"]]}
    proxy = pair.ask("infer", pair.after, body, pair=pair.after.pair)

    answer = pair.hand_on({"records": ROWS})

    assert said(answer) == said(proxy)
    assert [row["class"] for row in said(answer)] == halves().labels


def test_both_halves_are_told_of_when_handed_on(pair: PairServers) -> None:
    answer = pair.hand_on({"records": ROWS[:2], "id": 'x "y"'}, route="graph")

    assert {name: answer[name] for name in answer if not name.endswith("_ms")} == {
        "status": 200,
        "body": answer["body"],
        "rows": 2,
        "reason": "",
        "model_version": "1.0.0-1.1",
        "degraded": False,
        "pair": pair.before.pair,
        "preprocessor_version": "1.0.0-1.1",
        "hop": "",
    }
    assert answer["preprocess_ms"] > 0
    assert answer["model_ms"] > 0
    document = json.loads(answer["body"])
    assert (document["id"], document["model"], document["served_by"]) == (
        'x "y"',
        "shapes",
        "graph",
    )


def test_predictor_is_asked_as_the_caller_would_when_handed_on(pair: PairServers) -> None:
    pair.hand_on({"records": ROWS[:1]}, route="graph", exact=True)

    (asked,) = pair.servers.asked
    body = json.loads(asked.event.pop("body"))
    assert asked.server.function == FUNCTION
    assert 1.9 < asked.timeout < 2.0
    assert asked.event == {
        "verb": "infer",
        "ref": msgspec.to_builtins(pair.after),
        "request_id": "r1",
        "route": "graph",
        "cache": "off",
        "pair": pair.after.pair,
        "exact": True,
    }
    assert [list(record) for record in body["records"]] == [NAMES]


def test_nothing_is_done_when_the_predictor_is_of_another_pair(pair: PairServers) -> None:
    (_, other) = add_pair(pair.artifacts, "2.0.0-1.1", bound=0.5)
    then = {"function": FUNCTION, "ref": msgspec.to_builtins(other)}
    pair.artifacts.reads.clear()

    answer = pair.hand_on({"records": ROWS[:1]}, then=then)

    assert (answer["status"], answer["hop"]) == (409, "preprocessor")
    assert "mismatch" not in answer
    assert "2.0.0-1.1" in answer["reason"]
    assert not pair.servers.asked
    assert not pair.artifacts.reads


def test_nothing_is_done_when_two_of_the_same_half_are_named(pair: PairServers) -> None:
    then = {"function": FUNCTION, "ref": msgspec.to_builtins(pair.before)}

    answer = pair.hand_on({"records": ROWS[:1]}, then=then)

    assert (answer["status"], answer["hop"]) == (409, "preprocessor")
    assert pair.hand_on({"records": ROWS[:1]}, then=None)["status"] == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"records": [{**ROWS[0], "kind": "s3cret"}]}, 422),
        ({"records": []}, 422),
        ("{", 400),
        ({"inputs": []}, 422),
        ({"records": [ROWS[0]] * 6}, 413),
    ],
)
def test_preprocessor_is_the_hop_when_it_refuses(body: Any, status: int) -> None:
    pair = PairServers(max_rows=5)

    answer = pair.hand_on(body)

    assert (answer["status"], answer["hop"]) == (status, "preprocessor")
    assert not pair.servers.asked
    assert "s3cret" not in answer["body"]


def test_preprocessor_is_the_hop_when_it_has_no_model(pair: PairServers) -> None:
    lost = replace(pair.before, prefix="models/shapes-features/lost")

    answer = pair.ask(
        "hand_on",
        lost,
        {"records": ROWS[:1]},
        then={"function": FUNCTION, "ref": msgspec.to_builtins(pair.after)},
        seconds=2,
    )

    assert (answer["status"], answer["hop"]) == (503, "preprocessor")


def test_older_pair_never_stands_in_when_the_preprocessor_cannot_be_loaded(
    pair: PairServers,
) -> None:
    pair.ask("infer", pair.before, {"records": ROWS[:1]})
    before, after = add_pair(pair.artifacts, "2.0.0-1.1", bound=0.5)
    lost = replace(before, prefix="models/shapes-features/lost")

    answer = pair.ask(
        "hand_on",
        lost,
        {"records": ROWS[:1]},
        then={"function": FUNCTION, "ref": msgspec.to_builtins(after)},
        seconds=2,
    )

    assert (answer["status"], answer["hop"]) == (503, "preprocessor")
    assert not pair.servers.asked


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeadlineExceededError("model server", 2), 504),
        (UnavailableError("gone"), 503),
        (ThrottledError("busy", retry_after=3), 503),
        (TooLargeError("the body is too large to be passed on"), 413),
        (ModelServerError("the model server failed: MemoryError"), 502),
        (FaultError("calling the model server was refused: AccessDeniedException"), 502),
    ],
)
def test_predictor_is_the_hop_when_it_cannot_be_asked(
    pair: PairServers, error: Exception, status: int
) -> None:
    pair.servers.answer = lambda event: error

    answer = pair.hand_on({"records": ROWS[:1]})

    assert (answer["status"], answer["hop"]) == (status, "predictor")
    assert answer["preprocessor_version"] == "1.0.0-1.1"
    assert answer["preprocess_ms"] > 0


def test_predictor_is_the_hop_when_nobody_can_read_its_answer(pair: PairServers) -> None:
    for garbage in ({"status": "fine"}, {}):
        pair.servers.answer = lambda event, garbage=garbage: garbage  # type: ignore[misc]
        answer = pair.hand_on({"records": ROWS[:1]})
        assert (answer["status"], answer["hop"]) == (502, "predictor")


def test_refusal_of_the_predictor_comes_through_when_it_refuses(pair: PairServers) -> None:
    told = {"status": 409, "body": "{}", "reason": "for another model", "mismatch": True}
    pair.servers.answer = lambda event: told

    answer = pair.hand_on({"records": ROWS[:1]})

    assert (answer["status"], answer["hop"], answer["mismatch"]) == (409, "predictor", True)
    assert answer["reason"] == "for another model"


def test_preprocessor_is_the_hop_when_it_has_used_up_the_time(pair: PairServers) -> None:
    pair.ticks.step = 0.02

    answer = pair.hand_on({"records": ROWS[:1]}, seconds=0.06)

    assert (answer["status"], answer["hop"]) == (504, "preprocessor")
    assert not pair.servers.asked


def test_nothing_is_handed_on_when_a_server_is_no_preprocessor(pair: PairServers) -> None:
    then = {"function": FUNCTION, "ref": msgspec.to_builtins(pair.after)}

    assert pair.ask("hand_on", pair.after, {"records": []}, then=then)["status"] == 400


def test_line_of_metrics_is_about_the_preprocessor_when_handed_on(
    pair: PairServers, capsys: pytest.CaptureFixture[str]
) -> None:
    pair.servers.answer = lambda event: UnavailableError("gone")
    pair.hand_on({"records": ROWS[:2]})

    line = next(json.loads(x) for x in capsys.readouterr().out.splitlines() if '"_aws"' in x)
    assert (line["service"], line["model"]) == ("preprocessor", "shapes-features")
    assert (line["Rows"], line["Rejected"], line["model_version"]) == (2, 0, "1.0.0-1.1")
    assert line["ModelMilliseconds"] > 0
