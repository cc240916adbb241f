"""Branches and experiments over HTTP: who answers, and what answer and log say of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

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
    Branch,
    CircuitPolicy,
    ConcurrencyLimit,
    Experiment,
    Fallback,
    FallbackKind,
    Hours,
    Match,
    Policies,
    RoutingPolicy,
    Segment,
    Variant,
)
from servery.domain.routing import digest_of
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.telemetry import Telemetry
from servery.errors import RefusedError, UnavailableError
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder

CHAMPION = "1.1.0-dabc1234.sdef5678"
CANDIDATE = "1.2.0-dabc1234.sdef5678"
OTHER = "1.3.0-dabc1234.sdef5678"
NIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
PACKED = {
    "inputs": [
        {"name": "input", "shape": [2, 4], "datatype": "FP32", "data": [1, 2, 3, 4, 1, 2, 3, 4]}
    ]
}
EXPERIMENT = Experiment(
    name="greener",
    header="x-user",
    variants=[
        Variant(name="old", version=CHAMPION, weight=0.5),
        Variant(name="new", version=CANDIDATE, weight=0.5),
    ],
    segments=[Segment(start=0.0, variant="old"), Segment(start=0.5, variant="new")],
)


@pytest.fixture
def clock():
    return SetClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))


@pytest.fixture
def equipment():
    return Equipment(FakeSignatures(FLOWERS))


@pytest.fixture
def servers():
    return FakeModelServers()


@pytest.fixture
def log():
    return MemoryPredictionLog()


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def deploy(registry, clock):
    def deploy(revision=1, **policies):
        versions = {CANDIDATE: 2, OTHER: 3}
        candidates = [Served(ref=a_ref(v), server=a_server(n)) for v, n in versions.items()]
        registry.put_deployment(
            a_deployment(revision, candidates=candidates, policies=Policies(**policies))
        )
        clock.advance(3 if revision > 1 else 0)

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

    def send(body=None, version="", **headers):
        named = f"/versions/{version}" if version else ""
        path = f"/v2/models/iris{named}/infer"
        return call(api, "POST", path, body or {"records": [FLOWER]}, headers)

    return send


class TestBranches:
    @pytest.fixture(autouse=True)
    def branched(self, deploy):
        night = Branch(name="night", version=OTHER, hours=Hours(start="22:00", end="06:00"))
        day = Hours(start="06:00", end="22:00")
        pro = Branch(
            name="pro",
            version=CANDIDATE,
            hours=day,
            match=[Match(header="x-persona", among=["pro"])],
        )
        long = Branch(
            name="long", version=OTHER, hours=day, match=[Match(column="petal_width", above=3)]
        )
        deploy(routing=RoutingPolicy(branches=[night, pro, long]))

    def test_default_is_the_champion_when_no_branch_fits(self, send, log):
        status, headers, _ = send()
        assert (status, headers["x-model-version"]) == (200, CHAMPION)
        assert (headers["x-served-by"], headers["x-cache"]) == ("champion", "off")
        assert (log.entries[0]["route"], log.entries[0]["branch"]) == ("champion", "")

    def test_header_decides(self, send, log, servers):
        _, headers, _ = send(x_persona="pro")
        assert (headers["x-served-by"], headers["x-model-version"]) == ("branch:pro", CANDIDATE)
        assert servers.asked[0].event["route"] == "branch:pro"
        assert (log.entries[0]["branch"], log.entries[0]["model_version"]) == ("pro", CANDIDATE)

    def test_hour_decides(self, send, clock):
        clock.set(NIGHT)
        assert send()[1]["x-served-by"] == "branch:night"

    def test_column_decides_in_every_form(self, send):
        wide = {**FLOWER, "petal_width": 3.5}
        assert send({"records": [wide, wide]})[1]["x-served-by"] == "branch:long"
        assert send({"records": [wide, FLOWER]})[1]["x-served-by"] == "champion"
        assert send(PACKED)[1]["x-served-by"] == "branch:long"

    def test_503_when_a_column_cannot_be_found_now(self, send, equipment, servers):
        equipment.signatures.failure = UnavailableError("no manifests")
        assert send(PACKED)[0] == 503
        assert servers.asked == []

    def test_version_in_the_path_goes_before(self, send):
        assert send(version=CHAMPION, x_persona="pro")[1]["x-served-by"] == "version"


class TestExperiment:
    @pytest.fixture(autouse=True)
    def tested(self, deploy):
        deploy(routing=RoutingPolicy(experiment=EXPERIMENT))

    def test_key_always_gets_the_same_variant_and_the_log_says_which(self, send, log):
        told = {user: send(x_user=user)[1]["x-served-by"] for user in "abcdefgh"}
        assert set(told.values()) == {"variant:greener/old", "variant:greener/new"}
        assert {user: send(x_user=user)[1]["x-served-by"] for user in "abcdefgh"} == told
        entry = log.entries[0]
        assert entry["experiment"] == "greener"
        assert entry["route"] == f"variant:greener/{entry['variant']}"
        assert entry["key"] == digest_of("a")
        versions = {e["variant"]: e["model_version"] for e in log.entries}
        assert versions == {"old": CHAMPION, "new": CANDIDATE}

    def test_champion_answers_when_there_is_no_key(self, send, log):
        assert send()[1]["x-served-by"] == "champion"
        assert (log.entries[0]["experiment"], log.entries[0]["key"]) == ("", "")

    def test_variant_is_logged_when_its_server_fails(self, send, log, servers):
        servers.answer = lambda event: UnavailableError("gone")
        assert send(x_user="a")[0] == 503
        assert log.entries[0]["variant"] in {"old", "new"}
        assert log.entries[0]["status"] == 503

    def test_branch_goes_before_the_experiment(self, send, deploy):
        branch = Branch(name="vip", version=OTHER, match=[Match(header="x-vip", among=["yes"])])
        deploy(2, routing=RoutingPolicy(experiment=EXPERIMENT, branches=[branch]))
        assert send(x_user="a", x_vip="yes")[1]["x-served-by"] == "branch:vip"


class TestRefusals:
    def test_503_with_retry_after_when_it_is_switched_off(self, send, deploy, log, capsys):
        deploy(routing=RoutingPolicy(active=False, off=Fallback(retry_after_s=30)))
        status, headers, body = send()
        assert (status, headers["retry-after"], body["type"]) == (
            503,
            "30",
            "urn:servery:problem:refused",
        )
        entry = log.entries[0]
        assert (entry["status"], entry["fallback"], entry["error"]) == (
            503,
            "refuse",
            "RefusedError",
        )
        counted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        refused = next(line for line in counted if "Refused" in line)
        assert (refused["reason"], refused["model"]) == ("off", "iris")

    @pytest.mark.parametrize(("version", "up"), [("", "../" * 3), (CHAMPION, "../" * 5)])
    def test_202_with_the_jobs_address_when_it_is_queued(
        self, send, deploy, equipment, log, version, up
    ):
        circuit = CircuitPolicy(
            concurrency=ConcurrencyLimit(at_once=1), fallback=Fallback(kind=FallbackKind.QUEUE)
        )
        deploy(circuit=circuit)
        equipment.admission.refusal = RefusedError("full", reason="concurrency")
        status, headers, body = send(version=version)
        assert (status, headers["location"]) == (202, f"{up}jobs/job-1")
        assert (headers["x-served-by"], headers["retry-after"]) == ("fallback:queue", "1")
        assert "x-model-version" not in headers
        assert body["degraded"] is True
        assert (log.entries[0]["fallback"], log.entries[0]["model_version"]) == ("queue", "")

    def test_fallback_is_in_the_log_when_it_answered(self, send, deploy, log):
        off = Fallback(kind=FallbackKind.DEFAULT, default={"class": "setosa"})
        deploy(routing=RoutingPolicy(active=False, off=off))
        status, headers, body = send()
        assert (status, headers["x-served-by"]) == (200, "fallback:default")
        assert body["predictions"][0]["class"] == "setosa"
        entry = log.entries[0]
        expected = {"route": "fallback:default", "fallback": "default", "degraded": True}
        assert {name: entry[name] for name in expected} == expected
        assert (entry["training"], entry["code"], entry["output"]) == ("", "", body)
