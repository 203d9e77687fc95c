"""Templates: values keep their types, text is text, what comes out is data, and hostile ones end at the allow-list."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.references import Read
from ionflux_core.fluxgraph.template_filters import FILTERS, TemplateFailed
from ionflux_core.fluxgraph.templates import filled, parsed
from tests.fluxgraph.apart import apart

CONTEXT: dict[str, Any] = {
    "trigger": {"input_data": {"total": 600.5, "count": 3, "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 5}]}},
    "nodes": {"a": {"status": "success", "outputs": {"text": " Hi ", "none": None, "yes": True, "map": {"k": [1]}}}},
    "run": {"id": "r1"},
    "evil": "{{ 7*7 }}{% raw %}${7*7}",
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ trigger.input_data.items }}", CONTEXT["trigger"]["input_data"]["items"]),
        ("{{trigger.payload.count}}", 3),
        (" {{ trigger.input_data.total }} ", 600.5),
        ("{{ nodes.a.outputs.none }}", None),
        ("{{ nodes.a.outputs.yes }}", True),
        ("{{ nodes['a'].outputs.map['k'][0] }}", 1),
        ("{{ fluxgraph.instance_id }}", "r1"),
        ("{{ trigger.input_data.items | length }}", 2),
        ("{{ trigger.input_data.absent | default(0) }}", 0),
        ("{{ trigger.input_data.absent.deeper.still | default('x') }}", "x"),
        ("{{ trigger.input_data.items | pick('sku') }}", ["a", "b"]),
        ("{{ trigger.input_data.count + 1 }}", 4),
    ],
)
def test_one_expression_alone_gives_the_value_with_its_type(source: str, value: Any) -> None:
    made = filled(source, CONTEXT)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ trigger.input_data.count }} of {{ trigger.input_data.total }}", "3 of 600.5"),
        ("[{{ nodes.a.outputs.none }}|{{ nodes.a.outputs.yes }}|{{ nodes.a.outputs.map }}]", '[|true|{"k":[1]}]'),
        ("{{ nodes.a.outputs.text | trim | upper }}!", "HI!"),
        ("{% for i in trigger.payload.items %}{{ loop.index }}{{ i.sku }} {% endfor %}", "1a 2b "),
        ("{% if trigger.payload.count > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% if absent is defined %}a{% else %}b{% endif %}", "b"),
        ("no braces", "no braces"),
        ("a { b } c", "a { b } c"),
        ("line\n", "line\n"),
    ],
)
def test_inside_text_it_gives_text(source: str, text: str) -> None:
    assert filled(source, CONTEXT) == text


def test_maps_and_lists_are_filled_throughout() -> None:
    made = filled({"a": ["{{ trigger.payload.count }}", {"b": "x{{ run.id }}"}], "n": 1}, CONTEXT)
    assert made == {"a": [3, {"b": "xr1"}], "n": 1}


def test_what_a_step_returned_is_never_read_as_a_template() -> None:
    assert filled("{{ evil }}", CONTEXT) == CONTEXT["evil"]
    assert filled("> {{ evil }}", CONTEXT) == f"> {CONTEXT['evil']}"
    assert filled("{% if evil %}{{ evil }}{% endif %}", CONTEXT) == CONTEXT["evil"]
    assert filled({"a": "{{ evil | default('') }}"}, CONTEXT) == {"a": CONTEXT["evil"]}


@pytest.mark.parametrize(
    "source",
    ["{{ nodes.a.outputs.absent }}", "x {{ nodes.a.outputs.absent }}", "{{ nodes.a.outputs.absent | upper }}",
     "{% if nodes.a.outputs.absent %}x{% endif %}", "{% for x in nodes.a.outputs.absent %}x{% endfor %}",
     "{{ nodes.a.outputs.absent + 1 }}"],
)  # fmt: skip
def test_missing_path_is_an_error_that_names_it(source: str) -> None:
    with pytest.raises(TemplateFailed, match=r"There is no nodes\.a\.outputs\.absent\.") as caught:
        filled(source, CONTEXT)
    assert "default" in caught.value.hint
    assert caught.value.code == "template_failed"


def test_html_is_escaped_where_html_is_made() -> None:
    context = {"name": "<b>"}
    assert filled("<p>{{ name }}</p>", context, html=True) == "<p>&lt;b&gt;</p>"
    assert filled("<p>{{ name }}</p>", context) == "<p><b></p>"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 7*7 }}", "transform"),
        ("{{ 7 % 7 }}", "transform"),
        ("{{ a ~ b }}", "side by side"),
        ("{{ a.b() }}", "Filters"),
        ("{{ a | uper }}", "'upper'"),
        ("{{ a is definde }}", "'defined'"),
        ("{% set a = 1 %}", "set"),
        ("{% include 'x' %}", "include"),
        ("{% for a in b %}{% for c in d %}{% for e in f %}{% endfor %}{% endfor %}{% endfor %}", "two loops"),
        ("{{ a", "cannot be read"),
        ("{{ }}", "cannot be read"),
        ("{% if a %}", "cannot be read"),
        ("x" * 20_001, "20000"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(source: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parsed(source)
    assert words in str(caught.value)
    assert caught.value.hint


def test_paths_that_are_read_are_known() -> None:
    source = "{{ a.b | default(c.d) }}{% for x in l.m %}{{ x.y }}{{ loop.index }}{{ o }}{% endfor %}{{ q is defined }}"
    assert set(parsed(source).reads) == {
        Read(("a", "b"), True),
        Read(("c", "d")),
        Read(("l", "m")),
        Read(("o",)),
        Read(("q",), True),
    }


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ [3, 1, 2] | sort | join('-') }}", "1-2-3"),
        ("{{ items | sort('n', true) | pick('sku') }}", ["b", "a"]),
        ("{{ items | sum('n') }}", 7),
        ("{{ [1, 2, 2, 1] | unique }}", [1, 2]),
        ("{{ {'a': 1} | items }}", [{"key": "a", "value": 1}]),
        ("{{ 'a long text' | truncate(8) }}", "a lon..."),
        ("{{ 2.345 | round(2) }}", 2.35),
        ("{{ '19.90' | float }}", 19.9),
        ("{{ 'a b&c' | urlencode }}", "a%20b%26c"),
        ("{{ '<i>x</i>' | striptags }}", "x"),
        ("{{ 'ab' | reverse }}", "ba"),
        ("{{ [1, 5, 2] | max }}", 5),
        ("{{ {'a': none} | json }}", '{"a":null}'),
        ("{{ [] | first }}", None),
        ("{{ 'one two' | wordcount }}", 2),
        ("{{ 'ab cd' | title }}", "Ab Cd"),
        ("{{ -2 | abs }}", 2),
    ],
)
def test_filters(source: str, value: Any) -> None:
    assert filled(source, {"items": CONTEXT["trigger"]["input_data"]["items"]}) == value


@pytest.mark.parametrize("name", ["center", "format", "indent", "wordwrap", "replace", "attr", "map", "xmlattr"])
def test_filters_that_make_much_of_little_are_not_there(name: str) -> None:
    assert name not in FILTERS


BIG = {"s": "x" * 100_000, "l": list(range(20_000)), "m": {"k": "v"}, "deep": [[[[1]]]]}
ATTACKS = [
    *["{{ ''.__class__ }}", "{{ ''['__class__'] }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ m.items }}",
      "{{ m.__init__.__globals__ }}", "{{ self }}", "{{ self.__init__ }}", "{{ self._TemplateReference__context }}",
      "{{ cycler.__init__.__globals__ }}", "{{ lipsum.__globals__ }}", "{{ namespace }}", "{{ config }}",
      "{{ request }}",
      "{{ joiner }}", "{{ dict }}", "{{ range(9) }}", "{{ get_flashed_messages.__globals__ }}",
      "{{ s | attr('upper') }}",
      "{% for x in l %}{{ loop.__class__ }}{% endfor %}", "{% for x in l %}{{ loop.changed }}{% endfor %}",
      "{% for x in l %}{{ loop }}{% endfor %}", "{{ [].append }}", "{{ ()|join.__class__ }}", "{{ s.format }}",
      "{{ '{0.__class__}' | format(s) }}", "{{ l | map(attribute='__class__') }}"],
    *["{% extends 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}",
      "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
      "{% block a %}{{ self.a() }}{% endblock %}", "{% call a() %}{% endcall %}", "{% filter upper %}x{% endfilter %}",
      "{% with a = 1 %}{% endwith %}", "{% autoescape false %}{% endautoescape %}", "{% do l.append(1) %}",
      "{% debug %}"],
    *["{{ 'x' * 1000000000 }}", "{{ [0] * 1000000000 }}", "{{ 9 ** 9 ** 9 }}", "{{ '%2000000000d' % 1 }}",
      "{{ 'x' | center(2000000000) }}", "{{ lipsum(n=1000000) }}", "{{ s | join(s) }}", "{{ s | join(s) | join(s) }}",
      "{{ s | replace('x', s) | replace('x', s) }}", "{{ s ~ s ~ s }}", "{{ " + "+".join(["s"] * 1_000) + " }}",
      "{{ l | join(s) }}", "{{ (l | join(',')) | join(l | join(',')) }}", "{{ s | json | json | json | json | json }}",
      "{{ s | indent(1000000) }}", "{{ s | wordwrap(1) }}", "{{ l + l + l }}", "{{ '9' | int + " + "9" * 9_000 + " }}",
      "{{ ('9' | join('9')) | int }}", "{{ s | int }}", "{{ s | urlencode | urlencode | urlencode }}",
      "{{ s | escape | escape | escape | escape }}", "{{ l | sort(l) }}", "{{ 1 | round(99999999999) }}",
      "{{ l | batch(1) }}", "{{ l | slice(1000000000) }}", "{{ deep | sum }}", "{{ '1e999' | int }}",
      "{{ 'x' | truncate(1e308) }}"],
    *["{% for a in l %}{% for b in l %}{% if a == 0 and b == -1 %}x{% endif %}{% endfor %}{% endfor %}",
      "{% for a in l %}{% for b in l %}{{ b }}{% endfor %}{% endfor %}", "{% for a in l %}{{ s }}{% endfor %}",
      "{% for a in l if a > 99999 %}{% endfor %}{% for a in l %}{% for b in l if b < 0 %}x{% endfor %}{% endfor %}",
      "{% for a in l recursive %}{{ loop(l) }}{% endfor %}", "{% for a in l %}{{ l | sort | join }}{% endfor %}",
      "{% for a in l %}{{ l | unique | length }}{% endfor %}"],
    *["{{ (" * 2_000, "{{ " + "-" * 9_000 + "1 }}", "{{ " + "not " * 4_000 + "1 }}", "{{ 1" + "+1" * 9_000 + " }}",
      "{{ a" + ".b" * 9_000 + " }}", "{{ a" + "|upper" * 3_000 + " }}", "{% if a %}" * 1_000 + "{% endif %}" * 1_000,
      "{{ [" * 3_000, "{{ a" + "[0]" * 6_000 + " }}", "{{ " + "a if b else " * 1_500 + "c }}", "{#" * 9_000,
      "{{ '" + "\\" * 19_000 + "' }}", "{% raw %}" * 2_000, "{{" * 9_999],
]  # fmt: skip


def _tried(source: str) -> Any:
    made = filled(source, BIG)
    return made if isinstance(made, str) else repr(made)


@pytest.mark.parametrize("source", ATTACKS, ids=range(len(ATTACKS)))
def test_attack_is_stopped_or_harmless(source: str) -> None:
    came = apart(_tried, source)
    assert came.error in ("", "Invalid", "TemplateFailed"), came
    assert came.seconds < 5
    assert len(came.value or "") <= 210_000
    for trace in ("<class", "<built-in", "<function", "object at 0x", "method"):
        assert trace not in (came.value or "")
