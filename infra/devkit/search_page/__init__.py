"""A search as one HTML page that needs nothing else: history, parallel coordinates, table."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from devkit.search_page.history import history
from devkit.search_page.parallel import parallel
from devkit.search_page.table import facts, table

if TYPE_CHECKING:
    from devkit.search_study import Study

_HERE = Path(__file__).parent
_COLOURS = 8


def page(study: Study) -> str:
    """The page. Nothing of it comes from elsewhere, and its policy allows nothing that would."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    model = escape(str(study.record["model"]))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    body = [
        f"<h1>Search for {model}</h1>",
        facts(study),
        _legend(study),
        f'<section><h2>History</h2><div class="scroll">{history(study)}</div></section>',
        *_coordinates(study),
        f'<section><h2>Trials</h2><div class="scroll">{table(study)}</div></section>',
    ]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Search for {model}</title><style>{style}</style></head><body><main>",
            *body,
            f'</main><p id="told" role="status"></p><script>{script}</script></body></html>\n',
        ]
    )


def _digest(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _legend(study: Study) -> str:
    """The architectures by their colours; each can be left out."""
    counts = [
        sum(trial.candidate == each.number for trial in study.trials)
        for each in study.architectures
    ]
    boxes = [
        f'<label class="c{each.number % _COLOURS}"><input type="checkbox" checked'
        f' data-candidate="{each.number}"><span class="key"></span>{escape(each.name)}'
        f' <span class="dim">{count}</span></label>'
        for each, count in zip(study.architectures, counts, strict=True)
        if count
    ]
    return f'<div class="legend" role="group" aria-label="Architectures">{"".join(boxes)}</div>'


def _coordinates(study: Study) -> list[str]:
    drawn = [(each, parallel(study, each)) for each in study.architectures]
    charts = [
        f'<figure data-candidate="{each.number}"><figcaption class="c{each.number % _COLOURS}">'
        f'<span class="key"></span>{escape(each.name)}</figcaption>'
        f'<div class="scroll">{chart}</div></figure>'
        for each, chart in drawn
        if chart
    ]
    if not charts:
        return []
    fifths = "".join(f'<span class="swatch q{n}"></span>' for n in range(5))
    key = (
        f'<p class="dim key-line">worst fifth {fifths} best fifth of all trials'
        ' <span class="swatch q-best"></span> the best <span class="swatch q-none"></span>'
        " failed</p>"
    )
    return ["<section><h2>Parallel coordinates</h2>", key, *charts, "</section>"]
