"""A release under way: who answers which request, who is only compared, and what the log says."""

from __future__ import annotations

import json

import pytest
from fakes.api_calls import call
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers
from fakes.policies import Equipment, FakeSignatures
from fakes.prediction_log import MemoryPredictionLog
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from fakes.signatures import FLOWER, FLOWERS
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Served
from servery.domain.policies import (
    BreakerPolicy,
    CircuitPolicy,
    ConcurrencyLimit,
    Policies,
    RoutingPolicy,
    Shadow,
    Threshold,
)
from servery.domain.rollout import Rollout, RolloutStage, in_canary
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.telemetry import Telemetry
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder

CHAMPION = "1.1.0-dabc1234.sdef5678"
NEW = "1.2.0-dabc1234.sdef5678"
OTHER = "1.3.0-dabc1234.sdef5678"
IDS = [f"request-{number}" for number in range(400)]


@pytest.fixture
def servers():
    return FakeModelServers()


@pytest.fixture
def log():
    return MemoryPredictionLog()


@pytest.fixture
def equipment():
    return Equipment(FakeSignatures(FLOWERS))


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def deploy(registry, clock):
    def deploy(stage=None, share=0.25, revision=1, **changes):
        candidates = [Served(ref=a_ref(v), server=a_server(n)) for v, n in ((NEW, 2), (OTHER, 3))]
        rollout = stage and Rollout(release="r1", version=NEW, stage=stage, share=share, since="")
        values = {"candidates": candidates, "rollout": rollout, **changes}
        registry.put_deployment(a_deployment(revision, **values))
        clock.advance(3)

    return deploy


@pytest.fixture
def send(registry, servers, log, clock, equipment):
    gateway = Gateway(KeptDeployments(registry, clock), servers, clock, equipment.guards)
    api = Api(
        "gateway",
        GatewayApi(gateway, Recorder(log, clock)).calls(),
        cors=Cors(""),
        telemetry=Telemetry("gateway"),
    )

    def send(request_id="request-1", version=""):
        named = f"/versions/{version}" if version else ""
        headers = {"x-request-id": request_id}
        return call(api, "POST", f"/v2/models/iris{named}/infer", {"records": [FLOWER]}, headers)

    return send


class TestCanary:
    def test_its_share_is_answered_by_the_version_when_nothing_else_is_said(self, deploy, send):
        deploy(RolloutStage.CANARY, 0.25)
        answers = {one: send(one).headers["x-model-version"] for one in IDS}
        assert {one for one in IDS if answers[one] == NEW} == {
            one for one in IDS if in_canary(one, 0.25)
        }
        assert 0.15 < sum(version == NEW for version in answers.values()) / len(IDS) < 0.35

    def test_answer_and_log_say_so_when_it_is_a_canary(self, deploy, send, log, servers):
        deploy(RolloutStage.CANARY, 0.999999)
        status, headers, _ = send()
        assert (status, headers["x-served-by"], headers["x-model-version"]) == (200, "canary", NEW)
        assert (log.entries[0]["route"], log.entries[0]["model_version"]) == ("canary", NEW)
        assert servers.asked[0].event["route"] == "canary"

    def test_who_had_it_still_has_it_when_the_share_grows(self, deploy, send):
        deploy(RolloutStage.CANARY, 0.1)
        few = {one for one in IDS if send(one).headers["x-served-by"] == "canary"}
        deploy(RolloutStage.CANARY, 0.5, revision=2)
        more = {one for one in IDS if send(one).headers["x-served-by"] == "canary"}
        assert few < more

    def test_champion_answers_alone_when_the_share_is_nothing(self, deploy, send):
        deploy(RolloutStage.CANARY, 0.0)
        assert {send(one).headers["x-served-by"] for one in IDS[:50]} == {"champion"}

    def test_named_version_answers_when_the_caller_names_one(self, deploy, send):
        deploy(RolloutStage.CANARY, 0.999999)
        headers = send(version=CHAMPION).headers
        assert (headers["x-model-version"], headers["x-served-by"]) == (CHAMPION, "version")

    def test_version_of_the_policy_answers_when_there_is_one(self, deploy, send):
        deploy(
            RolloutStage.CANARY, 0.999999, policies=Policies(routing=RoutingPolicy(version=OTHER))
        )
        assert send().headers["x-model-version"] == OTHER

    def test_failure_is_told_of_the_version_when_it_fails(self, deploy, send, servers, log):
        deploy(RolloutStage.CANARY, 0.999999)
        servers.by_function["predictor:2"] = lambda event: {"status": 500, "body": "{}"}
        assert send().status == 500
        line = log.entries[0]
        assert (line["route"], line["model_version"], line["status"]) == ("canary", NEW, 500)

    def test_limits_are_of_its_own_server_when_there_is_a_circuit(self, deploy, send, equipment):
        circuit = CircuitPolicy(
            concurrency=ConcurrencyLimit(at_once=2), breaker=BreakerPolicy(failures=2)
        )
        deploy(RolloutStage.CANARY, 0.5, policies=Policies(circuit=circuit))
        for one in IDS[:40]:
            send(one)
        wanted = [NEW if in_canary(one, 0.5) else CHAMPION for one in IDS[:40]]
        assert equipment.admission.admitted == wanted

    def test_champion_answers_when_it_ended_while_this_process_knew_it_not(
        self, deploy, send, servers, clock, registry
    ):
        deploy(RolloutStage.CANARY, 0.999999)
        send()
        registry.put_deployment(a_deployment(2))
        servers.gone.add("predictor:2")
        status, headers, _ = send()
        assert (status, headers["x-model-version"]) == (200, CHAMPION)
        assert headers["x-served-by"] == "champion"


class TestShadowStage:
    def test_champion_answers_and_the_version_is_asked_too(self, deploy, send, equipment):
        deploy(RolloutStage.SHADOW, 1.0)
        assert send().headers["x-served-by"] == "champion"
        (copy,) = equipment.shadow.copies
        assert (copy.version, copy.shadow, copy.request_id) == (CHAMPION, NEW, "request-1")

    def test_only_its_share_is_copied(self, deploy, send, equipment):
        deploy(RolloutStage.SHADOW, 0.5)
        for one in IDS:
            send(one)
        assert 0.4 < len(equipment.shadow.copies) / len(IDS) < 0.6

    def test_both_are_compared_when_the_policies_have_a_shadow_too(self, deploy, send, equipment):
        routing = RoutingPolicy(shadow=Shadow(version=OTHER))
        deploy(RolloutStage.SHADOW, 1.0, policies=Policies(routing=routing))
        send()
        assert {copy.shadow for copy in equipment.shadow.copies} == {NEW, OTHER}

    def test_it_is_asked_once_when_the_policies_name_it_too(self, deploy, send, equipment):
        routing = RoutingPolicy(shadow=Shadow(version=NEW, share=0.0))
        deploy(RolloutStage.SHADOW, 1.0, policies=Policies(routing=routing))
        send()
        assert [copy.shadow for copy in equipment.shadow.copies] == [NEW]

    def test_nothing_is_copied_of_the_release_when_it_is_a_canary(self, deploy, send, equipment):
        deploy(RolloutStage.CANARY, 0.5)
        for one in IDS[:20]:
            send(one)
        assert equipment.shadow.copies == []

    def test_what_the_model_said_is_copied_when_a_threshold_decides(
        self, deploy, send, servers, equipment
    ):
        row = {"class": "setosa", "probabilities": {"setosa": 0.6, "versicolor": 0.4}}
        body = json.dumps({"predictions": [row]})
        servers.answer = lambda event: {"status": 200, "body": body, "model_version": CHAMPION}
        threshold = Threshold(positive="setosa", at=0.9, otherwise="versicolor")
        deploy(
            RolloutStage.SHADOW, 1.0, policies=Policies(routing=RoutingPolicy(threshold=threshold))
        )
        assert send().body["predictions"][0]["class"] == "versicolor"
        said = json.loads(equipment.shadow.copies[0].answer)
        assert said["predictions"][0]["class"] == "setosa"
