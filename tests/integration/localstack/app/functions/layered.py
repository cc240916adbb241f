"""Imports from a layer."""

import words


def handler(event, context):
    return {"greeting": words.GREETING, "file": words.__file__}
