"""Ends its process when asked to."""

import os


def handler(event, context):
    if "status" in event:
        os._exit(event["status"])
    return os.getpid()
