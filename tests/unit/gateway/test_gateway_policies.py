"""A request on its way past the policies of its deployment: who answers, what is refused, why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers
from fakes.policies import Equipment, FakeSignatures
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from fakes.signatures import FLOWER, FLOWERS
from msgspec.structs import replace
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Served
from servery.domain.manifest import Latency, RuntimeFigures
from servery.domain.policies import (
    BreakerPolicy,
    CachePolicy,
    CircuitPolicy,
    ConcurrencyLimit,
    Fallback,
    FallbackKind,
    OnlineBudget,
    Policies,
    RoutingPolicy,
    Shadow,
    Threshold,
)
from servery.errors import (
    DeadlineExceededError,
    MalformedError,
    ModelServerError,
    OnlineBudgetError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)
from servery.usecases.gateway import Ask, Gateway

CHAMPION = "1.1.0-dabc1234.sdef5678"
CANDIDATE = "1.2.0-dabc1234.sdef5678"
LIGHT = "0.1.0-dabc1234.sdef5678"
BODY = json.dumps({"records": [FLOWER]})
CIRCUIT = CircuitPolicy(
    concurrency=ConcurrencyLimit(at_once=2), breaker=BreakerPolicy(), fallback=Fallback()
)


def predicting(event: dict[str, Any]) -> dict[str, Any]:
    """A server that answers each record; the version is told in every row."""
    rows = json.loads(event["body"])["records"]
    version = event["ref"]["version"]
    row = {"class": "setosa", "probabilities": {"setosa": 0.6, "versicolor": 0.4}}
    document = {
        "model": event["ref"]["model"],
        "model_version": version,
        "request_id": event["request_id"],
        "served_by": event["route"],
        "cache": event["cache"],
        "predictions": [{**row, "model_version": version}] * len(rows),
    }
    return {
        "status": 200,
        "body": json.dumps(document, separators=(",", ":")),
        "model_version": version,
        "rows": len(rows),
        "model_ms": 0.5,
    }


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def equipment():
    return Equipment(FakeSignatures(FLOWERS))


@pytest.fixture
def servers():
    return FakeModelServers(answer=predicting)


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def gateway(registry, servers, clock, equipment):
    return Gateway(KeptDeployments(registry, clock), servers, clock, equipment.guards)


@pytest.fixture
def deploy(registry):
    def deploy(policies: Policies, **changes):
        revisions = sum(one.model == changes.get("model", "iris") for one in registry.deployments())
        candidates = [Served(ref=a_ref(CANDIDATE), server=a_server(2))]
        values = {"candidates": candidates, "policies": policies, **changes}
        registry.put_deployment(a_deployment(revisions + 1, **values))

    return deploy


@pytest.fixture
def infer(gateway):
    def infer(version=None, body=BODY, model="iris", **changes):
        values = {"base64": False, "size": len(body), "request_id": "r", "seconds": 29.0}
        ask = Ask(body=body, **(values | changes))
        return gateway.infer(gateway.route(model, version, ask), ask)

    return infer


def document(prediction) -> dict[str, Any]:
    return json.loads(prediction.body)


class TestKillSwitch:
    def test_nobody_is_asked_when_it_is_off(self, deploy, infer, servers):
        deploy(Policies(routing=RoutingPolicy(active=False, off=Fallback(retry_after_s=30))))
        for version in (None, CHAMPION):
            with pytest.raises(RefusedError) as raised:
                infer(version)
            assert (raised.value.reason, raised.value.retry_after) == ("off", 30)
        assert servers.asked == []

    def test_fallback_answers_when_it_has_something(self, deploy, infer, servers):
        off = Fallback(kind=FallbackKind.DEFAULT, default={"class": "setosa"})
        deploy(Policies(routing=RoutingPolicy(active=False, off=off)))
        prediction = infer()
        assert (prediction.route, prediction.fallback) == ("fallback:default", "default")
        assert document(prediction)["degraded"] is True
        assert (prediction.degraded, prediction.served, servers.asked) == (True, None, [])


class TestVersion:
    def test_version_of_the_policy_answers_in_place_of_the_champion(self, deploy, infer):
        deploy(Policies(routing=RoutingPolicy(version=CANDIDATE)))
        prediction = infer()
        assert (prediction.model_version, prediction.route) == (CANDIDATE, "version")

    def test_version_of_the_caller_answers_before_the_policys(self, deploy, infer, servers):
        deploy(Policies(routing=RoutingPolicy(version=CANDIDATE)))
        assert infer(CHAMPION).model_version == CHAMPION
        assert servers.asked[0].event["exact"] is True

    def test_other_version_may_stand_in_when_a_policy_named_it(self, deploy, infer, servers):
        deploy(Policies(routing=RoutingPolicy(version=CANDIDATE)))
        infer()
        assert "exact" not in servers.asked[0].event


class TestCache:
    @pytest.fixture(autouse=True)
    def cached(self, deploy):
        deploy(Policies(cache=CachePolicy()))

    def test_server_is_asked_once_when_the_same_comes_again(self, infer, servers):
        first, second = infer(), infer()
        assert (first.cache, second.cache) == ("miss", "hit")
        assert document(first)["predictions"] == document(second)["predictions"]
        assert (len(servers.asked), second.model_version, second.rows) == (1, CHAMPION, 1)

    def test_missing_rows_alone_are_asked_when_some_are_there(self, infer, servers):
        infer()
        other = {**FLOWER, "petal_width": 2.0}
        prediction = infer(body=json.dumps({"records": [other, FLOWER, other]}))
        assert json.loads(servers.asked[-1].event["body"])["records"] == [other, other]
        assert (prediction.cache, prediction.rows) == ("partial", 3)
        assert len(document(prediction)["predictions"]) == 3

    def test_whole_request_is_asked_when_another_version_stood_in(self, infer, servers, equipment):
        infer()
        servers.answer = lambda event: {
            **predicting(event),
            "model_version": LIGHT,
            "degraded": True,
        }
        body = json.dumps({"records": [FLOWER, {**FLOWER, "petal_width": 2.0}]})
        prediction = infer(body=body)
        assert servers.asked[-1].event["body"] == body
        assert (prediction.model_version, prediction.degraded) == (LIGHT, True)
        assert equipment.cache.looks[-1].ended == "given up"
        assert len(equipment.cache.rows) == 1

    def test_whole_request_is_asked_when_the_rest_of_it_is_refused(self, infer, servers):
        infer()
        refused = {"status": 422, "body": '{"type":"urn:servery:problem:invalid-input"}'}
        servers.answer = lambda event: refused
        body = json.dumps({"records": [FLOWER, {**FLOWER, "petal_width": 2.0}]})
        assert infer(body=body).status == 422
        assert servers.asked[-1].event["body"] == body

    def test_nobody_waits_for_ever_when_the_server_fails(self, infer, servers, equipment):
        servers.answer = lambda event: ModelServerError("crash")
        with pytest.raises(ModelServerError):
            infer()
        assert equipment.cache.looks[-1].ended == "given up"

    def test_server_is_asked_when_the_cache_is_away(self, infer, servers, equipment):
        equipment.cache.away = True
        assert (infer().cache, len(servers.asked)) == ("off", 1)

    def test_cached_answers_are_given_when_it_is_switched_off(self, infer, deploy, servers, clock):
        infer()
        off = Fallback(kind=FallbackKind.CACHED)
        deploy(Policies(cache=CachePolicy(), routing=RoutingPolicy(active=False, off=off)))
        servers.asked.clear()
        clock.advance(3)  # the record is read anew
        prediction = infer()
        assert (prediction.route, prediction.cache) == ("fallback:cached", "hit")
        assert document(prediction)["degraded"] is True
        with pytest.raises(RefusedError):
            infer(body=json.dumps({"records": [{**FLOWER, "petal_width": 9.0}]}))
        assert servers.asked == []


class TestBudget:
    FIGURES = RuntimeFigures(
        one_row=Latency(p50_ms=20, p99_ms=50),
        thousand_rows=Latency(p50_ms=1, p99_ms=1),
        load_ms=1,
        size_bytes=1,
    )

    def test_expensive_version_is_refused_with_the_way_out(self, deploy, infer, servers):
        champion = Served(ref=a_ref(CHAMPION), server=a_server(), figures=self.FIGURES)
        deploy(Policies(online=OnlineBudget(p99_ms=10)), champion=champion)
        with pytest.raises(OnlineBudgetError, match=r"50 ms.*10 ms.*jobs"):
            infer()
        assert servers.asked == []

    def test_nobody_waits_for_its_answer_when_it_is_cached(self, deploy, infer, equipment):
        champion = Served(ref=a_ref(CHAMPION), server=a_server(), figures=self.FIGURES)
        policies = Policies(online=OnlineBudget(p99_ms=10), cache=CachePolicy())
        deploy(policies, champion=champion)
        with pytest.raises(OnlineBudgetError):
            infer()
        assert equipment.cache.looks[-1].ended == "given up"


class TestCircuit:
    @pytest.fixture(autouse=True)
    def limited(self, deploy):
        deploy(Policies(circuit=CIRCUIT))

    def test_place_is_held_for_as_long_as_the_server_is_asked(self, infer, servers, equipment):
        held = []

        def answer(event):
            held.append(equipment.admission.inside)
            return predicting(event)

        servers.answer = answer
        infer()
        assert (held, equipment.admission.inside) == ([1], 0)
        assert equipment.admission.admitted == [CHAMPION]

    def test_place_is_given_back_when_the_server_fails(self, infer, servers, equipment):
        servers.answer = lambda event: ModelServerError("crash")
        with pytest.raises(ModelServerError):
            infer()
        assert equipment.admission.inside == 0

    def test_server_is_not_asked_when_admission_refuses(self, infer, servers, equipment):
        equipment.admission.refusal = RefusedError("full", reason="concurrency", retry_after=2)
        with pytest.raises(RefusedError) as raised:
            infer()
        assert (raised.value.reason, raised.value.retry_after) == ("concurrency", 2)
        assert servers.asked == []

    def test_no_place_is_taken_when_the_breaker_is_open(self, infer, servers, equipment):
        equipment.breaker.open = True
        with pytest.raises(RefusedError, match="keeps failing"):
            infer()
        assert (servers.asked, equipment.admission.admitted) == ([], [])

    @pytest.mark.parametrize(
        ("reply", "failure"),
        [
            (ModelServerError("crash"), ["ModelServerError"]),
            (DeadlineExceededError("model server", 3), ["DeadlineExceededError"]),
            ({"status": 503, "body": "{}"}, ["FailedReplyError"]),
            ({"status": 422, "body": "{}"}, []),
            ({"status": 200, "body": "{}"}, []),
        ],
    )
    def test_breaker_sees_failures_and_no_refused_inputs(
        self, infer, servers, equipment, reply, failure
    ):
        servers.answer = lambda event: reply
        if isinstance(reply, Exception):
            with pytest.raises(type(reply)):
                infer()
        else:
            assert infer().status == reply["status"]
        assert equipment.breaker.failures == failure

    def test_refused_like_by_the_policy_when_the_platform_takes_no_more(self, infer, servers):
        servers.answer = lambda event: ThrottledError("busy")
        with pytest.raises(RefusedError) as raised:
            infer()
        assert raised.value.reason == "platform"

    def test_time_spent_waiting_is_taken_off_the_deadline(self, infer, servers, equipment, clock):
        admit = equipment.admission.admit

        def slow(deployment, served):
            clock.advance(2)
            return admit(deployment, served)

        equipment.admission.admit = slow
        infer()
        assert servers.asked[0].timeout == 8.0

    def test_server_has_not_failed_when_the_time_was_spent_waiting_for_a_place(
        self, infer, servers, equipment, clock
    ):
        admit = equipment.admission.admit

        def slow(deployment, served):
            clock.advance(12)
            return admit(deployment, served)

        equipment.admission.admit = slow
        with pytest.raises(DeadlineExceededError) as raised:
            infer()
        assert raised.value.hop == "gateway"
        assert (servers.asked, equipment.breaker.failures) == ([], [])
        assert equipment.admission.inside == 0


class TestFallback:
    @pytest.fixture
    def refused(self, deploy, equipment):
        def refused(reason="rate", **fallback):
            circuit = replace(CIRCUIT, fallback=Fallback(**fallback))
            deploy(Policies(circuit=circuit, cache=CachePolicy()))
            equipment.admission.refusal = RefusedError("too many", reason=reason)

        return refused

    def test_default_is_answered_for_each_row(self, refused, infer, servers):
        refused(kind=FallbackKind.DEFAULT, default={"class": "virginica"})
        prediction = infer(body=json.dumps({"records": [FLOWER] * 2}))
        told = [row["class"] for row in document(prediction)["predictions"]]
        assert told == ["virginica"] * 2
        assert (prediction.status, prediction.reason, prediction.rows) == (200, "rate", 2)
        assert servers.asked == []

    @pytest.mark.parametrize("body", ["no json", '{"records":[]}', "{}"])
    def test_refused_when_there_are_no_rows_for_the_default(self, refused, infer, body):
        refused(kind=FallbackKind.DEFAULT, default={"class": "virginica"})
        with pytest.raises(RefusedError, match="too many"):
            infer(body=body)

    def test_last_known_answer_is_given_when_there_is_one(self, deploy, infer, equipment):
        circuit = replace(CIRCUIT, fallback=Fallback(kind=FallbackKind.LAST_KNOWN))
        deploy(Policies(circuit=circuit))
        fresh = infer()
        equipment.admission.refusal = RefusedError("too many", reason="rate")
        prediction = infer(request_id="later")
        told = document(prediction)
        assert told["predictions"] == document(fresh)["predictions"]
        assert (told["served_by"], told["degraded"]) == ("fallback:last_known", True)
        assert told["request_id"] == "later"
        with pytest.raises(RefusedError):
            infer(body=json.dumps({"records": [{**FLOWER, "petal_width": 2.0}]}))

    def test_nothing_is_kept_when_the_answer_was_a_stand_ins(
        self, deploy, infer, servers, equipment
    ):
        circuit = replace(CIRCUIT, fallback=Fallback(kind=FallbackKind.LAST_KNOWN))
        deploy(Policies(circuit=circuit))
        servers.answer = lambda event: {**predicting(event), "degraded": True}
        infer()
        assert equipment.last_known.kept == {}

    def test_hits_are_answered_and_the_rest_refused_when_the_cache_is_the_fallback(
        self, deploy, infer, equipment
    ):
        circuit = replace(CIRCUIT, fallback=Fallback(kind=FallbackKind.CACHED))
        deploy(Policies(circuit=circuit, cache=CachePolicy()))
        infer()
        equipment.admission.refusal = RefusedError("too many", reason="rate")
        assert infer().cache == "hit"
        looks = len(equipment.cache.looks)
        with pytest.raises(RefusedError):
            infer(body=json.dumps({"records": [{**FLOWER, "petal_width": 2.0}]}))
        assert len(equipment.cache.looks) == looks + 1  # it is not asked again, nor waited for
        assert equipment.cache.looks[-1].ended == "given up"

    def test_request_becomes_a_job_when_that_is_the_fallback(self, refused, infer, equipment):
        refused(kind=FallbackKind.QUEUE)
        prediction = infer()
        assert (prediction.status, prediction.job) == (202, "job-1")
        told = document(prediction)
        assert (told["state"], told["served_by"], told["degraded"]) == (
            "queued",
            "fallback:queue",
            True,
        )
        assert equipment.jobs.taken[0].body == BODY

    def test_input_is_refused_when_it_can_be_no_job(self, refused, infer, equipment):
        refused(kind=FallbackKind.QUEUE)
        equipment.jobs.failure = MalformedError("no JSON")
        with pytest.raises(MalformedError):
            infer()

    def test_refused_when_the_queue_is_away(self, refused, infer, equipment):
        refused(kind=FallbackKind.QUEUE, retry_after_s=9)
        equipment.jobs.failure = UnavailableError("no queue")
        with pytest.raises(RefusedError, match="too many") as raised:
            infer()
        assert raised.value.retry_after == 9


class TestLight:
    SMALL = replace(FLOWERS, inputs=FLOWERS.inputs[:2])

    @pytest.fixture
    def light(self, deploy, equipment):
        def light(policies=None, candidates=()):
            ref = a_ref(LIGHT, model="iris-light")
            others = [a_ref(version, model="iris-light") for version in candidates]
            deploy(
                policies or Policies(),
                model="iris-light",
                champion=Served(ref=ref, server=a_server(9)),
                candidates=[Served(ref=other, server=a_server(8)) for other in others],
            )
            equipment.signatures.by_model["iris-light"] = self.SMALL
            fallback = Fallback(kind=FallbackKind.LIGHT, model="iris-light")
            deploy(Policies(routing=RoutingPolicy(active=False, off=fallback)))

        return light

    def test_lighter_model_is_asked_for_the_inputs_that_it_knows(self, light, infer, servers):
        light()
        prediction = infer()
        asked = servers.asked[0]
        assert asked.server.function == "predictor:9"
        row = {name: FLOWER[name] for name in ("sepal_length", "sepal_width")}
        assert json.loads(asked.event["body"]) == {"records": [row]}
        told = document(prediction)
        assert (told["model"], told["served_by"], told["degraded"]) == (
            "iris-light",
            "fallback:light",
            True,
        )
        assert (prediction.model_version, prediction.served.ref.model) == (LIGHT, "iris-light")

    def test_version_that_its_policies_name_is_asked(self, light, deploy, infer, servers):
        routing = RoutingPolicy(version="0.0.2-1.1")
        light(Policies(routing=routing), candidates=["0.0.2-1.1"])
        assert infer().model_version == "0.0.2-1.1"
        assert servers.asked[0].event["ref"]["version"] == "0.0.2-1.1"

    def test_refusal_of_its_own_is_none_of_ours(self, light, infer, equipment):
        light(Policies(circuit=CIRCUIT))
        equipment.breaker.open = True
        with pytest.raises(RefusedError, match="switched off"):
            infer()

    @pytest.mark.parametrize(
        "policies",
        [Policies(routing=RoutingPolicy(active=False)), Policies(circuit=CIRCUIT)],
    )
    def test_refused_when_it_is_off_or_fails_too(self, light, infer, servers, policies):
        light(policies)
        servers.answer = lambda event: ModelServerError("crash")
        with pytest.raises(RefusedError) as raised:
            infer()
        assert raised.value.reason == "off"

    def test_refused_when_nobody_serves_it_any_more(self, deploy, infer):
        fallback = Fallback(kind=FallbackKind.LIGHT, model="gone")
        deploy(Policies(routing=RoutingPolicy(active=False, off=fallback)))
        with pytest.raises(RefusedError):
            infer()

    def test_its_word_on_the_input_counts(self, light, infer, servers):
        light()
        servers.answer = lambda event: {"status": 422, "body": "{}"}
        assert infer().status == 422


class TestThreshold:
    CAREFUL = Threshold(positive="versicolor", at=0.4, otherwise="setosa")

    def test_class_is_answered_by_its_probability(self, deploy, infer):
        deploy(Policies(routing=RoutingPolicy(threshold=self.CAREFUL)))
        assert document(infer())["predictions"][0]["class"] == "versicolor"

    def test_cached_rows_are_decided_anew_when_the_threshold_moves(self, deploy, infer, clock):
        deploy(Policies(cache=CachePolicy()))
        assert document(infer())["predictions"][0]["class"] == "setosa"
        routing = RoutingPolicy(threshold=self.CAREFUL)
        deploy(Policies(cache=CachePolicy(), routing=routing))
        clock.advance(3)
        prediction = infer()
        assert prediction.cache == "hit"
        assert document(prediction)["predictions"][0]["class"] == "versicolor"

    def test_refusal_stays_as_it_is(self, deploy, infer, servers):
        deploy(Policies(routing=RoutingPolicy(threshold=self.CAREFUL)))
        servers.answer = lambda event: {"status": 422, "body": "{}"}
        assert infer().status == 422

    @pytest.fixture
    def class_alone(self, servers):
        """A request for the class alone, and a server that gives what the request wants."""

        def tensors(event):
            outputs = {
                "class": {"shape": [1], "datatype": "BYTES", "data": ["setosa"]},
                "probabilities": {"shape": [1, 3], "datatype": "FP32", "data": [0.6, 0.4, 0]},
            }
            wanted = [one["name"] for one in json.loads(event["body"])["outputs"]]
            told = [{"name": name, **outputs[name]} for name in wanted]
            body = json.dumps({"parameters": {}, "outputs": told})
            return {"status": 200, "body": body, "rows": 1}

        servers.answer = tensors
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP32", "data": [value]}
            for name, value in FLOWER.items()
        ]
        return json.dumps({"inputs": inputs, "outputs": [{"name": "class"}]})

    def test_probabilities_are_not_told_when_the_caller_wants_the_class_alone(
        self, deploy, infer, class_alone
    ):
        deploy(Policies(routing=RoutingPolicy(threshold=self.CAREFUL)))
        told = document(infer(body=class_alone))["outputs"]
        assert [(one["name"], one["data"]) for one in told] == [("class", ["versicolor"])]

    def test_last_known_answer_is_decided_too(self, deploy, infer, class_alone, equipment):
        circuit = replace(CIRCUIT, fallback=Fallback(kind=FallbackKind.LAST_KNOWN))
        deploy(Policies(routing=RoutingPolicy(threshold=self.CAREFUL), circuit=circuit))
        infer(body=class_alone)
        equipment.admission.refusal = RefusedError("too many", reason="rate")
        prediction = infer(body=class_alone)
        assert prediction.fallback == "last_known"
        told = document(prediction)["outputs"]
        assert [(one["name"], one["data"]) for one in told] == [("class", ["versicolor"])]

    @pytest.mark.parametrize(
        "twice", ['{"inputs":[],"inputs":[],"outputs":[{"name":"class"}]}', "no json", "[]"]
    )
    def test_body_is_passed_on_as_it_is_when_it_is_not_sure_to_be_right(
        self, deploy, infer, servers, twice
    ):
        deploy(Policies(routing=RoutingPolicy(threshold=self.CAREFUL)))
        servers.answer = lambda event: {"status": 422, "body": "{}"}
        infer(body=twice)
        assert servers.asked[0].event["body"] == twice


class TestShadow:
    @pytest.fixture
    def shadowed(self, deploy):
        def shadowed(share=1.0, **routing):
            shadow = Shadow(version=CANDIDATE, share=share)
            deploy(Policies(routing=RoutingPolicy(shadow=shadow, **routing), cache=CachePolicy()))

        return shadowed

    def test_copy_is_handed_on_when_a_request_was_answered(self, shadowed, infer, equipment):
        shadowed()
        prediction = infer()
        (copy,) = equipment.shadow.copies
        assert (copy.shadow, copy.version, copy.request_id) == (CANDIDATE, CHAMPION, "r")
        assert (copy.body, copy.answer) == (BODY, prediction.body)

    def test_hits_are_copied_too(self, shadowed, infer, equipment):
        shadowed()
        infer()
        infer()
        assert len(equipment.shadow.copies) == 2

    def test_what_the_model_said_is_copied_and_not_what_the_threshold_made_of_it(
        self, shadowed, infer, equipment
    ):
        shadowed(threshold=TestThreshold.CAREFUL)
        prediction = infer()
        copied = json.loads(equipment.shadow.copies[0].answer)
        assert document(prediction)["predictions"][0]["class"] == "versicolor"
        assert copied["predictions"][0]["class"] == "setosa"

    def test_nothing_is_copied_when_it_was_not_answered_or_not_drawn(
        self, shadowed, infer, equipment, servers
    ):
        shadowed(share=0.0)
        infer()
        shadowed()
        infer(CANDIDATE)  # the shadow itself answered
        servers.answer = lambda event: {"status": 422, "body": "{}"}
        infer()
        assert equipment.shadow.copies == []


def test_signature_is_not_asked_for_when_no_policy_needs_it(deploy, infer, equipment):
    equipment.signatures.failure = UnavailableError("no manifests")
    deploy(Policies(circuit=CIRCUIT, cache=CachePolicy()))
    assert infer().status == 200
