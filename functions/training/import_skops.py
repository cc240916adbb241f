"""Opens a foreign skops file by the allow-list of this system."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.importing.messages import Imported, OpenEvent
from servery.usecases.training.importing.open_pipeline import open_skops
from servery.wiring import training as wiring


@step(OpenEvent)
@observed("import_skops")
def handler(event: OpenEvent) -> Imported:
    """Examine the file, build its pipeline, compile and prove it like one of our own."""
    return open_skops(
        event,
        store=wiring.object_store(),
        datasets=wiring.datasets(),
        read=wiring.skops_reader(),
        tools=wiring.export_tools(),
    )
