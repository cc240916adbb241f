"""Says what the function sees of its surroundings."""

import importlib.util
import logging
import os
import sys

PACKAGES = ("boto3", "moto", "localstack")

logging.getLogger().setLevel("INFO")


def handler(event, context):
    print("said on standard output")
    print("said on standard error", file=sys.stderr)
    logging.getLogger(__name__).info("said with logging")
    return {
        "event": event,
        "pid": os.getpid(),
        "python": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "version": context.function_version,
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "installed": [
            name for name in ("boto3", "moto", "localstack") if importlib.util.find_spec(name)
        ],
        "variables": dict(os.environ),
    }
