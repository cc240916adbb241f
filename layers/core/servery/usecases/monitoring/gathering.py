"""What a look is made of: who is champion since when, what it was trained on, and the lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.baseline import Baseline
from servery.domain.digest import digest_bytes
from servery.domain.lake import LABELS, PREDICTIONS, readable
from servery.domain.manifest import MANIFEST, Manifest, read_manifest
from servery.domain.watch_rules import Monitor
from servery.errors import ArtifactError, RetryableError
from servery.usecases.monitoring.labelling import LabelLine
from servery.usecases.monitoring.recording import UNKNOWN
from servery.usecases.monitoring.watching import Asked, look

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.manifest import ModelRef
    from servery.domain.watching import Look, WatchState
    from servery.ports import LakeTables, ObjectStore, Registry
    from servery.ports.watching import RequestCount

BASELINE = "baseline.json"
_HISTORY = 50


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Gathers what a look needs, and looks.

    Attributes:
        registry: Since when the champion is one.
        objects: The artifacts.
        lake: The prediction log and the labels.
        requests: Knows of requests without the lake.
        delay_seconds: What a line takes to the lake; what is younger is left for the next look.
    """

    registry: Registry
    objects: ObjectStore
    lake: LakeTables
    requests: RequestCount
    delay_seconds: float

    def look(
        self, deployment: Deployment, state: WatchState, now: datetime
    ) -> tuple[Look, WatchState]:
        """Look at the champion of a deployment.

        Raises:
            ArtifactError: the manifest, or the baseline, is not what was registered.
            RetryableError: the lake or the registry cannot be read now.
        """
        asked = self._asked(deployment, now - timedelta(seconds=self.delay_seconds))
        hours = max(asked.rules.window_hours, asked.rules.label_hours)
        since = max(asked.since, asked.until - timedelta(hours=hours))
        return look(
            asked,
            self.lake.window(PREDICTIONS, asked.model, since, asked.until),
            self._labels(asked.model, since, now),
            state,
            at=now,
        )

    def _labels(self, model: str, since: datetime, until: datetime) -> Iterator[LabelLine]:
        """Labels that name the model, and those that name none.

        The latter may be of any model, so when they were told says nothing about this one.
        """
        for line in readable(self.lake.window(LABELS, UNKNOWN, since, until), LabelLine):
            yield msgspec.structs.replace(line, time="")
        yield from readable(self.lake.window(LABELS, model, since, until), LabelLine)

    def _asked(self, deployment: Deployment, until: datetime) -> Asked:
        ref = deployment.champion.ref
        manifest = read_manifest(self.objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
        rules = _rules(manifest)
        return Asked(
            model=deployment.model,
            version=ref.version,
            since=min(self._champion_since(deployment), until),
            until=until,
            rules=rules,
            baseline=self._baseline(ref, manifest),
            signature=manifest.signature,
            limits=deployment.limits,
            sample=deployment.log_sample,
            deadline_ms=deployment.deadline_ms,
            metrics=manifest.metrics,
            counted=self._counted(deployment, until, rules.no_data_hours),
        )

    def _champion_since(self, deployment: Deployment) -> datetime:
        """When it became champion; of more changes than are read, the oldest of those."""
        since, version = deployment.changed, deployment.champion.ref.version
        for earlier in self.registry.deployment_history(deployment.model, _HISTORY):
            if earlier.champion.ref.version != version:
                break
            since = earlier.changed
        return datetime.fromisoformat(since)

    def _baseline(self, ref: ModelRef, manifest: Manifest) -> Baseline:
        content = self.objects.get(f"{ref.prefix}/{BASELINE}")
        if digest_bytes(content) != manifest.files.get(BASELINE):
            raise ArtifactError(f"{BASELINE} of {ref.model} is not the one that was registered")
        return msgspec.json.decode(content, type=Baseline)

    def _counted(self, deployment: Deployment, until: datetime, hours: float) -> int | None:
        """Requests by the metrics; the look does without, where they cannot be read."""
        versions = [served.ref.version for served in deployment.serving()]
        since = until - timedelta(hours=hours)
        try:
            return self.requests.count(deployment.model, versions, since, until)
        except RetryableError:
            return None


def _rules(manifest: Manifest) -> Monitor:
    try:
        return msgspec.convert(manifest.lineage.spec.get("monitor", {}), Monitor)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"the spec in the manifest cannot be read: {error}") from error
