"""Halves of a pair at the gateway: whose features they are, on the way in and on the way out."""

from __future__ import annotations

import json

import pytest
from fakes.api_calls import call
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers, echo
from fakes.prediction_log import MemoryPredictionLog
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Served
from servery.domain.manifest import Part
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.telemetry import Telemetry
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder

CHAMPION, LAST_GOOD, NEXT = "2.1.0-da.sa", "1.1.0-da.sa", "3.1.0-da.sa"
NEW, OLD, FOREIGN = "b" * 32, "a" * 32, "f" * 32
PATH = "/v2/models/iris/infer"
MISMATCH = {
    "status": 409,
    "body": json.dumps({"type": "urn:servery:problem:pair-mismatch", "status": 409}),
}


def half(version, number, pair):
    ref = a_ref(version, part=Part.PREDICTOR, pair=pair)
    return Served(ref=ref, server=a_server(number), partner="iris-features")


@pytest.fixture
def registry():
    made = MemoryRegistry()
    champion, last_good = half(CHAMPION, 2, NEW), half(LAST_GOOD, 1, OLD)
    made.put_deployment(a_deployment(champion=champion, last_good=last_good))
    return made


@pytest.fixture
def servers():
    """Each knows one pair, and refuses the features of all others."""

    def answer(event):
        pair = event["ref"]["pair"]
        if event.get("pair") != pair:
            return MISMATCH
        return {**echo(event), "pair": pair}

    return FakeModelServers(answer=answer)


@pytest.fixture
def log():
    return MemoryPredictionLog()


@pytest.fixture
def send(registry, servers, log):
    clock = SetClock()
    gateway = Gateway(KeptDeployments(registry, clock), servers, clock)
    api = Api(
        "gateway",
        GatewayApi(gateway, Recorder(log, clock)).calls(),
        cors=Cors("https://page.example"),
        telemetry=Telemetry("gateway"),
    )

    def send(path=PATH, **headers):
        return call(api, "POST", path, '{"records":[{}]}', headers)

    return send


def test_pair_of_the_features_goes_along_and_comes_back_when_a_header_names_it(send, servers):
    status, headers, _ = send(x_pair=NEW)
    assert (status, headers["x-pair"], headers["x-model-version"]) == (200, NEW, CHAMPION)
    assert servers.asked[0].event["pair"] == NEW
    assert servers.asked[0].event["route"] == "champion"


def test_pair_comes_back_when_a_preprocessor_is_asked_without_one(send, servers):
    servers.answer = lambda event: {**echo(event), "pair": event["ref"]["pair"]}
    _, headers, _ = send()
    assert headers["x-pair"] == NEW
    assert "pair" not in servers.asked[0].event


def test_no_header_comes_back_when_a_whole_model_answers(send, servers):
    servers.answer = echo
    assert "x-pair" not in send()[1]


def test_last_good_one_answers_when_the_features_are_of_its_pair(send, servers, log):
    status, headers, _ = send(x_pair=OLD)
    assert (status, headers["x-pair"], headers["x-model-version"]) == (200, OLD, LAST_GOOD)
    assert servers.asked[0].server.function == "predictor:1"
    assert servers.asked[0].event["exact"] is True
    assert log.entries[0]["route"] == "version"


def test_refusal_of_the_champion_is_the_answer_when_the_pair_is_nobodys(send, servers):
    status, headers, body = send(x_pair=FOREIGN)
    assert (status, body["type"]) == (409, "urn:servery:problem:pair-mismatch")
    assert headers["content-type"] == "application/problem+json"
    assert [a.server.function for a in servers.asked] == ["predictor:2"]


def test_refusal_is_not_asked_about_again_when_the_record_moves_on(send, servers, registry):
    send(x_pair=NEW)
    registry.put_deployment(a_deployment(2, champion=half(NEXT, 3, FOREIGN)))
    servers.asked.clear()
    servers.answer = lambda event: MISMATCH
    assert send(x_pair=NEW)[0] == 409
    assert len(servers.asked) == 1


def test_named_version_is_asked_and_no_other_when_the_pair_is_of_another(send, servers):
    assert send(f"/v2/models/iris/versions/{CHAMPION}/infer", x_pair=OLD)[0] == 409
    assert [a.server.function for a in servers.asked] == ["predictor:2"]


def test_right_half_is_asked_when_the_server_is_gone_and_the_record_has_moved_on(
    send, servers, registry
):
    send(x_pair=NEW)
    registry.put_deployment(
        a_deployment(2, champion=half(NEXT, 4, FOREIGN), last_good=half(CHAMPION, 3, NEW))
    )
    servers.gone.add("predictor:2")
    status, headers, _ = send(x_pair=NEW)
    assert (status, headers["x-model-version"]) == (200, CHAMPION)
    assert servers.asked[-1].server.function == "predictor:3"


def test_refused_as_malformed_when_the_header_is_no_text(send, servers):
    assert send(x_pair="\ud800")[0] == 400
    assert servers.asked == []


def test_page_of_another_origin_may_send_and_read_the_pair(send):
    _, headers, _ = send(x_pair=NEW, origin="https://page.example")
    assert "x-pair" in headers["access-control-expose-headers"].split(", ")
    preflight = Cors("https://page.example").preflight("https://page.example", ("POST",))
    assert "x-pair" in preflight["access-control-allow-headers"].split(", ")
