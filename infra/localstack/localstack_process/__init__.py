"""Runs the functions of any SAM application on LocalStack as plain processes, without Docker."""
