"""Which model the web single answers with."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.flower_model import flower_manifest, flower_onnx
from servery.domain.digest import digest_bytes
from servery.errors import ArtifactError, FaultError, NotFoundError, UnavailableError
from servery.usecases.web_single import (
    FRESH_SECONDS,
    Description,
    Nothing,
    Wanted,
    WebSingle,
    packaged,
)

ONE, TWO = "1.1.0-dabc1234.sdef5678", "2.1.0-dabc1234.sdef5678"


def test_champion_answers_when_it_is_released(house):
    house.release(ONE)

    serving = house.web.serving()

    assert (serving.model.ref.version, serving.degraded) == (ONE, False)


def test_model_is_loaded_once_when_it_stays_the_champion(house):
    house.release(ONE)
    for _ in range(5):
        house.web.serving()
        house.clock.advance(FRESH_SECONDS)

    assert house.loads == [ONE]


def test_record_is_not_read_again_when_it_is_fresh(house):
    house.release(ONE)
    house.web.serving()
    house.release(TWO)
    house.clock.advance(FRESH_SECONDS - 0.01)

    assert house.web.serving().model.ref.version == ONE


def test_next_champion_answers_when_the_record_has_changed(house):
    house.release(ONE)
    house.web.serving()
    house.release(TWO)
    house.clock.advance(FRESH_SECONDS)

    serving = house.web.serving()

    assert (serving.model.ref.version, serving.degraded) == (TWO, False)


def test_last_model_answers_degraded_when_the_next_cannot_be_loaded(house):
    house.release(ONE)
    house.web.serving()
    house.release(TWO, broken=True)
    house.clock.advance(FRESH_SECONDS)

    serving = house.web.serving()

    assert (serving.model.ref.version, serving.degraded) == (ONE, True)


def test_next_champion_answers_when_it_can_be_loaded_after_all(house):
    house.release(ONE)
    house.web.serving()
    ref = house.release(TWO, broken=True)
    house.clock.advance(FRESH_SECONDS)
    house.web.serving()
    house.objects.put(f"{ref.prefix}/model.onnx", flower_onnx())
    house.clock.advance(FRESH_SECONDS)

    serving = house.web.serving()

    assert (serving.model.ref.version, serving.degraded) == (TWO, False)


def test_load_is_not_tried_on_every_request_when_it_fails(house):
    house.release(ONE)
    house.web.serving()
    house.release(TWO, broken=True)
    house.clock.advance(FRESH_SECONDS)
    for _ in range(5):
        house.web.serving()

    assert house.loads == [ONE, TWO]


def test_error_is_told_when_the_first_model_cannot_be_loaded(house):
    house.release(ONE, broken=True)

    with pytest.raises(ArtifactError):
        house.web.serving()


def test_model_goes_on_answering_when_the_registry_is_down(house):
    house.release(ONE)
    down = [False]

    def wanted():
        if down[0]:
            raise UnavailableError("the registry does not answer")
        return Wanted(house.registry.deployment("iris").champion.ref)

    web = WebSingle("iris", wanted, house.load, house.clock)
    web.serving()
    down[0] = True
    house.clock.advance(60)

    assert web.serving().model.ref.version == ONE


def test_model_stops_answering_when_its_deployment_is_gone(house):
    house.release(ONE)
    gone = [False]

    def wanted():
        if gone[0]:
            raise NotFoundError("nothing is released")
        return Wanted(house.registry.deployment("iris").champion.ref)

    web = WebSingle("iris", wanted, house.load, house.clock)
    web.serving()
    gone[0] = True
    house.clock.advance(FRESH_SECONDS)

    with pytest.raises(NotFoundError):
        web.serving()
    with pytest.raises(NotFoundError):
        web.serving()


def test_old_model_answers_others_when_one_thread_loads_the_next(house):
    house.release(ONE)
    loading, go_on = threading.Event(), threading.Event()

    def slow_load(ref):
        if ref.version == TWO:
            loading.set()
            assert go_on.wait(10)
        return house.load(ref)

    web = WebSingle(
        "iris",
        lambda: Wanted(house.registry.deployment("iris").champion.ref),
        slow_load,
        house.clock,
    )
    web.serving()
    house.release(TWO)
    house.clock.advance(FRESH_SECONDS)
    with ThreadPoolExecutor(1) as pool:
        swapping = pool.submit(web.serving)
        assert loading.wait(10)
        meanwhile = web.serving().model.ref.version
        go_on.set()

        assert (meanwhile, swapping.result(10).model.ref.version) == (ONE, TWO)


def test_one_thread_loads_when_many_ask_at_first(house):
    house.release(ONE)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(house.web.serving) for _ in range(8)]
        versions = {each.result(10).model.ref.version for each in asked}

    assert (versions, house.loads) == ({ONE}, [ONE])


def test_description_has_the_form_when_a_model_is_released(house):
    house.release(ONE)

    told = house.web.describe(api_url="https://api.example.org/prod")

    assert isinstance(told, Description)
    assert (told.model, told.model_version, told.released) == ("iris", ONE, True)
    assert told.inputs[0].name == "sepal_length"
    assert told.api_url == "https://api.example.org/prod"


def test_description_has_the_commands_when_nothing_is_released(house):
    told = house.web.describe(api_url="")

    assert told == Nothing(model="iris", commands=["servery train iris", "servery release iris"])


def _package():
    content = flower_onnx()
    return msgspec.json.encode(flower_manifest(content)), digest_bytes(content)


def test_package_has_its_released_name_when_the_record_knows_it(house):
    ref = house.release(ONE)
    manifest, digest = _package()

    wanted = packaged(manifest, house.registry, "iris")()

    assert (wanted.ref, wanted.ref.digest) == (ref, digest)


def test_package_has_its_own_name_when_another_model_is_champion(house):
    house.release(ONE, favourite="virginica")
    manifest, digest = _package()

    wanted = packaged(manifest, house.registry, "iris")()

    assert (wanted.ref.version, wanted.ref.digest) == ("0.1.0-dabc1234.sdef5678", digest)


def test_package_serves_when_nothing_is_recorded(house):
    manifest, _ = _package()

    assert packaged(manifest, house.registry, "iris")().ref.training == "tr0"


def test_package_is_refused_when_it_holds_another_model(house):
    with pytest.raises(FaultError, match="wine"):
        packaged(_package()[0], house.registry, "wine")


def test_clock_is_the_only_time_when_the_age_is_asked():
    clock = SetClock()
    asked = []

    def wanted():
        asked.append(clock.now())
        raise NotFoundError("nothing is released")

    web = WebSingle("iris", wanted, lambda ref: pytest.fail(str(ref)), clock)
    for _ in range(2):
        with pytest.raises(NotFoundError):
            web.serving()

    assert len(asked) == 2
