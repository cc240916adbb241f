"""What is read of an argument, told from source that is written in all the usual ways."""

from __future__ import annotations

import json
import types

import pytest
from targets.paths import Reads
from targets.reads import reads_of

LISTED = ("A", "B")
TABLE = {"A": 1, "B": 2}


def direct(props):
    return props.get("A"), props["B"]["C"]


def guarded(props):
    if "A" in props and (found := props.get("B")):
        return found.get("C")
    return None


def looped(props):
    for rule in (props.get("A") or {}).get("Rules", []):
        rule.get("Id")


def listed(props):
    return {key: props[key] for key in LISTED if key in props}


def tabled(props):
    for key in TABLE:
        props.get(key)


def called(props):
    return deeper(props.get("A"), tags=props["B"])


def deeper(held, *, tags=None):
    return held.get("C"), [tag["Key"] for tag in tags]


def closed(props):
    def one(key):
        return props.get(key)

    return one("A"), one("B")


def wrapped(props):
    inner = {"A": props["A"]}
    return taken(inner)


def taken(inner):
    return inner.get("A").get("C")


def composed(props):
    for name in LISTED:
        props.get(f"{name}Path")


def overwritten(props):
    props = {"A": 1}
    return props["B"]


def stored(props):
    kept = {}
    kept["x"] = props["A"]
    return json.dumps(props["B"])


def passed_on(props):
    return json.loads(**props)


def written(props):
    props["A"] = 1


@pytest.mark.parametrize(
    ("function", "read"),
    [
        (direct, {"A", "B", "B.C"}),
        (guarded, {"A", "B", "B.C"}),
        (looped, {"A", "A.Rules", "A.Rules.Id"}),
        (listed, {"A", "B"}),
        (tabled, {"A", "B"}),
        (called, {"A", "A.C", "B", "B.Key"}),
        (closed, {"A", "B"}),
        (wrapped, {"A", "A.C"}),
        (composed, {"APath", "BPath"}),
        (overwritten, set()),
        (written, set()),
    ],
)
def test_keys_are_found_when_they_are_read(function, read):
    assert {".".join(path) for path in reads_of(function, "props").read} == read


def test_all_below_counts_when_something_is_stored_or_handed_on():
    found = reads_of(stored, "props")

    assert found.covers(("A", "Anything"))
    assert found.covers(("B", "Anything"))
    assert not found.covers(("C",))
    assert reads_of(passed_on, "props").covers(("C", "D"))


class Provider:
    def create(self, request):
        model = request.desired_state
        return self._more(request), model["A"]

    def _more(self, request):
        return request.desired_state.get("B")


def test_methods_are_followed_when_an_attribute_is_what_counts():
    create = types.MethodType(Provider.create, Provider)

    found = reads_of(create, "request", attribute="desired_state")

    assert found.read == {("A",), ("B",)}


def test_the_first_letter_may_be_of_either_case_when_paths_are_compared():
    reads = Reads({("stageName",)}, {("variables",)})

    assert reads.covers(("StageName",))
    assert reads.covers(("Variables", "X"))
    assert reads.begins(("Variables",))
    assert not reads.covers(("Stagename",))
