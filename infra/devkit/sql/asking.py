"""Who answers a query: DuckDB on this machine, or Athena where the stack is on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devkit import lake
from devkit.sql import athena, duck
from devkit.sql.files import LakeFolder, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devkit.deployments import Deployed
    from devkit.sql.answers import Rows

DATABASE, WORKGROUP = "SqlDatabaseName", "SqlWorkGroupName"


def ask(
    sql: str,
    deployed: Deployed,
    folder: Path,
    models: Sequence[str],
    *,
    days: int,
    limit: int,
) -> Rows:
    """Answer a query over the last days of some models, or of all.

    Raises:
        DevkitError: nobody can answer it.
    """
    scope = Scope(models, lake.last_days(days))
    outputs = deployed.outputs
    if not deployed.target.local and DATABASE in outputs:
        asked = athena.wrapped(sql, outputs[DATABASE], scope)
        client = deployed.target.client("athena")
        return athena.query(client, asked, workgroup=outputs[WORKGROUP], limit=limit)
    bucket = outputs["LakeBucketName"]
    files = LakeFolder(deployed.target.client("s3"), bucket, folder / bucket).fetch(scope)
    return duck.query(sql, files, scope, limit=limit)
