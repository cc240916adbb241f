"""Tells what an imported file is, unopened, and keeps the rows of its sample."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.importing.inspection import inspect
from servery.usecases.training.importing.messages import ImportEvent, Inspected
from servery.wiring import training as wiring


@step(ImportEvent)
@observed("import_inspect")
def handler(event: ImportEvent) -> Inspected:
    """Refuse a pickle that nobody trusts, and make the sample a data set."""
    return inspect(
        event,
        store=wiring.object_store(),
        datasets=wiring.datasets(),
        reader=wiring.table_reader("csv"),
    )
