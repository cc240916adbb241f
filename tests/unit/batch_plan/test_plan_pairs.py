"""Files are not predicted by halves of a pair."""

from __future__ import annotations

import pytest
from fakes.planning import PlanningDesk, csv_of
from msgspec.structs import replace
from servery.domain.manifest import Part
from servery.errors import InvalidInputError


@pytest.mark.parametrize("part", list(Part))
def test_batch_is_refused_with_what_to_ask_instead_when_the_model_is_half_of_a_pair(part):
    desk = PlanningDesk()
    batch = desk.batch("f.csv", csv_of(5))
    deployment = desk.registry.deployment("iris")
    half = replace(deployment.champion.ref, part=part, pair="a" * 32)
    champion = replace(deployment.champion, ref=half)
    desk.registry.put_deployment(replace(deployment, revision=2, champion=champion))
    with pytest.raises(InvalidInputError, match=r"POST /v2/graphs/\{graph\}/jobs"):
        desk.plan(batch)
    assert desk.files.keys(f"batches/{batch.id}/") == []
