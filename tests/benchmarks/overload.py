"""What a model server answers when more is asked than it can take, with and without limits.

The server takes 50 ms, a known number of requests at a time, and queues the rest. Requests come as
a Poisson process, in real time, and go to processes as Lambda routes them. Each process has the
real limiter of its own, over one emulated DynamoDB on the loopback (MiniStack). A request is good
when it was answered before its deadline. Without limits every request goes to the server.

There are so many processes at the most, as with Lambda's reserved concurrency: where all of them
are busy the platform refuses at once, and such a refusal counts among the others. It matters in the
first moments of an overload, when every process is new and has to ask the table.

`--simulated` does the same in simulated time, where the rest of the machine has no say: the same
limiters, over a table in memory of which a call takes 4 ms.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from fakes.dynamodb_emulator import KEY, REGION, emulated_dynamodb
from fakes.limiter_simulation import Simulation, limited
from servery.adapters.dynamodb_limits import DynamoDbPlaces, DynamoDbTokens
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lean_dynamodb import LeanDynamoDb
from servery.adapters.lease_keeper import LeaseKeeper
from servery.adapters.sigv4 import Credentials
from servery.domain.policies import CircuitPolicy, ConcurrencyLimit
from servery.errors import RefusedError
from servery.usecases.gateway.admitting import Admissions
from servery.wiring.settings import SystemClock

from benchmarks.lambda_routing import Environments, Server, poisson, replay
from benchmarks.overload_report import LOADS, PATIENCE, SERVICE, UNLOADED, Tally, overload_report
from benchmarks.report import show

WARM_UP = 3.0
LEAST_REQUESTS = 300


class _Counted(LeanDynamoDb):
    """Counts the calls that a limiter makes."""

    __slots__ = ("calls",)
    calls: Counter[str]

    def call(self, operation: str, document: Mapping[str, Any], *, seconds: float) -> Any:
        self.calls[operation] += 1
        return super().call(operation, document, seconds=seconds)


class _Offer:
    """One load, offered for a while in real time; requests of the warm-up do not count."""

    def __init__(self, rate: float, seconds: float, seed: int) -> None:
        self.tally = Tally(seconds)
        self._times = poisson(rate, seconds + WARM_UP, seed)
        self.tally.offered = sum(1 for each in self._times if each >= WARM_UP)
        self._from = 0.0
        self._lock = threading.Lock()

    def without(self, server: Server) -> Tally:
        """Send all of them to the server; the answer to each is known when it comes."""

        def send(came: float) -> None:
            self._note(came, server.book())

        self._replay(send)
        return self.tally

    def limited(
        self, address: str, server: Server, limit: ConcurrencyLimit, routing: str, most: int
    ) -> Tally:
        """Send them to processes with limiters, of which there are so many at the most."""
        function = f"server:{id(self)}"
        deployment, served = limited(CircuitPolicy(concurrency=limit), function)

        def process(number: int) -> tuple[Callable[[float], None], Callable[[], None]]:
            admissions = self._admissions(address, number)

            def serve(came: float) -> None:
                try:
                    with admissions.admit(deployment, served):
                        server.ask(PATIENCE - (time.monotonic() - came))
                except RefusedError:
                    self._note(came, time.monotonic(), refused=True)
                else:
                    self._note(came, time.monotonic())

            return serve, admissions.settle

        environments = Environments(process, routing, most)

        def send(came: float) -> None:
            if not environments.send(came):
                self._note(came, time.monotonic(), refused=True)

        self._replay(send)
        environments.stop()
        self.tally.processes, self.tally.most = environments.count, server.most
        return self.tally

    def _admissions(self, address: str, number: int) -> Admissions:
        api = _Counted(
            connections=KeptConnections(address),
            region=REGION,
            credentials=lambda: Credentials(KEY, KEY),
            clock=SystemClock(),
        )
        object.__setattr__(api, "calls", self.tally.calls)
        return Admissions(
            DynamoDbTokens(api, "limits"),
            DynamoDbPlaces(api, "limits"),
            LeaseKeeper(),
            SystemClock(),
            owner=f"{number:08x}",
            tell=lambda what: self.tally.counted.update([what]),
            sleep=time.sleep,
        )

    def _replay(self, send: Callable[[float], None]) -> None:
        self._from = time.monotonic() + 0.05 + WARM_UP
        threading.Timer(WARM_UP, self.tally.calls.clear).start()
        replay(self._times, send)

    def _note(self, came: float, answered: float, *, refused: bool = False) -> None:
        if came >= self._from:
            with self._lock:
                self.tally.add(answered - came, refused=refused)


def real(arguments: argparse.Namespace, limit: ConcurrencyLimit) -> dict[str, Tally]:
    """All loads in real time."""
    capacity = arguments.at_a_time / SERVICE
    found: dict[str, Tally] = {}
    with emulated_dynamodb({"LimitsTable": "limits"}) as address:
        for load in (UNLOADED, *LOADS):
            seconds = max(arguments.seconds, LEAST_REQUESTS / (load * capacity))
            for kind in ("", " without"):
                offer = _Offer(load * capacity, seconds, arguments.seed)
                server = Server(arguments.at_a_time, SERVICE)
                found[f"{load:g}{kind}"] = (
                    offer.without(server)
                    if kind
                    else offer.limited(
                        address, server, limit, arguments.routing, arguments.processes
                    )
                )
    return found


def simulated(arguments: argparse.Namespace, limit: ConcurrencyLimit) -> dict[str, Tally]:
    """All loads in simulated time."""
    capacity = arguments.at_a_time / SERVICE
    found: dict[str, Tally] = {}
    for load in (UNLOADED, *LOADS):
        seconds = max(arguments.seconds, LEAST_REQUESTS / (load * capacity))
        world = Simulation(
            CircuitPolicy(concurrency=limit),
            at_a_time=arguments.at_a_time,
            routing=arguments.routing,
            seed=arguments.seed,
        )
        outcome = world.offer(load * capacity, seconds, WARM_UP)
        tally = Tally(seconds, offered=outcome.offered, processes=outcome.processes)
        for took in outcome.accepted:
            tally.add(took)
        tally.refused, tally.most = outcome.refused, outcome.most
        tally.calls.update(UpdateItem=outcome.writes, GetItem=outcome.reads)
        found[f"{load:g}"] = tally
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-a-time", type=int, default=8, help="what the server takes")
    parser.add_argument("--places", type=int, default=0, help="7/4 of that where left out")
    parser.add_argument("--wait-ms", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15, help="of each load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--routing", choices=("recent", "random"), default="recent")
    parser.add_argument("--processes", type=int, default=64, help="at the most; real time only")
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sys.setswitchinterval(0.0005)  # many threads stand for many processes
    places = arguments.places or arguments.at_a_time * 7 // 4
    limit = ConcurrencyLimit(at_once=places, wait_ms=arguments.wait_ms)
    found = (simulated if arguments.simulated else real)(arguments, limit)
    report = overload_report(
        found,
        arguments.at_a_time,
        [
            f"at_once {places}, wait_ms {arguments.wait_ms}, routing {arguments.routing}",
            "simulated time" if arguments.simulated else "real time, MiniStack on the loopback",
        ],
    )
    show([report], as_json=arguments.json)


if __name__ == "__main__":
    main()
