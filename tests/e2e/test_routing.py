"""Who answers, changed while requests go on: by switch, version, threshold, branch, variant."""

from __future__ import annotations

import math
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of
from test_requests import lake_lines
from trouble import Load, timed

IN_FORCE_SECONDS = 5.0
SEEN_SECONDS = 30.0  # by the next answer, which may take its time on a busy machine
KEYS = [f"caller-{i}" for i in range(160)]
Policies = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Served:
    """A model with three versions: one that looks, and two that always say the same."""

    name: str
    champion: str
    virginica: str
    versicolor: str


@pytest.fixture(scope="module")
def served(stack: Stack) -> Served:
    """Three versions, of which one is champion and two are candidates."""
    name = f"routed-{uuid.uuid4().hex[:6]}"
    spec = stack.spec("iris", name=name)
    spec["serving"]["deadline_ms"] = 25_000  # a load starts further servers, on a busy machine
    trained = [stack.train(spec)]
    for constant in ("virginica", "versicolor"):
        params = {"strategy": "constant", "constant": constant}
        dummy = {"class": "sklearn.dummy.DummyClassifier", "params": params}
        trained.append(stack.train({**spec, "estimator": dummy, "gates": {}}))
    assert [t["outcome"] for t in trained] == ["registered"] * 3, trained
    places = ("champion", "candidate", "candidate")
    released = [
        stack.release(name, version=t["version"], **{"as": place})
        for t, place in zip(trained, places, strict=True)
    ]
    assert [r["state"] for r in released] == ["succeeded"] * 3, released
    return Served(name, *(str(r["released_as"]) for r in released))


@pytest.fixture
def setosa() -> dict[str, Any]:
    """A body with one flower, which only the champion knows."""
    return {"records": rows_of("iris", 1)[0]}


def who(answer: httpx.Response) -> tuple[str, str]:
    """Version and way of an answer, which say the same everywhere."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    served_by = body.get("parameters", body)["served_by"]  # of tensors it is a parameter
    assert answer.headers["x-model-version"] == body["model_version"]
    assert answer.headers["x-served-by"] == served_by
    return body["model_version"], served_by


class TestCandidates:
    def test_candidate_answers_by_name_only_when_no_policy_names_it(
        self, stack: Stack, served: Served, setosa: dict[str, Any]
    ) -> None:
        assert who(stack.infer(served.name, setosa)) == (served.champion, "champion")
        named = stack.infer(served.name, setosa, version=served.virginica)
        assert who(named) == (served.virginica, "version")
        assert named.json()["predictions"][0]["class"] == "virginica"

    def test_candidate_stays_as_long_as_a_policy_names_it(
        self, stack: Stack, served: Served, policies: Policies
    ) -> None:
        policies(served.name, routing={"version": served.virginica})

        refused = stack.http.delete(f"/models/{served.name}/candidates/{served.virginica}")

        assert refused.status_code == 409
        assert "routing.version" in refused.json()["detail"]
        assert "servery deployment edit" in refused.json()["detail"]


class TestParameters:
    def test_another_version_answers_within_seconds_and_nothing_is_deployed(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        policies(served.name)
        before = stack.deployment(served.name)
        change = {"routing": {"version": served.virginica}}
        with Load(stack, served.name, setosa) as load:
            changed = stack.edit(served.name, change, reason="the other one for a day")
            assert changed.status_code == 200, changed.text
            since = time.monotonic()
            load.wait_for(lambda last: last.version == served.virginica, SEEN_SECONDS)
            time.sleep(max(0.0, since + IN_FORCE_SECONDS - time.monotonic()))
            load.go_on(20)

        assert {answer.status for answer in load.answers} == {200}
        late = [a for a in load.answers if a.began > since + IN_FORCE_SECONDS]
        assert {(a.version, a.served_by) for a in late} == {(served.virginica, "version")}
        after = stack.deployment(served.name)
        assert (after["champion"], after["candidates"]) == (
            before["champion"],
            before["candidates"],
        )
        history = stack.http.get(f"/models/{served.name}/deployment").json()["history"]
        assert "the other one for a day" in history[0]["reason"]
        assert history[0]["policies"]["routing"]["version"] == served.virginica
        assert history[1]["revision"] == before["revision"]

    @pytest.mark.slow
    def test_command_changes_a_single_setting(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        policies(served.name)
        setting = f"routing.version={served.versicolor}"

        stack.run("deployment", "edit", served.name, "--set", setting)

        wait_until(
            lambda: stack.infer(served.name, setosa).json()["model_version"] == served.versicolor,
            seconds=SEEN_SECONDS,
            what="the command is in force",
        )

    def test_class_changes_with_the_threshold(
        self, stack: Stack, served: Served, policies: Policies
    ) -> None:
        records, _ = rows_of("iris", 150)
        body = {"records": records}
        plain = stack.infer(served.name, body).json()["predictions"]
        sure = [row["probabilities"]["virginica"] for row in plain]
        bound = sorted(sure)[len(sure) // 2]
        threshold = {"positive": "virginica", "at": bound, "otherwise": "setosa"}
        policies(served.name, routing={"threshold": threshold})

        answer = stack.infer(served.name, body).json()

        expected = ["virginica" if p >= bound else "setosa" for p in sure]
        assert [row["class"] for row in answer["predictions"]] == expected
        again = [row["probabilities"]["virginica"] for row in answer["predictions"]]
        assert again == sure

    @pytest.mark.slow
    def test_caller_waits_no_longer_than_the_deadline_of_the_policies(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        policies(served.name, deadline_ms=2500)
        wait_until(
            lambda: stack.infer(served.name, setosa).status_code == 200,
            seconds=60,
            what="its server is warm",
        )
        with stack.frozen(served.name):
            answer, seconds = timed(lambda: stack.infer(served.name, setosa))

        assert answer.status_code == 504, answer.text
        assert answer.json()["hop"] == "model server"
        assert seconds < 8
        wait_until(
            lambda: stack.infer(served.name, setosa).status_code == 200,
            seconds=60,
            what="it answers again",
        )


class TestKillSwitch:
    @pytest.mark.slow
    def test_nobody_is_asked_within_seconds_when_it_is_off_under_load(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        off = {"kind": "refuse", "retry_after_s": 7}
        policies(served.name, routing={"off": off})
        with Load(stack, served.name, setosa, hands=4) as load:
            load.go_on(30)
            stack.edit(served.name, {"routing": {"active": False, "off": off}})
            killed = time.monotonic()
            load.wait_for(lambda last: last.status == 503, SEEN_SECONDS)
            time.sleep(max(0.0, killed + IN_FORCE_SECONDS - time.monotonic()))
            load.go_on(30)
            reviving = time.monotonic()
            stack.edit(served.name, {"routing": {"active": True, "off": off}})
            revived = time.monotonic()
            load.wait_for(lambda last: last.status == 200, SEEN_SECONDS)
            time.sleep(max(0.0, revived + IN_FORCE_SECONDS - time.monotonic()))
            load.go_on(30)

        assert {a.status for a in load.answers} == {200, 503}
        dead = [
            a
            for a in load.answers
            if a.began > killed + IN_FORCE_SECONDS and a.began + a.seconds < reviving
        ]
        assert len(dead) >= 20
        assert {(a.status, a.retry_after, a.kind) for a in dead} == {
            (503, "7", "urn:servery:problem:refused")
        }
        alive = [a for a in load.answers if a.began > revived + IN_FORCE_SECONDS]
        assert len(alive) >= 20
        assert {a.status for a in alive} == {200}

    def test_fixed_answer_is_given_and_marked_when_it_is_off(
        self, stack: Stack, served: Served, policies: Policies
    ) -> None:
        off = {"kind": "default", "default": {"class": "setosa"}}
        policies(served.name, routing={"active": False, "off": off})

        answer = stack.infer(served.name, {"records": rows_of("iris", 3)[0]})

        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert [row["class"] for row in body["predictions"]] == ["setosa"] * 3
        assert (body["degraded"], body["served_by"]) == (True, "fallback:default")
        assert answer.headers["x-served-by"] == "fallback:default"

    def test_fixed_answer_is_given_when_the_model_is_gone_too(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        off = {"kind": "default", "default": {"class": "setosa"}}
        policies(served.name, routing={"active": False, "off": off})
        with stack.unloadable(served.name):
            assert stack.infer(served.name, setosa).status_code == 200

    def test_switch_is_thrown_when_everything_else_is_in_the_way(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        policies(served.name)
        stack.run("deployment", "edit", served.name, "--set", "routing.active=false")
        wait_until(
            lambda: stack.infer(served.name, setosa).status_code == 503,
            seconds=SEEN_SECONDS,
            what="it is off",
        )


class TestConditions:
    @pytest.mark.slow
    def test_hours_are_those_of_the_zone(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        zone = "Asia/Tokyo"  # nine hours from UTC all year
        now = datetime.now(UTC).astimezone(ZoneInfo(zone))
        start, end = (f"{now + timedelta(hours=h):%H:00}" for h in (-1, 2))
        branch = {"name": "now", "version": served.virginica, "hours": {"start": start, "end": end}}
        policies(served.name, routing={"zone": zone, "branches": [branch]})
        here = who(stack.infer(served.name, setosa))
        policies(served.name, routing={"zone": "UTC", "branches": [branch]})
        elsewhere = who(stack.infer(served.name, setosa))

        assert here == (served.virginica, "branch:now")
        assert elsewhere == (served.champion, "champion")

    @pytest.mark.slow
    def test_day_is_that_of_the_zone_when_hours_end_after_midnight(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        now = datetime.now(UTC)
        before = now - timedelta(hours=12)
        hours = {
            "days": [f"{before:%a}".lower()],
            "start": f"{before:%H:%M}",
            "end": f"{before - timedelta(minutes=1):%H:%M}",
        }
        branch = {"name": "long", "version": served.virginica, "hours": hours}
        policies(served.name, routing={"branches": [branch]})

        assert who(stack.infer(served.name, setosa)) == (served.virginica, "branch:long")

    @pytest.mark.slow
    def test_place_persona_and_column_choose_and_the_rest_is_the_champions(
        self, stack: Stack, served: Served, policies: Policies, setosa: dict[str, Any]
    ) -> None:
        branches = [
            {
                "name": "paris",
                "version": served.virginica,
                "match": [{"header": "x-place", "among": ["paris", "lyon"]}],
            },
            {
                "name": "wide",
                "version": served.versicolor,
                "match": [
                    {"header": "x-place", "among": ["oslo"]},
                    {"column": "petal_width", "above": 1.0},
                ],
            },
        ]
        policies(served.name, routing={"branches": branches})
        records, _ = rows_of("iris", 150)
        wide = {"records": [records[-1]]}

        def asked(body: dict[str, Any], **headers: str) -> tuple[str, str]:
            return who(stack.infer(served.name, body, headers=headers))

        assert asked(setosa, **{"x-place": "lyon"}) == (served.virginica, "branch:paris")
        assert asked(wide, **{"x-place": "oslo"}) == (served.versicolor, "branch:wide")
        champion = (served.champion, "champion")
        assert asked(setosa, **{"x-place": "oslo"}) == champion
        assert asked(wide) == champion
        both = {"records": [records[-1], records[0]]}
        assert asked(both, **{"x-place": "oslo"}) == champion, "the rows do not agree"
        named = stack.infer(
            served.name, setosa, version=served.versicolor, headers={"x-place": "lyon"}
        )
        assert who(named) == (served.versicolor, "version")

    def test_column_is_found_in_tensors_too(
        self, stack: Stack, served: Served, policies: Policies
    ) -> None:
        match = [{"column": "petal_width", "at_most": 1.0}]
        branch = {"name": "small", "version": served.virginica, "match": match}
        policies(served.name, routing={"branches": [branch]})
        record = rows_of("iris", 1)[0][0]
        names, values = list(record), list(record.values())
        packed = {"name": "input", "datatype": "FP32", "shape": [1, 4], "data": values}
        columns = [
            {"name": n, "datatype": "FP64", "shape": [1], "data": [v]}
            for n, v in zip(names, values, strict=True)
        ]
        for inputs in ([packed], columns):
            answer = stack.infer(served.name, {"inputs": inputs})
            assert who(answer) == (served.virginica, "branch:small")

    def test_overlap_is_refused_with_both_names_and_a_moment(
        self, stack: Stack, served: Served
    ) -> None:
        before = stack.deployment(served.name)
        hours = [{"start": "08:00", "end": "18:00"}, {"days": ["fri"], "start": "17:00"}]
        branches = [
            {"name": name, "version": served.virginica, "hours": part}
            for name, part in zip(("day", "friday"), hours, strict=True)
        ]

        refused = stack.edit(served.name, {"routing": {"branches": branches}})

        assert refused.status_code == 422, refused.text
        (error,) = refused.json()["errors"]
        assert error["field"] == "routing.branches[1]"
        assert "friday and day could fit the same request" in error["message"]
        assert "fri 17:00" in error["message"]
        assert stack.deployment(served.name) == before


class TestChanges:
    @pytest.mark.slow
    def test_second_writer_loses_when_both_read_the_same_revision(
        self, stack: Stack, served: Served, policies: Policies
    ) -> None:
        policies(served.name)
        revision = stack.deployment(served.name)["revision"]
        changes = [{"revision": revision, "policies": {"deadline_ms": 4000 + i}} for i in range(4)]
        with ThreadPoolExecutor(4) as pool:
            path = f"/models/{served.name}/deployment"
            answers = list(pool.map(lambda c: stack.http.post(path, json=c), changes))

        assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
        assert stack.deployment(served.name)["revision"] == revision + 1

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"routing": {"version": "9.9.9-dabc1234.sdef5678"}}, "routing.version"),
            ({"routing": {"zone": "Mars/Olympus"}}, "routing.zone"),
            ({"deadline_ms": 10}, "deadline_ms"),
            ({"routing": {"off": {"kind": "cached"}}}, "routing.off.kind"),
            ({"routing": {"colour": "red"}}, "colour"),
        ],
    )
    def test_nothing_is_stored_when_a_policy_is_wrong(
        self, stack: Stack, served: Served, change: dict[str, Any], field: str
    ) -> None:
        before = stack.deployment(served.name)

        refused = stack.edit(served.name, change)

        assert refused.status_code == 422, refused.text
        assert field in refused.text
        assert stack.deployment(served.name) == before


class TestVariants:
    """A test online: sticky, in shares, with what the log needs for a result."""

    @pytest.fixture
    def shares(self, served: Served, policies: Policies) -> Callable[[float], None]:
        """Gives the second variant a share of the keys."""

        def put(share: float) -> None:
            variants = [
                {"name": "old", "version": served.champion, "weight": 1 - share},
                {"name": "new", "version": served.virginica, "weight": share},
            ]
            test = {"name": "leaves", "header": "x-caller", "variants": variants}
            policies(served.name, routing={"experiment": test})

        return put

    @pytest.mark.slow
    def test_key_keeps_its_variant_and_no_more_move_than_must(
        self, stack: Stack, served: Served, shares: Callable[[float], None], setosa: dict[str, Any]
    ) -> None:
        shares(0.25)
        first = assigned(stack, served, setosa, KEYS)
        assert assigned(stack, served, setosa, KEYS[:60]) == dict(list(first.items())[:60])
        assert within(Counter(first.values())["new"], len(first), 0.25)
        shares(0.5)
        second = assigned(stack, served, setosa, KEYS)

        assert within(Counter(second.values())["new"], len(second), 0.5)
        moved = {key for key in first if first[key] != second[key]}
        assert {(first[k], second[k]) for k in moved} <= {("old", "new")}
        assert within(len(moved), len(first), 0.25)

    def test_request_without_a_key_takes_no_part(
        self, stack: Stack, served: Served, shares: Callable[[float], None], setosa: dict[str, Any]
    ) -> None:
        shares(1.0)
        assert who(stack.infer(served.name, setosa)) == (served.champion, "champion")

    def test_exposure_is_in_the_lake_and_the_key_is_not(
        self, stack: Stack, served: Served, shares: Callable[[float], None], setosa: dict[str, Any]
    ) -> None:
        shares(0.5)
        requests = {key: f"exposed-{uuid.uuid4().hex}" for key in KEYS[:6]}
        told = {}
        for key, request in requests.items():
            headers = {"x-caller": key, "x-request-id": request}
            told[key] = who(stack.infer(served.name, setosa, headers=headers))

        def logged() -> dict[str, Any] | None:
            found = lake_lines(stack)
            return found if set(requests.values()) <= set(found) else None

        lines = wait_until(logged, seconds=60, what="all exposures are in the lake")
        digests = set()
        for key, request in requests.items():
            line = lines[request]
            assert line["experiment"] == "leaves"
            assert told[key] == (line["model_version"], f"variant:leaves/{line['variant']}")
            digests.add(line["key"])
            assert key not in str(line)
        assert len(digests) == len(requests)


def assigned(stack: Stack, served: Served, body: dict[str, Any], keys: list[str]) -> dict[str, str]:
    """The variant that answers each key."""

    def ask(key: str) -> str:
        version, way = who(stack.infer(served.name, body, headers={"x-caller": key}))
        variant = way.removeprefix("variant:leaves/")
        assert version == {"old": served.champion, "new": served.virginica}[variant]
        return variant

    return {key: ask(key) for key in keys}


def within(count: int, total: int, share: float) -> bool:
    """Whether a count is as likely as a share makes it: four standard deviations."""
    return abs(count - total * share) <= 4 * math.sqrt(total * share * (1 - share))
