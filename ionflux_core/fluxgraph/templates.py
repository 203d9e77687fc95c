"""Templates: `{{ path }}` alone gives the value itself, inside text it gives text. What comes out is never read again.

Most templates are words and paths and are filled without Jinja. The others go through its immutable sandbox, cut down
to an allow-list; every attribute is a key of plain data, so that no object's methods can be reached.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NoReturn, cast

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2 import Template as JinjaTemplate
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.fluxgraph import template_grammar
from ionflux_core.fluxgraph.references import MISSING, PATH, Read, Reference, found, parse, spelled, with_older_names
from ionflux_core.fluxgraph.template_filters import FILTERS, TemplateFailed, as_text, bounded
from ionflux_core.limits import TEMPLATE_CHARS, TEMPLATE_OUTPUT_CHARS, TEMPLATE_SECONDS

_MARKS = re.compile(r"\{\{|\{%|\{#")
_PLACE = re.compile(rf"\{{\{{\s*({PATH.pattern})\s*\}}\}}")
# Long texts are read again each time, so that nobody fills the memory with them.
_KEPT_CHARS = 2_000
_LOOP_KEYS = frozenset({"index", "index0", "first", "last", "length", "revindex", "revindex0"})
_UNTIL: ContextVar[float] = ContextVar("template_until")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: the value it is when it is one path alone, or its plain parts; the others are for Jinja."""

    source: str
    reads: tuple[Read, ...]
    whole: Reference | None = None
    parts: tuple[str | Reference, ...] | None = None
    alone: bool = False


def is_template(text: str) -> bool:
    """True when a text holds anything to be filled."""
    return _MARKS.search(text) is not None


def parsed(source: str) -> Template:
    """The template of a text; Invalid with a hint when it cannot be read or holds what is not allowed."""
    return _kept(source) if len(source) <= _KEPT_CHARS else _parse(source)


@lru_cache(maxsize=2048)
def _kept(source: str) -> Template:
    return _parse(source)


def _parse(source: str) -> Template:
    if len(source) > TEMPLATE_CHARS:
        raise Invalid(f"A template may have {TEMPLATE_CHARS} characters.", hint="Split it, or move data to a file.")
    simple = _simple(source)
    if simple is not None:
        return simple
    tree = _tree(source, html=False)
    return Template(source, template_grammar.reads(tree), alone=_is_one_expression(tree))


def filled(value: Any, context: Mapping[str, Any], *, html: bool = False) -> Any:
    """A value of a document with all its templates filled, lists and maps included; the context's values stay data."""
    if isinstance(value, str):
        return _filled_text(value, context, html) if is_template(value) else value
    if isinstance(value, list):
        return [filled(each, context, html=html) for each in value]
    if isinstance(value, dict):
        return {key: filled(each, context, html=html) for key, each in value.items()}
    return value


def _filled_text(source: str, context: Mapping[str, Any], html: bool) -> Any:
    template = parsed(source)
    if template.whole is not None and not html:
        return _value(context, template.whole)
    if template.parts is not None and not html:
        texts = (part if isinstance(part, str) else as_text(_value(context, part)) for part in template.parts)
        return _cut(texts)
    return _by_jinja(template, context, html)


def _value(context: Mapping[str, Any], path: Reference) -> Any:
    value = found(context, path)
    if value is MISSING:
        _tell_missing(path)
    return value


def _tell_missing(path: Reference) -> NoReturn:
    name = spelled(path)[:120]
    hint = f"Check the path, or write {{{{ {name} | default('') }}}}."
    raise TemplateFailed(f"There is no {name}.", hint=hint)


def _simple(source: str) -> Template | None:
    """The template when it is made of words and bare paths only; None when it needs Jinja."""
    parts: list[str | Reference] = []
    at = 0
    for match in _PLACE.finditer(source):
        path = parse(match[1])
        if path is None or path[0] in _JINJA_WORDS:
            return None
        parts += [source[at : match.start()], path]
        at = match.end()
    parts.append(source[at:])
    if any(isinstance(part, str) and (_MARKS.search(part) or "}}" in part) for part in parts):
        return None
    paths = [part for part in parts if isinstance(part, tuple)]
    alone = len(paths) == 1 and not "".join(part for part in parts if isinstance(part, str)).strip()
    reads = tuple(dict.fromkeys(Read(path) for path in paths))
    if alone:
        return Template(source, reads, whole=paths[0], parts=tuple(parts), alone=True)
    return Template(source, reads, parts=tuple(part for part in parts if part != ""))


_JINJA_WORDS = frozenset({"true", "false", "none", "True", "False", "None", "not", "self", "varargs", "kwargs"})


def _is_one_expression(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    shown = [each for each in tree.body[0].nodes
             if not (isinstance(each, nodes.TemplateData) and not each.data.strip())]  # fmt: skip
    return len(shown) == 1 and not isinstance(shown[0], nodes.TemplateData)


def _tree(source: str, *, html: bool) -> nodes.Template:
    try:
        tree = _environment(html).parse(source)
    except TemplateSyntaxError as error:
        said = str(error.message or "").rstrip(".")
        raise Invalid(f"The template cannot be read: {said[:160]}.", hint="Write {{ path }} or {{ path | filter }}.") \
            from error  # fmt: skip
    except RecursionError as error:
        raise Invalid("The template nests too deep.", hint="Split it into several nodes.") from error
    except Exception as error:  # Hostile text makes parsers raise many kinds.
        raise Invalid("The template cannot be read.", hint="Write {{ path }} or {{ path | filter }}.") from error
    template_grammar.check(tree)
    return tree


@lru_cache(maxsize=256)
def _jinja(source: str, html: bool) -> JinjaTemplate:
    environment, tree = _environment(html), _tree(source, html=html)
    for loop in list(tree.find_all(nodes.For)):
        # Every turn of a loop looks at the clock, so that one that shows nothing ends, too.
        loop.iter = nodes.Filter(loop.iter, "_timed", [], [], None, None)
    tree.set_environment(environment)
    try:
        code = environment.compile(tree)
    except Exception as error:
        raise Invalid("The template cannot be read.", hint="Write {{ path }} or {{ path | filter }}.") from error
    return JinjaTemplate.from_code(environment, code, {})


def _by_jinja(template: Template, context: Mapping[str, Any], html: bool) -> Any:
    made = _jinja(template.source, html)
    until = _UNTIL.set(time.monotonic() + TEMPLATE_SECONDS)
    values: list[Any] = []
    token = _CAUGHT.set(values if template.alone and not html else None)
    try:
        text = _cut(made.root_render_func(made.new_context(with_older_names(context))))
    except UndefinedError as error:
        gone = next(
            (path for path, optional in template.reads if not optional and found(context, path) is MISSING), None
        )
        if gone:
            _tell_missing(gone)
        raise TemplateFailed(f"The template failed: {error.message}.", hint="Check the path.") from error
    except IonfluxError:
        raise
    except Exception as error:
        said = str(error)[:160].rstrip(".") or type(error).__name__
        raise TemplateFailed(f"The template failed: {said}.", hint="Check the types of its values.") from error
    finally:
        _UNTIL.reset(until)
        _CAUGHT.reset(token)
    return values[0] if len(values) == 1 else text


_CAUGHT: ContextVar[list[Any] | None] = ContextVar("template_caught", default=None)


@pass_context
def _shown(_: Context, value: Any) -> Any:
    """What Jinja does to each value it puts into text; as it asks for the context, nothing is folded beforehand."""
    if isinstance(value, Undefined) or hasattr(value, "__html__"):
        return value
    caught = _CAUGHT.get()
    if caught is not None:
        caught.append(value)
        if isinstance(value, dict | list):
            return ""
    return bounded(as_text(value))


def _cut(parts: Iterator[str]) -> str:
    until = _UNTIL.get(0.0) or time.monotonic() + TEMPLATE_SECONDS
    made: list[str] = []
    length = 0
    for part in parts:
        length += len(part)
        if length > TEMPLATE_OUTPUT_CHARS:
            raise TemplateFailed(
                f"The text is longer than {TEMPLATE_OUTPUT_CHARS // 1024} KB.", hint="Show fewer items or shorter ones."
            )
        if time.monotonic() > until:
            _tell_time()
        made.append(part)
    return "".join(made)


def _timed(items: Any) -> Iterator[Any]:
    until = _UNTIL.get(0.0)
    if not isinstance(items, list | tuple | dict | str | Undefined):
        raise TemplateFailed("A loop needs a list.", hint="Use the filter items for the entries of a map.")
    for item in items:
        if time.monotonic() > until:
            _tell_time()
        yield item


def _tell_time() -> NoReturn:
    raise TemplateFailed(f"The template took longer than {TEMPLATE_SECONDS:g} s.", hint="Loop over fewer items.")


class _PlainData(ImmutableSandboxedEnvironment):
    """A sandbox in which names after dots are keys of maps, and + adds numbers and short texts."""

    intercepted_binops = frozenset({"+", "-", "/", "//"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return _entry(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return _entry(obj, argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (left, right))
        if not numbers and (operator != "+" or not (isinstance(left, str) and isinstance(right, str))):
            for each in (left, right):
                if isinstance(each, Undefined):
                    str(each)
            raise TemplateFailed(f"{operator} needs two numbers.", hint="Use the filters int, float or join.")
        made = super().call_binop(context, operator, left, right)
        return bounded(made) if isinstance(made, str) else made


def _entry(value: Any, key: Any) -> Any:
    if isinstance(value, Undefined):
        return value
    if isinstance(value, dict) and isinstance(key, str) and key in value:
        return value[key]
    if isinstance(value, list | str) and type(key) is int and -len(value) <= key < len(value):
        return value[key]
    if isinstance(value, LoopContext) and key in _LOOP_KEYS:
        return getattr(value, key)
    return StrictUndefined(name=str(key), hint=f"there is no {str(key)[:60]!r}")


@cache
def _environment(html: bool) -> _PlainData:
    environment = _PlainData(undefined=StrictUndefined, autoescape=html, finalize=_shown, keep_trailing_newline=True,
                             auto_reload=False, cache_size=0, optimized=False)  # fmt: skip
    environment.globals.clear()
    environment.filters = cast(Any, {**FILTERS, "_timed": _timed})
    environment.tests = {name: test for name, test in environment.tests.items() if name in template_grammar.TESTS}
    return environment
