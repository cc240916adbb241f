"""Opens a pickle whose owner has said that it may run as code."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.importing.messages import Imported, OpenEvent
from servery.usecases.training.importing.open_pipeline import open_trusted
from servery.wiring import training as wiring


@step(OpenEvent)
@observed("import_joblib")
def handler(event: OpenEvent) -> Imported:
    """Open the file, if it is trusted by name, and ask it the sample in scikit-learn."""
    return open_trusted(
        event,
        store=wiring.object_store(),
        datasets=wiring.datasets(),
        read=wiring.pickle_reader(),
        tools=wiring.sklearn_tools(wiring.runtime_loader),
    )
