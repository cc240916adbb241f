"""The page about refusals quotes what the system says, to the letter."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from fakes.artifacts import SIGNATURE, a_manifest
from fakes.records import a_deployment, a_ref, a_server
from fakes.template import ROOT
from servery.domain.accountability import NO_LOG, check_accountable
from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import Latency, Manifest, Part, RuntimeFigures
from servery.domain.one_model import check_one_model
from servery.domain.online_budget import check_online, excesses
from servery.domain.policies import OnlineBudget, Policies
from servery.domain.serving import Mode
from servery.domain.signature import Dtype, Field
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError, RejectedError
from servery.usecases.predictor.shelf import Pin

PAGE = " ".join((ROOT / "infra/docs/refusals.md").read_text().split())
FIRST, SECOND = "1.1.0-dabc1234.sdef5678", "1.2.0-dabc1234.sdef5678"
SPEC = {
    "name": "iris",
    "owner": "botany",
    "task": "classification",
    "data": {
        "uri": "data/iris.csv",
        "target": "species",
        "columns": [
            {"name": "petal_length", "dtype": "float", "unit": "cm"},
            {"name": "species", "dtype": "string", "role": "target", "unit": "1"},
        ],
    },
    "estimator": {"class": "sklearn.linear_model.LogisticRegression"},
    "metric": "accuracy",
}


def served(version: str = FIRST, number: int = 1, mode: Mode = Mode.LOAD, **ref: object) -> Served:
    latency = Latency(p50_ms=20, p99_ms=41.3)
    figures = RuntimeFigures(
        one_row=latency, thousand_rows=latency, load_ms=1, size_bytes=7_300_000
    )
    return Served(ref=a_ref(version, **ref), server=a_server(number, mode), figures=figures)


def a_slow_one(budget: OnlineBudget, **ref: object) -> Deployment:
    return a_deployment(champion=served(**ref), policies=Policies(online=budget))


def said(refuse: Callable[[], object]) -> str:
    with pytest.raises(RejectedError) as caught:
        refuse()
    return str(caught.value)


def trained(**changes: object) -> Manifest:
    return a_manifest(FIRST, "tr0", {}, **changes)


def without(part: str, value: object) -> Manifest:
    made = trained()
    spec = {**made.lineage.spec, part: value}
    return msgspec.structs.replace(made, lineage=msgspec.structs.replace(made.lineage, spec=spec))


def spec_refusals() -> list[str]:
    columns = SPEC["data"]["columns"]
    nameless = {**columns[0], "unit": " "}
    spec = {
        **SPEC,
        "owner": " ",
        "log": {"sample": 0},
        "data": {**SPEC["data"], "columns": [nameless, columns[1]]},
    }
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec)
    return [f"{violation.field}: {violation.message}" for violation in caught.value.violations]


def all_in_one() -> list[str]:
    wine = a_deployment(model="wine", champion=served(model="wine"))
    guest = a_deployment(candidates=[served(SECOND, 2, model="wine")])
    image = a_deployment(
        champion=served(mode=Mode.IMAGE), candidates=[served(SECOND, mode=Mode.IMAGE)]
    )
    pin = Pin(model="wine", runtime=a_ref().runtime)
    return [
        said(lambda: check_one_model(a_deployment(), [wine])),
        said(lambda: check_one_model(guest, [])),
        said(lambda: check_one_model(image, [])),
        said(lambda: pin.check(a_ref())),
    ]


def too_much() -> list[str]:
    slow = a_slow_one(OnlineBudget(p99_ms=20))
    big = a_slow_one(OnlineBudget(size_mb=5))
    half = a_slow_one(OnlineBudget(p99_ms=20), pair="p", part=Part.PREDICTOR)
    candidate = served(SECOND, 2)
    (excess,) = excesses(slow.champion.figures, slow.policies.online)
    return [
        said(lambda: check_online(slow, slow.champion)),
        said(lambda: check_online(big, big.champion)),
        said(lambda: check_online(slow, candidate)),
        said(lambda: check_online(half, half.champion)),
        said(lambda: check_online(slow, slow.champion, graph="flowers")),
        excess.told,
    ]


def unaccountable() -> list[str]:
    unit = Field(name="petal_length", dtype=Dtype.FLOAT, unit="")
    signature = msgspec.structs.replace(SIGNATURE, inputs=[unit])
    return [
        said(lambda: check_accountable(without("monitor", {}))),
        said(lambda: check_accountable(without("log", {"sample": 0}))),
        said(lambda: check_accountable(trained(owner=""))),
        said(lambda: check_accountable(trained(signature=signature))),
        f"log_sample: {NO_LOG}",
    ]


@pytest.mark.parametrize(
    "sentence", [*all_in_one(), *too_much(), *spec_refusals(), *unaccountable()]
)
def test_sentence_is_quoted_when_the_system_says_it(sentence):
    assert sentence in PAGE
