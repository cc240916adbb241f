"""The page of a look: whole, safe, readable without colours and without a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fakes.watches import a_finding, a_look, an_open_alarm
from servery.adapters.html_report import MOST_CHARTS, figures, page, verdict
from servery.adapters.html_report.charts import histograms, hours
from servery.domain.watching import Bar, HourCounts, Kind, Measure, Severity

VOID = {"meta", "link", "br", "rect", "line", "path", "circle"}
NASTY = '<script>alert("x")</script>&'


class Reader(HTMLParser):
    """Fails where tags do not close, and remembers them with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


def a_measure(subject: str = "petal_length", **changes: Any) -> Measure:
    values = {
        "kind": Kind.INPUT_DRIFT,
        "subject": subject,
        "name": "psi",
        "value": 0.4,
        "bound": 0.1,
        "p": 1e-9,
        "samples": 500,
        "hours": 24.0,
        "found": True,
        "bars": [
            Bar(label="<= 2", baseline=0.5, window=0.1),
            Bar(label="> 2", baseline=0.5, window=0.9),
        ],
    }
    return Measure(**(values | changes))


def drawn(look: Any = None, **changes: Any) -> str:
    return page(
        look or a_look(measures=[a_measure()], findings=[a_finding()]),
        **(
            {
                "alarms": [an_open_alarm()],
                "counts": HourCounts(first="2026-02-28T20", counts=[3, 0, 9]),
                "playbook": lambda kind: f"https://docs.example.org/{kind.value}.md",
            }
            | changes
        ),
    )


def test_nothing_is_fetched_and_nothing_runs_when_it_is_opened():
    text = drawn()
    tags = Reader(text).tags
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags}
    assert "url(" not in text
    (policy,) = [a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_what_it_says_is_in_words_when_colours_are_not_seen():
    text = drawn()
    assert "1 alarm is open: 1 warning." in text
    assert ">warning</span>" in text
    assert 'aria-label="beyond its bound"' in text
    charts = [a for tag, a in Reader(text).tags if tag == "svg" and a.get("role") == "img"]
    assert all(chart["aria-label"] for chart in charts)
    assert any("10.0% now" in str(chart["aria-label"]) for chart in charts)


def test_playbook_is_a_link_only_when_it_is_an_address():
    assert '<a href="https://docs.example.org/input_drift.md">' in drawn()
    assert "<a " not in drawn(playbook=lambda _: "infra/playbooks/input-drift.md")


def test_names_of_callers_stay_text_when_they_look_like_markup():
    bars = [Bar(label=NASTY, baseline=0.5, window=0.5)]
    look = a_look(
        measures=[a_measure(NASTY, bars=bars)], notes=[NASTY], findings=[a_finding(NASTY)]
    )
    text = drawn(look, alarms=[an_open_alarm(NASTY, said=NASTY)])
    assert "<script" not in text
    Reader(text)


def test_it_stands_when_nothing_is_known():
    text = drawn(a_look(), alarms=[], counts=None)
    assert "No alarm is open." in text
    assert "<svg" not in text
    Reader(text)


def test_charts_are_bounded_and_the_table_is_whole_when_there_are_many_features():
    measures = [a_measure(f"f{n}", value=n / 100, found=False) for n in range(MOST_CHARTS + 20)]
    text = drawn(a_look(measures=measures), alarms=[])
    assert text.count("<figure") == MOST_CHARTS + 1
    assert all(f">f{n}<" in text for n in range(MOST_CHARTS + 20))


def test_both_modes_and_paper_have_a_style():
    text = drawn()
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


class TestFigures:
    def test_what_is_wrong_comes_first_when_features_are_sorted(self):
        measures = [
            a_measure("near", value=0.01, found=False),
            a_measure("far", value=0.09, found=False),
            a_measure("wrong", value=0.11),
        ]
        found = figures.features(a_look(measures=measures))
        assert [subject.name for subject in found] == ["wrong", "far", "near"]

    def test_the_longest_window_is_shown_when_none_is_wrong(self):
        measures = [a_measure(hours=h, found=False, value=h / 100) for h in (1.0, 24.0, 4.0)]
        (subject,) = figures.features(a_look(measures=measures))
        assert subject.measures["psi"].hours == 24.0

    def test_wrong_window_is_shown_when_a_longer_one_is_fine(self):
        measures = [a_measure(hours=1.0), a_measure(hours=24.0, found=False)]
        (subject,) = figures.features(a_look(measures=measures))
        assert subject.measures["psi"].hours == 1.0

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("psi", 0.4, "0.4"),
            ("error_share", 0.042, "4.20%"),
            ("share", 0.5, "50.0%"),
            ("p95_ms", 42.24, "42.2 ms"),
            ("p95_ms", 1234.5, "1,234 ms"),
            ("per_hour", 12345.6, "12,346"),
            ("ks", 0.00012, "0.00012"),
            ("psi", 0.0, "0"),
            ("accuracy", None, "-"),
        ],
    )
    def test_figure_is_said_as_people_say_it(self, name, value, said):
        assert figures.amount(name, value) == said

    def test_no_part_of_a_bound_is_said_when_the_bound_is_the_least(self):
        few = a_measure(kind=Kind.TOO_FEW, name="per_hour", value=1000.0, bound=10.0)
        assert figures.reach(few) == 0.0


class TestVerdict:
    def test_worst_decides_when_several_are_open(self):
        alarms = [an_open_alarm(), an_open_alarm("5xx", severity=Severity.CRITICAL)]
        assert verdict(alarms) == ("critical", "2 alarms are open: 1 critical, 1 warning.")


class TestCharts:
    def test_bars_are_as_high_as_their_shares(self):
        text = histograms(a_measure().bars, "x")
        heights = [float(h) for h in re.findall(r'height="([\d.]+)"', text)]
        assert heights[0] / heights[1] == pytest.approx(5, rel=0.02)

    def test_those_that_differ_most_are_kept_when_there_are_too_many(self):
        bars = [Bar(label=f"c{n}", baseline=0.01, window=0.01) for n in range(99)]
        bars.append(Bar(label="new", baseline=0.0, window=0.5))
        text = histograms(bars, "x")
        assert text.count("<title>") == 24
        assert "<title>new:" in text

    def test_nothing_is_drawn_when_nobody_asked(self):
        assert hours(HourCounts(first="2026-03-01T12", counts=[0, 0])) == ""
        assert hours(HourCounts()) == ""
