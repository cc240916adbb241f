"""A plant whose cache is warmed: a log in memory, files of batches, warm-ups and their records."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from fakes.batches import MemoryBatchStore, MemoryFiles
from fakes.cache_plant import CachePlant
from fakes.lake_log import MemoryLake
from servery.adapters.gzip_stream import inflate
from servery.adapters.kept_manifests import KeptManifests
from servery.domain.batches import Batch, BatchState
from servery.domain.cached_rows import CachedRow
from servery.domain.warm_ups import WarmRequest, WarmUp, WarmUpState
from servery.errors import ConflictError, NotFoundError, UnavailableError
from servery.usecases.data_cache import CachedModels
from servery.usecases.data_cache.batch_rows import FileReaders
from servery.usecases.data_cache.warm_desk import WarmDesk
from servery.usecases.data_cache.warming import WarmingPorts, warm


class AskedLake(MemoryLake):
    """The prediction log; each day of a model is one object, unless a test says otherwise."""

    def log(self, body: Any, *, day: str, model: str = "iris", **more: Any) -> None:
        """Log a request."""
        raw = body if isinstance(body, str) else json.dumps(body)
        line = {"status": 200, "cache": "miss", "model_version": "1", **more}
        text = json.dumps(line)[:-1] + f', "input": {raw}}}'
        key = f"predictions/model={model}/day={day}/part-1"
        self.objects.setdefault(key, []).append(text.encode())


class MemoryWarmUps:
    """Every record goes through JSON; `told` has every state of every one."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}
        self._last: dict[str, str] = {}
        self.told: list[WarmUp] = []

    def add(self, warm_up: WarmUp, *, now: float) -> None:
        last = self.last(warm_up.model)
        if last is not None and last.state is WarmUpState.RUNNING and last.until > now:
            raise ConflictError("a warm-up is running")
        self._last[warm_up.model] = warm_up.id
        self.put(warm_up)

    def put(self, warm_up: WarmUp) -> None:
        self._kept[warm_up.model, warm_up.id] = msgspec.json.encode(warm_up)
        self.told.append(warm_up)

    def get(self, model: str, warm_up_id: str) -> WarmUp:
        if (model, warm_up_id) not in self._kept:
            raise NotFoundError("there is no such warm-up")
        return msgspec.json.decode(self._kept[model, warm_up_id], type=WarmUp)

    def last(self, model: str) -> WarmUp | None:
        return self.get(model, self._last[model]) if model in self._last else None


@dataclass
class WrittenAtOnce:
    """The table of a plant, as who has time uses it."""

    plant: CachePlant

    def read(self, places: Collection[str]) -> dict[str, CachedRow]:
        found = self.plant.table.read(places, fresh=True)
        if found is None:
            raise UnavailableError("the table of the cache does not answer")
        return found

    def write(self, rows: Sequence[CachedRow]) -> None:
        if self.plant.table.down:
            raise UnavailableError("the table of the cache takes nothing")
        self.plant.table.keep(rows)
        self.plant.table.flush()


class WarmPlant:
    """A plant, what its cache is warmed from, and who warms it.

    Attributes:
        plant: The plant.
        lake: The prediction log.
        store: Warm-ups.
        batches: Batches.
        files: Their files.
        started: Those that were handed over.
        waited: Seconds that were waited, each time.
    """

    def __init__(self, plant: CachePlant) -> None:
        self.plant = plant
        self.lake = AskedLake()
        self.store = MemoryWarmUps()
        self.batches = MemoryBatchStore()
        self.files = MemoryFiles()
        self.started: list[str] = []
        self.waited: list[float] = []
        self._ids = iter(range(1000))
        self.desk = WarmDesk(
            registry=plant.registry,
            store=self.store,
            queue=self,
            batches=self.batches,
            log=self.lake,
            clock=plant.clock,
            entropy=lambda: f"{next(self._ids):03}",
        )

    @property
    def today(self) -> str:
        return str(self.plant.clock.now().date().isoformat())

    def start(self, warm_up: WarmUp) -> None:
        self.started.append(warm_up.id)

    def log(self, *bodies: Any, **more: Any) -> None:
        """Requests of today."""
        for body in bodies:
            self.lake.log(body, day=self.today, **more)

    def drop(self, key: str, content: bytes) -> str:
        """A batch over a file; its id."""
        source = self.files.drop(key, content)
        batch = Batch(
            id=f"batch{next(self._ids)}",
            model="iris",
            state=BatchState.SUCCEEDED,
            created="2026-01-01",
            expires=0,
            source=source,
        )
        return self.batches.add(batch).id

    def ports(self) -> WarmingPorts:
        plant, manifests = self.plant, KeptManifests(self.plant.objects)
        return WarmingPorts(
            store=self.store,
            registry=plant.registry,
            manifests=manifests,
            models=CachedModels(manifests),
            rows=WrittenAtOnce(plant),
            log=self.lake,
            batches=self.batches,
            readers=FileReaders(self.files, inflate, self._no_parquet),
            servers=plant.servers,
            clock=plant.clock,
            wait=self.waited.append,
        )

    def warm(self, *, seconds: float = 600, **asked: Any) -> WarmUp:
        """Have the cache warmed, as people do."""
        warm_up = self.desk.start("iris", msgspec.convert(asked, WarmRequest))
        return self.carry_out(warm_up.id, seconds=seconds)

    def carry_out(self, warm_up_id: str, *, seconds: float = 600) -> WarmUp:
        return warm("iris", warm_up_id, self.ports(), seconds=seconds)

    def _no_parquet(self) -> Any:
        raise AssertionError("no file is Parquet")
