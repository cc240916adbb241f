"""No owner, no unit, no log, offline only: what may not be released, whenever it was trained."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.artifacts import SIGNATURE, a_manifest
from fakes.records import VERSION
from servery.domain.accountability import check_accountable
from servery.domain.manifest import Manifest
from servery.domain.signature import Dtype, Field
from servery.errors import ArtifactError, InvalidInputError


def manifest(monitor: Any = None, log: Any = None, **changes: Any) -> Manifest:
    made = a_manifest(VERSION, "tr0", {}, **changes)
    spec = {
        "monitor": {"production_metric": "share of right names"} if monitor is None else monitor,
        "log": {} if log is None else log,
    }
    lineage = msgspec.structs.replace(made.lineage, spec=spec)
    return msgspec.structs.replace(made, lineage=lineage)


def fields(made: Manifest) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        check_accountable(made)
    assert "train again" in str(caught.value)
    for violation in caught.value.violations:
        assert f"{violation.field} {violation.message}" in str(caught.value)
    return [violation.field for violation in caught.value.violations]


def test_version_passes_when_production_can_judge_it():
    check_accountable(manifest())


@pytest.mark.parametrize("monitor", [{}, {"production_metric": ""}, {"production_metric": "  "}])
def test_it_is_offline_only_when_no_production_metric_is_named(monitor):
    assert fields(manifest(monitor=monitor)) == ["monitor.production_metric"]


def test_it_is_refused_when_nothing_is_logged():
    assert fields(manifest(log={"sample": 0})) == ["log.sample"]


def test_it_passes_when_a_little_is_logged():
    check_accountable(manifest(log={"sample": 0.001}))


def test_it_is_refused_when_nobody_owns_it():
    assert fields(manifest(owner=" ")) == ["owner"]


def test_it_is_refused_when_an_input_has_no_unit():
    nameless = Field(name="petal_width", dtype=Dtype.FLOAT, unit="")
    inputs = [*SIGNATURE.inputs, nameless]
    signature = msgspec.structs.replace(SIGNATURE, inputs=inputs)

    assert fields(manifest(signature=signature)) == ["signature.inputs[1].unit"]


def test_it_is_refused_when_the_answer_has_no_unit():
    output = msgspec.structs.replace(SIGNATURE.output, unit="")
    signature = msgspec.structs.replace(SIGNATURE, output=output)

    assert fields(manifest(signature=signature)) == ["signature.output.unit"]


def test_everything_is_named_at_once_when_much_is_missing():
    made = manifest(owner="", monitor={}, log={"sample": 0})

    assert fields(made) == ["monitor.production_metric", "log.sample", "owner"]


def test_it_is_our_fault_when_the_spec_cannot_be_read():
    with pytest.raises(ArtifactError, match="cannot be read"):
        check_accountable(manifest(log={"sample": "much"}))
