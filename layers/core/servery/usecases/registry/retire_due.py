"""Retires what evidence speaks against, and goes on with what is under way; on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.errors import ConflictError, FaultError, RetryableError, ServeryError, UnavailableError
from servery.usecases.registry.retire_plan import plan
from servery.usecases.registry.retire_steps import go_on, mark

if TYPE_CHECKING:
    from servery.usecases.registry.retire_ports import Removal, RetirePorts


class RetireEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at.

    Attributes:
        model: Name of the model; empty for all.
    """

    model: str = ""


class RetireReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: `model version: stage` of each retirement that was begun or went on."""

    done: list[str] = []
    waiting: list[str] = []


def retire_due(event: RetireEvent, ports: RetirePorts, removal: Removal) -> RetireReport:
    """Begin the retirements that are due, and take the next steps of those under way.

    A model that another change is made to at the moment waits for the next look.

    Raises:
        NotFoundError: there is no model of that name.
        UnavailableError: some could not be gone on with now; the others were.
        FaultError: some could not be and will not be; the others were.
    """
    names = [event.model] if event.model else [model.name for model in ports.registry.models()]
    report, failed, broken = RetireReport(), [], []
    for name in names:
        try:
            _model(name, ports, removal, report)
        except ConflictError as error:
            report.waiting.append(f"{name}: {error}")
        except RetryableError:
            failed.append(name)
        except (ServeryError, msgspec.ValidationError) as error:
            if event.model:
                raise
            broken.append(f"{name} ({error})")
    if broken:
        raise FaultError(f"versions of these cannot be retired: {', '.join(broken)}")
    if failed:
        raise UnavailableError(f"versions of these could not be retired: {', '.join(failed)}")
    return report


def _model(name: str, ports: RetirePorts, removal: Removal, report: RetireReport) -> None:
    seen = plan(name, ports)
    for prospect in seen.versions:
        record = prospect.retired
        if prospect.goes and prospect.why is not None:
            record = mark(
                name,
                prospect.version,
                ports,
                why=prospect.why,
                because=prospect.because,
                by="policy",
                grace=seen.rules.grace_hours,
            )
        if record is None or record.stage.final:
            continue
        after = go_on(record, ports, removal)
        report.done.append(f"{name} {after.version}: {after.stage}")
