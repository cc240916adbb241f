"""The name of a version: every text that is one comes back, order and bumps hold for all."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.versioning import (
    Identity,
    Stage,
    Version,
    check_experiment,
    first_version,
    next_version,
    promoted,
    stage_of,
    training_name,
    training_number,
    unused,
)
from servery.errors import InvalidVersionError

NUMBERS = st.integers(min_value=0, max_value=999_999_999)
LABELS = st.text(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=32
)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS, LABELS, LABELS)
DEVELOPMENT = st.builds(
    Version, st.just(0), *[st.integers(min_value=0, max_value=999_999)] * 2, LABELS, LABELS
)
IDENTITIES = st.builds(Identity, DIGESTS, DIGESTS, DIGESTS, DIGESTS)
START = Identity("1" * 64, "2" * 64, "3" * 64, "4" * 64)


@given(VERSIONS)
def test_the_same_version_comes_back_when_it_is_written_and_read(version):
    assert Version.parse(str(version)) == version


@given(st.text(max_size=60))
def test_a_text_is_refused_or_comes_back_when_it_is_read(text):
    try:
        version = Version.parse(text)
    except InvalidVersionError:
        return
    assert str(version) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "1.2-d.s",
        "01.2.3-d.s",
        "1.02.3-d.s",
        "-1.2.3-d.s",
        "1.2.3-d",
        "1.2.3-.s",
        "1.2.3-d.",
        "1.2.3-d.s.t",
        "1.2.3-d_1.s",
        "1.2.3-d.s\n",
        " 1.2.3-d.s",
        "v1.2.3-d.s",
        "\u0661.2.3-d.s",
        "1.2.3-ä.s",
        "1000000000.2.3-d.s",
        "1.2.3-" + "d" * 33 + ".s",
    ],
)
def test_refused_when_the_text_is_no_version(text):
    with pytest.raises(InvalidVersionError, match=r"X\.Y\.Z-data\.split"):
        Version.parse(text)


def test_refused_when_a_part_is_none_that_can_be_written():
    with pytest.raises(InvalidVersionError):
        Version(0, 1, -1, "d", "s")
    with pytest.raises(InvalidVersionError):
        Version(0, 1, 0, "d.x", "s")


@given(VERSIONS, VERSIONS)
def test_numbers_count_as_numbers_when_versions_are_ordered(one, other):
    key = (one.release, one.interface, one.logic, one.data, one.split)
    assert (one < other) == (
        key < (other.release, other.interface, other.logic, other.data, other.split)
    )


@given(st.lists(VERSIONS, min_size=3, max_size=3))
def test_the_order_is_one_when_three_are_compared(three):
    a, b, c = sorted(three)
    assert a <= b <= c
    assert a <= c
    assert not c < a


def test_ten_comes_after_nine_when_versions_are_ordered():
    assert Version.parse("0.1.9-d.s") < Version.parse("0.1.10-d.s")
    assert Version.parse("0.10.0-d.s") > Version.parse("0.9.9-d.s")


def test_no_order_when_it_is_compared_with_something_else():
    with pytest.raises(TypeError):
        assert Version(0, 1, 0, "d", "s") < "0.2.0-d.s"


@given(VERSIONS)
def test_the_stage_is_production_when_x_is_not_zero(version):
    assert (version.stage is Stage.PRODUCTION) == (version.release > 0)


@given(IDENTITIES)
def test_the_first_version_is_development_when_a_model_has_none(identity):
    version = first_version(identity)
    assert (version.release, version.interface, version.logic) == (0, 1, 0)
    assert version.data == "d" + identity.data[:7]
    assert version.split == "s" + identity.split[:7]
    assert version.stage is Stage.DEVELOPMENT


@given(DEVELOPMENT, IDENTITIES, IDENTITIES)
def test_the_bump_follows_from_what_changed(latest, previous, current):
    after = next_version(latest, previous, current)
    if current.interface != previous.interface:
        assert (after.interface, after.logic) == (latest.interface + 1, 0)
    elif current.logic != previous.logic:
        assert (after.interface, after.logic) == (latest.interface, latest.logic + 1)
    else:
        assert (after.interface, after.logic) == (latest.interface, latest.logic)
    assert after.release == 0
    assert (after.data[1:], after.split[1:]) == (current.data[:7], current.split[:7])


@given(IDENTITIES)
def test_it_is_the_same_version_when_nothing_changed(identity):
    latest = first_version(identity)
    assert next_version(latest, identity, identity) == latest


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("interface", "0.4.0-d3333333.s4444444"),
        ("logic", "0.3.6-d3333333.s4444444"),
        ("data", "0.3.5-d9999999.s4444444"),
        ("split", "0.3.5-d3333333.s9999999"),
    ],
)
def test_only_its_part_moves_when_one_thing_changes(part, expected):
    latest = replace(first_version(START), interface=3, logic=5)
    current = msgspec.structs.replace(START, **{part: "9" * 64})
    assert str(next_version(latest, START, current)) == expected


@given(DEVELOPMENT, st.lists(VERSIONS, max_size=5))
def test_x_is_above_all_others_and_the_rest_kept_when_it_is_promoted(version, released):
    released = [replace(v, release=min(v.release, 999_999)) for v in released]
    after = promoted(version, released)
    assert all(after.release > other.release for other in released)
    assert after.release == max((v.release for v in released), default=0) + 1
    assert replace(after, release=0) == version
    assert after.stage is Stage.PRODUCTION


def test_refused_when_a_production_version_is_promoted():
    with pytest.raises(InvalidVersionError, match="production version already"):
        promoted(Version(1, 1, 0, "d", "s"), [])


@given(NUMBERS)
def test_the_same_number_comes_back_when_a_training_is_named(number):
    assert training_number(training_name(number)) == number


@pytest.mark.parametrize("text", ["", "tr", "tr-1", "tr01", "TR1", "1", "tr1 ", "tr²", "tr1\n"])
def test_refused_when_the_text_names_no_training(text):
    with pytest.raises(InvalidVersionError, match="tr0, tr1"):
        training_number(text)


def test_refused_when_a_training_has_a_negative_number():
    with pytest.raises(InvalidVersionError):
        training_name(-1)


FREE = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,63}", fullmatch=True)


@given(VERSIONS)
def test_a_version_is_in_the_stage_that_its_x_says(version):
    assert stage_of(str(version)) is version.stage


@given(FREE)
def test_an_experiment_is_no_version_and_no_training_when_its_name_is_free(name):
    try:
        stage = stage_of(name)
    except InvalidVersionError:
        assert training_name(training_number(name)) == name
        return
    assert stage is Stage.EXPERIMENT
    with pytest.raises(InvalidVersionError):
        Version.parse(name)


@given(st.text(max_size=70))
def test_a_name_has_one_stage_or_none_whatever_it_is(text):
    try:
        stage = stage_of(text)
    except InvalidVersionError:
        return
    assert (stage is Stage.EXPERIMENT) == ("." not in text)


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "a.b", "tr0", "tr12", "a\n", "a" * 65])
def test_refused_when_no_experiment_can_be_called_so(name):
    with pytest.raises(InvalidVersionError, match="experiment"):
        check_experiment(name)


@given(DEVELOPMENT, st.integers(min_value=0, max_value=5))
def test_z_is_raised_as_long_as_the_name_is_taken(version, count):
    taken = {replace(version, logic=version.logic + step) for step in range(count)}

    free = unused(version, taken)

    assert free not in taken
    assert free == replace(version, logic=version.logic + count)


@given(st.lists(VERSIONS, unique_by=str, max_size=6), st.randoms())
def test_the_order_does_not_depend_on_how_it_was_before(versions, random):
    shuffled = list(versions)
    random.shuffle(shuffled)
    assert sorted(shuffled) == sorted(versions)


@given(DEVELOPMENT, IDENTITIES, IDENTITIES)
def test_a_later_version_is_never_lower_when_only_numbers_count(latest, previous, current):
    after = next_version(latest, previous, current)
    assert (after.interface, after.logic) >= (latest.interface, latest.logic)
