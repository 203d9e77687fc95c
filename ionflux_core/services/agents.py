"""Agents: the instances people configure from the definitions of the marketplace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from ionflux_core.catalog.configuration import (
    Configuration,
    EffectiveConfiguration,
    effective,
    parse_configuration,
    prefill,
)
from ionflux_core.catalog.loader import Catalog
from ionflux_core.domain.agents import FLOW, AgentDefinition, AgentInstance, InstanceStatus, InstanceVersion
from ionflux_core.domain.runs import Run
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from ionflux_core.ids import new_id, now
from ionflux_core.redaction import Redactor, looks_like_secret
from ionflux_core.services.targets import Target
from ionflux_core.services.workspaces import Workspaces, checked_name
from ionflux_core.storage import agents as rows
from ionflux_core.storage import audit, triggers
from ionflux_core.storage.engine import Connection, Database

_PARSED_KEPT = 500
T = TypeVar("T")


class Agents:
    """Use-cases around instances."""

    def __init__(
        self,
        db: Database,
        catalog: Catalog,
        workspaces: Workspaces,
        redactor: Callable[[str], Redactor],
        trigger_rows: Callable[[AgentInstance, EffectiveConfiguration], list[dict[str, Any]]],
        changed: Callable[[], None],
    ) -> None:
        self._db = db
        self._catalog = catalog
        self._workspaces = workspaces
        self._redactor = redactor
        self._trigger_rows = trigger_rows
        self._changed = changed
        self._parsed: dict[tuple[str, int], Configuration] = {}

    def find(
        self, workspace_id: str, *, archived: bool = False, definition_slug: str | None = None
    ) -> list[AgentInstance]:
        """Instances of a workspace by name."""
        with self._db.read() as connection:
            return rows.find_instances(connection, workspace_id, archived=archived, definition_slug=definition_slug)

    def get(self, workspace_id: str, instance_id: str) -> AgentInstance:
        """One instance; NotFound when it is not there."""
        with self._db.glance() as connection:
            instance = rows.get_instance(connection, workspace_id, instance_id)
        if instance is None:
            raise NotFound("There is no such agent instance.", hint="Choose one from the list.")
        return instance

    def resolve(self, workspace_id: str, target: str | AgentInstance) -> Target:
        """What a target names: an instance by id or name, `flow:<name>`, or `agent:<slug>` with its defaults."""
        if isinstance(target, AgentInstance):
            return self._target(target)
        kind, _, name = target.partition(":")
        if kind == "agent" and name:
            definition = self._catalog.definition(name)
            self._refuse_planned(definition)
            return Target(definition, None, Configuration())
        wanted = name if kind == FLOW and name else target
        with self._db.glance() as connection:
            instance = rows.instance_by_target(connection, workspace_id, wanted)
        if instance is None or (wanted != target and instance.definition_slug != FLOW):
            what = "flow" if wanted != target else "agent instance"
            raise NotFound(
                f"There is no {what} {wanted[:80]!r}.", hint="Use its name or id, agent:<slug>, or flow:<name>."
            )
        return self._target(instance)

    def _target(self, instance: AgentInstance) -> Target:
        if instance.status == "archived":
            raise Conflict(f"{instance.name} is archived.", hint="Bring it back before you run it.")
        definition = self._catalog.definition_of(instance.definition_slug, instance.yaml)
        self._refuse_planned(definition)
        return Target(definition, instance, self.configuration(instance))

    def at_version(self, workspace_id: str, instance_id: str, version: int) -> Target:
        """An instance as it was saved as a version, with its definition of today."""
        instance = self.get(workspace_id, instance_id)
        for saved in self.versions(workspace_id, instance_id):
            if saved.version == version:
                then = instance.model_copy(update={"yaml": saved.yaml, "version": version})
                definition = self._catalog.definition_of(instance.definition_slug, saved.yaml)
                return Target(definition, then, self.configuration(then))
        raise NotFound(f"There is no version {version}.", hint="Choose one from the list.")

    def definition_of(self, run: Run) -> AgentDefinition:
        """The definition a run was made from."""
        return self._catalog.definition_of_run(run)

    def definition_or_none(self, run: Run) -> AgentDefinition | None:
        """The definition a run was made from, or None when its folder is gone."""
        return self._catalog.find(run.definition_slug)

    @staticmethod
    def _refuse_planned(definition: AgentDefinition) -> None:
        if definition.planned:
            raise Unavailable(
                f"{definition.name} is planned: its code has not come yet.",
                hint="Choose another agent from the marketplace.",
                code="agent_planned",
            )

    def configuration(self, instance: AgentInstance) -> Configuration:
        """The parsed YAML of an instance, kept per saved version."""
        key = (instance.id, instance.version)
        parsed = self._parsed.get(key)
        if parsed is None:
            definition = self._catalog.definition(instance.definition_slug)
            parsed = parse_configuration(instance.yaml, definition, given=self._given(instance))
            if len(self._parsed) > _PARSED_KEPT:
                self._parsed.clear()
            self._parsed[key] = parsed
        return parsed

    def given(self, instance: AgentInstance) -> set[str]:
        """The inputs that an instance's YAML, brand and workspace supply; Invalid when its YAML is broken."""
        return {*self.configuration(instance).inputs, *self._given(instance)}

    def _given(self, instance: AgentInstance) -> set[str]:
        workspace, brand = self._layers(instance.workspace_id, instance.brand_id)
        slug = instance.definition_slug
        return {*workspace.settings.inputs.get(slug, {}), *(brand.inputs.get(slug, {}) if brand else {})}

    def _layers(self, workspace_id: str, brand_id: str | None) -> tuple[Workspace, Brand | None]:
        workspace = self._workspaces.get(workspace_id)
        return workspace, self._workspaces.brand_or_none(workspace_id, brand_id) if brand_id else None

    def effective(
        self,
        workspace_id: str,
        target: Target,
        *,
        runtime: Mapping[str, Any],
        brought: Mapping[str, Any] | None = None,
        brand_id: str | None = None,
        complete: bool = True,
    ) -> EffectiveConfiguration:
        """All layers merged; every value knows where it came from."""
        instance, definition = target.instance, target.definition
        workspace, brand = self._layers(workspace_id, brand_id or (instance.brand_id if instance else None))
        chosen, own = workspace.settings.default_model, brand.model if brand else None
        return effective(
            definition,
            workspace=workspace.settings.inputs.get(definition.slug, {}),
            brand=brand.inputs.get(definition.slug, {}) if brand else {},
            configuration=target.configuration,
            runtime=runtime,
            trigger=brought or {},
            variables={
                "workspace_id": workspace_id,
                "agent_id": definition.id,
                "instance_id": instance.id if instance else definition.slug,
            },
            default_model=f"{chosen.provider}:{chosen.model}",
            brand_model=f"{own.provider}:{own.model}" if own else None,
            complete=complete,
        )

    def explain(self, workspace_id: str, instance_id: str) -> EffectiveConfiguration:
        """What an instance would run with, and why each value is what it is."""
        instance = self.get(workspace_id, instance_id)
        definition = self._catalog.definition_of(instance.definition_slug, instance.yaml)
        target = Target(definition, instance, self.configuration(instance))
        return self.effective(workspace_id, target, runtime={}, complete=False)

    def check(
        self, workspace_id: str, definition_name: str, yaml: str, *, brand_id: str | None = None
    ) -> list[Problem]:
        """Every problem of a YAML text, or an empty list."""
        try:
            definition = self._catalog.definition_of(self._catalog.definition(definition_name).slug, yaml)
            self._checked(workspace_id, definition, yaml, brand_id)
        except Invalid as error:
            return list(error.problems) or [Problem(error.message, hint=error.hint)]
        return []

    def _checked(
        self, workspace_id: str, definition: AgentDefinition, yaml: str, brand_id: str | None
    ) -> tuple[Configuration, EffectiveConfiguration]:
        workspace, brand = self._layers(workspace_id, brand_id)
        given = {
            *workspace.settings.inputs.get(definition.slug, {}),
            *(brand.inputs.get(definition.slug, {}) if brand else {}),
        }
        configuration = parse_configuration(yaml, definition, given=given)
        self._refuse_secrets(workspace_id, yaml)
        target = Target(definition, None, configuration)
        return configuration, self.effective(workspace_id, target, runtime={}, brand_id=brand_id, complete=False)

    def hidden(self, workspace_id: str, value: T) -> T:
        """A JSON-like value without the values of the workspace's secrets."""
        return cast(T, self._redactor(workspace_id).exact(value))

    def refuse_secrets(self, workspace_id: str, value: Any, what: str) -> None:
        """Raise Invalid when a JSON-like value holds the value of one of the workspace's secrets."""
        if self.hidden(workspace_id, value) is not value:
            hint = "Leave the value out; where one is needed, write secret://name."
            raise Invalid(f"{what} holds the value of a stored secret.", hint=hint, code="secret_in_text")

    def _refuse_secrets(self, workspace_id: str, yaml: str) -> None:
        redactor = self._redactor(workspace_id)
        for number, line in enumerate(yaml.splitlines(), start=1):
            kind = "a stored secret" if redactor.holds(line) else looks_like_secret(line)
            if kind:
                hint = "Store it in Settings, Secrets, and write secret://name here."
                problem = Problem(f"This line holds {kind}.", hint=hint, line=number, column=1)
                raise Invalid(f"Line {number} holds {kind}.", problems=[problem], hint=hint, code="secret_in_text")

    def create(
        self,
        workspace_id: str,
        definition_name: str,
        name: str,
        *,
        yaml: str | None = None,
        brand_id: str | None = None,
        description: str = "",
        by: str | None = None,
    ) -> AgentInstance:
        """Configure a definition for a workspace; Conflict when the name is taken."""
        definition = self._catalog.definition(definition_name)
        self._refuse_planned(definition)
        name, at = checked_name(name, "instance"), now()
        text = prefill(definition) if yaml is None else yaml
        definition = self._catalog.definition_of(definition.slug, text)
        if brand_id:
            self._workspaces.brand(workspace_id, brand_id)
        _, merged = self._checked(workspace_id, definition, text, brand_id)
        instance_id = new_id()
        row: dict[str, Any] = {
            "id": instance_id,
            "workspace_id": workspace_id,
            "agent_definition_id": definition.id,
            "definition_slug": definition.slug,
            "definition_version": definition.version,
            "brand_id": brand_id,
            "name": name,
            "description_text": description,
            "yaml_config_text": text,
            "version": 1,
            "effective_config_cache": merged.snapshot(),
            "resolved_memory_namespace": merged.namespace,
            "status": "active",
            "consecutive_failures": 0,
            "created_at": at,
            "updated_at": at,
        }

        def work(connection: Connection) -> AgentInstance:
            if not rows.insert_instance(connection, row):
                raise Conflict(f"There is an instance {name!r} already.", hint="Choose another name.")
            self._add_version(connection, instance_id, 1, text, by, "created")
            instance = rows.get_instance(connection, workspace_id, instance_id)
            assert instance is not None
            triggers.replace_for_instance(connection, instance.id, self._trigger_rows(instance, merged))
            self._note(connection, instance, "created", by)
            return instance

        instance = self._db.write(work)
        self._changed()
        return instance

    def save(
        self,
        workspace_id: str,
        instance_id: str,
        yaml: str,
        *,
        message: str = "",
        by: str | None = None,
        expected_version: int | None = None,
    ) -> AgentInstance:
        """Save another YAML text as a new version; Conflict when someone saved meanwhile.

        The same text saves nothing.
        """
        instance = self.get(workspace_id, instance_id)
        if expected_version is not None and expected_version != instance.version:
            raise Conflict(
                f"{instance.name} was saved as version {instance.version} meanwhile.",
                hint="Copy your text, reload, and compare.",
                code="stale_version",
            )
        if yaml == instance.yaml:
            return instance
        definition = self._catalog.definition_of(instance.definition_slug, yaml)
        _, merged = self._checked(workspace_id, definition, yaml, instance.brand_id)
        at = now()

        def work(connection: Connection) -> None:
            replaced = rows.replace_yaml(
                connection,
                instance_id,
                expected_version=instance.version,
                at=at,
                yaml_config_text=yaml,
                effective_config_cache=merged.snapshot(),
                resolved_memory_namespace=merged.namespace,
            )
            if not replaced:
                raise Conflict(
                    f"{instance.name} was saved meanwhile.", hint="Reload and compare.", code="stale_version"
                )
            self._add_version(connection, instance_id, instance.version + 1, yaml, by, message)
            triggers.replace_for_instance(connection, instance_id, self._trigger_rows(instance, merged))
            self._note(connection, instance, "saved", by, version=instance.version + 1)

        self._db.write(work)
        self._changed()
        return self.get(workspace_id, instance_id)

    def rename(
        self, workspace_id: str, instance_id: str, name: str, *, description: str | None = None
    ) -> AgentInstance:
        """Give an instance another name or description."""
        instance, name = self.get(workspace_id, instance_id), checked_name(name, "instance")
        text = instance.description if description is None else description
        renamed = self._db.write(lambda c: rows.rename_instance(c, instance, now(), name=name, description_text=text))
        if not renamed:
            raise Conflict(f"There is an instance {name!r} already.", hint="Choose another name.")
        return self.get(workspace_id, instance_id)

    def set_status(
        self, workspace_id: str, instance_id: str, status: InstanceStatus, *, by: str | None = None
    ) -> AgentInstance:
        """Switch an instance on or off, archive it or bring it back; active also closes the breaker."""
        instance = self.get(workspace_id, instance_id)
        values: dict[str, Any] = {"status": status}
        if status == "active":
            values |= {"status_reason": None, "consecutive_failures": 0}

        def work(connection: Connection) -> None:
            rows.save_instance(connection, workspace_id, instance_id, now(), **values)
            self._note(connection, instance, f"set {status}", by)

        self._db.write(work)
        self._changed()
        return self.get(workspace_id, instance_id)

    def fork(self, workspace_id: str, instance_id: str, name: str, *, by: str | None = None) -> AgentInstance:
        """A copy of an instance under another name, without its records and runs."""
        source = self.get(workspace_id, instance_id)
        return self.create(
            workspace_id,
            source.definition_slug,
            name,
            yaml=source.yaml,
            brand_id=source.brand_id,
            description=f"Forked from {source.name}, version {source.version}.",
            by=by,
        )

    def versions(self, workspace_id: str, instance_id: str) -> list[InstanceVersion]:
        """Saved texts of an instance, newest first."""
        self.get(workspace_id, instance_id)
        with self._db.read() as connection:
            return rows.versions(connection, instance_id)

    def restore(self, workspace_id: str, instance_id: str, version: int, *, by: str | None = None) -> AgentInstance:
        """Save an earlier text again, as a new version."""
        then = self.at_version(workspace_id, instance_id, version).instance
        assert then is not None
        return self.save(workspace_id, instance_id, then.yaml, message=f"restored version {version}", by=by)

    @staticmethod
    def _add_version(
        connection: Connection, instance_id: str, version: int, yaml: str, by: str | None, message: str
    ) -> None:
        row = {"instance_id": instance_id, "version": version, "yaml_config_text": yaml, "author": by,
               "message": message[:500], "created_at": now()}  # fmt: skip
        rows.add_version(connection, row)

    @staticmethod
    def _note(connection: Connection, instance: AgentInstance, action: str, by: str | None, **details: Any) -> None:
        audit.note(
            connection, instance.workspace_id, at=now(), who=by, action=action, entity="instance",
            entity_id=instance.id, details={"name": instance.name, **details},
        )  # fmt: skip
