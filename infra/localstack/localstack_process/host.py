"""What all execution environments of one LocalStack share; made on first use."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from localstack import config
from localstack.aws.connect import connect_to

from localstack_process.emf import Datum, EmfForwarder, Origin
from localstack_process.interpreters import Interpreters
from localstack_process.packages import link_runtime
from localstack_process.settings import Settings


@cache
def settings() -> Settings:
    """The settings in LocalStack's environment; raises `SettingError`."""
    return Settings.read(os.environ)


@cache
def interpreters() -> Interpreters:
    """The Pythons of this machine."""
    return Interpreters(settings().pythons)


@cache
def runtime_folder() -> Path:
    """What stands for /var/runtime."""
    return link_runtime(Path(config.dirs.cache).absolute() / "lambda-runtime")


@cache
def forwarder() -> EmfForwarder:
    """The way of metrics to LocalStack's CloudWatch."""
    return EmfForwarder(_put_metrics)


def address() -> str:
    """How a function reaches LocalStack: an IP address, so that S3 is asked path-style."""
    host = str(config.GATEWAY_LISTEN[0].host)
    return "127.0.0.1" if host in ("0.0.0.0", "::", "", "localhost") else host  # noqa: S104 -- compared


def _put_metrics(origin: Origin, namespace: str, data: list[Datum]) -> None:
    client = connect_to(region_name=origin.region, aws_access_key_id=origin.account).cloudwatch
    client.put_metric_data(Namespace=namespace, MetricData=data)
