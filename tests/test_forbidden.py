"""First-party source holds no door for foreign code and no way out past the guarded HTTP client.

The rules cover what a linter cannot see per folder, agents included; each proves on a planted line that it bites.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("app.py", "pages", "ionflux_ui", "ionflux_core", "agents")

LOADERS_OF_CODE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
HTTP_CLIENTS = {
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "requests",
    "aiohttp",
    "urllib3",
    "pycurl",
    "http.client",
    "urllib.request",
    "websockets",
}
HTTP_DOOR = Path("ionflux_core/outbound.py")
CODE_CALLS = {"eval", "exec", "builtins.eval", "builtins.exec", "__import__"}
SHELL_CALLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
    "commands.getoutput",
}
YAML_CALLS = {
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.full_load_all",
    "yaml.unsafe_load",
    "yaml.unsafe_load_all",
}
PICKLE_METHODS = {"read_pickle", "to_pickle", "allow_pickle"}
RAW_HTML_CALLS = {"st.html", "streamlit.html", "components.html", "st.components.v1.html"}


def _sources() -> list[Path]:
    found = [path for place in PLACES for path in _python_files(ROOT / place)]
    return [path for path in found if not path.name.startswith("test_")]


def _python_files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def _offences(source: str, path: Path) -> list[str]:
    tree = ast.parse(source, str(path))
    return [f"{path}:{line}: {what}" for line, what in sorted({*_imports(tree, path), *_calls(tree)})]


def _imports(tree: ast.Module, path: Path) -> Iterator[tuple[int, str]]:
    types_only = {id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        for name in _imported(node):
            if _within(name, LOADERS_OF_CODE):
                yield node.lineno, f"import of {name}: it runs code from data"  # type: ignore[attr-defined]
            # A type needs no connection, so an import that only a type checker sees is fine.
            if _within(name, HTTP_CLIENTS) and path != HTTP_DOOR and id(node) not in types_only:
                yield node.lineno, f"import of {name}: call the world through ionflux_core.outbound"  # type: ignore[attr-defined]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and _dotted(node.func) in ("importlib.import_module", "import_module", "__import__"):
        return [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return []


def _within(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and _dotted(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    constants = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PICKLE_METHODS:
            yield node.lineno, f"{node.attr}: it runs code from data"
        if isinstance(node, ast.Call):
            for what in _wrong_with(node, constants):
                yield node.lineno, what


def _wrong_with(call: ast.Call, constants: set[str]) -> Iterator[str]:
    name = _dotted(call.func)
    if name in CODE_CALLS:
        yield f"{name}(): it runs text as code"
    if name in SHELL_CALLS or name.startswith(("os.spawn", "os.exec")):
        yield f"{name}(): it starts a command outside the sandbox"
    if name in YAML_CALLS:
        yield f"{name}(): YAML goes through ionflux_core.yaml_text"
    if name in RAW_HTML_CALLS and not _all_fixed(call, constants):
        yield f"{name}(): HTML made from data"
    for keyword in call.keywords:
        false = isinstance(keyword.value, ast.Constant) and not keyword.value.value
        if keyword.arg == "shell" and not false:
            yield "shell=: it starts a command outside the sandbox"
        if keyword.arg == "allow_pickle" and not false:
            yield "allow_pickle: it runs code from data"
        if keyword.arg == "unsafe_allow_html" and not false and not _all_fixed(call, constants):
            yield "unsafe_allow_html: HTML made from data"


def _all_fixed(call: ast.Call, constants: set[str]) -> bool:
    return bool(call.args) and all(_is_fixed(arg, constants) for arg in call.args)


def _constants(tree: ast.Module) -> set[str]:
    """Names in capitals that are imported, or assigned once in the module from literals and other such names."""
    names = {name for node in tree.body if isinstance(node, ast.ImportFrom) for name in map(_known_as, node.names)}
    constants = {name for name in names if name.isupper()}
    written = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        name = _dotted(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        if name.isupper() and written.count(name) == 1 and _is_fixed(node.value, constants):
            constants.add(name)
    return constants


def _known_as(alias: ast.alias) -> str:
    return alias.asname or alias.name


def _is_fixed(node: ast.AST, constants: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in constants
    if isinstance(node, ast.JoinedStr):
        return all(_is_fixed(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue | ast.Attribute):
        return _is_fixed(node.value, constants)
    # A record of literals, such as Shade("#fff", "#000").
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id[0].isupper():
        return not node.keywords and _all_fixed(node, constants)
    return isinstance(node, ast.Constant)


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_source_holds_nothing_forbidden(path: Path) -> None:
    assert _offences(path.read_text(encoding="utf-8"), path.relative_to(ROOT)) == []


def test_the_places_are_really_looked_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in _sources()}
    assert {"ionflux_core/outbound.py", "ionflux_core/vault.py"} <= names


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "exec(text)",
        "import builtins; builtins.exec(text)",
        "__import__(name)",
        "import pickle",
        "def f():\n    from joblib import load",
        "import importlib; importlib.import_module('dill')",
        "frame = pandas.read_pickle(path)",
        "numpy.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=flag)",
        "os.system(command)",
        "os.popen(command)",
        "os.execv(path, args)",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
        "st.markdown(text, unsafe_allow_html=True)",
        "st.markdown(f'<b>{text}</b>', unsafe_allow_html=True)",
        "st.html(text)",
        "HTML = load()\nst.html(HTML)",
        "HTML = '<b>'\ndef f(x):\n    HTML = x\n    st.html(HTML)",
        "st.html(f'<b>{name}</b>')",
        "A = Shade(load())\nst.html(A.light)",
        "import requests",
        "import httpx2 as web",
        "from httpx import Client",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import http.client",
        "from http import client",
        "def f():\n    import aiohttp",
        "if TYPE_CHECKING:\n    pass\nimport httpx",
    ],
)
def test_every_rule_bites(line: str) -> None:
    assert len(_offences(line, Path("ionflux_core/planted.py"))) >= 1


@pytest.mark.parametrize(
    "line",
    [
        "from urllib.parse import quote",
        "from http.server import BaseHTTPRequestHandler",
        "if TYPE_CHECKING:\n    import httpx2",
        "spec.loader.exec_module(module)",
        "subprocess.run(['ffmpeg'], shell=False)",
        "st.markdown('<b>fixed</b>', unsafe_allow_html=True)",
        "st.markdown(text, unsafe_allow_html=False)",
        "from theme import RED\nCSS: Final = f'<style>a {{ color: {RED} }}</style>'\ndef f():\n    st.html(CSS)",
        "A = Shade('#fff')\nB = A.light\nst.html(f'{B}')",
        "frame.evaluate(text)",
    ],
)
def test_rules_leave_honest_lines_alone(line: str) -> None:
    assert _offences(line, Path("ionflux_core/planted.py")) == []


def test_only_the_outbound_module_may_load_an_http_client() -> None:
    assert _offences("import httpx2", HTTP_DOOR) == []
    assert _offences("import pickle", HTTP_DOOR) != []
