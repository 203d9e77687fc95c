"""A brand or creator as a draft to save: what is stored, with some of it changed."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.workspaces import Brand, BrandDraft, Creator, CreatorDraft


def draft_of(owner: Brand | Creator | None, **changes: Any) -> dict[str, Any]:
    """The stored fields a person edits, with the changes, for the service to check."""
    model = CreatorDraft if isinstance(owner, Creator) else BrandDraft
    kept = owner.model_dump(include=set(model.model_fields)) if owner else {}
    return {**kept, **changes}
