import io
import re
from html.parser import HTMLParser

from devkit import search_views, search_watch
from devkit.screen import Screen
from devkit.search_page import page
from devkit.search_page.scales import fifths, scores
from devkit.search_reading import read
from fakes.search_views import forest, linear, search, won
from rich.console import Console

TRIALS = [
    linear(0, 0.90, c=0.1),
    forest(1, 0.93),
    linear(2, None),
    forest(3, 0.96, trees=311),
    linear(4, 0.94),
]
NASTY = '</script><img src=x onerror="alert(1)">'


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.wrong = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "rect", "line", "circle", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_page_needs_nothing_else_when_it_is_opened():
    text = page(read(won(search(*TRIALS))))
    tags = Tags(text)
    assert (tags.open, tags.wrong) == ([], [])
    assert not re.search(r"""(?:src|href|url)\s*[=(]""", text)
    policy = tags.of("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_every_trial_is_in_chart_coordinates_and_table_when_there_are_two_architectures():
    tags = Tags(page(read(search(*TRIALS))))
    marked = [a["data-trial"] for _, a in tags.tags if "data-trial" in a]
    assert sorted(marked) == sorted([str(n) for n in range(5)] * 3)
    assert len(tags.of("svg")) == 3


def test_nothing_is_markup_when_data_looks_like_it():
    trials = [linear(0, 0.9, c=NASTY), linear(1, None, reason=NASTY)]
    tags = Tags(page(read(search(*trials, reason=NASTY, model=NASTY))))
    assert not tags.of("img")
    assert len(tags.of("script")) == 1
    assert (tags.open, tags.wrong) == ([], [])


def test_page_says_what_the_winner_came_to_when_there_is_one():
    text = page(read(won(search(*TRIALS, version="0.1.0-da.sb"))))
    assert "accuracy 0.9500, log_loss 0.2000" in text
    assert "45 test rows, looked at once" in text
    assert "0.1.0-da.sb" in text


def test_page_is_drawn_when_nothing_has_a_score():
    for trials in ([], [linear(0, None)]):
        assert Tags(page(read(search(*trials)))).wrong == []


def test_rungs_are_an_axis_when_trials_were_halved():
    text = page(read(search(linear(0, 0.8, resource=40), linear(1, 0.9, rung=1, parent=0))))
    assert "rung 1: 40 rows" in text
    assert re.search(r'class="name"[^>]*>rung<', text)


def test_one_bad_trial_is_at_the_end_when_all_others_are_close():
    good = [linear(n, 0.9 + n / 1000) for n in range(12)]
    scale = scores(read(search(*good, linear(12, 0.1))))
    assert scale.beyond(0.1)
    assert scale.place(0.1) == 0.0
    assert scale.axis.low > 0.85
    assert not scale.beyond(0.9)


def test_better_is_up_when_less_is_better():
    scale = scores(read(search(linear(0, 3.0), linear(1, 1.0), higher_is_better=False)))
    assert scale.place(1.0) > 0.9
    assert scale.place(3.0) < 0.1


def test_fifths_are_by_rank_when_scores_are_uneven():
    study = read(search(*[linear(n, 1 - 2.0**-n) for n in range(10)]))
    assert [fifths(study)[n] for n in range(10)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def shown(record, **more):
    console = Console(file=io.StringIO(), width=80)
    search_views.show(Screen(console=console), read(record), **more)
    return console.file.getvalue()


def test_screen_has_figures_chart_and_trials_when_a_search_is_over():
    text = shown(won(search(*TRIALS)))
    assert "0.9600 ± 0.01" in text
    assert "45 test rows, looked at once" in text
    assert text.count("●") == 3 + 2  # trials that are not the best, and the legend
    assert "◆" in text
    assert "failed" in text
    assert "ValueError: it cannot be" in text
    assert text.index("n_estimators=311") < text.index("C=0.1")


def test_some_trials_are_named_when_there_are_more():
    text = shown(search(*TRIALS), trials=2)
    assert "and 3 more trials" in text


def test_line_fits_when_a_search_runs():
    record = search(*TRIALS, state="running", most=32)
    console = Console(file=io.StringIO(), width=80)
    console.print(search_watch.live(record))
    lines = console.file.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "0.9600 ± 0.01" in lines[1]
    assert "5/32 trials" in console.file.getvalue()
