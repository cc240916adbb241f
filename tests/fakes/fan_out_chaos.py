"""Jobs of graphs while everything goes wrong: seeded, so that a run can be had again.

Processes die before or after any call that has an effect, calls fail, messages come twice, at the
same time or later, models are away, slow, or answer garbage, and time goes on in between. What is
real is what the plant has as real.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.fan_out_plant import EPOCH, FanOut
from fakes.graph_plant import classes, values
from fakes.jobs import DiedError, Life
from fakes.sqs_queue import Message, SimulatedQueue
from servery.domain.graph_jobs import GraphJob, GraphJobState, PartState, parts_of
from servery.errors import DeadlineExceededError, NotFoundError, RetryableError, UnavailableError
from servery.ports import GraphJobStore
from servery.usecases.graph.fan_out.settling import settle

GARBAGE = b'{"status": 200, "body": "{}"}'
FACTORS = {"u": 1.0, "v": 2.0, "w": 3.0}
GRAPHS = ("all", "enough", "short", "whole", "starts")


class RiskyLife(Life):
    """Whoever makes a call may die of it, or it fails.

    Args:
        chance: What is drawn from.
        death: Share of the moments at which the process dies.
        failure: Share of the moments at which a call fails.
    """

    def __init__(self, chance: random.Random, *, death: float, failure: float) -> None:
        super().__init__()
        self._chance = chance
        self._death, self._failure = death, failure
        self.deaths: Counter[str] = Counter()
        self.failures = 0

    def moment(self, name: str) -> None:
        drawn = self._chance.random()
        if drawn < self._death:
            self.deaths[name] += 1
            raise DiedError(name)
        if drawn < self._death + self._failure:
            self.failures += 1
            raise UnavailableError(f"{name}: not now")


class MortalGraphJobs:
    """A store in whose calls a process may die.

    Args:
        store: The real one.
        life: Of the processes.
    """

    def __init__(self, store: GraphJobStore, life: Life) -> None:
        self._store = store
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def add(self, job: Any) -> Any:
        return self._life.act("add", lambda: self._store.add(job))

    def put(self, job: Any) -> None:
        self._life.act("put", lambda: self._store.put(job))

    def add_result(self, result: Any, *, expires: float) -> Any:
        return self._life.act("add result", lambda: self._store.add_result(result, expires=expires))

    def mark_told(self, result: Any) -> None:
        self._life.act("mark told", lambda: self._store.mark_told(result))


@dataclass
class Told:
    """An event that a member has answered, on its way to whoever follows it."""

    job: str
    member: str
    visible: float


@dataclass
class Findings:
    """What a run came to: how much went wrong, and what should not have.

    Attributes:
        wrong: A sentence for each thing that should not be.
    """

    jobs: int = 0
    followed: int = 0
    parts: int = 0
    asked: int = 0
    deaths: int = 0
    failures: int = 0
    duplicates: int = 0
    overlapping: int = 0
    done: int = 0
    failed: int = 0
    partial: int = 0
    late: int = 0
    ends: int = 0
    ends_again: int = 0
    members_again: int = 0
    dead: int = 0
    simulated_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Chaos:
    """One run.

    Args:
        seed: Of what goes wrong.
        store: Where jobs are kept; in memory where none is given.
        death: Share of the calls, before and after their effects, that a process dies of.
        failure: Share of them that fail.
        trouble: Share of the requests to models that come to nothing.
        twice: Share of the messages and events that come again.
    """

    def __init__(
        self,
        seed: int,
        store: GraphJobStore | None = None,
        *,
        death: float = 0.02,
        failure: float = 0.02,
        trouble: float = 0.15,
        twice: float = 0.15,
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - not for secrets
        self._trouble, self._twice = trouble, twice
        self.life = RiskyLife(self._chance, death=death, failure=failure)
        mortal = MortalGraphJobs(store, self.life) if store is not None else None
        self.plant = FanOut(self.life, mortal, seed)
        self._accepted: dict[str, float] = {}
        self._seen = 0
        self._bus: list[Told] = []
        self._depth = 0
        self.findings = Findings()
        self._set_up()

    def run(self, count: int) -> Findings:
        """Submit so many jobs, work until all is over, and look at what it came to."""
        for number in range(count):
            self._submit(number)
            for _ in range(self._chance.randint(0, 3)):
                self._something()
        quiet = 0
        while quiet < 2:
            quiet = 0 if self._something() else quiet + 1
        self._look()
        return self.findings

    # --- what there is

    def _set_up(self) -> None:
        plant = self.plant
        for name, factor in FACTORS.items():
            honest = values(lambda row, factor=factor: factor * row["x"])
            plant.models.model(name, self._troubled(honest))
        for name in ("a", "b", "c"):
            plant.models.model(name, self._troubled(classes("yes")))
        plant.group(*FACTORS, name="all", aggregate="mean", job_wait_s=600)
        plant.group(*FACTORS, name="enough", aggregate="mean", quorum=2, job_wait_s=100)
        plant.group(*FACTORS, name="short", aggregate="mean", quorum=1, job_wait_s=2)
        steps = [{"name": "one", "model": "u"}]
        plant.models.graph({"name": "whole", "steps": steps, "job_wait_s": 600}, {}, "x:float")
        plant.group("a", "b", "c", name="next", aggregate="vote", job_wait_s=600)
        then = {"u": {"graph": "next", "when": {"of": "value", "above": 0.0}}}
        plant.group(*FACTORS, name="starts", aggregate="mean", job_wait_s=600, then=then)

    def _troubled(self, honest: Any) -> Any:
        def answer(rows: Any) -> Any:
            self.findings.asked += 1
            if self._depth < 2 and self._chance.random() < self._twice:
                self.findings.overlapping += 1
                self._depth += 1
                self._something()
                self._depth -= 1
            if self._chance.random() < self._trouble:
                return self._chance.choice(
                    [
                        UnavailableError("away"),
                        DeadlineExceededError("model server", 28),
                        GARBAGE,
                        {"status": 503, "reason": "no model"},
                    ]
                )
            return honest(rows)

        return answer

    # --- what happens

    def _submit(self, number: int) -> None:
        x = float(number + 1)
        graph = self._chance.choice(GRAPHS)
        for _ in range(20):  # a caller that is not told that it is accepted tries again
            with suppress(DiedError, RetryableError):
                made = self.plant.submit(x, graph=graph, key=f"key-{number}")
                self._accepted[made.job.id] = x
                return

    def _something(self) -> bool:
        """One thing that can happen next; whether there was any."""
        self._overhear()
        plant = self.plant
        plant.clock.advance(self._chance.random() * 2)
        if self._visible() or self._chance.random() < 0.1:
            act = self._chance.choice([self._work, self._work, self._work, self._alarm])
            if self._chance.random() < 0.1:
                act = self._sweep
            if self._bus and self._chance.random() < 0.3:
                act = self._follow
            act()
            return True
        moments = [queue.next_visible() for queue in [*plant.topic.slots, plant.later]] + [
            told.visible for told in self._bus
        ]
        known = [moment for moment in moments if moment is not None]
        if not known and not plant.store.due(2.0**40, limit=1):
            return False
        ahead = min(known, default=plant.now + 60) - plant.now
        plant.clock.advance(min(60.0, max(0.0, ahead)))
        self._sweep()
        return True

    def _visible(self) -> bool:
        now = self.plant.now
        queues = [*self.plant.topic.slots, self.plant.later]
        moments = [queue.next_visible() for queue in queues]
        return any(m is not None and m <= now for m in moments) or any(
            told.visible <= now for told in self._bus
        )

    def _work(self) -> None:
        queue = self._chance.choice(self.plant.topic.slots)
        for message in queue.receive(self._chance.randint(1, 10)):
            self._perhaps_again(queue, message)
            if self.plant.deliver(message, queue) is None:
                return  # dead, and what else it was given comes back in its time

    def _alarm(self) -> None:
        later = self.plant.later
        for message in later.receive():
            self._perhaps_again(later, message)
            try:
                settle(message.body, self.plant.settling)
            except (DiedError, RetryableError):
                return
            except NotFoundError:
                pass
            later.messages.pop(message.id, None)

    def _sweep(self) -> None:
        with suppress(DiedError, RetryableError):
            self.plant.sweep()

    def _follow(self) -> None:
        told = self._chance.choice(self._bus)
        if told.visible > self.plant.now:
            return
        try:
            self.plant.follow(told.job, told.member)
        except (DiedError, RetryableError):
            told.visible = self.plant.now + 60
        else:
            if self._chance.random() >= self._twice and told in self._bus:
                self._bus.remove(told)

    def _perhaps_again(self, queue: SimulatedQueue, message: Message) -> None:
        if self._chance.random() < self._twice:
            self.findings.duplicates += 1
            queue._add(message.body, self._chance.choice([0.0, self._chance.uniform(0, 120)]))

    def _overhear(self) -> None:
        """What was told of members since the last time is on its way to whoever follows."""
        told = self.plant.events.members[self._seen :]
        self._seen += len(told)
        for job, result in told:
            if result.state is PartState.DONE:
                delay = self._chance.uniform(0, 5)
                self._bus.append(Told(job.id, result.part, self.plant.now + delay))

    # --- what it came to

    def _look(self) -> None:
        plant, found = self.plant, self.findings
        memory = plant.memory if plant.store is plant.memory else None
        jobs = [plant.store.get(job_id) for job_id in self._accepted]
        followers = [plant.store.get(i) for i in self._next_ids()]
        if memory is not None and {j.id for j in memory.all()} != {j.id for j in jobs + followers}:
            self._say("there are jobs that nobody asked for, or some are gone")
        found.jobs, found.followed = len(jobs), len(followers)
        found.deaths, found.failures = sum(self.life.deaths.values()), self.life.failures
        queues = [*plant.topic.slots, plant.later]
        found.dead = sum(len(queue.dead) for queue in queues)
        found.simulated_s = plant.now - EPOCH.timestamp()
        for job in jobs + followers:
            self._look_at(job)
        for job in jobs:
            self._look_at_followers(job, followers)

    def _next_ids(self) -> list[str]:
        plant, found, before = self.plant, [], ""
        while page := plant.store.page("next", None, limit=100, before=before):
            found += [job.id for job in page]
            before = f"{page[-1].created} {page[-1].id}"
        return found

    def _look_at(self, job: GraphJob) -> None:
        plant, found = self.plant, self.findings
        if not job.state.final or not job.told or job.due is not None:
            self._say(f"{job.id} is left behind: {job.state}, told {job.told}, due {job.due}")
            return
        ends = [end for end in plant.events.ends if end.id == job.id]
        same = {(end.state, end.finished, end.result, tuple(end.missing)) for end in ends}
        if same != {(job.state, job.finished, job.result, tuple(job.missing))}:
            self._say(f"{job.id} was told as {len(same)} different ends")
        found.ends += 1
        found.ends_again += len(ends) - 1
        results = {result.part: result for result in plant.store.results(job.id)}
        found.parts += len(results)
        if set(results) != set(parts_of(job.spec)):
            self._say(f"{job.id} has lost a part: {sorted(results)}")
        for part, result in results.items():
            told = [r for j, r in plant.events.members if (j.id, r.part) == (job.id, part)]
            plain = {msgspec.json.encode(msgspec.structs.replace(r, told=False)) for r in told}
            if plain != {msgspec.json.encode(msgspec.structs.replace(result, told=False))}:
                self._say(f"{job.id}/{part} was told {len(told)} times, as {len(plain)} things")
            if not result.told:
                self._say(f"{job.id}/{part} does not know that it was told")
            found.members_again += len(told) - 1
        found.late += len(set(results) - set(job.arrived))
        in_time = {p for p in job.arrived if results[p].state is PartState.DONE}
        if set(job.missing) != set(parts_of(job.spec)) - in_time:
            self._say(f"{job.id} says that {job.missing} are missing")
        found.done += job.state is GraphJobState.DONE
        found.failed += job.state is GraphJobState.FAILED
        found.partial += job.partial
        self._look_at_answer(job, in_time)

    def _look_at_answer(self, job: GraphJob, in_time: set[str]) -> None:
        """The answer of those that were in, and of no others; a failure where they are too few."""
        group = job.spec.steps[0].group
        least = 1 if group is None else group.quorum or len(group.members)
        if (job.state is GraphJobState.DONE) != (len(in_time) >= least):
            self._say(f"{job.id} is {job.state} with {sorted(in_time)}")
        if job.state is not GraphJobState.DONE:
            return
        (answer,) = msgspec.json.decode(job.result)["predictions"]
        if job.graph == "next":
            right = answer["class"] == "yes"
        elif job.graph == "whole":
            right = answer["value"] == self._accepted[job.id]
        else:
            x = self._accepted[job.id]
            right = answer["value"] == sum(FACTORS[p] * x for p in FACTORS if p in in_time) / len(
                in_time
            )
            right = right and answer.get("missing", []) == job.missing
        if not right:
            self._say(f"{job.id} answers {answer}")

    def _look_at_followers(self, job: GraphJob, followers: list[GraphJob]) -> None:
        results = {result.part: result for result in self.plant.store.results(job.id)}
        wanted = job.graph == "starts" and results["u"].state is PartState.DONE
        have = [one for one in followers if one.origin == f"{job.id}/u"]
        if len(have) != wanted:
            self._say(f"{job.id} was followed by {len(have)} jobs")

    def _say(self, sentence: str) -> None:
        self.findings.wrong.append(sentence)
