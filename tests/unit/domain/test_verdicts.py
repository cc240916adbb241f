"""What the evidence of a version comes to, beside the champion's of the same time."""

from __future__ import annotations

import pytest
from servery.domain.evidence import Evidence
from servery.domain.judging import Aspect, Measure, Verdict
from servery.domain.predicted import Predicted
from servery.domain.release_rules import Judging
from servery.domain.verdicts import judged

RULES = Judging()


def evidence(
    requests: int = 200,
    failed: int = 0,
    model_ms: float = 5.0,
    around_ms: float = 20.0,
    classes: str = "ab",
    right: float | None = None,
) -> Evidence:
    """So many requests: answered in turn with the classes, the first of them failed."""
    found = Evidence(requests=requests, failed=failed)
    for number in range(requests - failed):
        found.timed(model_ms + around_ms + number % 7, model_ms + number % 3 / 10)
        predicted = Predicted(classes=[classes[number % len(classes)]])
        found.says(predicted)
        if right is not None:
            hit = number % 100 < 100 * right
            found.scored(predicted, {0: predicted.classes[0] if hit else "other"})
    return found


def measure(judgement, name: Aspect) -> Measure:
    return next(each for each in judgement.measures if each.name is name)


def test_it_passes_when_both_are_alike():
    judgement = judged(evidence(), evidence(1800), RULES)
    assert judgement.verdict is Verdict.PASS
    assert (judgement.requests, judgement.champion_requests) == (200, 1800)
    assert [each.name for each in judgement.measures] == ["errors", "latency", "drift"]
    assert all(each.verdict is Verdict.PASS for each in judgement.measures)
    assert judgement.said.startswith(
        "within every bound: errors 0.0 % beside 0.0 %, latency 28.1 ms"
    )


def test_nothing_is_known_when_there_are_few_requests():
    judgement = judged(evidence(31), evidence(300), RULES)
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.said.startswith("31 of 50 requests so far")


def test_nothing_is_known_when_there_is_no_evidence():
    judgement = judged(Evidence(), Evidence(), RULES)
    assert (judgement.verdict, judgement.requests) == (Verdict.UNKNOWN, 0)
    assert judgement.said == "0 of 50 requests so far"


def test_nothing_is_known_when_the_champion_has_answered_next_to_nothing():
    judgement = judged(evidence(), evidence(3), RULES)
    assert judgement.verdict is Verdict.UNKNOWN
    assert "too few answers so far" in judgement.said


def test_nothing_passes_when_all_of_both_fail():
    judgement = judged(evidence(100, failed=100), evidence(900, failed=900), RULES)
    assert judgement.verdict is Verdict.UNKNOWN


def test_nothing_passes_before_the_time_is_over():
    judgement = judged(evidence(), evidence(1800), RULES, final=False)
    assert judgement.verdict is Verdict.UNKNOWN
    assert "before the time is over" in judgement.said


def test_it_fails_when_it_errs_more():
    judgement = judged(evidence(failed=30), evidence(1800, failed=9), RULES)
    assert judgement.verdict is Verdict.FAIL
    assert measure(judgement, Aspect.ERRORS).verdict is Verdict.FAIL
    assert judgement.said == (
        "the share of failed requests is 15.0 %, the champion's 0.5 %, and 1.5 % is the most "
        "(200 requests of the version, 1,800 of the champion)"
    )


def test_it_passes_when_both_err_alike():
    judgement = judged(evidence(failed=20), evidence(1800, failed=180), RULES)
    assert judgement.verdict is Verdict.PASS


@pytest.mark.parametrize("final", [True, False])
def test_it_fails_at_once_when_it_is_a_catastrophe(final):
    judgement = judged(evidence(8, failed=8), evidence(72), RULES, final=final)
    assert judgement.verdict is Verdict.FAIL
    assert "100.0 %" in judgement.said


def test_a_few_failures_are_no_catastrophe_when_there_are_few_requests():
    assert judged(evidence(20, failed=2), evidence(180), RULES).verdict is Verdict.UNKNOWN


def test_it_fails_when_the_model_is_slower_than_allowed():
    judgement = judged(evidence(model_ms=80.0), evidence(1800), RULES)
    assert judgement.verdict is Verdict.FAIL
    found = measure(judgement, Aspect.LATENCY)
    assert (found.verdict, found.bound) == (Verdict.FAIL, pytest.approx(2 * found.champion))
    assert "the p95 is" in judgement.said


def test_starts_of_servers_do_not_count_when_the_model_is_as_fast():
    slow_starts = evidence(around_ms=3000.0)
    assert judged(slow_starts, evidence(1800), RULES).verdict is Verdict.PASS


def test_microseconds_do_not_count_when_callers_would_not_notice():
    judgement = judged(evidence(model_ms=0.5), evidence(1800, model_ms=0.02), RULES)
    assert measure(judgement, Aspect.LATENCY).verdict is Verdict.PASS


def test_it_fails_when_it_predicts_something_else():
    judgement = judged(evidence(classes="aaaaaaaaab"), evidence(1800, classes="ab"), RULES)
    assert measure(judgement, Aspect.DRIFT).verdict is Verdict.FAIL
    assert judgement.said.startswith("the shift of the predictions (PSI) is ")


def test_it_fails_when_numbers_shift():
    candidate, champion = evidence(classes="a"), evidence(1800, classes="a")
    for side, shift in ((candidate, 30.0), (champion, 0.0)):
        side.classes.clear()
        side.predicted = 0
        for number in range(side.requests):
            side.says(Predicted(numbers=[[shift + number % 97]]))
    assert measure(judged(candidate, champion, RULES), Aspect.DRIFT).verdict is Verdict.FAIL
    assert measure(judged(champion, champion, RULES), Aspect.DRIFT).verdict is Verdict.PASS


def test_rows_of_one_request_are_one_piece_of_evidence():
    one = Evidence()
    one.says(Predicted(classes=["a"] * 30 + ["b"] * 10))
    assert (one.classes, one.predicted) == (
        {"a": pytest.approx(0.75), "b": pytest.approx(0.25)},
        1,
    )


def test_features_of_a_preprocessor_are_no_predictions():
    one = Evidence()
    one.says(Predicted(numbers=[[1.0, 2.0]]))
    assert (one.predicted, one.numbers) == (0, [])


class TestQuality:
    def test_it_fails_when_it_is_less_accurate_than_allowed(self):
        judgement = judged(evidence(right=0.6), evidence(1800, right=0.95), RULES)
        found = measure(judgement, Aspect.QUALITY)
        assert (found.verdict, found.candidate) == (Verdict.FAIL, pytest.approx(0.6))
        assert found.bound == pytest.approx(0.9)
        assert judgement.said.startswith(
            "the accuracy is 60.0 %, the champion's 95.0 %, and 90.0 %"
        )
        assert "is the least" in judgement.said

    def test_it_passes_when_it_is_as_accurate(self):
        judgement = judged(evidence(right=0.93), evidence(1800, right=0.95), RULES)
        assert judgement.verdict is Verdict.PASS

    def test_nothing_is_said_when_labels_are_few(self):
        judgement = judged(evidence(40, right=0.0), evidence(1800, right=1.0), RULES)
        assert Aspect.QUALITY not in [each.name for each in judgement.measures]

    @pytest.mark.parametrize(("error", "verdict"), [(1.0, Verdict.PASS), (2.0, Verdict.FAIL)])
    def test_squared_errors_are_compared_when_numbers_are_predicted(self, error, verdict):
        sides = []
        for count, off in ((200, error), (1800, 1.0)):
            side = evidence(count, classes="a")
            for number in range(count):
                predicted = Predicted(numbers=[[off * (0.5 + number % 2)], [0.0]])
                side.scored(predicted, {0: 0.0})
            sides.append(side)
        judgement = judged(*sides, RULES)
        found = measure(judgement, Aspect.QUALITY)
        assert (found.verdict, found.champion) == (verdict, pytest.approx(1.25))

    def test_rows_count_in_parts_when_a_request_has_several(self):
        sides = []
        for count, hits in ((100, 1), (900, 4)):
            side = evidence(count)
            for number in range(count):
                labels = ["a" if row < hits + number % 2 else "x" for row in range(5)]
                side.scored(Predicted(classes=["a"] * 5), dict(enumerate(labels)))
            sides.append(side)
        found = measure(judged(*sides, RULES), Aspect.QUALITY)
        assert (found.verdict, found.champion) == (Verdict.FAIL, pytest.approx(0.9))


def test_disagreement_is_told_and_not_judged():
    candidate = evidence()
    candidate.compared, candidate.agreed = 200, 20
    judgement = judged(candidate, evidence(1800), RULES)
    found = measure(judgement, Aspect.DISAGREEMENT)
    assert (judgement.verdict, found.verdict, found.p) == (Verdict.PASS, Verdict.PASS, None)
    assert found.candidate == pytest.approx(0.9)
    assert "disagreement 90.0 %" in judgement.said


def test_chance_is_shared_when_there_are_several_measures():
    candidate, champion = evidence(50, failed=3), evidence(450)
    p = measure(judged(candidate, champion, RULES), Aspect.ERRORS).p
    alone = Judging(chance=p * 1.5)
    assert judged(candidate, champion, alone).verdict is Verdict.PASS
    assert judged(candidate, champion, Judging(chance=p * 3.5)).verdict is Verdict.FAIL
