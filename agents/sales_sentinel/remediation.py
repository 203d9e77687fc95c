"""What to do about an incident: ordered tasks for a person, least harmful first, each with a check list.

Nothing here changes a shop. Shopify lets an app remove only itself, and publishing another theme needs an exemption
that Shopify grants, so these corrections are tasks for a person, with the reason.
"""

from __future__ import annotations

from typing import Any

from .incidents import Incident

APP_REASON = "Shopify lets an app remove only itself, so IONFLUX cannot switch off somebody else's app: a person must."
THEME_REASON = "Publishing a theme by API needs an exemption granted by Shopify, so a person must do it."
OWN_REASON = "This was changed by a person or another system, so a person must take it back."
PAGES = {"app": "apps", "theme": "themes", "price": "products", "campaign": "marketing", "config": "settings"}
Task = dict[str, Any]


def plan(incident: Incident, shop_url: str | None) -> list[Task]:
    """The tasks in order: make sure, undo the likeliest changes, look for causes nobody recorded."""
    tasks = [_confirm(incident)]
    tasks += [_undo(suspect, shop_url) for suspect in incident["suspects"][:2]]
    tasks.append(_search(incident))
    return tasks


def _task(key: str, title: str, steps: list[str], *, reason: str, corrective: bool, change: str | None = None) -> Task:
    return {
        "key": key,
        "kind": "human_task",
        "title": title,
        "checklist": steps,
        "reason": reason,
        "corrective": corrective,
        "change": change,
        "link": None,
    }


def _confirm(incident: Incident) -> Task:
    segments = sorted({flag["label"] for flag in incident["flags"].values() if flag["segment"]})
    where = f" on {segments[0]}" if segments else ""
    steps = [
        f"Open the shop{where} and put a product into the cart.",
        "Go through the checkout to the payment step.",
        "Approve this task if something is broken or the fall is real; decline it if all is well.",
    ]
    if incident["kind"] == "traffic_stopped":
        steps = [
            "Open the shop from a phone without the office network.",
            "See whether visits are still counted.",
            steps[2],
        ]
    return _task(
        "confirm",
        f"Is this real? {incident['title']}",
        steps,
        reason="Only a person can try the checkout.",
        corrective=False,
    )


def _undo(suspect: dict[str, Any], shop_url: str | None) -> Task:
    kind, name = suspect["kind"], suspect["name"]
    steps = {
        "app": [
            f"Open Apps in the shop's admin and find {name}.",
            "Switch it off or remove it.",
            "Place a test order.",
        ],
        "theme": [
            "Open Online Store, Themes.",
            f"Publish the theme that was live before {name}.",
            "Place a test order.",
        ],
        "campaign": [f"Pause the campaign {name}.", "See whether visits and orders return to their usual rate."],
        "price": [f"Compare the prices changed with {name} to the former ones.", "Put the former prices back."],
    }.get(kind, [f"Take back the change {name}.", "Place a test order."])
    verb = {"app": "Switch off the app", "theme": "Go back to the theme before", "campaign": "Pause the campaign"}
    reason = {"app": APP_REASON, "theme": THEME_REASON}.get(kind, OWN_REASON)
    title = f"{verb.get(kind, 'Take back the change')} {name}"
    task = _task(f"undo_{suspect['change']}", title, steps, reason=reason, corrective=True, change=suspect["change"])
    page = PAGES.get(kind)
    task["link"] = f"{shop_url.rstrip('/')}/admin/{page}" if shop_url and page else None
    return task


def _search(incident: Incident) -> Task:
    steps = [
        "Look at the payment provider's status page and at failed payments in the shop's admin.",
        "Look for errors in the browser console on the cart and checkout pages.",
        "Check stock, shipping zones and discount codes.",
        "Approve this task once you have corrected something.",
    ]
    if incident["kind"] == "traffic_stopped":
        steps = ["Check the domain, the shop's status page and the tracking tag.", "Check running campaigns.", steps[3]]
    return _task(
        "search",
        "Look for a cause nobody recorded",
        steps,
        reason="Payment and shop settings are in your hands.",
        corrective=True,
    )


def body_of(task: Task, incident: Incident, watch_minutes: float) -> str:
    """The task for the person who answers it, as Markdown."""
    lines = [f"Incident `{incident['id']}`: {incident['title']}.", "", *[f"- [ ] {step}" for step in task["checklist"]]]
    lines += ["", f"Why a person: {task['reason']}"]
    if task["link"]:
        lines.append(f"Open: {task['link']}")
    if task["corrective"]:
        lines.append(f"After your answer the rate is watched for {watch_minutes:g} minutes and checked by itself.")
    return "\n".join(lines)
