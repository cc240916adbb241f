"""What the policies of deployments work with, for every room that answers predictions.

Nothing of it is made, or imported, before a policy asks for it: most deployments have none.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import patience
from servery.wiring.settings import setting

if TYPE_CHECKING:
    from servery.ports import JobDesk, Signatures
    from servery.usecases.gateway import Guards


@cache
def guards() -> Guards:
    """All of them."""
    from servery.usecases.gateway import Guards

    return Guards(signatures=signatures, jobs=job_desk)


@cache
def signatures() -> Signatures:
    """What models take and give; a caller waits for it, but only until a model is known."""
    import boto3

    from servery.adapters.kept_signatures import KeptSignatures
    from servery.adapters.s3_object_store import S3ObjectStore

    config = patience(connect_s=1, read_s=2, attempts=2)
    client = boto3.client("s3", config=config)
    return KeptSignatures(S3ObjectStore(client, setting("ARTIFACTS_BUCKET")))


@cache
def job_desk() -> JobDesk:
    """What makes a request a job."""
    from servery.edge.queueing import QueueingDesk
    from servery.wiring.submitting import submit_ports

    return QueueingDesk(submit_ports())
