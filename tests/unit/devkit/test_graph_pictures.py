import xml.etree.ElementTree as ET

import msgspec
import pytest
import yaml
from devkit import graph_boxes, graph_layout, graph_lines, graph_svg, graph_text
from hypothesis import given, settings
from hypothesis import strategies as st
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec, Predicate

CHAIN = """
name: risks
owner: tests
steps:
  - name: customer
    lookup: {entity: customer, key: request.id, columns: [{name: age, dtype: int}]}
    on_failure: default
    default: {age: 40}
  - {name: segment, model: segments, inputs: {years: customer.age}, deadline_ms: 200}
  - {name: risk, model: risks, inputs: {age: customer.age, segment: segment.class}}
"""


def record(text, **more):
    spec = msgspec.convert(yaml.safe_load(text), GraphSpec)
    return msgspec.convert(
        {"spec": msgspec.to_builtins(spec), "revision": 1, "registered": "", **more}, GraphRecord
    )


def picture(of, width=80):
    return "\n".join(graph_text.picture(of, width))


def level_of(layout, name):
    return next(i for i, row in enumerate(layout.levels) if any(p.key == name for p in row))


def test_same_level_when_steps_do_not_need_each_other():
    steps = "[{name: a, model: m}, {name: b, model: n}, {name: c, model: o, inputs: {x: a.value}}]"
    layout = graph_layout.lay_out(record(f"name: g\nowner: t\nsteps: {steps}"))
    assert level_of(layout, "a") == level_of(layout, "b") == 1
    assert level_of(layout, "c") == 2
    assert ("a", "c") in layout.arrows
    assert ("b", "c") not in layout.arrows


def test_arrow_goes_through_when_it_passes_a_level():
    layout = graph_layout.lay_out(record(CHAIN))
    assert [level_of(layout, name) for name in ("customer", "segment", "risk")] == [1, 2, 3]
    assert {("customer", "customer/2"), ("customer/2", "risk")} <= set(layout.arrows)


def test_arrow_to_the_answer_when_a_step_is_an_output():
    text = CHAIN + "output: [risk, segment]\n"
    layout = graph_layout.lay_out(record(text))
    assert ("risk", "answer") in layout.arrows
    assert ("segment", "segment/3") in layout.arrows
    assert "risk, else segment" in picture(record(text))


def test_everything_is_drawn_when_steps_loop():
    steps = "[{name: a, model: m, inputs: {x: b.value}}, {name: b, model: m, inputs: {x: a.value}}]"
    shown = picture(record(f"name: g\nowner: t\nsteps: {steps}"))
    assert "╭ a " in shown
    assert "╭ b " in shown


def test_what_flows_is_in_the_box_when_a_step_takes_from_others():
    shown = picture(record(CHAIN))
    assert "← customer: age as years" in shown
    assert "← segment: class as segment" in shown
    assert "if it fails: age 40" in shown
    assert "within 200 ms" in shown


def test_columns_of_the_request_are_counted_when_the_graph_is_registered():
    inputs = {name: f"request.{name}" for name in "abcd"}
    pinned = {"model": "m", "version": "1", "signature": "s", "inputs": inputs}
    columns = [{"name": name, "dtype": "float", "unit": "cm"} for name in "abcd"]
    text = "name: g\nowner: t\nsteps: [{name: one, model: m}]"
    shown = picture(record(text, checked={"one": pinned}, request=columns))
    assert "← request: 4 columns" in shown
    assert "a, b, c, d (cm)" in shown


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"equals": "red"}, "if a.class is red"),
        ({"equals": True}, "if a.class is true"),
        ({"among": [1, 2]}, "if a.class is one of 1, 2"),
        ({"above": 0.5, "below": 2.0}, "if a.class > 0.5 and < 2"),
    ],
)
def test_predicate_is_a_sentence_when_it_is_shown(more, said):
    assert graph_boxes.when(Predicate(of="a.class", **more)) == said


GROUP = """
name: g
owner: t
steps:
  - name: votes
    group:
      aggregate: quorum
      quorum: 2
      slow: go_on
      wait_ms: 1500
      members:
        - {name: a, model: model-a, weight: 2}
        - {name: b, model: model-b, version: 1.0.0-d1.s1}
        - {name: c, model: model-c, label: sea}
"""


def test_members_are_side_by_side_when_there_is_room():
    line = next(line for line in picture(record(GROUP)).splitlines() if "╭ a " in line)
    assert "╭ b " in line
    assert "╭ c " in line
    shown = picture(record(GROUP))
    for said in ("2 of 3 agree", "goes on after 1.5 s", "weight 2", "1.0.0-d1.s1", "as sea"):
        assert said in shown


PAIRS = """
name: g
owner: t
steps:
  - {name: measures, preprocessor: scaler}
  - {name: apart, model: ranker, features: measures}
  - {name: line, preprocessor: scaler, model: ranker, version: 1.0.0-d1.s1}
  - name: alone
    model: credit
    lookup:
      entity: customer
      key: request.id
      columns: [{name: age, dtype: int}, {name: income, dtype: float}]
output: [apart, line, alone]
"""


def test_halves_and_whose_lookup_it_is_are_said_when_steps_are_of_these_kinds():
    shown = picture(record(PAIRS), 120)
    for said in (
        "prepare by scaler",
        "← measures: features",
        "→ ranker 1.0.0-d1.s1",
        "looks up customer itself",
        "age, income",
        "← request: id",
    ):
        assert said in shown
    layout = graph_layout.lay_out(record(PAIRS))
    assert ("measures", "apart") in layout.arrows
    assert level_of(layout, "line") == level_of(layout, "alone") == 1


def test_what_goes_into_the_preprocessor_is_said_when_a_pair_is_registered():
    inputs = {name: f"request.{name}" for name in "abc"}
    pinned = {"model": "m", "version": "1", "signature": "s"}
    checked = {"line.preprocessor": {**pinned, "inputs": inputs}, "line": pinned}
    text = "name: g\nowner: t\nsteps: [{name: line, preprocessor: scaler, model: ranker}]"
    assert "← request: 3 columns" in picture(record(text, checked=checked))


def test_each_kind_has_a_colour_of_its_own_name_when_the_svg_is_written():
    text = graph_svg.svg(record(PAIRS))
    for kind in ("preprocessor", "model", "pair", "looking_up"):
        assert f'class="box {kind}"' in text
        assert text.count(f"--{kind}: #") == 2  # light and dark
        assert f".{kind} {{ stroke" in text


def test_what_an_answer_sets_going_is_in_the_members_box_when_it_does():
    then = "then: {graph: careful, when: {of: class, equals: malignant}}"
    text = GROUP.replace("label: sea}", f"label: sea, {then}}}")
    shown = picture(record(text), 120)
    assert "then careful, in jobs" in shown
    assert "if class is malignant" in shown


def test_the_named_function_is_said_when_a_group_names_one():
    text = GROUP.replace("aggregate: quorum", "aggregate: named\n      named: trimmed_mean")
    assert "trimmed_mean of scores" in picture(record(text))


def test_members_are_in_rows_when_there_is_no_room():
    shown = picture(record(GROUP), 40)
    assert max(map(len, shown.splitlines())) <= 40
    first, second = (next(x for x in shown.splitlines() if f"╭ {n} " in x) for n in "ab")
    assert first != second


def test_levels_are_rows_when_a_terminal_is_too_narrow_for_arrows():
    steps = ", ".join(f"{{name: step_{i}, model: a-model-{i}}}" for i in range(12))
    shown = picture(record(f"name: g\nowner: t\nsteps: [{steps}]"), 80)
    assert max(map(len, shown.splitlines())) <= 80
    assert all(f"╭ step_{i} " in shown for i in range(12))


def test_line_in_front_is_whole_when_two_only_cross():
    crossing = graph_lines.draw([(0, 6), (4, 2)], {6: "▼", 2: "▼"}, 7)
    assert "┼" not in "".join(crossing)


def test_refused_when_two_lines_would_run_into_each_other():
    with pytest.raises(graph_lines.TangledError):
        graph_lines.draw([(2, 8), (8, 2)], {2: "▼", 8: "▼"}, 11)


def test_one_line_when_sources_have_the_same_targets():
    lines = graph_lines.draw([(0, 4), (8, 4)], {4: "▼"}, 9)
    assert lines == ["╰───┬───╯", "    ▼"]


def test_it_fits_when_a_wrapped_box_is_as_wide_as_the_terminal():
    steps = (
        "{name: s0, model: m}, {name: s1, model: m, inputs: {x0: s0.value}}, {name: s2, model: m},"
        " {name: s3, model: m, inputs: {x0: s0.value}}, {name: s4, model: m}"
    )
    spec = f"name: g\nowner: t\nsteps: [{steps}]\noutput: [s0, s1, s2, s3, s4]"
    assert max(map(len, picture(record(spec), 42).splitlines())) <= 42


@st.composite
def graphs(draw):
    names = [f"s{i}" for i in range(draw(st.integers(1, 9)))]
    steps = []
    for index, name in enumerate(names):
        before = draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        step = {"name": name, "model": draw(st.sampled_from(["m", "a-much-longer-name-of-one"]))}
        steps.append({**step, "inputs": {f"x{i}": f"{b}.value" for i, b in enumerate(before)}})
    output = draw(st.lists(st.sampled_from(names), unique=True))
    spec = {"name": "g", "owner": "t", "steps": steps, "output": output}
    return record(yaml.safe_dump(spec))


@given(graphs(), st.integers(40, 140))
@settings(max_examples=150, deadline=None)
def test_it_fits_and_no_line_hangs_in_the_air_when_any_graph_is_drawn(of, width):
    lines = graph_text.picture(of, width)
    assert max(map(len, lines)) <= width
    assert all(f"╭ {step.name} " in "\n".join(lines) for step in of.spec.steps)


ARMS = {char: arms for arms, char in graph_lines._CHARACTERS.items()}
U, D, L, R = graph_lines.UP, graph_lines.DOWN, graph_lines.LEFT, graph_lines.RIGHT
STEPS = {U: (-1, 0, D), D: (1, 0, U), L: (0, -1, R), R: (0, 1, L)}


def reached(lines, source):
    """Where one gets from a column at the top by following the lines, never up."""
    width = max(map(len, lines))
    rows = [line.ljust(width) for line in lines]
    todo, seen, ends = [(0, source, U)], set(), set()
    while todo:
        row, column, came = todo.pop()
        if (row, column, came) in seen:
            continue
        seen.add((row, column, came))
        char = rows[row][column]
        if row == len(rows) - 1:
            assert char == "▼", (char, lines)
            ends.add(column)
            continue
        behind = char == "│" and came in (L, R)
        arms = L | R if behind else ARMS[char]
        assert arms & came, (row, column, lines)
        for way in (D, L, R):
            if arms & way and way != came:
                down, right, next_came = STEPS[way]
                todo.append((row + down, column + right, next_came))
    return ends


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=9, unique=True),
    st.lists(st.integers(0, 30), min_size=7, max_size=7, unique=True),
    st.lists(st.integers(0, 30), min_size=7, max_size=7, unique=True),
)
@settings(max_examples=400, deadline=None)
def test_every_arrow_leads_where_it_should_when_it_is_followed(arrows, above, below):
    wanted = [(2 * above[a], 2 * below[b]) for a, b in arrows]
    try:
        lines = graph_lines.draw(wanted, dict.fromkeys((2 * b for b in below), "▼"), 62)
    except graph_lines.TangledError:
        return
    for source in {source for source, _ in wanted}:
        assert {t for s, t in wanted if s == source} <= reached(lines, source)


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_no_two_boxes_overlap_when_any_graph_is_an_svg(of):
    root = ET.fromstring(graph_svg.svg(of))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    boxes = [
        tuple(float(rect.get(side)) for side in ("x", "y", "width", "height"))
        for rect in root.iter(f"{space}rect")
        if "box" in rect.get("class").split()
    ]
    assert len(boxes) == len(of.spec.steps) + 2
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert x + w <= float(root.get("width"))
        assert y + h <= float(root.get("height"))
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_svg_stands_alone_and_knows_the_dark_when_it_is_written():
    text = graph_svg.svg(record(GROUP.replace("owner: t", "owner: t\ndescription: a < b & c")))
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.find("{http://www.w3.org/2000/svg}desc").text == "a < b & c"
    assert "prefers-color-scheme: dark" in text
    assert "href" not in text
    assert "<script" not in text
    assert "url(" not in text
