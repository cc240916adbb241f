"""Pieces of SVG: those that the library draws its own reports with."""

from servery.adapters.html_report.svg import FIGURE, cut, document, line, path, text

__all__ = ["FIGURE", "cut", "document", "line", "path", "text"]
