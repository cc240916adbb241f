"""What changed from version to version: words wherever digests differ, and the bumps of O3."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.changes import Bump, Ingredients, Subject, bumped, compare
from servery.domain.digest import digest_value
from servery.domain.identity import Identity
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.signature_diff import signature_changes
from servery.domain.versioning import first_version, next_version

NAMES = st.sampled_from(["length", "width", "colour", "age"])
BOUNDS = st.one_of(st.none(), st.floats(-100, 100, allow_nan=False).map(lambda x: x + 0.0))
CATEGORIES = st.one_of(
    st.none(), st.lists(st.one_of(st.text(max_size=3), st.integers(0, 3)), unique=True, max_size=3)
)
FIELDS = st.builds(
    Field,
    name=NAMES,
    dtype=st.sampled_from(Dtype),
    unit=st.sampled_from(["1", "cm", "mm"]),
    minimum=BOUNDS,
    maximum=BOUNDS,
    categories=CATEGORIES,
    nullable=st.booleans(),
    description=st.sampled_from(["", "of a leaf"]),
    example=st.one_of(st.none(), st.integers(0, 3)),
)
CLASSES = st.one_of(st.none(), st.lists(st.sampled_from(["a", "b", 1, 2, True, False]), max_size=3))
OUTPUTS = st.builds(
    Output,
    name=st.sampled_from(["kind", "price"]),
    dtype=st.sampled_from(Dtype),
    unit=st.sampled_from(["1", "EUR"]),
    classes=CLASSES,
    probabilities=st.booleans(),
    features=st.one_of(st.none(), st.lists(st.sampled_from(["f0", "f1"]), max_size=2)),
)
SIGNATURES = st.builds(
    Signature,
    task=st.sampled_from(Task),
    inputs=st.lists(FIELDS, max_size=3, unique_by=lambda field: field.name),
    output=OUTPUTS,
)
PARAMS = st.dictionaries(
    st.sampled_from(["max_depth", "n_estimators", "loss"]),
    st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["log", "gini"])),
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "columns": st.just(["length"]),
            "steps": st.lists(
                st.fixed_dictionaries(
                    {"class": st.sampled_from(["S", "M"])}, optional={"params": PARAMS}
                ),
                max_size=2,
            ),
        }
    ),
    max_size=2,
)
SPECS = st.fixed_dictionaries(
    {
        "estimator": st.fixed_dictionaries(
            {"class": st.sampled_from(["sklearn.A", "sklearn.B"])}, optional={"params": PARAMS}
        )
    },
    optional={"preprocessing": st.one_of(st.just("auto"), STEPS)},
)
DIGESTS = st.sampled_from(["1" * 64, "2" * 64])
MADE = st.builds(
    Ingredients,
    signature=SIGNATURES,
    spec=SPECS,
    libraries=st.fixed_dictionaries(
        {
            "python": st.sampled_from(["3.13.0", "3.13.1", "3.12.1"]),
            "scikit-learn": st.sampled_from(["1.9.1", "1.9.2"]),
        }
    ),
    code=DIGESTS,
)
ROWS = st.tuples(DIGESTS, DIGESTS)
SIGNATURE = Signature(
    task=Task.CLASSIFICATION,
    inputs=[
        Field(name="length", dtype=Dtype.FLOAT, unit="cm", minimum=0.0, maximum=10.0),
        Field(name="colour", dtype=Dtype.STRING, categories=["blue", "red"]),
    ],
    output=Output(name="kind", dtype=Dtype.STRING, classes=["low", "tall"], probabilities=True),
)


def identity(made: Ingredients, rows: tuple[str, str]) -> Identity:
    """The digests, as training makes them: of the interface and of what counts as logic."""
    estimator = {"params": {}, **made.spec["estimator"]}
    steps = made.spec.get("preprocessing", "auto")
    if steps != "auto":
        steps = [
            {**part, "steps": [{"params": {}, **step} for step in part["steps"]]} for part in steps
        ]
    libraries = {**made.libraries, "python": made.libraries["python"][:4]}
    logic = digest_value([estimator, steps, libraries, made.code])
    return Identity(made.signature.digest(), logic, *rows)


@given(SIGNATURES, SIGNATURES)
def test_there_are_words_exactly_when_a_caller_could_notice(before, after):
    assert bool(signature_changes(before, after)) == (before.digest() != after.digest())


@given(MADE, MADE, ROWS, ROWS)
def test_changes_move_exactly_the_parts_whose_digests_differ(old, new, rows, other):
    before, after = identity(old, rows), identity(new, other)

    changes = compare(before, after, old, new)

    differ = {
        Bump.INTERFACE: before.interface != after.interface,
        Bump.LOGIC: before.logic != after.logic,
        Bump.DATA: before.data != after.data,
        Bump.SPLIT: before.split != after.split,
    }
    assert bumped(changes) == {bump for bump, differs in differ.items() if differs}
    assert not any("something in the code" in change.said for change in changes)


@given(MADE, MADE, ROWS, ROWS)
def test_the_name_moves_as_its_changes_say(old, new, rows, other):
    before, after = identity(old, rows), identity(new, other)
    latest = first_version(before)

    version = next_version(latest, before, after)

    moved = bumped(compare(before, after, old, new))
    assert (version.interface > latest.interface) == (Bump.INTERFACE in moved)
    if Bump.INTERFACE in moved:
        assert version.logic == 0
    else:
        assert (version.logic > latest.logic) == (Bump.LOGIC in moved)
    assert (version.data != latest.data) == (Bump.DATA in moved)
    assert (version.split != latest.split) == (Bump.SPLIT in moved)


@given(st.builds(Identity, *[st.sampled_from("12")] * 4), st.builds(Identity, *[DIGESTS] * 4))
def test_the_digests_alone_are_told_of_when_the_ingredients_are_gone(before, after):
    changes = compare(before, after)

    assert bumped(changes) == set(Bump)
    assert all(change.said for change in changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "mm"}, "input length is in mm, was in cm"),
        ({"dtype": Dtype.INT}, "input length is int, was float"),
        ({"maximum": 20.0}, "input length may be 0 to 20, was 0 to 10"),
        ({"minimum": None, "maximum": None}, "input length may be any number, was 0 to 10"),
        ({"nullable": True}, "input length may be missing now"),
        ({"description": "of the leaf"}, None),
    ],
)
def test_a_sentence_names_what_is_another_in_a_field(change, said):
    first, second = SIGNATURE.inputs
    after = msgspec.structs.replace(
        SIGNATURE, inputs=[msgspec.structs.replace(first, **change), second]
    )
    assert signature_changes(SIGNATURE, after) == ([] if said is None else [said])


def test_columns_that_come_go_and_change_places_are_told_when_the_inputs_differ():
    length, colour = SIGNATURE.inputs
    age = Field(name="age", dtype=Dtype.INT, unit="a")

    assert signature_changes(SIGNATURE, with_inputs(colour, age)) == [
        "input length is gone",
        "input age is new (int, a)",
    ]
    assert signature_changes(SIGNATURE, with_inputs(colour, length)) == [
        "the inputs have another order"
    ]


def test_classes_are_told_when_the_answer_has_others():
    output = msgspec.structs.replace(
        SIGNATURE.output, classes=["tall", "small"], probabilities=False
    )
    assert signature_changes(SIGNATURE, msgspec.structs.replace(SIGNATURE, output=output)) == [
        "the output has small too",
        "the output no longer has low",
        "the output has no probabilities any more",
    ]


def test_parameters_and_libraries_are_named_when_the_logic_is_another():
    old = Ingredients(
        signature=SIGNATURE,
        spec={"estimator": {"class": "sklearn.A", "params": {"n": 100, "seed": 1}}},
        libraries={"python": "3.13.0", "scikit-learn": "1.9.1"},
        code="1" * 64,
    )
    new = Ingredients(
        signature=SIGNATURE,
        spec={"estimator": {"class": "sklearn.A", "params": {"n": 200, "loss": "log"}}},
        libraries={"python": "3.13.5", "scikit-learn": "1.9.2"},
        code="2" * 64,
    )
    before, after = (identity(made, ("3" * 64, "4" * 64)) for made in (old, new))

    changes = compare(before, after, old, new)

    assert [(change.subject, change.said) for change in changes] == [
        (Subject.PARAMETERS, "n is 200, was 100"),
        (Subject.PARAMETERS, "seed is no longer given, was 1"),
        (Subject.PARAMETERS, "loss is log, was not given"),
        (Subject.LIBRARIES, "scikit-learn is 1.9.2, was 1.9.1"),
        (Subject.CODE, "the training code is 222222222222, was 111111111111"),
    ]
    assert {change.bumps for change in changes} == {Bump.LOGIC}


def test_parameters_are_no_change_of_the_half_that_they_are_no_part_of():
    old = Ingredients(
        signature=SIGNATURE,
        spec={"estimator": {"class": "A", "params": {"n": 1}}, "preprocessing": "auto"},
        libraries={"scikit-learn": "1.9.1"},
        prepares=True,
    )
    new = replace(
        old,
        spec={"estimator": {"class": "A", "params": {"n": 2}}, "preprocessing": "auto"},
        libraries={"scikit-learn": "1.9.2"},
    )
    said = compare(Identity("1", "2", "3", "4"), Identity("1", "9", "3", "4"), old, new)
    assert [change.subject for change in said] == [Subject.LIBRARIES]


def with_inputs(*fields):
    return msgspec.structs.replace(SIGNATURE, inputs=list(fields))
