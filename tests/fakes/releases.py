"""Signals, executions, judges and held-out rows of releases, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from servery.domain.judging import Judgement, Verdict
from servery.errors import ConflictError


@dataclass
class MemorySignals:
    """What is said to releases."""

    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    aborts: dict[tuple[str, str], str] = field(default_factory=dict)

    def keep_token(self, model: str, release: str, token: str) -> None:
        self.tokens[model, release] = token

    def token(self, model: str, release: str) -> str:
        return self.tokens.get((model, release), "")

    def ask_abort(self, model: str, release: str, reason: str) -> None:
        self.aborts.setdefault((model, release), reason)

    def abort_reason(self, model: str, release: str) -> str:
        return self.aborts.get((model, release), "")


@dataclass
class MemoryExecutions:
    """Executions that run until a test says otherwise; remembers what they were told."""

    running: set[str] = field(default_factory=set)
    told: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    deaf: bool = False

    def is_running(self, execution: str) -> bool:
        return execution in self.running

    def go_on(self, token: str, output: dict[str, str]) -> None:
        if self.deaf or not token:
            raise ConflictError("the release does not wait any more")
        self.told.append((token, output))


def judged(verdict: Verdict = Verdict.PASS, said: str = "as good") -> Judgement:
    return Judgement(verdict=verdict, said=said, requests=100, champion_requests=900)


@dataclass
class SetJudge:
    """Says what it was told to, one after the other, the last again and again."""

    verdicts: list[Judgement] = field(default_factory=lambda: [judged()])
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, deployment: Any, rules: Any, **window: Any) -> Judgement:
        self.asked.append({"rollout": deployment.rollout, **window})
        if not window["final"]:
            return judged(Verdict.UNKNOWN, "its time is not over")
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]


@dataclass
class SetHeldOut:
    """Metrics of the champion, or what it refuses with."""

    answer: Callable[[], dict[str, float]] = lambda: {"accuracy": 0.9}

    def metrics(self, served: Any, champion: Any, manifest: Any) -> dict[str, float]:
        return self.answer()
