"""The documentation of the API as one page of plain HTML: nothing is loaded, nothing runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #17171f; --soft: #5f5f6c; --line: #dcdce5; --paper: #fcfcfd; --code: #f3f3f7;
  --accent: #5a4dfc }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf2; --soft: #b0b0be; --line: #33333f; --paper: #111116;
  --code: #1b1b23; --accent: #8880ff } }
@font-face { font-family: Inter; src: url(/app/static/fonts/inter-latin-wght-normal.woff2); font-weight: 100 900 }
body { font: 15px/1.5 Inter, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  padding: 2rem 1rem; max-width: 60rem }
h1 { font-size: 1.75rem } h2 { font-size: 1.2rem; margin-top: 2.5rem; text-transform: capitalize }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem .75rem }
summary { cursor: pointer } code, pre { font: 13px/1.5 "JetBrains Mono", monospace }
pre { background: var(--code); border-radius: .5rem; padding: .75rem; overflow-x: auto }
b { color: var(--accent); display: inline-block; min-width: 3.5rem } table { border-collapse: collapse }
td, th { text-align: left; border-bottom: 1px solid var(--line); padding: .25rem .75rem .25rem 0; vertical-align: top }
.soft { color: var(--soft) } a { color: var(--accent) }
"""


def api_page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>IONFLUX API</title>'
        '<link rel="icon" href="/app/static/icon.svg">'
        f"<style>{_STYLE}</style><h1>IONFLUX API</h1><p>{_words(document['info']['description'])}</p>"
        f'<p class="soft">Version {escape(document["info"]["version"])} &middot; '
        '<a href="openapi.json">openapi.json</a></p>' + "".join(_sections(document)) + "</html>"
    )


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["more"])[0]
            by_tag.setdefault(tag, []).append(_operation(document, path, method, operation))
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(operations)}"


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> str:
    said = operation.get("description", "")
    parts = [f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> ", f"{_words(said)}</summary>"]
    if operation.get("parameters"):
        parts.append(f"<table>{''.join(map(_parameter, operation['parameters']))}</table>")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        parts.append(f"<p>Body</p><pre>{escape(json.dumps(_example(document, body), indent=2))}</pre>")
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if status.startswith("2") and schema:
            parts.append(f"<p>Answer {status}</p><pre>{escape(json.dumps(_example(document, schema), indent=2))}</pre>")
    return "".join(parts) + "</details>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code><td class=soft>{escape(parameter['in'])}"
        f"<td>{_words(parameter.get('description', ''))}"
    )


def _example(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> Any:
    """What a value of this schema looks like, with the name of its type in place of each value."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0], depth)
    if "properties" in schema and depth < 5:
        return {name: _example(document, part, depth + 1) for name, part in schema["properties"].items()}
    if schema.get("type") == "array" and depth < 5:
        return [_example(document, schema.get("items", {}), depth + 1)]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return schema.get("format") or schema.get("type") or "any"


def _words(text: str) -> str:
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
