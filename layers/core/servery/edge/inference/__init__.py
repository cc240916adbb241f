"""One codec for both forms of a prediction request: `records`, and the Open Inference Protocol.

    codec = Codec(signature, limits)
    question = codec.decode(body)
    answer = codec.encode(question, prediction, context)

A body is parsed once, in C, into structs that the signature was compiled to. Only a body that is
refused is read again, slowly, to say what is wrong with it and where.
"""

from servery.edge.inference.codec import Codec
from servery.edge.inference.metadata import describe

__all__ = ["Codec", "describe"]
