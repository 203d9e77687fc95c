"""The command palette: everything of a workspace by a few letters, and what can be done."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator

from ionflux_core.domain.palette import PREFIXES, Hit, HitKind, folded, score
from ionflux_core.domain.runs import RunFilter
from ionflux_core.services.agents import Agents
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.chat import Chat
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.prompts import Prompts
from ionflux_core.services.runs import Runs
from ionflux_core.services.workspaces import Workspaces

_KEPT_SECONDS = 3.0
_RUNS = 5
_SHORTEST_FOR_RUNS = 3
_PROMPTS = 200

SCREENS: tuple[tuple[str, str, str], ...] = (
    ("home", "Home", "home"),
    ("canvas", "Pages", "dashboard"),
    ("agents", "Agents", "smart_toy"),
    ("flows", "Flows", "account_tree"),
    ("runs", "Runs", "play_circle"),
    ("compare", "Compare runs", "compare_arrows"),
    ("approvals", "Approvals", "front_hand"),
    ("outbox", "Outbox", "outbox"),
    ("chat", "Chat", "forum"),
    ("dashboard", "Dashboard", "monitoring"),
    ("explore", "Explore", "query_stats"),
    ("events", "Events", "bolt"),
    ("alerts", "Alerts", "notifications_active"),
    ("marketplace", "Marketplace", "storefront"),
    ("prompts", "Prompts", "chat_bubble"),
    ("playbooks", "Playbooks", "conversion_path"),
    ("transforms", "Transforms", "function"),
    ("brands", "Brands & Creators", "palette"),
    ("settings", "Settings", "settings"),
)
"""The screens: noun, title and symbol, as the navigation has them (tested)."""
SETTINGS: tuple[str, ...] = (
    "Workspace", "Inputs", "Models", "Accounts", "Budgets", "Ledger", "Policies", "Notifications", "Secrets", "Tokens",
    "Retention", "Health", "About",
)  # fmt: skip
"""The parts of the settings, as their page has them (tested)."""
_ACTIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("New page", "canvas", {"new": "page"}),
    ("New agent from the marketplace", "marketplace", {}),
    ("New brand", "brands", {"new": "brand"}),
    ("New creator", "brands", {"new": "creator"}),
    ("New prompt", "prompts", {"new": "prompt"}),
    ("New channel", "chat", {"new": "channel"}),
    ("Answer open questions", "approvals", {}),
    ("Compare two runs", "compare", {}),
    ("Look at failed runs", "runs", {"status": "error"}),
)


class Palette:
    """Finds things by fuzzy letters; what it looks through is kept for a moment, so that typing is answered at once."""

    def __init__(
        self,
        canvas: Canvas,
        agents: Agents,
        marketplace: Marketplace,
        prompts: Prompts,
        workspaces: Workspaces,
        chat: Chat,
        runs: Runs,
    ) -> None:
        self._canvas = canvas
        self._agents = agents
        self._marketplace = marketplace
        self._prompts = prompts
        self._workspaces = workspaces
        self._chat = chat
        self._runs = runs
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[float, list[tuple[Hit, str, str]]]] = {}

    def find(self, workspace_id: str, text: str, *, user_id: str, limit: int = 20) -> list[Hit]:
        """What answers best, the best first. A question may begin with `>`, `@`, `#` or `/` for some kinds only."""
        asked = text.strip()[:100]
        wanted = PREFIXES.get(asked[:1])
        question = folded(asked[1:] if wanted else asked)
        known = [each for each in self._known(workspace_id, user_id) if not wanted or each[0].kind in wanted]
        if not question.strip():
            return [hit for hit, _, _ in known if wanted or hit.kind in ("action", "screen")][:limit]
        rated = ((_rated(question, title, hint), number) for number, (_, title, hint) in enumerate(known))
        best = heapq.nlargest(limit, (each for each in rated if each[0] > 0), key=lambda each: (each[0], -each[1]))
        found = [known[number][0] for _, number in best]
        if not wanted and len(question) >= _SHORTEST_FOR_RUNS:
            runs = list(self._found_runs(workspace_id, asked))
            found = [*found[: max(0, limit - len(runs))], *runs]
        return found[:limit]

    def _found_runs(self, workspace_id: str, text: str) -> Iterator[Hit]:
        """Runs by the beginning of their id or by their words, as far as the index has come."""
        for run in self._runs.find(workspace_id, RunFilter(text=text), limit=_RUNS).runs:
            title = f"Run of {run.instance_name or run.definition_slug}"
            hint = f"{run.status.replace('_', ' ')} · {run.id[-8:]}"
            yield Hit(kind="run", title=title, hint=hint, icon="play_circle", page="runs", parameters={"run": run.id})

    def _known(self, workspace_id: str, user_id: str) -> list[tuple[Hit, str, str]]:
        at = time.monotonic()
        kept = self._kept.get((workspace_id, user_id))
        if kept and at - kept[0] < _KEPT_SECONDS:
            return kept[1]
        fresh = [(hit, folded(hit.title), folded(hit.hint)) for hit in self._everything(workspace_id, user_id)]
        with self._lock:
            self._kept = {key: value for key, value in self._kept.items() if at - value[0] < _KEPT_SECONDS}
            self._kept[workspace_id, user_id] = (at, fresh)
        return fresh

    def _everything(self, workspace_id: str, user_id: str) -> Iterator[Hit]:
        for title, page, parameters in _ACTIONS:
            yield Hit(kind="action", title=title, icon="bolt", page=page, parameters=parameters)
        for noun, title, icon in SCREENS:
            yield Hit(kind="screen", title=title, icon=icon, page=noun)
        yield from self._pages(workspace_id)
        yield from self._people(workspace_id, user_id)
        yield from self._working(workspace_id)
        for prompt in self._prompts.find(workspace_id, limit=_PROMPTS):
            given = {"prompt": prompt.id}
            yield Hit(kind="prompt", title=prompt.name, icon="chat_bubble", page="prompts", parameters=given)
        for library in self._prompts.libraries(workspace_id):
            given = {"library": library.id}
            yield Hit(kind="library", title=library.name, icon="folder", page="prompts", parameters=given)
        for name in SETTINGS:
            given = {"tab": name.lower()}
            yield Hit(kind="setting", title=f"Settings: {name}", icon="settings", page="settings", parameters=given)
        for each in self._workspaces.all():
            if each.id != workspace_id:
                title, given = f"Switch to {each.name}", {"workspace": each.id}
                yield Hit(kind="workspace", title=title, icon="swap_horiz", page="home", parameters=given)

    def _pages(self, workspace_id: str) -> Iterator[Hit]:
        names: dict[str, str] = {}
        for page in self._canvas.tree(workspace_id):
            names[page.id] = page.title
            above = names.get(page.parent_page_id or "", "")
            given = {"page": page.id}
            yield Hit(kind="page", title=page.title, hint=above, icon="article", page="canvas", parameters=given)

    def _people(self, workspace_id: str, user_id: str) -> Iterator[Hit]:
        for brand in self._workspaces.brands(workspace_id):
            yield _profile("brand", brand.name, brand.industry, {"brand": brand.id})
        for creator in self._workspaces.creators(workspace_id):
            yield _profile("creator", creator.name, ", ".join(creator.niche_tags), {"creator": creator.id})
        for channel in self._chat.channels(workspace_id, user_id=user_id):
            given = {"channel": channel.id}
            yield Hit(kind="channel", title=channel.name, icon="tag", page="chat", parameters=given)

    def _working(self, workspace_id: str) -> Iterator[Hit]:
        offered = self._marketplace.offered()
        named = {definition.slug: definition.name for definition in offered}
        for instance in self._agents.find(workspace_id):
            hint, given = named.get(instance.definition_slug, ""), {"instance": instance.id}
            yield Hit(kind="agent", title=instance.name, hint=hint, icon="smart_toy", page="agents", parameters=given)
            yield Hit(
                kind="action", title=f"Run {instance.name}", icon="bolt", page="agents",
                parameters={**given, "start": "run"},
            )  # fmt: skip
        for definition in offered:
            hint, given = definition.narrative.epithet or "", {"agent": definition.slug}
            yield Hit(
                kind="definition", title=definition.name, hint=hint, icon="storefront", page="marketplace",
                parameters=given,
            )  # fmt: skip


def _profile(kind: HitKind, name: str, hint: str, parameters: dict[str, str]) -> Hit:
    return Hit(kind=kind, title=name, hint=hint, icon="palette", page="brands", parameters=parameters)


def _rated(question: str, title: str, hint: str) -> float:
    """The better of title and hint, which counts half; words that stand in both together count, too."""
    by_title = score(question, title)
    if by_title or not hint:
        return by_title
    return 0.5 * score(question, f"{title} {hint}")
