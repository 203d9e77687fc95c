"""The folder channel: each effect becomes a JSON file in the data folder, for whatever picks it up from there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ionflux_core.channels.base import Channel, Delivery, NotSent, Reach


@dataclass(frozen=True)
class Folder:
    """Writes files; the same key always names the same file, so that nothing is there twice."""

    root: Path
    kind: str = "folder"
    title: str = "Outbox folder"
    description: str = "Writes each effect as a JSON file below the data folder; nothing leaves this machine."
    options: Mapping[str, str] = field(default_factory=dict)

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        """The file is simply written again."""
        return True

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        """Write the file whole or not at all."""
        name = hashlib.sha256(delivery.key.encode()).hexdigest()[:32] + ".json"
        place = self.root / delivery.workspace_id
        content = {
            "key": delivery.key,
            "target": delivery.target,
            "summary": delivery.summary,
            "payload": dict(delivery.payload),
        }
        try:
            place.mkdir(parents=True, exist_ok=True)
            staged = place / f".{name}.{os.getpid()}"
            staged.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            os.replace(staged, place / name)
        except OSError as error:
            raise NotSent(
                f"The outbox folder cannot be written: {error.strerror}.", hint="Check the data folder's permissions."
            ) from error
        return {"file": f"outbox/{delivery.workspace_id}/{name}"}


def make(data_dir: Path) -> Channel:
    """The channel over `outbox/` in the data folder."""
    return Folder(data_dir / "outbox")
