"""Compiles the pipeline to ONNX and proves it."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.export import export
from servery.usecases.training.messages import Exported, ExportEvent
from servery.wiring import training as wiring


@step(ExportEvent)
@observed("export")
def handler(event: ExportEvent) -> Exported:
    """Prove the graph on the held-out rows and choose the runtime."""
    return wiring.steps().run(
        event,
        lambda store: export(
            event, store=store, datasets=wiring.datasets_in(store), tools=wiring.export_tools()
        ),
    )
