"""A1: one model server serves one model."""

from __future__ import annotations

import pytest
from fakes.records import a_deployment, a_ref, a_server
from servery.domain.deployment import Deployment, Retired, Served
from servery.domain.one_model import check_one_model
from servery.domain.serving import Mode
from servery.errors import AllInOneError

FIRST, SECOND = "1.1.0-dabc1234.sdef5678", "1.2.0-dabc1234.sdef5678"


def served(version: str = FIRST, number: int = 1, mode: Mode = Mode.LOAD, **ref) -> Served:
    return Served(ref=a_ref(version, **ref), server=a_server(number, mode))


def of(model: str, number: int, **changes) -> Deployment:
    return a_deployment(model=model, champion=served(number=number, model=model), **changes)


def test_records_pass_when_each_model_has_servers_of_its_own():
    check_one_model(of("iris", 1), [of("iris", 1), of("wine", 2)])


def test_versions_may_share_a_server_when_it_loads_them():
    record = a_deployment(champion=served(SECOND), last_good=served(FIRST))

    check_one_model(record, [])


@pytest.mark.parametrize(
    "other",
    [
        of("wine", 1),
        of("wine", 2, last_good=served(number=1, model="wine")),
        of("wine", 2, candidates=[served(number=1, model="wine")]),
        of("wine", 2, retired=[Retired(server=a_server(1), since=0.0)]),
    ],
    ids=["champion", "last good", "candidate", "retired"],
)
def test_server_is_refused_when_it_stands_in_the_record_of_another_model(other):
    with pytest.raises(AllInOneError) as caught:
        check_one_model(of("iris", 1), [of("iris", 1), other])

    assert "predictor:1 would serve 2 models, wine and iris" in str(caught.value)
    assert "`servery release iris`" in str(caught.value)


@pytest.mark.parametrize("place", ["champion", "last_good", "candidates"])
def test_version_is_refused_when_it_is_of_another_model(place):
    guest = served(SECOND, number=2, model="wine")
    record = a_deployment(**{place: [guest] if place == "candidates" else guest})

    with pytest.raises(AllInOneError, match="is a version of wine, not of iris") as caught:
        check_one_model(record, [])

    assert "join the two in a graph" in str(caught.value)


def test_server_is_refused_when_its_image_holds_another_version():
    record = a_deployment(
        champion=served(FIRST, mode=Mode.IMAGE), candidates=[served(SECOND, mode=Mode.IMAGE)]
    )

    with pytest.raises(AllInOneError) as caught:
        check_one_model(record, [])

    assert f"predictor:1 has {FIRST} in its image and would have to serve {SECOND}" in str(
        caught.value
    )
    assert "release it with mode image" in str(caught.value)
