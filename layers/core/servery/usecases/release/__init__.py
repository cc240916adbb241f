"""Carries a release out: from a registered version to champion, or to a recorded refusal."""

from servery.usecases.release.journal import RecordPorts, ReleasePorts
from servery.usecases.release.run import run_release
from servery.usecases.release.states import place_servers, route

__all__ = ["RecordPorts", "ReleasePorts", "place_servers", "route", "run_release"]
