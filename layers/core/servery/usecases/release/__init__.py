"""Carries a release out: from a registered version to champion, or to a recorded refusal."""

from servery.usecases.release.journal import ReleasePorts
from servery.usecases.release.run import run_release

__all__ = ["ReleasePorts", "run_release"]
