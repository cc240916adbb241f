"""Modules that a function's process imports, under any version of Python."""
