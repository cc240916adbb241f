"""One look: what is put into the log comes out as a finding, and nothing else does."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec
import numpy as np
import pytest
from fakes.watched import (
    CLASSES,
    NOW,
    PRICES,
    VERSION,
    a_baseline,
    a_label,
    a_line,
    asked,
    looked,
    rocks,
    rules,
    traffic,
)
from servery.domain.watching import HourCounts, Kind, Severity, WatchState
from servery.usecases.monitoring import watching
from servery.usecases.monitoring.recording import in_sample
from servery.usecases.monitoring.watch import tally as counting
from servery.usecases.monitoring.watch.lines import Seen, WatchLine
from servery.usecases.monitoring.watch.tally import thinned
from servery.usecases.monitoring.watch.windows import windows_of

STATE = WatchState(model="rocks")


def wrong(look):
    return [(f.kind, f.subject) for f in look.findings]


def only(look):
    (finding,) = look.findings
    return finding


def measure(look, kind, name, subject=""):
    (found,) = [m for m in look.measures if (m.kind, m.name, m.subject) == (kind, name, subject)]
    return found


class TestQuiet:
    def test_nothing_is_wrong_when_requests_are_like_the_training(self):
        look, state = looked(traffic(1200))
        assert look.findings == look.alarms == look.notes == []
        assert (look.requests, look.labelled, look.version) == (1200, 0, VERSION)
        assert (state.looks, state.looked) == (1, "2026-03-02T12:00:00.000Z")
        assert state.tested == "2026-03-02T12:00:00.000Z"
        assert look.chance == pytest.approx(0.05 / 7)

    def test_all_figures_are_told_when_nothing_is_wrong(self):
        look, _ = looked(traffic(1200))
        told = {(m.kind, m.name, m.subject) for m in look.measures}
        assert {
            (Kind.INPUT_DRIFT, "psi", "mass"),
            (Kind.INPUT_DRIFT, "ks", "mass"),
            (Kind.INPUT_DRIFT, "psi", "gloss"),
            (Kind.INPUT_DRIFT, "ks", "gloss"),
            (Kind.INPUT_DRIFT, "nulls", "gloss"),
            (Kind.INPUT_DRIFT, "chi_square", "site"),
            (Kind.PREDICTION_DRIFT, "chi_square", "rock"),
            *((Kind.CLASS_ABSENT, "hours", each) for each in CLASSES),
            (Kind.CLASS_FREQUENT, "share", "opal"),
            (Kind.ERRORS, "error_share", "server"),
            (Kind.ERRORS, "error_share", "refused"),
            (Kind.LATENCY, "p95_ms", ""),
            (Kind.REPEATED, "repeat_share", ""),
        } == told
        bars = measure(look, Kind.INPUT_DRIFT, "chi_square", "site").bars
        assert [bar.label for bar in bars] == ["quarry", "river", "shore"]
        assert sum(bar.window for bar in bars) == pytest.approx(1)
        assert sum(bar.baseline for bar in bars) == pytest.approx(1)
        assert measure(look, Kind.LATENCY, "p95_ms").value == pytest.approx(10, rel=0.02)

    def test_nothing_is_said_when_there_are_too_few_requests(self):
        look, state = looked(traffic(19, shift=3))
        assert look.findings == look.measures == []
        assert state.tested == ""

    def test_nothing_is_divided_by_zero_when_the_champion_was_crowned_now(self):
        look, _ = looked([], since=NOW, rules=rules(min_per_hour=5))
        assert (look.findings, look.chance) == ([], 0)


class TestDrift:
    def test_feature_is_named_when_its_mean_has_moved(self):
        look, _ = looked(traffic(1200, shift=1))
        found = only(look)
        assert (found.kind, found.subject) == (Kind.INPUT_DRIFT, "mass")
        assert found.severity is Severity.WARNING
        assert found.samples == 300  # the shortest window in which it is sure
        assert found.p < 1e-9
        assert "mass is not spread as in the training in the last hour (300 requests)" in found.said
        assert measure(look, Kind.INPUT_DRIFT, "psi", "mass").found

    def test_newest_requests_are_seen_when_the_rest_is_as_ever(self):
        old = traffic(3000, hours=(4, 1))
        look, _ = looked(old + traffic(250, shift=1, hours=(1, 0), first=9000))
        assert wrong(look) == [(Kind.INPUT_DRIFT, "mass")]

    def test_slight_drift_is_seen_when_there_are_many_requests(self):
        look, _ = looked(traffic(3000, shift=0.35))
        assert wrong(look) == [(Kind.INPUT_DRIFT, "mass")]

    def test_drift_of_no_weight_is_no_finding_when_it_is_sure(self):
        look, _ = looked(traffic(3000, shift=0.35), rules=rules(psi=0.5, ks=0.4))
        assert look.findings == []
        assert measure(look, Kind.INPUT_DRIFT, "ks", "mass").p < 1e-9

    def test_missing_values_are_named_when_they_become_more(self):
        source = np.random.default_rng(2)
        lines = [
            a_line(i, at=NOW - timedelta(minutes=i % 200), rows=[{**row, "gloss": None}])
            if i % 2
            else a_line(i, at=NOW - timedelta(minutes=i % 200 + 1), rows=[row])
            for i, row in enumerate(rocks(source, 800))
        ]
        look, _ = looked(lines, rules=rules(off=[Kind.PREDICTION_DRIFT, Kind.CLASS_ABSENT]))
        assert wrong(look) == [(Kind.INPUT_DRIFT, "gloss")]
        assert "gloss is missing in 5" in look.findings[0].said

    def test_answers_are_named_when_they_are_others(self):
        look, _ = looked(traffic(1200, shares=(0.2, 0.75, 0.05)))
        assert wrong(look) == [(Kind.PREDICTION_DRIFT, "rock")]
        assert look.findings[0].severity is Severity.CRITICAL

    def test_answers_are_named_when_they_are_numbers(self):
        source = np.random.default_rng(4)
        baseline = a_baseline(predictions=source.normal(100, 10, 500).tolist())
        lines = [
            a_line(i, at=NOW - timedelta(minutes=i % 200 + 1), rows=[row], said=[110.0 + i % 20])
            for i, row in enumerate(rocks(source, 600))
        ]
        look, _ = looked(lines, baseline=baseline, signature=PRICES)
        assert wrong(look) == [(Kind.PREDICTION_DRIFT, "price")]

    def test_requests_of_many_rows_are_no_more_than_one_witness_when_they_drift(self):
        source = np.random.default_rng(5)
        lines = [
            a_line(i, at=NOW - timedelta(minutes=i + 1), rows=rocks(source, 60, shift=2))
            for i in range(100)
        ]
        look, _ = looked(lines, rules=rules(off=[Kind.CLASS_ABSENT]))
        assert Kind.INPUT_DRIFT not in {m.kind for m in look.measures}

    def test_other_versions_count_for_nothing_when_they_are_asked_too(self):
        look, _ = looked(
            traffic(1200) + traffic(900, shift=2, first=5000, model_version="2.0.0-1.1")
        )
        assert (look.findings, look.requests) == ([], 1200)

    def test_lines_count_once_when_the_lake_has_them_twice(self):
        lines = traffic(300)
        assert looked(lines + lines)[0].requests == 300

    def test_unread_lines_are_told_when_they_are_none(self):
        lines = [*traffic(30), b"{", b'{"status": 200}', a_line(1000, at=NOW, input=None)]
        lines += [
            a_line(1001, at=NOW - timedelta(minutes=1), input=None),
            a_line(1002, at=NOW - timedelta(minutes=1), input=msgspec.Raw(b'{"records":[{}]}')),
            a_line(1003, at=NOW - timedelta(minutes=1), output=msgspec.Raw(b"{}")),
        ]
        look, _ = looked(lines)
        assert [note.split(" ", 1)[0] for note in look.notes] == ["2", "1", "1", "1"]
        assert look.requests == 33

    def test_masked_features_are_passed_over_when_the_log_hashes_them(self):
        source = np.random.default_rng(6)
        lines = []
        for i, row in enumerate(rocks(source, 600, shift=1)):
            given = {"mass": row["mass"], "gloss": f"h:{i}"}
            line = msgspec.json.decode(
                a_line(i, at=NOW - timedelta(minutes=i % 200 + 1), rows=[given])
            )
            lines.append(
                msgspec.json.encode(line | {"hashed": ["input.gloss"], "omitted": ["input.site"]})
            )
        look, _ = looked(lines, rules=rules(off=[Kind.PREDICTION_DRIFT, Kind.CLASS_ABSENT]))
        assert wrong(look) == [(Kind.INPUT_DRIFT, "mass")]
        assert {m.subject for m in look.measures if m.kind is Kind.INPUT_DRIFT} == {"mass"}
        assert look.notes == ["gloss, site: about persons, and hashed or left out in the log"]

    def test_hashed_answers_are_no_drift_when_the_target_is_personal(self):
        lines = []
        for line in traffic(600):
            read = msgspec.json.decode(line)
            read |= {"hashed": ["output.class"], "output": {"predictions": [{"class": "h:1"}]}}
            lines.append(msgspec.json.encode(read))
        look, _ = looked(lines)
        assert look.findings == []
        assert look.notes == ["rock: about persons, and hashed or left out in the log"]

    @pytest.mark.parametrize("how", ["hashed", "omitted"])
    def test_masked_answers_are_not_wrong_when_labels_come(self, how):
        lines = []
        for line in traffic(600):
            read = msgspec.json.decode(line)
            read |= {how: ["output"], "output": {"predictions": [{"class": "h:1"}]}}
            lines.append(msgspec.json.encode(read))
        look, _ = looked(lines, labels=[a_label(number, "granite") for number in range(600)])
        assert look.labelled == 0
        assert look.findings == []


class TestClasses:
    def test_class_is_named_when_it_is_absent(self):
        look, _ = looked(traffic(1600, shares=(0.63, 0.37, 0)))
        assert (Kind.CLASS_ABSENT, "opal") in wrong(look)
        (found,) = [f for f in look.findings if f.kind is Kind.CLASS_ABSENT]
        assert found.said.startswith("none of the 400 requests of the last hour was answered opal")

    def test_class_is_not_missed_when_it_is_not_absent_for_long(self):
        recent = traffic(800, shares=(0.63, 0.37, 0), hours=(1, 0), first=5000)
        look, _ = looked(traffic(1600, hours=(4, 1)) + recent, rules=rules(absent_hours=2))
        assert Kind.CLASS_ABSENT not in {f.kind for f in look.findings}

    def test_rare_class_is_named_when_it_is_frequent(self):
        look, _ = looked(traffic(1200, shares=(0.5, 0.3, 0.2)))
        assert (Kind.CLASS_FREQUENT, "opal") in wrong(look)
        assert (Kind.CLASS_FREQUENT, "basalt") not in {(m.kind, m.subject) for m in look.measures}

    def test_class_is_named_when_no_held_out_row_was_one(self):
        baseline = a_baseline(predictions=["granite"] * 325 + ["basalt"] * 175)
        look, _ = looked(traffic(1200), baseline=baseline)
        assert (Kind.CLASS_FREQUENT, "opal") in wrong(look)


class TestService:
    def test_failures_are_named_when_they_are_too_many(self):
        look, _ = looked(traffic(1000) + traffic(60, first=3000, status=500))
        assert wrong(look) == [(Kind.ERRORS, "server")]
        assert look.findings[0].severity is Severity.CRITICAL

    @pytest.mark.parametrize("sign", [{"fallback": "default"}, {"degraded": True}])
    def test_stand_ins_are_failures_when_they_answer(self, sign):
        lines = traffic(1000) + traffic(60, first=3000, model_version="0.9.0-1.1", **sign)
        assert wrong(looked(lines)[0]) == [(Kind.ERRORS, "server")]

    def test_refusals_are_named_when_they_are_too_many(self):
        lines = traffic(600) + traffic(200, first=3000, status=400)
        assert wrong(looked(lines)[0]) == [(Kind.ERRORS, "refused")]

    def test_limits_are_nobodys_fault_when_callers_are_told_to_wait(self):
        lines = traffic(600) + traffic(300, first=3000, status=429, fallback="refuse")
        assert looked(lines)[0].findings == []

    def test_failures_count_by_the_sample_when_all_of_them_are_logged(self):
        """One in ten of what went well is logged, and all that failed: 0.5 % in truth."""
        well = [line for i, line in enumerate(traffic(9950)) if in_sample(f"r-{i}", 0.1)]
        look, _ = looked(well + traffic(50, first=20_000, status=500), sample=0.1)
        assert look.findings == []
        assert measure(look, Kind.ERRORS, "error_share", "server").samples < 1100

    def test_latency_is_named_when_more_than_one_in_twenty_are_slow(self):
        slow = traffic(100, first=3000, latency_ms=900.0)
        look, _ = looked(traffic(700) + slow, rules=rules(latency_p95_ms=500))
        assert wrong(look) == [(Kind.LATENCY, "")]
        assert measure(look, Kind.LATENCY, "p95_ms").value == pytest.approx(900, rel=0.02)
        assert looked(traffic(700) + slow)[0].findings == []  # half of the deadline is 5 s

    def test_same_input_is_named_when_it_comes_over_and_over(self):
        same = [
            a_line(5000 + i, at=NOW - timedelta(minutes=i % 200 + 1), said=["basalt"])
            for i in range(500)
        ]
        off = [Kind.INPUT_DRIFT, Kind.PREDICTION_DRIFT, Kind.CLASS_ABSENT]
        look, _ = looked(traffic(500) + same, rules=rules(off=off))
        assert wrong(look) == [(Kind.REPEATED, "")]
        assert not {m.kind for m in look.measures} & set(off)

    def test_same_input_is_one_when_it_is_written_in_another_form(self):
        tensors = [
            {"name": "mass", "shape": [1], "datatype": "FP64", "data": [0]},
            {"name": "gloss", "shape": [1], "datatype": "FP64", "data": [5]},
            {"name": "site", "shape": [1], "datatype": "BYTES", "data": ["river"]},
        ]
        other = msgspec.Raw(msgspec.json.encode({"inputs": tensors}))
        lines = [
            a_line(i, at=NOW - timedelta(minutes=1), **({"input": other} if i % 2 else {}))
            for i in range(400)
        ]
        look, _ = looked(lines)
        assert measure(look, Kind.REPEATED, "repeat_share").value == 1
        assert look.notes == []


class TestRates:
    def test_silence_is_critical_when_the_spec_states_a_rate(self):
        look, _ = looked([], rules=rules(min_per_hour=20))
        found = only(look)
        assert (found.kind, found.severity, found.value) == (Kind.TOO_FEW, Severity.CRITICAL, 0)
        assert "no request at all in the last hour" in found.said

    def test_rate_is_named_when_it_is_beyond_what_is_stated(self):
        assert wrong(looked(traffic(400), rules=rules(min_per_hour=200))[0]) == [(Kind.TOO_FEW, "")]
        assert wrong(looked(traffic(400), rules=rules(max_per_hour=50))[0]) == [(Kind.TOO_MANY, "")]
        both = rules(min_per_hour=90, max_per_hour=110)
        assert looked(traffic(400), rules=both)[0].findings == []

    def test_rate_is_that_of_all_when_a_sample_is_logged(self):
        lines = [line for i, line in enumerate(traffic(4000)) if in_sample(f"r-{i}", 0.1)]
        look, _ = looked(lines, sample=0.1, rules=rules(min_per_hour=500, max_per_hour=2000))
        assert look.findings == []
        assert measure(look, Kind.TOO_FEW, "per_hour").value == pytest.approx(1000, rel=0.2)

    def test_rate_is_named_when_it_is_another_than_on_the_days_before(self):
        known = HourCounts(first="2026-02-26T00", counts=[1000] * (4 * 24 + 11))
        state = msgspec.structs.replace(STATE, hours=known)
        look, after = looked(traffic(400), state=state)
        assert wrong(look) == [(Kind.TOO_FEW, "")]
        assert "250 is the bound where 1000 are usual from 11:00 UTC" in look.findings[0].said
        assert after.hours.counts[-5:] == [1000, 100, 100, 100, 100]
        few = msgspec.structs.replace(
            STATE, hours=HourCounts(first="2026-02-26T00", counts=[5] * 107)
        )
        assert wrong(looked(traffic(400), state=few)[0]) == [(Kind.TOO_MANY, "")]
        assert looked(traffic(400), state=few, rules=rules(rate_factor=None))[0].findings == []

    @pytest.mark.parametrize(
        ("gap", "made_up"), [(1, [79]), (6, [74, 75, 76, 77, 78, 79]), (7, None)]
    )
    def test_days_before_stay_known_when_hours_between_were_not_counted(self, gap, made_up):
        """As that in which the champion changed: the last four are the first that are counted."""
        known = HourCounts(first="2026-02-26T00", counts=list(range(104 - gap)))
        _, after = looked(traffic(400), state=msgspec.structs.replace(STATE, hours=known))
        if made_up is None:
            assert after.hours == HourCounts(first="2026-03-02T08", counts=[100] * 4)
        else:
            assert after.hours.counts == [*known.counts, *made_up, *[100] * 4]

    def test_week_counts_more_than_days_when_enough_weeks_are_known(self):
        """Nobody asks on a Monday at eleven, which this is the hour of."""
        counts = [0 if i % 168 == 0 else 1000 for i in range(3 * 168)]
        state = msgspec.structs.replace(
            STATE, hours=HourCounts(first="2026-02-09T11", counts=counts)
        )
        assert looked([], state=state)[0].findings == []
        daily = HourCounts(first="2026-02-09T11", counts=[1000] * (3 * 168))
        state = msgspec.structs.replace(STATE, hours=daily)
        assert wrong(looked([], state=state)[0]) == [(Kind.TOO_FEW, "")]

    def test_nothing_is_usual_when_two_days_are_known(self):
        known = HourCounts(first="2026-02-28T11", counts=[1000] * 48)
        assert looked([], state=msgspec.structs.replace(STATE, hours=known))[0].findings == []

    def test_lines_are_missed_when_the_metrics_count_requests(self):
        look, _ = looked([], counted=300)
        found = only(look)
        assert (found.kind, found.subject, found.severity) == (
            Kind.NO_DATA,
            "log",
            Severity.CRITICAL,
        )
        assert looked(traffic(1200), counted=300)[0].findings == []
        assert wrong(looked(traffic(400), counted=300)[0]) == [(Kind.NO_DATA, "log")]
        assert looked([], counted=0)[0].findings == []
        assert looked([], counted=300, since=NOW - timedelta(minutes=5))[0].findings == []

    def test_lines_are_not_missed_when_few_of_them_are_logged(self):
        lines = [line for i, line in enumerate(traffic(4000)) if in_sample(f"r-{i}", 0.05)]
        assert looked(lines, counted=1000, sample=0.05)[0].findings == []

    def test_labels_are_missed_when_they_have_stopped(self):
        state = msgspec.structs.replace(STATE, labelled="2026-02-27T11:00:00.000Z")
        look, after = looked(traffic(300), state=state)
        assert wrong(look) == [(Kind.NO_DATA, "labels")]
        assert look.findings[0].p is None
        assert look.findings[0].value == 73
        assert after.labelled == "2026-02-27T11:00:00.000Z"
        look, after = looked(traffic(300), state=state, labels=[a_label(1, "opal")])
        assert (look.findings, after.labelled) == ([], "2026-03-02T12:00:00.000Z")
        assert looked([], state=state)[0].findings == []


class TestAccuracy:
    @staticmethod
    def said(lines):
        return [msgspec.json.decode(line)["output"]["predictions"][0]["class"] for line in lines]

    def labels(self, lines, hits):
        """Labels of which a share is right."""
        told = self.said(lines)
        return [
            a_label(i, each if i % 100 < hits else CLASSES[CLASSES.index(each) - 1])
            for i, each in enumerate(told)
        ]

    def test_accuracy_is_named_when_it_is_below_the_trainings(self):
        lines = traffic(800)
        look, _ = looked(lines, labels=self.labels(lines, 70))
        assert wrong(look) == [(Kind.ACCURACY, "")]
        assert (look.labelled, look.findings[0].severity) == (800, Severity.CRITICAL)
        assert "the accuracy is 70.0%, and 90.0% in the training; 85.0%" in look.findings[0].said
        assert looked(lines, labels=self.labels(lines, 88))[0].findings == []

    def test_accuracy_is_named_when_it_is_below_what_is_stated(self):
        lines = traffic(800)
        given = rules(accuracy=0.95)
        look, _ = looked(lines, labels=self.labels(lines, 87), rules=given, metrics={})
        assert wrong(look) == [(Kind.ACCURACY, "")]
        assert looked(lines, labels=self.labels(lines, 96), rules=given)[0].findings == []

    def test_nothing_is_said_when_few_have_a_label(self):
        lines = traffic(800)
        look, _ = looked(lines, labels=self.labels(lines, 0)[:49])
        assert (look.findings, look.labelled) == ([], 49)
        assert Kind.ACCURACY not in {m.kind for m in look.measures}

    def test_last_label_holds_when_a_row_has_several(self):
        lines = traffic(800)
        later = NOW + timedelta(minutes=1)
        told = [a_label(i, each, at=later) for i, each in enumerate(self.said(lines))]
        look, _ = looked(lines, labels=[*told, *self.labels(lines, 0)])
        assert (look.findings, look.labelled) == ([], 800)

    def test_labels_are_of_the_sample_or_not_when_requests_are_in_the_log(self):
        lines = traffic(800)
        look, _ = looked(lines, labels=self.labels(lines, 70), sample=0.01)
        assert look.labelled == 800

    def test_error_is_named_when_it_has_grown(self):
        source = np.random.default_rng(8)
        truth = source.normal(100, 10, 500).tolist()
        lines = [
            a_line(i, at=NOW - timedelta(minutes=i % 200 + 1), rows=[row], said=[price])
            for i, (row, price) in enumerate(zip(rocks(source, 500), truth, strict=True))
        ]
        given = {
            "baseline": a_baseline(predictions=truth),
            "signature": PRICES,
            "metrics": {"rmse": 2.0},
        }
        for off, found in ((2.1, []), (4.0, [(Kind.ACCURACY, "")])):
            noise = source.normal(0, off, 500)
            labels = [
                a_label(i, float(t + n)) for i, (t, n) in enumerate(zip(truth, noise, strict=True))
            ]
            look, _ = looked(lines, labels=labels, **given)
            assert wrong(look) == found
            assert measure(look, Kind.ACCURACY, "rmse").value == pytest.approx(off, rel=0.1)
        stated = rules(rmse=2.0, rmse_growth=5)
        assert wrong(looked(lines, labels=labels, rules=stated, **given)[0]) == [
            (Kind.ACCURACY, "")
        ]

    def test_label_counts_for_nothing_when_it_is_of_another_kind_or_row(self):
        lines = traffic(300)
        labels = [a_label(i, each, row=1) for i, each in enumerate(self.said(lines))]
        assert looked(lines, labels=labels)[0].labelled == 0


class TestWindows:
    def test_windows_double_when_there_is_time(self):
        given = windows_of(rules(window_hours=24, label_hours=100), NOW - timedelta(days=30), NOW)
        assert [given[i].hours for i in range(len(given.begins))] == [
            1,
            2,
            4,
            8,
            16,
            24,
            48,
            96,
            100,
        ]
        assert given.drift == 6

    def test_windows_end_at_the_crowning_when_it_was_in_them(self):
        given = windows_of(rules(window_hours=24), NOW - timedelta(hours=3), NOW)
        assert [given[i].hours for i in range(len(given.begins))] == [1, 2, 3]
        assert given.drift == 3

    def test_time_is_in_the_shortest_window_when_it_is_in_several(self):
        given = windows_of(rules(), NOW - timedelta(days=3), NOW)
        ages = (0.01, 1, 1.01, 2.5, 4, 4.01, 0, -1)
        places = [given.place((NOW - timedelta(hours=age)).timestamp()) for age in ages]
        assert places == [0, 0, 1, 2, 2, None, None, None]

    def test_words_are_plain_when_windows_are_named(self):
        given = windows_of(
            rules(shortest_hours=0.5, window_hours=2, label_hours=96), NOW - timedelta(days=9), NOW
        )
        assert [given[i].said for i in (0, 1, 2, -1)] == [
            "the last 30 minutes",
            "the last hour",
            "the last 2 hours",
            "the last 4 days",
        ]


def test_question_has_half_of_the_deadline_when_no_latency_is_stated():
    assert asked(deadline_ms=3000).slowest_ms == 1500
    assert asked(rules=rules(latency_p95_ms=80)).slowest_ms == 80


class TestBounded:
    def test_frequent_inputs_are_kept_when_there_are_too_many_others(self):
        counted = Counter({b"often": 5, b"twice": 2, b"once": 1})
        assert thinned(counted) == {b"often": 4, b"twice": 1}

    def test_repeated_input_is_found_when_more_inputs_come_than_are_counted(self, monkeypatch):
        monkeypatch.setattr(counting, "MOST_INPUTS", 50)
        same = [a_line(5000 + i, at=NOW - timedelta(minutes=i % 200 + 1)) for i in range(600)]
        look, _ = looked(traffic(400) + same)
        assert (Kind.REPEATED, "") in wrong(look)
        assert 0.5 < measure(look, Kind.REPEATED, "repeat_share").value <= 0.65

    def test_lines_are_told_apart_when_they_differ_in_id_or_time(self):
        seen = Seen()
        lines = [
            WatchLine(request_id=f"r-{i}", time=f"t-{j}", status=200, latency_ms=1.0)
            for i in range(100)
            for j in range(5)
        ]
        assert [seen.again(line) for line in lines] == [False] * 500
        assert [seen.again(line) for line in lines] == [True] * 500

    def test_labels_are_left_out_when_there_are_more_than_are_held(self, monkeypatch):
        monkeypatch.setattr(watching, "MOST_LABELLED", 60)
        lines = traffic(300)
        labels = [a_label(i, "granite") for i in range(100)]
        look, _ = looked(lines, labels=labels)
        assert look.labelled == 60
        assert look.notes == ["40 labels are beyond the 60 requests that are looked at"]
