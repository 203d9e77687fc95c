"""Which model answers a run, and by which guarded way it is reached."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ionflux_core.errors import NotFound
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.workspaces import Workspaces

if TYPE_CHECKING:
    from ionflux_core.llm.base import Model
    from ionflux_core.outbound import Outbound


class Models:
    """Use-cases around language models. Without a key the local engine answers, and every output says so."""

    def __init__(self, workspaces: Workspaces, secrets: Secrets) -> None:
        self._workspaces = workspaces
        self._secrets = secrets
        self._lock = threading.Lock()
        self._outbound: dict[tuple[str, ...], Outbound] = {}

    def outbound(self, workspace_id: str) -> Outbound:
        """The guarded HTTP client with this workspace's allow-list."""
        from ionflux_core.outbound import Outbound

        allowed = tuple(self._workspaces.get(workspace_id).settings.outbound_allow)
        with self._lock:
            if allowed not in self._outbound:
                self._outbound[allowed] = Outbound(allowed)
            return self._outbound[allowed]

    def model(self, workspace_id: str, chosen: str) -> Model:
        """The model `provider:name`; the local engine when there is no key `<provider>_api_key`."""
        from ionflux_core.llm.base import model_for

        provider, _, name = chosen.partition(":")
        if provider == "local":
            return model_for("local", name)
        try:
            key = self._secrets.reveal(workspace_id, f"{provider}_api_key")
        except NotFound:
            return model_for("local", "")
        return model_for(provider, name, api_key=key, http_client=self.outbound(workspace_id).client)

    def has_key(self, workspace_id: str, provider: str) -> bool:
        """Whether a key for this provider is stored."""
        return f"{provider}_api_key" in self._secrets.names(workspace_id)
