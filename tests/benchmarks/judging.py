"""How often a release is failed that should not be, and how often one that should.

What is judged by is what the release judges by: `verdicts.judged` with the rules that a spec has
where it says nothing. Only the requests are made up: a fifth of them goes to the version, the
rest to the champion; one in two hundred fails of either; times in the model are log-normal, 5 ms
in the middle; three classes of 50, 30 and 20 %.

    PYTHONPATH=layers/core:infra:tests python -m benchmarks.judging [--runs 100] [--json]
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from servery.domain.evidence import Evidence
from servery.domain.judging import Judgement, Verdict
from servery.domain.predicted import Predicted
from servery.domain.release_rules import Judging
from servery.domain.verdicts import judged

from benchmarks.report import Report, show

REQUESTS = (50, 200, 1000)
CHAMPION = 4
"""Requests of the champion for each of the version."""
AROUND = 12 + 6 * math.log(2)
"""Milliseconds that usually come on top of the model: the median."""
LOOKS = 20
WORKERS = 4
RULES = Judging()
CLASSES = ("a", "b", "c")


@dataclass(frozen=True)
class Truth:
    """What a side does.

    Attributes:
        failing: Share of requests that fail.
        slower: How many times longer a request takes than the champion's.
        shares: Of the classes.
        starts: Share of requests that wait two seconds for a server to start.
        right: Share of right answers; None without labels.
    """

    failing: float = 0.005
    slower: float = 1.0
    shares: Sequence[float] = (0.5, 0.3, 0.2)
    starts: float = 0.01
    right: float | None = None


@dataclass
class Stream:
    """Requests of a side as they come, counted.

    Attributes:
        truth: What it does.
        source: Of chance.
        evidence: What they come to.
    """

    truth: Truth
    source: random.Random
    evidence: Evidence = field(default_factory=Evidence)

    def take(self, count: int) -> None:
        """So many more requests."""
        chance, truth, found = self.source, self.truth, self.evidence
        for _ in range(count):
            found.requests += 1
            if chance.random() < truth.failing:
                found.failed += 1
                continue
            around = 12 + chance.expovariate(1 / 6)
            usual = chance.lognormvariate(math.log(5), 0.5)
            model = truth.slower * (usual + AROUND) - AROUND
            start = 2000.0 if chance.random() < truth.starts else 0.0
            found.timed(around + start + model, model)
            predicted = Predicted(classes=chance.choices(CLASSES, truth.shares))
            found.says(predicted)
            if truth.right is not None and predicted.classes is not None:
                hit = chance.random() < truth.right
                found.scored(predicted, {0: predicted.classes[0] if hit else "x"})


ALIKE = Truth()
HARMLESS: dict[str, tuple[Truth, Truth]] = {
    "nothing": (ALIKE, ALIKE),
    "30 % wait for a server to start": (Truth(starts=0.3), ALIKE),
    "a tenth of both fails": (Truth(failing=0.1), Truth(failing=0.1)),
    "as right, labels of all": (Truth(right=0.95), Truth(right=0.95)),
    "at every bound at once": (
        Truth(failing=0.015, slower=2.0, shares=(0.296, 0.3, 0.404), right=0.9),
        Truth(right=0.95),
    ),
}
HARMFUL: dict[str, tuple[Truth, Truth]] = {
    "1 point more fails (the bound)": (Truth(failing=0.015), ALIKE),
    "5 points more fail": (Truth(failing=0.055), ALIKE),
    "20 points more fail": (Truth(failing=0.205), ALIKE),
    "1.5 times as slow (bound 2)": (Truth(slower=1.5), ALIKE),
    "3 times as slow": (Truth(slower=3.0), ALIKE),
    "predictions shift, PSI 0.5": (Truth(shares=(0.213, 0.3, 0.487)), ALIKE),
    "predictions shift, PSI 1": (Truth(shares=(0.111, 0.3, 0.589)), ALIKE),
    "a class is never predicted": (Truth(shares=(0.7, 0.3, 0.0)), ALIKE),
    "10 points less right, labels of all": (Truth(right=0.85), Truth(right=0.95)),
    "25 points less right, labels of all": (Truth(right=0.7), Truth(right=0.95)),
}

Run = Callable[[Truth, Truth, int, random.Random], Judgement]


def at_once(one: Truth, other: Truth, requests: int, source: random.Random) -> Judgement:
    """One judgement, when the time of the stage is over."""
    candidate, champion = Stream(one, source), Stream(other, source)
    candidate.take(requests)
    champion.take(CHAMPION * requests)
    return judged(candidate.evidence, champion.evidence, RULES)


def again_and_again(one: Truth, other: Truth, requests: int, source: random.Random) -> Judgement:
    """Looks all along the stage, as a release has them, and the judgement at its end."""
    candidate, champion = Stream(one, source), Stream(other, source)
    for look in range(1, LOOKS + 1):
        more = requests * look // LOOKS - candidate.evidence.requests
        candidate.take(more)
        champion.take(CHAMPION * more)
        last = judged(candidate.evidence, champion.evidence, RULES, final=look == LOOKS)
        if last.verdict is Verdict.FAIL:
            break
    return last


def failed(job: tuple[Run, tuple[Truth, Truth], int, int]) -> float:
    """The share of so many runs that fail, each with so many requests."""
    run, truths, requests, runs = job
    source = random.Random(requests)  # noqa: S311 - the same figures every time
    verdicts = (run(*truths, requests, source).verdict for _ in range(runs))
    return sum(verdict is Verdict.FAIL for verdict in verdicts) / runs


def report(title: str, cases: dict[str, tuple[Truth, Truth]], run: Run, runs: int) -> Report:
    """Shares of failed releases, by case and by requests of the version."""
    made = Report(
        title=title,
        notes=[f"{runs:,} runs of each; requests of the version, and {CHAMPION} times as many"],
        columns=["what is different", *(f"{requests:,}" for requests in REQUESTS)],
    )
    jobs = [(run, truths, count, runs) for truths in cases.values() for count in REQUESTS]
    with ProcessPoolExecutor(WORKERS) as pool:
        every = list(pool.map(failed, jobs))
    for place, name in enumerate(cases):
        shares = every[place * len(REQUESTS) : (place + 1) * len(REQUESTS)]
        made.rows.append([name, *(f"{share:.1%}" for share in shares)])
        made.figures[name] = dict(zip(map(str, REQUESTS), shares, strict=True))
    return made


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    nothing = {"nothing": HARMLESS["nothing"]}
    alarms = report("Failed though it should not be", HARMLESS, at_once, given.runs)
    looks = report(f"The same, looked at {LOOKS} times", nothing, again_and_again, given.runs)
    worst = max(alarms.figures["nothing"].values())
    alarms.verdicts.append(
        f"no difference: at the most {worst:.1%} of releases; {RULES.chance:.0%} is accepted"
    )
    found = report("Failed as it should be", HARMFUL, at_once, given.runs)
    show([alarms, looks, found], as_json=given.json)


if __name__ == "__main__":
    main()
