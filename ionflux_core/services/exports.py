"""A workspace's configuration as one JSON document: settings, brands, instances; names of secrets, never values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from ionflux_core import __version__, limits
from ionflux_core.domain.agents import InstanceStatus
from ionflux_core.domain.workspaces import BrandDraft, CreatorDraft, Workspace, WorkspaceSettings
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded, Problem
from ionflux_core.services.agents import Agents
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import workspaces as rows
from ionflux_core.storage.engine import Database

FORMAT = "ionflux-workspace-1"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExportedInstance(_Part):
    """One instance; its brand by name."""

    name: str
    definition: str
    yaml: str
    description: str = ""
    brand: str | None = None
    status: InstanceStatus = "active"


class Export(_Part):
    """Everything a workspace was configured with."""

    format: str
    version: str
    name: str
    settings: WorkspaceSettings
    brands: list[BrandDraft] = Field(max_length=10_000)
    creators: list[CreatorDraft] = Field(max_length=10_000)
    instances: list[ExportedInstance] = Field(max_length=10_000)
    secrets: list[str] = Field(max_length=10_000)


class Exports:
    """Use-cases around moving a workspace's configuration."""

    def __init__(self, db: Database, workspaces: Workspaces, agents: Agents, secrets: Secrets) -> None:
        self._db = db
        self._workspaces = workspaces
        self._agents = agents
        self._secrets = secrets

    def export(self, workspace_id: str) -> str:
        """The document as JSON text."""
        workspace = self._workspaces.get(workspace_id)
        brands = self._workspaces.brands(workspace_id)
        names = {brand.id: brand.name for brand in brands}
        document = Export(
            format=FORMAT,
            version=__version__,
            name=workspace.name,
            settings=workspace.settings,
            brands=[BrandDraft(**brand.model_dump(include=set(BrandDraft.model_fields))) for brand in brands],
            creators=[
                CreatorDraft(**creator.model_dump(include=set(CreatorDraft.model_fields)))
                for creator in self._workspaces.creators(workspace_id)
            ],
            instances=[
                ExportedInstance(
                    name=instance.name,
                    definition=instance.definition_slug,
                    yaml=instance.yaml,
                    description=instance.description,
                    brand=names.get(instance.brand_id or ""),
                    status=instance.status,
                )
                for instance in self._agents.find(workspace_id)
            ],
            secrets=self._secrets.names(workspace_id),
        )
        return to_json(document, indent=2).decode()

    def bring_in(self, text: bytes, *, name: str | None = None) -> tuple[Workspace, list[str]]:
        """A new workspace made from a document, and the names of the secrets it needs; all of it or nothing."""
        if len(text) > limits.UPLOAD_BYTES:
            raise LimitExceeded("The file is larger than 25 MiB.", hint="Choose another file.")
        document = _read(text)
        workspace = self._workspaces.create(name or document.name, document.settings)
        try:
            self._fill(workspace.id, document)
        except IonfluxError:
            self._db.write(lambda connection: rows.remove(connection, workspace.id))
            self._workspaces.forget()
            raise
        return workspace, document.secrets

    def _fill(self, workspace_id: str, document: Export) -> None:
        brands = {brand.name: self._workspaces.add_brand(workspace_id, brand).id for brand in document.brands}
        for creator in document.creators:
            self._workspaces.add_creator(workspace_id, creator)
        for instance in document.instances:
            if instance.brand is not None and instance.brand not in brands:
                raise Invalid(f"{instance.name} belongs to a brand that is not in the file: {instance.brand[:80]!r}.")
            made = self._agents.create(
                workspace_id,
                instance.definition,
                instance.name,
                yaml=instance.yaml,
                brand_id=brands[instance.brand] if instance.brand else None,
                description=instance.description,
                by="import",
            )
            if instance.status != "active":
                self._agents.set_status(workspace_id, made.id, instance.status, by="import")


def _read(text: bytes) -> Export:
    try:
        document = Export.model_validate_json(text)
    except ValidationError as error:
        problems = [Problem(each["msg"], path=".".join(str(part) for part in each["loc"])) for each in error.errors()]
        first = problems[0]
        raise Invalid(
            f"The file is not an exported workspace: {first.path or 'file'}: {first.message}.",
            problems=problems[:100],
            hint="Make one with: ionflux export FILE.",
        ) from error
    if document.format != FORMAT:
        raise Invalid(f"The file has the format {document.format[:40]!r}.", hint=f"This IONFLUX reads {FORMAT}.")
    return document
