"""An instance's YAML, read strictly against its definition: all problems at once, each with its place."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ionflux_core.catalog.flow_definition import read_flow
from ionflux_core.catalog.manifest import TOP_KEYS, did_you_mean, memory_keys
from ionflux_core.domain.agents import FLOW, AgentDefinition, InputSpec
from ionflux_core.domain.health import HealthSpec
from ionflux_core.domain.triggers import CONFIG_MODELS, TRIGGER_TYPES, TriggerConfig, TriggerSpec
from ionflux_core.errors import Invalid, Problem
from ionflux_core.limits import MINUTES_PER_RUN
from ionflux_core.yaml_text import Loaded, Path, load

CANVAS = "output_to_canvas_block"
_TRIGGER_KEYS = ("key", "trigger_definition_key", "trigger_key", "type", "enabled", "config_override", "config")


@dataclass(frozen=True, slots=True)
class TriggerOverride:
    """What an instance says about one trigger: on or off, and its whole configuration when part of it was changed."""

    enabled: bool | None = None
    config: TriggerConfig | None = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CanvasTarget:
    """The block of a page into which an output is written; without a key it is the one a snippet shows."""

    block_id: str
    output_key: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """An instance's YAML, checked: nothing in it is unknown, of the wrong type, or forbidden."""

    inputs: dict[str, Any] = field(default_factory=dict)
    triggers: dict[str, TriggerOverride] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    advanced_features: dict[str, Any] = field(default_factory=dict)
    output_to_canvas_block: CanvasTarget | None = None
    snippet_preview_output_key: str | None = None
    value: dict[str, float] = field(default_factory=dict)
    health: HealthSpec = field(default_factory=HealthSpec)


def parse_configuration(text: str, definition: AgentDefinition, *, given: Container[str] = ()) -> Configuration:
    """Check an instance's YAML; Invalid lists every problem at once, each with line, column, path and hint.

    `given` names inputs that workspace or brand supply, so that they may be absent here although they are required.
    """
    if definition.slug == FLOW:
        minutes = read_flow(text).value.minutes_saved_per_run
        return Configuration(advanced_features={FLOW: text}, value={"minutes_per_run": minutes} if minutes else {})
    reader = _Reader(load(text), definition)
    configuration = reader.read(given)
    raise_if_any(reader.problems, "The configuration")
    return configuration


def raise_if_any(problems: list[Problem], what: str) -> None:
    """Raise Invalid with all problems, by place, when there are any."""
    if problems:
        problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise Invalid(f"{what} has {count}: {problems[0]}", problems=problems, hint=problems[0].hint)


class _Reader:
    """One pass over a configuration that collects problems instead of stopping at the first."""

    def __init__(self, loaded: Loaded, definition: AgentDefinition) -> None:
        self.loaded, self.definition = loaded, definition
        self.problems: list[Problem] = []

    def report(self, path: Path, message: str, hint: str, *, key: bool = False) -> None:
        line, column = self.loaded.key_position(path) if key else self.loaded.position(path)
        name = ".".join(str(step) for step in path)
        self.problems.append(Problem(message, hint=hint, path=name, line=line, column=column))

    def read(self, given: Container[str]) -> Configuration:
        top = self.map_at(self.loaded.data, (), TOP_KEYS)
        inputs = self.inputs(top.get("inputs"), given)
        return Configuration(
            inputs=inputs,
            triggers=self.triggers(top.get("triggers")),
            memory=self.memory(top.get("memory")),
            model=self.model(top.get("stack_preferences")),
            advanced_features=self.map_at(top.get("advanced_features"), ("advanced_features",), None),
            output_to_canvas_block=self.canvas_target(top.get(CANVAS)),
            snippet_preview_output_key=self.preview_key(top),
            value=self.value(top.get("value")),
            health=self.health(top.get("health")),
        )

    def map_at(self, value: Any, path: Path, known: Collection[str] | None) -> dict[str, Any]:
        """The entries with known keys that are not null; reports what is no map and every unknown key."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            what = f"{path[-1]!r}" if path else "The configuration"
            self.report(path, f"{what} must be a map of keys and values.", "Write key: value, one per line.")
            return {}
        fine = {}
        for key, entry in value.items():
            if known is not None and key not in known:
                where = f" in {'.'.join(str(step) for step in path)}" if path else ""
                hint = did_you_mean(key, known)
                self.report((*path, key), f"{key[:60]!r} is not a known key{where}.", hint, key=True)
            elif entry is not None:
                fine[key] = entry
        return fine

    def inputs(self, value: Any, given: Container[str]) -> dict[str, Any]:
        specs = {spec.key: spec for spec in self.definition.inputs}
        read = {}
        for key, written in self.map_at(value, ("inputs",), specs).items():
            spec = specs[key]
            meant = written if spec.type in ("string", "url") else self.loaded.numbers(("inputs", key))
            wrong = spec.problem_with(meant)
            if wrong:
                self.report(("inputs", key), f"Input {key!r} {wrong}.", input_hint(spec, meant))
            else:
                read[key] = as_typed(spec, meant)
        written_keys = value if isinstance(value, dict) else {}
        for spec in self.definition.inputs:
            absent = written_keys.get(spec.key) is None and spec.key not in given
            if absent and spec.required and spec.default is None and not _comes_later(spec, self.definition):
                self.report(
                    ("inputs",), f"Input {spec.key!r} is required and missing.", f"Add {spec.key}: below inputs:."
                )
        return read

    def triggers(self, value: Any) -> dict[str, TriggerOverride]:
        if value is None:
            return {}
        if not isinstance(value, list):
            self.report(("triggers",), "'triggers' must be a list.", "Start each trigger with a dash: - key: ...")
            return {}
        read: dict[str, TriggerOverride] = {}
        for index, item in enumerate(value):
            path: Path = ("triggers", index)
            entry = self.map_at(item, path, _TRIGGER_KEYS)
            spec = self.named_trigger(entry, path) if entry else None
            if spec is None:
                continue
            if spec.key in read:
                self.report(path, f"The trigger {spec.key!r} is there twice.", "Keep one of the two.")
                continue
            read[spec.key] = self.override(spec, entry, path)
        return read

    def named_trigger(self, entry: dict[str, Any], path: Path) -> TriggerSpec | None:
        specs = self.definition.triggers
        for name in ("key", "trigger_definition_key", "trigger_key"):
            if name in entry:
                found = self.definition.trigger(str(entry[name]))
                if found is None:
                    message = f"There is no trigger {str(entry[name])[:60]!r}."
                    self.report((*path, name), message, did_you_mean(str(entry[name]), [spec.key for spec in specs]))
                return found
        kind = TRIGGER_TYPES.get(str(entry.get("type", "")).lower())
        alike = [spec for spec in specs if spec.type == kind]
        if len(alike) == 1:
            return alike[0]
        names = ", ".join(spec.key for spec in alike or specs) or "none"
        self.report(path, "This entry does not name one trigger.", f"Add key: with one of {names}.")
        return None

    def override(self, spec: TriggerSpec, entry: dict[str, Any], path: Path) -> TriggerOverride:
        enabled = entry.get("enabled")
        if enabled is not None and not isinstance(enabled, bool):
            self.report((*path, "enabled"), "'enabled' must be true or false.", "Write true or false without quotes.")
            enabled = None
        name = "config_override" if "config_override" in entry else "config"
        if name not in entry:
            return TriggerOverride(enabled)
        if not spec.is_user_overridable:
            message = f"The trigger {spec.key!r} cannot be changed, only switched on or off."
            self.report((*path, name), message, "Remove this entry.", key=True)
            return TriggerOverride(enabled)
        return self.changed_trigger(spec, enabled, (*path, name))

    def changed_trigger(self, spec: TriggerSpec, enabled: bool | None, path: Path) -> TriggerOverride:
        model = CONFIG_MODELS[spec.type]
        fields = [name for name in model.model_fields if name != "kind"]
        part = self.loaded.numbers(path)
        written = self.map_at(part, path, {*fields, *model.older_names})
        changes = {model.older_names.get(name, name): value for name, value in written.items()}
        spelled = {model.older_names.get(name, name): name for name in written}
        try:
            config: Any = model.model_validate({**spec.config.model_dump(), **changes})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                name = str(detail["loc"][0]) if detail["loc"] else ""
                message = detail["msg"].removeprefix("Value error, ")
                self.report((*path, spelled.get(name, name)), f"{name}: {message}", "Correct the value.")
            return TriggerOverride(enabled)
        return TriggerOverride(enabled, config, tuple(changes))

    def memory(self, value: Any) -> dict[str, str]:
        read = {}
        for key, entry in self.map_at(value, ("memory",), memory_keys(self.definition)).items():
            if isinstance(entry, (str, int)) and not isinstance(entry, bool):
                read[key] = str(entry)
            else:
                self.report(("memory", key), f"{key!r} must be text.", "Put it in quotes.")
        return read

    def model(self, value: Any) -> str | None:
        chosen = self.map_at(value, ("stack_preferences",), ("model",)).get("model")
        if chosen is None:
            return None
        found = model_id(self.definition, str(chosen))
        if found is None:
            offered = [model.id for model in self.definition.stack.models]
            message = f"{self.definition.name} has no model {str(chosen)[:60]!r}."
            self.report(("stack_preferences", "model"), message, f"Choose one of {', '.join(offered) or 'none'}.")
        return found

    def text(self, entries: dict[str, Any], key: str, path: Path = ()) -> str | None:
        value = entries.get(key)
        if value is not None and not isinstance(value, str):
            self.report((*path, key), f"{key!r} must be text.", "Put it in quotes.")
            return None
        return value

    def preview_key(self, top: dict[str, Any]) -> str | None:
        return self.output_key(top, "snippet_preview_output_key", ())

    def health(self, written: Any) -> HealthSpec:
        """What counts as well: the manifest's words, and over them those of this instance."""
        usual = self.definition.health
        own = self.map_at(written, ("health",), HealthSpec.model_fields)
        try:
            return HealthSpec.model_validate(usual.model_dump(exclude_unset=True) | own) if own else usual
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                at: Path = ("health", *(str(step) for step in detail["loc"][:1]))
                said = detail["msg"].removeprefix("Value error, ")
                self.report(at, f"{at[-1]!r}: {said[:1].lower()}{said[1:]}.", "Correct the value, or leave it out.")
            return usual

    def value(self, written: Any) -> dict[str, float]:
        """The owner's estimate: {minutes_per_run, confidence}; a confidence alone says nothing."""
        read = {}
        for key in self.map_at(written, ("value",), ("minutes_per_run", "confidence")):
            number = self.loaded.numbers(("value", key))
            most = 1 if key == "confidence" else MINUTES_PER_RUN
            plain = isinstance(number, (int, float)) and not isinstance(number, bool)
            if plain and 0 <= number <= most and (number or key == "confidence"):
                read[key] = float(number)
            else:
                above = "from 0 to 1" if key == "confidence" else f"above 0 and at most {most:,}"
                self.report(("value", key), f"{key!r} must be a number {above}.", "Correct the value.")
        return read

    def output_key(self, entries: dict[str, Any], name: str, path: Path) -> str | None:
        """An entry that names one of the definition's outputs."""
        key = self.text(entries, name, path)
        outputs = [spec.key for spec in self.definition.outputs]
        if key is not None and key not in outputs:
            self.report((*path, name), f"There is no output {key[:60]!r}.", did_you_mean(key, outputs))
        return key

    def canvas_target(self, written: Any) -> CanvasTarget | None:
        """The id of a block alone, or a map of it and of the output that is meant."""
        if written is None or isinstance(written, str):
            return CanvasTarget(written.strip()) if written and written.strip() else None
        if not isinstance(written, dict):
            self.report((CANVAS,), f"{CANVAS!r} must be a block's id, or a map.", "Write target_block_id: below it.")
            return None
        entries = self.map_at(written, (CANVAS,), ("target_block_id", "output_key_to_map"))
        block, key = (
            self.text(entries, "target_block_id", (CANVAS,)),
            self.output_key(entries, "output_key_to_map", (CANVAS,)),
        )
        if not (block and block.strip()):
            if "target_block_id" not in entries or isinstance(entries["target_block_id"], str):
                self.report((CANVAS,), "'target_block_id' is missing.", "Write target_block_id: and the block's id.")
            return None
        return CanvasTarget(block.strip(), key)


def input_hint(spec: InputSpec, value: Any) -> str:
    """What to do about a value that does not fit its input."""
    if spec.accepted_values and isinstance(value, str):
        return did_you_mean(value, [str(accepted) for accepted in spec.accepted_values])
    if spec.type in ("string", "url") and not isinstance(value, (str, dict, list)):
        return "Put it in quotes."
    if spec.type in ("number", "float", "integer", "boolean") and isinstance(value, str):
        return "Write it without quotes and without units."
    return "Correct the value."


def as_typed(spec: InputSpec, value: Any) -> Any:
    """A fitting value as the input's type: 10.0 for a whole number becomes 10."""
    return int(value) if spec.type == "integer" else value


def _comes_later(spec: InputSpec, definition: AgentDefinition) -> bool:
    brought = any(trigger.payload_to == spec.key for trigger in definition.triggers)
    return spec.runtime_promptable or spec.from_trigger or brought


def model_id(definition: AgentDefinition, chosen: str) -> str | None:
    """`provider:name` of the definition's model of that id or name; None when it offers none."""
    models = definition.stack.models
    by_id = [model.id for model in models if chosen == model.id]
    return next(iter(by_id or [model.id for model in models if chosen == model.name]), None)
