"""Runs LocalStack with this package: `python -m localstack_process --port 4566 --data DIR`."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def variables(port: int, data: Path) -> dict[str, str]:
    """The settings under which LocalStack runs without Docker and without a network.

    Args:
        port: Of 127.0.0.1, on which all services answer.
        data: A folder of this instance's own; all that it keeps is below.
    """
    return {
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "PROVIDER_OVERRIDE_DYNAMODB": "moto",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"localhost:{port}",
        "SQS_ENDPOINT_STRATEGY": "path",
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(data),
        # Neither a name server of its own, nor usage figures, nor a certificate to download.
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "EAGER_SERVICE_LOADING": "0",
        # An empty queue is otherwise polled more and more rarely.
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
    }


def why_taken(port: int) -> str:
    """Why nothing can listen on a port of 127.0.0.1; empty if something can.

    LocalStack itself would go on without a word, and without answering.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return str(error.strerror)
    return ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run LocalStack until it is told to stop; what is set in the environment wins."""
    parser = argparse.ArgumentParser(prog="localstack-process", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="of 127.0.0.1 (4566)")
    parser.add_argument(
        "--data", type=Path, default=Path(".localstack"), help="folder of its own (.localstack)"
    )
    chosen = parser.parse_args(arguments)
    if taken := why_taken(chosen.port):
        parser.error(f"port {chosen.port} cannot be listened on: {taken}")
    for name, value in variables(chosen.port, chosen.data.absolute()).items():
        os.environ.setdefault(name, value)
    # LocalStack unpacks code in the temporary folder; two instances must not share it. TMPDIR
    # itself is one of LocalStack's settings, and out of use.
    tempfile.tempdir = str(chosen.data.absolute() / "unpacked")
    Path(tempfile.tempdir).mkdir(parents=True, exist_ok=True)
    from localstack.runtime.main import main as run  # noqa: PLC0415 -- reads the environment

    status = 0
    try:
        run()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    # A service that was just being started while LocalStack stopped leaves a thread that never
    # ends, for which the interpreter would wait.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
