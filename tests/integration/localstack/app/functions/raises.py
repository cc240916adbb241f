"""Raises what it is told to."""


def handler(event, context):
    raise LookupError(event["message"])
