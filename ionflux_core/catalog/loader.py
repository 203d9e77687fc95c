"""The catalog: agent folders scanned and manifests read without running anything; code loaded late, by path."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ionflux_core.catalog.flow_definition import flow_definition
from ionflux_core.catalog.manifest import read_manifest
from ionflux_core.domain.agents import FLOW, AgentDefinition
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Forbidden, Invalid, IonfluxError, NotFound, Problem, Unavailable
from ionflux_core.limits import YAML_BYTES
from ionflux_core.yaml_text import load

PACKAGE = "ionflux_agents"
_importing = threading.RLock()


@dataclass(frozen=True, slots=True)
class AgentCode:
    """An agent's own code: `run(ctx, inputs)` returns its outputs by key."""

    slug: str
    run: Callable[[Any, dict[str, Any]], dict[str, Any]]
    module: ModuleType


@dataclass(frozen=True, slots=True)
class BrokenFolder:
    """A folder whose manifest cannot be used, and why."""

    folder: Path
    message: str
    problems: tuple[Problem, ...] = ()


class Catalog:
    """Every agent under the given folders. Only code below `trusted` is ever imported.

    Trust comes from where a folder lies, never from what it says: `trusted` is the folder the owner fills by hand,
    by default the first one when it is called agents. A broken manifest takes out its own folder and nothing else.
    """

    def __init__(self, folders: Sequence[Path], *, trusted: Path | None = None) -> None:
        self.folders = tuple(folders)
        named = next((folder for folder in self.folders[:1] if folder.name == "agents"), None)
        self.trusted = trusted or named
        self.problems: tuple[BrokenFolder, ...] = ()
        self._definitions: dict[str, AgentDefinition] = {}
        self._places: dict[str, Path] = {}
        self._names: dict[str, str] = {}
        self._code: dict[str, AgentCode] = {}
        self._own: dict[str, AgentDefinition] = {}
        self.reload()

    def add(self, definition: AgentDefinition, code: AgentCode) -> None:
        """Make an agent known that is a part of the program and has no folder."""
        self._own[definition.slug] = definition
        self._code[definition.slug] = code
        self.reload()

    def definition_of(self, slug: str, text: str) -> AgentDefinition:
        """The definition an instance follows: a flow's own document states it, for all others the text is no matter."""
        return flow_definition(text) if slug == FLOW else self.definition(slug)

    def definition_of_run(self, run: Run) -> AgentDefinition:
        """The definition a run was made from; a flow's run carries its document."""
        text = (run.config.get("advanced_features") or {}).get(FLOW) if run.definition_slug == FLOW else None
        return self.definition_of(run.definition_slug, text) if text else self.definition(run.definition_slug)

    def reload(self) -> None:
        """Read all manifests again; code that is already imported stays."""
        definitions: dict[str, AgentDefinition] = {}
        places: dict[str, Path] = {}
        names: dict[str, str] = {}
        broken: list[BrokenFolder] = []
        for own in self._own.values():
            self._take_names(own, names)
            definitions[own.slug] = own
        for place in self._agent_folders():
            try:
                definition = read_manifest(place / "agent.yaml")
                self._take_names(definition, names)
            except IonfluxError as error:
                broken.append(BrokenFolder(place, str(error), getattr(error, "problems", ())))
                continue
            definitions[definition.slug], places[definition.slug] = definition, place
        self._definitions, self._places, self._names = definitions, places, names
        self.problems = tuple(broken)

    def definitions(self) -> list[AgentDefinition]:
        """All usable definitions, by id."""
        return sorted(self._definitions.values(), key=lambda definition: definition.id)

    def definition(self, name: str) -> AgentDefinition:
        """The definition of that slug, id or alias, in any case; NotFound otherwise."""
        slug = self._names.get(name.strip().casefold())
        if slug is None:
            raise NotFound(f"There is no agent {name[:60]!r}.", hint="The marketplace lists the agents there are.")
        return self._definitions[slug]

    def find(self, name: str) -> AgentDefinition | None:
        """The definition of that slug, id or alias, or None."""
        slug = self._names.get(name.strip().casefold())
        return None if slug is None else self._definitions[slug]

    def folder(self, name: str) -> Path:
        """The folder of an agent."""
        definition = self.definition(name)
        if definition.slug in self._own:
            raise NotFound(f"{definition.name} is a part of the program and has no folder.", hint="Choose another one.")
        return self._places[definition.slug]

    def code(self, name: str) -> AgentCode:
        """The agent's code, imported on first use; Unavailable while planned, Forbidden outside the trusted folder."""
        definition = self.definition(name)
        if definition.slug in self._code:
            return self._code[definition.slug]
        place = self._places[definition.slug]
        if not self._is_trusted(place):
            raise Forbidden(
                f"{definition.name} is not among the trusted agents, so its code is not run here.",
                hint="Move its folder into agents/ once you have read its code.",
            )
        if definition.planned:
            raise Unavailable(
                f"{definition.name} is planned: its code has not come yet, so it cannot be started.",
                hint="Choose another agent from the marketplace.",
            )
        with _importing:
            code = _imported(definition.slug, place)
        self._code[definition.slug] = code
        return code

    def sample(self, name: str) -> dict[str, Any] | None:
        """The content of the agent's sample.yaml, its unquoted decimals as numbers; None when it has none."""
        if self.definition(name).slug in self._own:
            return None
        file = self.folder(name) / "sample.yaml"
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            sample = load(opened.read(YAML_BYTES + 1)).numbers()
        if not isinstance(sample, dict) or not isinstance(sample.get("inputs", {}), dict):
            raise Invalid(f"The sample of {name} is no map with inputs.", hint="Write inputs: and expect:.")
        return sample

    def _agent_folders(self) -> list[Path]:
        found = []
        for folder in self.folders:
            if folder.is_dir():
                found += sorted(place for place in folder.iterdir() if (place / "agent.yaml").is_file())
        return found

    def _is_trusted(self, place: Path) -> bool:
        return self.trusted is not None and place.resolve().is_relative_to(self.trusted.resolve())

    @staticmethod
    def _take_names(definition: AgentDefinition, names: dict[str, str]) -> None:
        own = {name.casefold() for name in (definition.slug, definition.id, definition.name, *definition.aliases)}
        taken = sorted(own & names.keys())
        if taken:
            raise Invalid(
                f"{definition.slug} calls itself {taken[0]!r}, which is another agent's name.",
                hint="Change its id, name or aliases.",
            )
        names.update(dict.fromkeys(own, definition.slug))


def _imported(slug: str, place: Path) -> AgentCode:
    """agent.py as the package ionflux_agents.<slug>, so that it can import the files beside it with a leading dot."""
    name = f"{PACKAGE}.{slug}"
    file = place / "agent.py"
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) != str(file):
        module = _fresh_module(name, slug, file)
    run = getattr(module, "run", None)
    if not callable(run) or len(inspect.signature(run).parameters) != 2:
        raise Invalid(
            f"agents/{slug}/agent.py has no function run(ctx, inputs).",
            hint="Define def run(ctx, inputs) and return a map of outputs.",
        )
    return AgentCode(slug, run, module)


def _fresh_module(name: str, slug: str, file: Path) -> ModuleType:
    _forget(name)
    parent = sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE, "Agents loaded by path."))
    parent.__path__ = []
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    if spec is None or spec.loader is None:
        raise Unavailable(f"agents/{slug}/agent.py cannot be loaded.", hint="Check that it is a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loaded = False
    try:
        spec.loader.exec_module(module)
        loaded = True
    except SyntaxError as error:
        raise Invalid(
            f"agents/{slug}/{Path(error.filename or file).name} is not valid Python: {error.msg}.",
            problems=[Problem(str(error.msg), line=error.lineno or 0, column=error.offset or 0)],
        ) from error
    except ImportError as error:
        raise Unavailable(
            f"agents/{slug} needs {error.name or 'something'}, which cannot be imported: {error.msg}.",
            hint="Install it, or correct the import.",
        ) from error
    finally:
        if not loaded:
            _forget(name)
    return module


def _forget(name: str) -> None:
    for known in [known for known in list(sys.modules) if known == name or known.startswith(name + ".")]:
        del sys.modules[known]
