"""Older spellings of a document, read in one step before anything is checked; every value keeps its written place.

`modern` gives the document as the models want it, and says of each path where its value stands in the text. Documents
are told in today's spelling when they are saved: `older_keys` lists what there is to rename.
"""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.triggers import TRIGGER_TYPES, TriggerType
from ionflux_core.fluxgraph.document_parts import FLOW_TRIGGERS
from ionflux_core.limits import FLOW_DEPTH, FLOW_NODES
from ionflux_core.yaml_text import Loaded, Path

NODE_KEYS = {"dependencies": "after", "ionwall_approval_scope": "scope", "approval_scope": "scope"}
RETRY_KEYS = {"backoff_s": "backoff", "backoff_seconds": "backoff"}
_TRIGGER_KEYS = {"trigger_definition_key": "key", "trigger_key": "key", "description_text": "description"}
_WRAPPERS = ("config", "default_config", "default_config_json")
_TRIGGER_OWN = frozenset({"key", "type", "description", "enabled"})
_CONFIG_KEYS: dict[TriggerType, dict[str, str]] = {
    kind: dict(model.older_names) | ({"flow": "from_flow"} if kind == "flow" else {})
    for kind, model in FLOW_TRIGGERS.items()
}
_NODE_WORDS = frozenset({"cases", "graph", "parallel", "retry", "on_error", "inputs"})


class Crowded(Exception):
    """More nodes, or graphs inside graphs, than a flow may have; `path` is where."""

    def __init__(self, path: Path, nested: bool) -> None:
        super().__init__()
        self.path, self.nested = path, nested


class Modern:
    """A document in today's spelling, and where each of its values was written."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.moved: dict[Path, Path] = {}
        self.twice: list[tuple[Path, str]] = []
        self.older_keys: dict[Path, str] = {}
        self.nodes = 0
        self.data = self._document(loaded.data)

    def written(self, path: Path) -> Path:
        """The path in the text of a value that stands at a path of the document."""
        for length in range(len(path), 0, -1):
            place = self.moved.get(path[:length])
            if place is not None:
                return (*place, *path[length:])
        return path

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column of a value, or of its key; of what comes nearest around it when it is not written."""
        written = self.written(path)
        return self.loaded.key_position(written) if key else self.loaded.position(written)

    def _document(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        made = dict(data)
        if isinstance(data.get("triggers"), list):
            made["triggers"] = [self._trigger(item, at) for at, item in enumerate(data["triggers"])]
        if isinstance(data.get("graph"), list):
            made["graph"] = self._graph(data["graph"], ("graph",), ("graph",), 1)
        if isinstance(made.get("defaults"), dict) and isinstance(made["defaults"].get("retry"), dict):
            path = ("defaults", "retry")
            made["defaults"] = {**made["defaults"], "retry": self._renamed(data["defaults"]["retry"], path, path,
                                                                            RETRY_KEYS)}  # fmt: skip
        return made

    def _renamed(self, entries: dict[str, Any], path: Path, written: Path, names: dict[str, str]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in entries.items():
            name = names.get(key, key)
            if name in made:
                first = next(other for other in entries if names.get(other, other) == name)
                self.twice.append(((*written, key), first))
                continue
            if name != key:
                self.moved[(*path, name)] = (*written, key)
                self.older_keys[(*written, key)] = name
            made[name] = value
        return made

    def _graph(self, graph: list[Any], path: Path, written: Path, depth: int) -> list[Any]:
        if depth > FLOW_DEPTH:
            raise Crowded(written, nested=True)
        self.nodes += len(graph)
        if self.nodes > FLOW_NODES:
            raise Crowded(written, nested=False)
        return [self._node(node, (*path, at), (*written, at), depth) for at, node in enumerate(graph)]

    def _node(self, node: Any, path: Path, written: Path, depth: int) -> Any:
        if not isinstance(node, dict):
            return node
        made = self._renamed(node, path, written, NODE_KEYS)
        if not _NODE_WORDS.isdisjoint(made):
            self._inside(made, path, written, depth)
        return made

    def _inside(self, made: dict[str, Any], path: Path, written: Path, depth: int) -> None:
        if isinstance(made.get("retry"), dict):
            made["retry"] = self._renamed(made["retry"], (*path, "retry"), (*written, "retry"), RETRY_KEYS)
        if isinstance(made.get("graph"), list):
            made["graph"] = self._graph(made["graph"], (*path, "graph"), (*written, "graph"), depth + 1)
        if isinstance(made.get("cases"), list):
            made["cases"] = [
                self._branch(case, (*path, "cases", at), (*written, "cases", at), depth)
                for at, case in enumerate(made["cases"])
            ]
        if isinstance(made.get("parallel"), dict):
            made["parallel"] = {
                name: self._branch(branch, (*path, "parallel", name), (*written, "parallel", name), depth)
                for name, branch in made["parallel"].items()
            }
        if isinstance(made.get("on_error"), dict):
            made["on_error"] = self._on_error(made["on_error"], (*path, "on_error"), (*written, "on_error"), depth)

    def _branch(self, branch: Any, path: Path, written: Path, depth: int) -> Any:
        if isinstance(branch, list):
            # A branch may be written as its list of nodes alone.
            self.moved[(*path, "graph")] = written
            return {"graph": self._graph(branch, (*path, "graph"), written, depth + 1)}
        if not isinstance(branch, dict) or not isinstance(branch.get("graph"), list):
            return branch
        return {**branch, "graph": self._graph(branch["graph"], (*path, "graph"), (*written, "graph"), depth + 1)}

    def _on_error(self, entries: dict[str, Any], path: Path, written: Path, depth: int) -> dict[str, Any]:
        made = dict(entries)
        if isinstance(made.get("retry"), dict):
            made["retry"] = self._renamed(made["retry"], (*path, "retry"), (*written, "retry"), RETRY_KEYS)
        if "then" in made:
            made["then"] = self._branch(made["then"], (*path, "then"), (*written, "then"), depth)
        if made.get("fallback") == "log" and "then" not in made:
            # The older word for: tell it in the log and be done.
            self.moved[(*path, "then")] = (*written, "fallback")
            node = {"id": "fallback", "transform": "log@1", "inputs": {"message": "{{ error.message }}"}}
            del made["fallback"]
            made["then"] = {"graph": [node]}
        return made

    def _trigger(self, item: Any, at: int) -> Any:
        path: Path = ("triggers", at)
        if not isinstance(item, dict):
            return item
        entries = self._renamed(item, path, path, _TRIGGER_KEYS)
        word = entries.get("type")
        kind = TRIGGER_TYPES.get(word.lower()) if isinstance(word, str) else None
        if kind is None:
            # What its settings should be is not known; that its type is wrong is told alone.
            return {"key": f"trigger_{at + 1}", **{key: entries[key] for key in entries if key in _TRIGGER_OWN}}
        if kind != word:
            self.older_keys[(*path, "type")] = kind
        made = {key: entries[key] for key in entries if key in _TRIGGER_OWN} | {"type": kind}
        made.setdefault("key", kind if at == 0 else f"{kind}_{at + 1}")
        made["config"] = self._config(entries, kind, path)
        return made

    def _config(self, entries: dict[str, Any], kind: TriggerType, path: Path) -> dict[str, Any]:
        """A trigger's settings, which stand beside its type or, in older documents, inside `config`."""
        inside: Path = (*path, "config")
        self.moved[inside] = path
        config: dict[str, Any] = {"kind": kind}
        names = _CONFIG_KEYS[kind]
        for key, value in entries.items():
            if key in _WRAPPERS and isinstance(value, dict):
                self.older_keys[(*path, key)] = ""
                settings: list[tuple[Path, str, Any]] = [
                    ((*path, key, inner), inner, each) for inner, each in value.items()
                ]
            elif key in _TRIGGER_OWN:
                continue
            else:
                settings = [((*path, key), key, value)]
            for written, name, each in settings:
                meant = names.get(name, name)
                today = "flow" if meant == "from_flow" else meant
                if today != name:
                    self.older_keys[written] = today
                self._setting(config, inside, written, meant, each)
        return config

    def _setting(self, config: dict[str, Any], inside: Path, written: Path, name: str, value: Any) -> None:
        if name == "auth" and isinstance(value, dict):
            for key, each in value.items():
                self._setting(config, inside, (*written, key), "auth" if key == "kind" else str(key), each)
            return
        if name in config:
            self.twice.append((written, name))
            return
        self.moved[(*inside, name)] = written
        config[name] = value
