"""Playbooks: kept in versions, compiled to a flow when they are switched on, cloned for other audiences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core import limits, yaml_text
from ionflux_core.domain.playbook_actions import ActionType, SendEmail, SendWhatsapp, TriggerAgent, UpdateTag
from ionflux_core.domain.playbook_files import Arrived, arrived
from ionflux_core.domain.playbooks import (
    Audience,
    Playbook,
    PlaybookDraft,
    PlaybookStatus,
    PlaybookStep,
    PlaybookVersion,
    slug_of,
)
from ionflux_core.errors import Conflict, Invalid, NotFound, Problem
from ionflux_core.ids import new_id, now
from ionflux_core.services.agents import Agents
from ionflux_core.services.flows import Flows
from ionflux_core.services.playbook_flows import flow_text
from ionflux_core.services.workspaces import checked_name, validated
from ionflux_core.settings import ROOT
from ionflux_core.storage import audit
from ionflux_core.storage import playbooks as rows
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.transforms import registry

FOLDER = ROOT / "playbooks"
_FLOW_STATUS: dict[PlaybookStatus, Any] = {"active": "active", "paused": "paused", "archived": "archived"}


class Playbooks:
    """Use-cases around playbooks."""

    def __init__(
        self, db: Database, flows: Flows, agents: Agents, refuse_secrets: Callable[[str, Any, str], None]
    ) -> None:
        self._db = db
        self._flows = flows
        self._agents = agents
        self._refuse_secrets = refuse_secrets

    def find(self, workspace_id: str, *, archived: bool = False) -> list[Playbook]:
        """Playbooks of a workspace by name."""
        with self._db.read() as connection:
            return rows.find(connection, workspace_id, archived=archived)

    def get(self, workspace_id: str, playbook_id: str) -> Playbook:
        """One playbook; NotFound when it is not there."""
        with self._db.read() as connection:
            found = rows.get(connection, workspace_id, playbook_id)
        if found is None:
            raise NotFound("There is no such playbook.", hint="Choose one from the list.")
        return found

    def create(
        self,
        workspace_id: str,
        draft: PlaybookDraft | Mapping[str, Any],
        *,
        by: str = "owner",
        derived_from: Mapping[str, Any] | None = None,
        message: str = "",
    ) -> Playbook:
        """A new playbook as a draft, whatever status a document claims; Conflict when its name is taken."""
        checked, at = self._checked(workspace_id, draft), now()
        row: dict[str, Any] = {
            "id": new_id(),
            "workspace_id": workspace_id,
            "name": checked.name,
            "document": plain(checked),
            "status": "draft",
            "version": 1,
            "author": by,
            "derived_from": dict(derived_from) if derived_from else None,
            "flow_id": None,
            "created_at": at,
            "updated_at": at,
        }

        def work(connection: Connection) -> bool:
            taken = rows.slugs(connection, workspace_id)
            return rows.insert(
                connection, {**row, "slug": _free_slug(slug_of(checked.name), taken)}, message or "Created."
            )

        if not self._db.write(work):
            raise _taken(checked.name)
        return self.get(workspace_id, row["id"])

    def save(
        self,
        workspace_id: str,
        playbook_id: str,
        draft: PlaybookDraft | Mapping[str, Any],
        *,
        expected: int,
        by: str = "owner",
        message: str = "",
    ) -> Playbook:
        """A new version over version `expected`; Conflict when somebody has saved another one meanwhile.

        An active playbook takes only what can run; executions under way go on with the steps they began with. A draft
        that changes nothing makes no version.
        """
        current, checked = self.get(workspace_id, playbook_id), self._checked(workspace_id, draft)
        if plain(checked) == plain(current) and current.version == expected:
            return current
        if current.status == "active":
            self._refuse_problems(workspace_id, _over(current, checked))
        document, version = plain(checked), expected + 1
        values = {"name": checked.name, "document": document, "version": version, "author": by}
        at = now()

        def work(connection: Connection) -> bool:
            if rows.name_is_taken(connection, workspace_id, checked.name, besides=playbook_id):
                raise _taken(checked.name)
            if not rows.save(connection, workspace_id, playbook_id, expected=expected, updated_at=at, **values):
                return False
            kept = values | {"id": playbook_id, "workspace_id": workspace_id}
            rows.insert_version(connection, kept, message[:300], at)
            return True

        if not self._db.write(work):
            theirs = self.get(workspace_id, playbook_id)
            raise Conflict(
                f"The playbook was saved as version {theirs.version} by {theirs.author} meanwhile.",
                hint="Look at that version, then save yours over it.",
                code="edited_elsewhere",
                current=theirs.model_dump(mode="json"),
            )
        saved = self.get(workspace_id, playbook_id)
        return self._with_flow(saved, by) if saved.status == "active" else saved

    def versions(
        self, workspace_id: str, playbook_id: str, *, offset: int = 0, limit: int = 50
    ) -> list[PlaybookVersion]:
        """Versions of a playbook, newest first."""
        self.get(workspace_id, playbook_id)
        limit = max(1, min(limit, limits.PAGE_ROWS + 1))
        with self._db.read() as connection:
            return rows.versions(connection, workspace_id, playbook_id, offset=offset, limit=limit)

    def restore(self, workspace_id: str, playbook_id: str, number: int, *, by: str = "owner") -> Playbook:
        """An earlier version as the newest one; nothing in between is lost."""
        current = self.get(workspace_id, playbook_id)
        with self._db.read() as connection:
            then = rows.version(connection, workspace_id, playbook_id, number)
        if then is None:
            raise NotFound("There is no such version.", hint="Choose one from the history.")
        message = f"Restored from version {number}."
        return self.save(workspace_id, playbook_id, then.draft, expected=current.version, by=by, message=message)

    def clone(
        self, workspace_id: str, playbook_id: str, name: str, *, audience: Audience | None = None, by: str = "owner"
    ) -> Playbook:
        """A draft of its own made from this one, for another audience; it remembers where it came from."""
        origin = self.get(workspace_id, playbook_id)
        draft = plain(origin) | {"name": name}
        if audience is not None:
            draft["audience"] = audience.model_dump(mode="json")
        came = {"playbook_id": playbook_id, "version": origin.version}
        message = f"Cloned from {origin.name}, version {origin.version}."
        return self.create(workspace_id, draft, by=by, derived_from=came, message=message)

    def activate(self, workspace_id: str, playbook_id: str, *, by: str = "owner") -> Playbook:
        """Let its event start it from now on; Invalid with every problem when it cannot run yet."""
        playbook = self.get(workspace_id, playbook_id)
        self._refuse_problems(workspace_id, playbook)
        return self._moved(self._with_flow(playbook, by), "active", by)

    def pause(self, workspace_id: str, playbook_id: str, *, by: str = "owner") -> Playbook:
        """Start nothing new; executions under way come to their end."""
        playbook = self.get(workspace_id, playbook_id)
        if playbook.status != "active":
            raise Conflict("Only an active playbook can be paused.", hint="Activate it first.")
        return self._moved(playbook, "paused", by)

    def archive(self, workspace_id: str, playbook_id: str, *, by: str = "owner") -> Playbook:
        """Put it away; executions under way come to their end."""
        return self._moved(self.get(workspace_id, playbook_id), "archived", by)

    def bring_back(self, workspace_id: str, playbook_id: str, *, by: str = "owner") -> Playbook:
        """Take an archived playbook out again, as a draft that nothing starts."""
        playbook = self.get(workspace_id, playbook_id)
        if playbook.status != "archived":
            raise Conflict("This playbook is not archived.", hint="Reload the page.")
        return self._moved(playbook, "draft", by)

    def problems(self, workspace_id: str, draft: PlaybookDraft) -> list[Problem]:
        """Everything that keeps a playbook from being active; its flow's problems name lines of the flow's text."""
        found = list(_unfinished(draft))
        try:
            text = flow_text(draft)
        except Invalid as error:
            return [*found, *(error.problems or [Problem(error.message, error.hint)])]
        return found or self._flows.validate(workspace_id, text)

    def rehearse(self, workspace_id: str, draft: PlaybookDraft, payload: Mapping[str, Any], *, by: str) -> str:
        """Go through a playbook, saved or not, as if an event had come; nothing it does reaches anybody.

        The id of the run, in which no delay is waited for. Invalid with every problem when it cannot run yet.
        """
        self._refuse_problems(workspace_id, draft)
        return self._flows.try_it(workspace_id, flow_text(draft), payload=dict(payload), by=by).run_id

    def stopped(self, playbook: Playbook) -> str:
        """Why an active playbook starts nothing although it should, as a sentence; empty when all is well."""
        if playbook.status != "active" or playbook.flow_id is None:
            return ""
        flow = self._agents.get(playbook.workspace_id, playbook.flow_id)
        if flow.status == "active":
            return ""
        return f"Its flow is not active: {flow.status_reason or flow.status.replace('_', ' ')}."

    def import_text(self, workspace_id: str, text: str | bytes, *, by: str = "owner") -> tuple[Playbook, Arrived]:
        """A new playbook from YAML or JSON of ours or of older records, and what was read otherwise than written."""
        read = arrived(yaml_text.load(text).data)
        draft = validated(PlaybookDraft, read.document, "playbook")
        return self.create(workspace_id, draft, by=by, message="Imported."), read

    def text(self, workspace_id: str, playbook_id: str) -> str:
        """The playbook as YAML: `import_text` makes the same one of it."""
        return yaml_text.dump(plain(self.get(workspace_id, playbook_id)))

    def can(self, action: ActionType) -> bool:
        """Whether an action is there yet: some need a transform that has not come."""
        return action != "send_whatsapp_message" or "whatsapp.send@1" in registry.known()

    @staticmethod
    def shipped() -> list[PlaybookDraft]:
        """The playbooks that come with the product, to begin from, by name."""
        read = [PlaybookDraft.model_validate(yaml_text.load(path.read_bytes()).data) for path in FOLDER.glob("*.yaml")]
        return sorted(read, key=lambda draft: draft.name)

    def _checked(self, workspace_id: str, draft: PlaybookDraft | Mapping[str, Any]) -> PlaybookDraft:
        checked = validated(PlaybookDraft, plain(draft) if isinstance(draft, PlaybookDraft) else draft, "playbook")
        checked = checked.model_copy(update={"name": checked_name(checked.name, "playbook")})
        self._refuse_secrets(workspace_id, plain(checked), "The playbook")
        return checked

    def _refuse_problems(self, workspace_id: str, playbook: PlaybookDraft) -> None:
        problems = self.problems(workspace_id, playbook)
        if problems:
            raise Invalid(
                f"The playbook cannot run yet: {problems[0].message}", problems=problems, hint=problems[0].hint
            )

    def _with_flow(self, playbook: Playbook, by: str) -> Playbook:
        """The playbook with its flow made, or brought to the playbook's newest version."""
        text, workspace_id = flow_text(playbook), playbook.workspace_id
        flow_id = playbook.flow_id
        if flow_id is None:
            flow_id = self._flows.create(workspace_id, text, by=by).id
            self._db.write(lambda connection: rows.save(connection, workspace_id, playbook.id, flow_id=flow_id))
        elif self._flows.get(workspace_id, flow_id).yaml != text:
            message = f"Playbook {playbook.name}, version {playbook.version}."
            self._flows.save(workspace_id, flow_id, text, message=message, by=by)
        return self.get(workspace_id, playbook.id)

    def _moved(self, playbook: Playbook, status: PlaybookStatus, by: str) -> Playbook:
        workspace_id, at = playbook.workspace_id, now()
        if playbook.flow_id is not None:
            self._agents.set_status(workspace_id, playbook.flow_id, _FLOW_STATUS.get(status, "inactive"), by=by)

        def work(connection: Connection) -> None:
            rows.save(connection, workspace_id, playbook.id, status=status, updated_at=at)
            audit.note(
                connection, workspace_id, at=at, who=by, action=status, entity="playbook", entity_id=playbook.id,
                details={"name": playbook.name},
            )  # fmt: skip

        self._db.write(work)
        return self.get(workspace_id, playbook.id)


def plain(draft: PlaybookDraft) -> dict[str, Any]:
    """What a person edits of a playbook, as plain JSON without what is left at its default."""
    return draft.model_dump(mode="json", include=set(PlaybookDraft.model_fields), exclude_defaults=True)


def _over(current: Playbook, draft: PlaybookDraft) -> Playbook:
    """The playbook as it would be with this draft."""
    return current.model_copy(update={name: getattr(draft, name) for name in PlaybookDraft.model_fields})


def _unfinished(draft: PlaybookDraft) -> list[Problem]:
    """Steps that are missing, never reached, or whose settings are not filled in."""
    if not draft.steps:
        return [Problem("The playbook has no step.", "Add one.", path="steps")]
    found = [
        Problem(f"No way leads to step {step.name!r}.", "Lead a step or branch to it, or remove it.", path=step.id)
        for step in ([] if draft.circle() else draft.unreached())
    ]
    for step in draft.steps:
        found += [Problem(f"Step {step.name!r} has no {what}.", "Fill it in.", path=step.id) for what in _missing(step)]
    return found


def _missing(step: PlaybookStep) -> list[str]:
    settings = step.settings
    wanted: dict[str, object] = {}
    match settings:
        case SendEmail():
            wanted = {"subject": settings.subject.strip(), "text": settings.body.strip()}
        case SendWhatsapp():
            wanted = {"template or text": settings.template.strip() or settings.body.strip()}
        case UpdateTag():
            wanted = {"tag": settings.tags}
        case TriggerAgent():
            wanted = {"agent": settings.agent.strip()}
    return [what for what, given in wanted.items() if not given]


def _free_slug(slug: str, taken: set[str]) -> str:
    if slug not in taken:
        return slug
    return next(each for number in range(2, len(taken) + 3) if (each := f"{slug}_{number}") not in taken)


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a playbook {name!r} already.", hint="Choose another name.")
