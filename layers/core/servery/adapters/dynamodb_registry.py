"""The registry in one DynamoDB table: which record lies under which key, and what guards it.

| pk | sk | document |
| --- | --- | --- |
| MODELS | name | ModelRecord |
| DEPLOYMENTS | name | Deployment |
| MODEL#name | VERSION#version (padded), VERSION#~experiment | VersionRecord |
| MODEL#name | TRAINING#version#trN (padded) | RegisteredTraining |
| MODEL#name | RUN#started#id | TrainingRecord |
| MODEL#name | RUN-AT#id | sort key of the run |
| MODEL#name | DEPLOYMENT#revision (padded) | Deployment |
| MODEL#name | RELEASE#id | ReleaseRecord |
| LEASE#name | LEASE | see `dynamodb_leases` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.dynamodb_leases import DynamoDbLeases
from servery.adapters.dynamodb_table import DynamoDbTable
from servery.domain.deployment import Deployment
from servery.domain.records import ModelRecord, RegisteredTraining, TrainingRecord, VersionRecord
from servery.domain.release_records import OPEN, ReleaseRecord
from servery.domain.versioning import Stage, Version, stage_of, training_number
from servery.errors import ConflictError, InvalidVersionError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.ports import Clock


class DynamoDbRegistry:
    """The registry; conditional writes only, reads that see every earlier write.

    Args:
        client: Client of DynamoDB.
        table: Name of the table; keys `pk` and `sk`, TTL on `expires_at`.
        clock: What leases go by.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._table = DynamoDbTable(client, table)
        self._leases = DynamoDbLeases(client, table, clock)

    def models(self) -> list[ModelRecord]:
        """All models, by name."""
        return self._table.query("MODELS", "", ModelRecord)

    def model(self, name: str) -> ModelRecord:
        """One model; `NotFoundError` where there is none."""
        record = self._table.get(("MODELS", name), ModelRecord)
        if record is None:
            raise NotFoundError("there is no model of that name")
        return record

    def put_model(self, record: ModelRecord) -> None:
        """Create a model or take over its newest spec; an older spec changes nothing."""
        try:
            self._table.put(
                ("MODELS", record.name),
                record,
                taken="a newer spec is there",
                condition="attribute_not_exists(pk) OR updated <= :updated",
                attributes={"updated": {"S": record.updated}},
                values={":updated": {"S": record.updated}},
            )
        except ConflictError:
            return

    def versions(self, model: str) -> list[VersionRecord]:
        """All versions of a model in their order."""
        return self._table.query(_of(model), "VERSION#", VersionRecord)

    def version(self, model: str, version: str) -> VersionRecord:
        """One version; `NotFoundError` where there is none."""
        try:
            record = self._table.get((_of(model), _version_key(version)), VersionRecord)
        except InvalidVersionError:
            record = None
        if record is None:
            raise NotFoundError("there is no such version of that model")
        return record

    def add_version(self, record: VersionRecord) -> None:
        """Add a version that is new; `ConflictError` where the name is taken."""
        self._table.put(
            (_of(record.model), _version_key(record.version)),
            record,
            taken=f"{record.model} {record.version} is registered already",
        )

    def trainings(self, model: str, version: str) -> list[RegisteredTraining]:
        """The registered trainings of a development version, tr0 first."""
        try:
            prefix = _training_key(version)
        except InvalidVersionError:
            return []
        return self._table.query(_of(model), prefix, RegisteredTraining)

    def add_training(self, training: RegisteredTraining) -> None:
        """Add tr0, tr1, ...; `ConflictError` where the name is taken."""
        ref = training.ref
        self._table.put(
            (_of(ref.model), f"{_training_key(ref.version)}{training_number(ref.training):09d}"),
            training,
            taken=f"{ref.model} {ref.version} has a {ref.training} already",
        )

    def put_run(self, record: TrainingRecord) -> None:
        """Write the record of one run of training; the same run again replaces it."""
        pk, where = _of(record.model), f"RUN-AT#{record.training_id}"
        # A run keeps the place that it got first, so a second writer never makes a second one.
        sk = self._table.get((pk, where), str) or f"RUN#{record.started}#{record.training_id}"
        ours, at_key = "attribute_not_exists(pk) OR at_key = :sk", {"S": sk}
        self._table.put_together(
            [
                self._table.write((pk, sk), record, ours, {"at_key": at_key}, {":sk": at_key}),
                self._table.write((pk, where), sk, ours, {"at_key": at_key}, {":sk": at_key}),
            ],
            taken="the record of this run is being written by somebody else",
        )

    def runs(self, model: str, limit: int = 50, before: str = "") -> list[TrainingRecord]:
        """The last runs of training of a model, newest first."""
        end = ""
        if before:
            end = self._table.get((_of(model), f"RUN-AT#{before}"), str) or ""
            if not end:
                raise NotFoundError("there is no such training of that model")
        return self._table.query(_of(model), "RUN#", TrainingRecord, newest=limit, before=end)

    def run(self, model: str, training_id: str) -> TrainingRecord:
        """One run; `NotFoundError` where there is none."""
        sk = self._table.get((_of(model), f"RUN-AT#{training_id}"), str)
        record = None if sk is None else self._table.get((_of(model), sk), TrainingRecord)
        if record is None:
            raise NotFoundError("there is no such training of that model")
        return record

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        record = self._table.get(("DEPLOYMENTS", model), Deployment)
        if record is None:
            raise NotFoundError("nothing of that model is released")
        return record

    def deployments(self) -> list[Deployment]:
        """All deployments, by model."""
        return self._table.query("DEPLOYMENTS", "", Deployment)

    def put_deployment(self, deployment: Deployment) -> None:
        """Write the next revision and its history entry in one transaction.

        `ConflictError` unless the stored revision is exactly one lower (or absent for 1).
        """
        revision = {"revision": {"N": str(deployment.revision)}}
        first = deployment.revision == 1
        history = (_of(deployment.model), f"DEPLOYMENT#{deployment.revision:09d}")
        self._table.put_together(
            [
                self._table.write(
                    ("DEPLOYMENTS", deployment.model),
                    deployment,
                    "attribute_not_exists(pk)" if first else "revision = :before",
                    revision,
                    None if first else {":before": {"N": str(deployment.revision - 1)}},
                ),
                self._table.write(history, deployment),
            ],
            taken=f"the deployment of {deployment.model} has changed meanwhile; "
            f"revision {deployment.revision} does not follow what is stored",
        )

    def deployment_history(self, model: str, limit: int = 20, before: int = 0) -> list[Deployment]:
        """The last revisions, newest first."""
        end = f"DEPLOYMENT#{before:09d}" if before else ""
        return self._table.query(_of(model), "DEPLOYMENT#", Deployment, newest=limit, before=end)

    def put_release(self, record: ReleaseRecord) -> None:
        """Write a release's record as it stands; `ConflictError` where it has ended already."""
        self._table.put(
            (_of(record.model), f"RELEASE#{record.id}"),
            record,
            taken=f"the release {record.id} has ended already",
            condition="attribute_not_exists(pk) OR running = :running",
            attributes={"running": {"BOOL": record.state in OPEN}},
            values={":running": {"BOOL": True}},
        )

    def release(self, model: str, release_id: str) -> ReleaseRecord:
        """One release; `NotFoundError` where there is none."""
        record = self._table.get((_of(model), f"RELEASE#{release_id}"), ReleaseRecord)
        if record is None:
            raise NotFoundError("there is no such release of that model")
        return record

    def releases(self, model: str, limit: int = 20, before: str = "") -> list[ReleaseRecord]:
        """The last releases of a model, newest first."""
        end = f"RELEASE#{before}" if before else ""
        return self._table.query(_of(model), "RELEASE#", ReleaseRecord, newest=limit, before=end)

    def take_lease(self, name: str, owner: str, *, seconds: float) -> None:
        """Take or renew a lease that is free, expired or ours."""
        self._leases.take(name, owner, seconds=seconds)

    def end_lease(self, name: str, owner: str) -> None:
        """Give a lease back; nothing happens where it is not ours."""
        self._leases.end(name, owner)


def _of(model: str) -> str:
    return f"MODEL#{model}"


def _padded(text: str) -> str:
    """A version whose order as text is its order as a version; experiments come behind them."""
    if stage_of(text) is Stage.EXPERIMENT:
        return f"~{text}"
    v = Version.parse(text)
    return f"{v.release:09d}.{v.interface:09d}.{v.logic:09d}-{v.data}.{v.split}"


def _version_key(version: str) -> str:
    return f"VERSION#{_padded(version)}"


def _training_key(version: str) -> str:
    return f"TRAINING#{_padded(version)}#"
