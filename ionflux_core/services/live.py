"""What has changed, told at once to whoever looks: topics without content, so that no page has to keep asking."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Listener:
    """One who looks at a workspace: topics gather until they are taken; `wake` is called from any thread."""

    def __init__(self, workspace_id: str, wake: Callable[[], None]) -> None:
        self.workspace_id = workspace_id
        self._wake = wake
        self._lock = threading.Lock()
        self._topics: set[str] = set()

    def tell(self, topic: str) -> None:
        """Note a topic and wake whoever waits."""
        with self._lock:
            self._topics.add(topic)
        self._wake()

    def take(self) -> list[str]:
        """The topics that have come up since the last call, in order of their names."""
        with self._lock:
            topics, self._topics = sorted(self._topics), set()
        return topics


class Live:
    """Tells listeners of this process. Nothing is kept for those who come later: they read what is stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def listen(self, workspace_id: str, wake: Callable[[], None]) -> Listener:
        """Begin to listen to what changes in a workspace; end it with `leave`."""
        listener = Listener(workspace_id, wake)
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening."""
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def changed(self, workspace_id: str | None, topic: str) -> None:
        """Something of this topic has changed; None means any workspace. Costs nothing while nobody listens."""
        for listener in self._listeners:
            if workspace_id is None or listener.workspace_id == workspace_id:
                listener.tell(topic)
