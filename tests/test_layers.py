"""Who may import whom: the arrows of the house, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = "ionflux_core"

# From the outside in; a module may import its own layer and everything below it.
GROUND, DOMAIN, PARTS, ENGINE, SERVICES, DOORS, WIRING = range(7)
LAYERS: dict[str, int] = {
    "errors": GROUND, "ids": GROUND, "limits": GROUND,
    "domain": DOMAIN, "spellings": DOMAIN, "sdk": DOMAIN, "settings": DOMAIN, "yaml_text": DOMAIN, "yaml_edit": DOMAIN,
    "redaction": DOMAIN, "demo": DOMAIN, "measures": DOMAIN, "telemetry": DOMAIN,
    "logs": DOMAIN,
    "storage": PARTS, "llm": PARTS, "memory": PARTS, "outbound": PARTS, "outbound_addresses": PARTS, "vault": PARTS,
    "signatures": PARTS, "channels": PARTS, "connectors": PARTS, "transforms": PARTS, "fluxgraph": PARTS,
    "sandbox": PARTS,
    "runtime": ENGINE, "catalog": ENGINE, "analytics": ENGINE, "blocks": ENGINE,
    "services": SERVICES,
    "triggers": DOORS, "web": DOORS, "cli": DOORS,
    "wiring": WIRING, "application": WIRING, "__main__": WIRING, "": WIRING,
}  # fmt: skip
# The doors ask the wiring for the application of the process; nothing else does.
MAY_ASK_FOR_THE_APPLICATION = {"web", "cli", "__main__"}
# Neighbours that must not know each other, although they lie in one layer.
STRANGERS = {
    ("storage", "llm"), ("storage", "memory"), ("storage", "outbound"), ("llm", "storage"), ("memory", "storage"),
    ("fluxgraph", "storage"), ("analytics", "runtime"), ("runtime", "analytics"), ("web", "triggers"),
    ("triggers", "web"), ("web", "cli"),
}  # fmt: skip
# pages/ and ionflux_ui/ talk to services only; domain models and errors are for typing.
SCREEN_MAY = {
    "application", "services", "domain", "errors", "ids", "limits", "settings", "yaml_edit", "yaml_text",
    "redaction", "",
}  # fmt: skip
# What a service hands out and a page draws, named for its type; and pure functions that check what a form holds.
SCREEN_MAY_NAME = {
    "ionflux_core.catalog.configuration", "ionflux_core.analytics.metrics", "ionflux_core.analytics.duck",
    "ionflux_core.llm.pricing", "ionflux_core.outbound_addresses",
}  # fmt: skip
AGENTS_MAY = {"sdk"}


@cache
def _imports(path: Path) -> list[tuple[int, str]]:
    return list(_found(path))


def _found(path: Path) -> Iterator[tuple[int, str]]:
    """Every module a file imports, with its line; imports that only a type checker sees are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known = ROOT / node.module.replace(".", "/")
            whole = [f"{node.module}.{alias.name}" for alias in node.names] if known.is_dir() else [node.module]
            yield from ((node.lineno, name) for name in whole)


def _part(module: str) -> str | None:
    """The part of the core a module belongs to; None for modules of others."""
    first, _, rest = module.partition(".")
    if first != CORE:
        return None
    part = rest.partition(".")[0]
    return part if part in LAYERS or (ROOT / CORE / part).exists() or (ROOT / CORE / f"{part}.py").exists() else ""


def _complaints(path: Path) -> list[str]:
    place = path.relative_to(ROOT)
    own = place.parts[1].removesuffix(".py") if place.parts[0] == CORE else ""
    own = "" if own == "__init__" else own
    found = []
    for line, module in _imports(path):
        part = _part(module)
        if part is None:
            if place.parts[0] == CORE and module.partition(".")[0] in ("streamlit", "ionflux_ui", "pages"):
                found.append(f"{place}:{line}: the core draws no screen ({module})")
            continue
        drawn = place.parts[0] in ("pages", "ionflux_ui") and module in SCREEN_MAY_NAME
        if not drawn and (complaint := _wrong(place, own, part)):
            found.append(f"{place}:{line}: {complaint}")
    return found


def _wrong(place: Path, own: str, part: str) -> str:
    top = place.parts[0]
    if top == "agents":
        return "" if part in AGENTS_MAY else f"an agent imports ionflux_core.sdk only, not {part or CORE}"
    if top in ("pages", "ionflux_ui"):
        return "" if part in SCREEN_MAY else f"the screen talks to services, not to {part}"
    if top != CORE or part == own or part == "":
        return ""
    if part not in LAYERS or own not in LAYERS:
        return f"say in tests/test_layers.py which layer {part if part not in LAYERS else own} belongs to"
    if part == "wiring":
        return "" if own == "application" else f"{own} does not wire"
    if part == "application":
        return "" if own in MAY_ASK_FOR_THE_APPLICATION else f"{own} does not know the application"
    if LAYERS[part] > LAYERS[own]:
        return f"{own} lies below {part} and may not import it"
    return f"{own} and {part} do not know each other" if (own, part) in STRANGERS else ""


def _sources() -> list[Path]:
    places = [ROOT / "app.py", *(ROOT / name for name in (CORE, "ionflux_ui", "pages", "agents"))]
    found = [path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*.py")))]
    return [path for path in found if not path.name.startswith(("test_", "conftest"))]


def test_no_import_climbs() -> None:
    complaints = [complaint for path in _sources() for complaint in _complaints(path)]
    assert complaints == []


def test_only_one_place_talks_to_each_store() -> None:
    homes = {"sqlalchemy": "storage", "alembic": "storage", "duckdb": "analytics", "sqlite3": "storage"}
    strays = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in _sources()
        for line, module in _imports(path)
        if (home := homes.get(module.partition(".")[0])) and path.relative_to(ROOT).parts[:2] != (CORE, home)
    ]
    assert strays == []


def test_no_page_imports_another_page() -> None:
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")}
    for path in (ROOT / "pages").glob("*.py"):
        assert not {module for _, module in _imports(path)} & {f"pages.{name}" for name in pages}, path


@pytest.mark.parametrize(
    ("place", "own", "part"),
    [
        ("ionflux_core/domain/runs.py", "domain", "storage"),
        ("ionflux_core/storage/runs.py", "storage", "services"),
        ("ionflux_core/services/runs.py", "services", "web"),
        ("ionflux_core/services/runs.py", "services", "application"),
        ("ionflux_core/llm/base.py", "llm", "storage"),
        ("ionflux_core/web/api.py", "web", "cli"),
        ("ionflux_core/errors.py", "errors", "domain"),
        ("agents/x/agent.py", "", "services"),
        ("pages/runs.py", "", "storage"),
        ("ionflux_core/errors.py", "errors", "nobody_said"),
    ],
)
def test_every_arrow_bites(place: str, own: str, part: str) -> None:
    assert _wrong(Path(place), own, part)


def test_honest_arrows_pass() -> None:
    for own, part in [("web", "services"), ("services", "storage"), ("runtime", "domain"), ("cli", "application")]:
        assert not _wrong(Path(f"{CORE}/{own}/x.py"), own, part), (own, part)
