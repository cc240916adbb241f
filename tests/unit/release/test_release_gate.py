"""The gate: what it finds, what it refuses, and whom it asks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from fakes.artifacts import SIGNATURE, a_manifest
from fakes.model_servers import FakeModelServers
from fakes.records import a_ref, a_server
from servery.domain.columns import Values, held_out_key
from servery.domain.deployment import Served
from servery.domain.manifest import Parity
from servery.domain.release_evidence import Check, Verdict
from servery.domain.release_gate import compared, own_findings, signature_finding
from servery.domain.release_records import ReleaseOrigin
from servery.domain.release_rules import ReleaseRules, is_automatic
from servery.domain.signature import Dtype
from servery.errors import InvalidInputError, ModelServerError, UnavailableError
from servery.usecases.release.held_out import ServerHeldOut
from servery.usecases.training.keys import split

VERSION = "0.1.0-d1.s1"


def manifest(spec=None, **changes):
    plain = a_manifest(VERSION, "tr0", {}, **changes)
    said = {**plain.lineage.spec, "metric": "accuracy", **(spec or {})}
    return msgspec.structs.replace(plain, lineage=msgspec.structs.replace(plain.lineage, spec=said))


def verdicts(findings):
    return {finding.check: finding.verdict for finding in findings}


@pytest.mark.parametrize(("least", "verdict"), [(0.9, "passed"), (0.98, "refused")])
def test_bound_of_the_spec_is_held_against_when_it_is_released(least, verdict):
    found = own_findings(manifest({"gates": {"minimum": least}}))
    assert verdicts(found)[Check.BOUNDS] == verdict
    bound = next(f for f in found if f.check is Check.BOUNDS)
    assert (bound.value, bound.bound) == (0.97, least)


def test_it_is_refused_when_its_graph_is_not_proven():
    found = own_findings(manifest(parity=Parity(exported=False, reason="another class", rows=3)))
    assert verdicts(found)[Check.EXPORT] is Verdict.REFUSED


@pytest.mark.parametrize(
    ("origin", "compare", "verdict"),
    [
        (ReleaseOrigin.COMMAND, None, Verdict.PASSED),
        (ReleaseOrigin.COMMAND, True, Verdict.REFUSED),
        (ReleaseOrigin.TRAINING, None, Verdict.REFUSED),
        (ReleaseOrigin.TRAINING, False, Verdict.PASSED),
    ],
)
def test_worse_one_is_refused_when_nobody_asked_or_the_spec_says_so(origin, compare, verdict):
    found = compared(manifest(), "2.1.0-d.s", 0.99, ReleaseRules(compare=compare), origin)
    assert found.verdict is verdict
    assert "worse by 0.02" in found.said
    assert (found.value, found.champion) == (0.97, 0.99)


def test_it_passes_when_it_is_worse_by_what_is_tolerated():
    rules = ReleaseRules(compare=True, tolerance=0.05)
    found = compared(manifest(), "2.1.0-d.s", 0.99, rules, ReleaseOrigin.TRAINING)
    assert found.verdict is Verdict.PASSED


def test_changed_interface_is_approved_by_a_person_when_nobody_asked():
    output = msgspec.structs.replace(SIGNATURE.output, name="kind")
    other = manifest(signature=msgspec.structs.replace(SIGNATURE, output=output))
    by_hand = signature_finding(manifest(), other, ReleaseOrigin.COMMAND)
    alone = signature_finding(manifest(), other, ReleaseOrigin.SCHEDULE)
    assert (by_hand.verdict, alone.verdict) == (Verdict.PASSED, Verdict.APPROVE)
    assert "the output is kind, was species" in alone.said


@pytest.mark.parametrize(
    ("event", "automatic"),
    [
        ({"spec": {}}, False),
        ({"spec": {"release": {"automatic": True}}}, True),
        ({"spec": {"release": "x"}}, False),
        ({"spec": {}, "origin": "alarm"}, True),
        ({"spec": None}, False),
    ],
)
def test_training_is_released_by_itself_when_its_event_says_so(event, automatic):
    assert is_automatic(event) is automatic


class Rows:
    def __init__(self, count=3):
        self.key, self.count = "", count

    def read(self, key):
        self.key = key
        nulls = np.zeros(self.count, dtype=bool)
        lengths = np.arange(self.count, dtype=np.float64)
        truth = np.array(["setosa", "virginica", "setosa"][: self.count], dtype=np.object_)
        return {
            "petal_length": Values(Dtype.FLOAT, lengths, nulls),
            "species": Values(Dtype.STRING, truth, nulls),
        }


def answering(status=200, **body):
    document = {"predictions": [{"class": "setosa"}] * 3, **body}
    told = {"status": status, "body": msgspec.json.encode(document).decode(), "reason": "told"}
    return FakeModelServers(answer=lambda event: told)


SERVED = Served(ref=a_ref(VERSION), server=a_server(1))


def test_champion_is_asked_with_the_new_rows_when_it_was_evaluated_on_others():
    rows, servers = Rows(), answering()
    found = ServerHeldOut(rows, servers).metrics(SERVED, manifest(), manifest())
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert rows.key == held_out_key("2" * 64, "3" * 64) == split("2" * 64, "3" * 64, "test.npz")


def test_it_is_told_when_the_champion_answers_no_probability_of_a_class():
    output = msgspec.structs.replace(SIGNATURE.output, probabilities=True)
    theirs = manifest(signature=msgspec.structs.replace(SIGNATURE, output=output))
    with pytest.raises(ModelServerError, match="no probability of 'setosa'"):
        ServerHeldOut(Rows(), answering()).metrics(SERVED, theirs, manifest())


@pytest.mark.parametrize(("status", "error"), [(400, InvalidInputError), (503, UnavailableError)])
def test_it_is_told_when_the_champion_does_not_answer(status, error):
    with pytest.raises(error, match="told"):
        ServerHeldOut(Rows(), answering(status)).metrics(SERVED, manifest(), manifest())


def test_it_is_told_when_the_champion_takes_what_the_rows_do_not_have():
    other = msgspec.structs.replace(SIGNATURE.inputs[0], name="petal_width")
    theirs = manifest(signature=msgspec.structs.replace(SIGNATURE, inputs=[other]))
    with pytest.raises(InvalidInputError, match="no petal_width"):
        ServerHeldOut(Rows(), answering()).metrics(SERVED, theirs, manifest())
