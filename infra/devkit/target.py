"""Where commands go: a local cloud with its own credentials, or AWS with the caller's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

LOCAL_REGION = "us-east-1"
LOCAL_STACK = "servery"
LOCAL_KEY = "test"  # What the local cloud takes for its root user; functions never have it.


@dataclass(frozen=True)
class Target:
    """One region of one cloud, and the stack in it.

    Attributes:
        region: Name of the region.
        endpoint_url: Where all services of a local cloud are; None for AWS.
        stack: Name of the CloudFormation stack.
        profile: Named credentials of the caller (AWS only).
    """

    region: str
    endpoint_url: str | None
    stack: str = LOCAL_STACK
    profile: str | None = None

    @property
    def local(self) -> bool:
        """Whether this is a cloud on this machine."""
        return self.endpoint_url is not None

    def client(self, service: str) -> Any:  # noqa: ANN401 - each service has its own type
        """A client of one AWS service."""
        from botocore.config import Config  # noqa: PLC0415 - a second that `--help` need not wait

        settings = Config(
            proxies={} if self.local else None,
            retries={"mode": "standard", "max_attempts": 4},
            connect_timeout=5,
            read_timeout=60,
            s3={"addressing_style": "path" if self.local else "auto"},
        )
        return self._session().client(
            service,  # type: ignore[call-overload]  # a name, not a literal
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            config=settings,
        )

    def _session(self) -> boto3.Session:
        import boto3  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        if not self.local:
            return boto3.Session(profile_name=self.profile)
        # Nothing of the caller's own AWS settings may reach a local cloud, or break it.
        own = Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        return boto3.Session(
            aws_access_key_id=LOCAL_KEY, aws_secret_access_key=LOCAL_KEY, botocore_session=own
        )

    def environment(self) -> dict[str, str]:
        """The variables by which a command such as `sam` reaches the same place."""
        if self.local:
            return {
                "AWS_ACCESS_KEY_ID": LOCAL_KEY,
                "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
                "AWS_DEFAULT_REGION": self.region,
                "AWS_REGION": self.region,
                "AWS_ENDPOINT_URL": str(self.endpoint_url),
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
                "NO_PROXY": "127.0.0.1,localhost",
            }
        kept = {n: v for n, v in os.environ.items() if n.startswith("AWS_") or "proxy" in n.lower()}
        chosen = {"AWS_DEFAULT_REGION": self.region, "AWS_REGION": self.region}
        return kept | chosen | ({"AWS_PROFILE": self.profile} if self.profile else {})
