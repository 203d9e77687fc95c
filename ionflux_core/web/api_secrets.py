"""The API's secrets: names and times, a way to store a value, and none to read one back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath
from pydantic import Field, SecretStr

from ionflux_core import limits
from ionflux_core.web.api_here import Answer, Body, Editing, Reading

router = APIRouter(tags=["secrets"])

Name = Annotated[str, InPath(min_length=1, max_length=63, description="The name that configurations refer to.")]


class SecretValue(Body):
    """The value to store; it is never given back."""

    value: SecretStr = Field(min_length=1, max_length=limits.SECRET_BYTES)


class SecretLine(Answer):
    """A secret without its value."""

    name: str
    stored_at: datetime


class SecretList(Answer):
    """Secrets of a workspace by name."""

    secrets: list[SecretLine]


@router.get("/secrets")
def find_secrets(here: Reading) -> SecretList:
    """The names there are, never the values."""
    found = here.application.secrets.listed(here.workspace_id)
    return SecretList(secrets=[SecretLine(name=name, stored_at=at) for name, at in found])


@router.put("/secrets/{name}", status_code=204, responses={201: {"description": "The name is new."}})
def put_secret(here: Editing, name: Name, draft: SecretValue) -> Response:
    """Store or replace a value: 201 for a new name, 204 for one that was there."""
    fresh = here.application.secrets.put(
        here.workspace_id, name, draft.value.get_secret_value(), by=here.who.name
    )  # fmt: skip
    return Response(status_code=201 if fresh else 204)


@router.delete("/secrets/{name}", status_code=204)
def remove_secret(here: Editing, name: Name) -> Response:
    """Remove a secret for good."""
    here.application.secrets.remove(here.workspace_id, name, by=here.who.name)
    return Response(status_code=204)
