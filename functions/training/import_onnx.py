"""Opens a foreign ONNX file; there is neither scikit-learn nor joblib here."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.importing.messages import Imported, OpenEvent
from servery.usecases.training.importing.open_onnx import open_onnx
from servery.wiring import training as wiring


@step(OpenEvent)
@observed("import_onnx")
def handler(event: OpenEvent) -> Imported:
    """Examine the graph, write it anew and ask it the sample."""
    return open_onnx(
        event,
        store=wiring.object_store(),
        datasets=wiring.datasets(),
        read=wiring.graph_reader(),
        tools=wiring.onnx_tools(wiring.runtime_loader),
    )
