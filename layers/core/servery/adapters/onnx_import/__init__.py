"""Foreign ONNX files: examined as data, and written anew before onnxruntime sees anything."""

from servery.adapters.onnx_import.libraries import libraries
from servery.adapters.onnx_import.reading import read_graph
from servery.adapters.onnx_import.rewriting import rewrite

__all__ = ["libraries", "read_graph", "rewrite"]
