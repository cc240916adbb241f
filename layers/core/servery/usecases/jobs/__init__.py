"""Asynchronous requests: accepted durably, carried out at least once, answered exactly once."""
