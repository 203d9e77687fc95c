"""How fast personal mails leave: 3,200 of them rendered and handed to a mail server on this machine.

Run `python benchmarks/mail_bench.py`; it writes mail_results.json beside itself. The server is a process of its own
and refuses every 50th recipient with 550. The agent renders each mail from a template (Jinja2, text and HTML) inside
of its run, so the figure holds rendering, outbox, MIME and SMTP. The resumed variant is killed (-9) half way and
counted until the second process is done, start-up included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sqlalchemy import func, select  # noqa: E402

from ionflux_core.application import Application  # noqa: E402
from ionflux_core.catalog.scaffold import scaffold  # noqa: E402
from ionflux_core.domain.runs import FINISHED  # noqa: E402
from ionflux_core.settings import load_settings  # noqa: E402
from ionflux_core.storage.tables import outbox  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "mail_results.json"
MAILS, EVERY, WANTED_SECONDS = 3_200, 50, 45.0
_MANIFEST = """\
slug: campaign
id: agent_campaign
name: Campaign
version: "1.0.0"
status: experimental
narrative: {tagline: For the bench., introduction: Renders and sends many personal mails.}
triggers:
  - {key: by_hand, type: manual, config: {form: true}}
inputs:
  - {key: count, type: integer, required: true, runtime_promptable: true}
outputs:
  - {key: counts, type: json}
"""
_AGENT = '''\
"""Renders and sends many personal mails."""

from collections import Counter

from jinja2.sandbox import SandboxedEnvironment

from ionflux_core.sdk import Outgoing

TEXT = """Olá {{ name }},

you bought {{ orders }} times, last on day {{ day }}. {{ offer }} % off {{ product }} until Sunday:
https://shop.example/offer?c={{ number }}

{% for line in lines %}- {{ line }}
{% endfor %}
Your shop"""
HTML = """<html><body style="font-family: sans-serif"><h1>Olá {{ name }}</h1>
<p>you bought <b>{{ orders }}</b> times, last on day {{ day }}.
<a href="https://shop.example/offer?c={{ number }}">{{ offer }} % off {{ product }}</a> until Sunday.</p>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul><p>Your shop</p></body></html>"""


def letter(text, html, number):
    """One personal mail."""
    words = {"name": f"Ana {number} & Söhne", "orders": number % 9 + 1, "day": number % 365, "offer": 10 + number % 20,
             "product": f"product {number % 40}", "number": number,
             "lines": [f"because you looked at item {number * k % 997}" for k in range(1, 13)]}
    payload = {"subject": f"{words['name']}, {words['offer']} % off {words['product']}", "text": text.render(words),
               "html": html.render(words), "list_unsubscribe": f"https://shop.example/leave?c={number}"}
    return Outgoing(f"to-{number}@example.com", payload, key=f"bench:{number}")


def run(ctx, inputs):
    """Render and send."""
    text = SandboxedEnvironment().from_string(TEXT)
    html = SandboxedEnvironment(autoescape=True).from_string(HTML)
    items = (letter(text, html, number) for number in range(inputs["count"]))
    sent = ctx.send_many("email", items, summary="Campaign of the bench")
    return {"counts": Counter((each.error or {}).get("code", each.status) for each in sent)}
'''


def serve() -> None:
    """The mail server: refuses every 50th, writes down whom it has taken, and says its port first."""
    from tests.stand_ins.mail_server import mail_server

    def refusal(address: str) -> str | None:
        number = int(address.partition("@")[0].rpartition("-")[2])
        return "550 5.1.1 No such user" if number % EVERY == EVERY - 1 else None

    with mail_server() as server:
        server.on_recipient = refusal
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            sys.stdout.write(json.dumps({"taken": server.recipients, "most_open": server.most_open}) + "\n")
            sys.stdout.flush()


def work(data_dir: str) -> None:
    """A process that executes runs until it is killed."""
    _application(Path(data_dir), workers=2).start()
    while True:
        time.sleep(60)


def _application(data_dir: Path, workers: int) -> Application:
    settings = load_settings(
        _env_file=None, data_dir=data_dir, agents_dir=data_dir / "agents", key_file=data_dir / "key", demo=False,
        workers=workers, scheduler=False,
    )  # fmt: skip
    return Application(settings)


class Server:
    """The server's process as the bench sees it."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, "--serve"]
        self.child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None and self.child.stdin is not None
        self._in, self._out = self.child.stdin, self.child.stdout
        self.port = int(self._out.readline())

    def told(self) -> dict[str, Any]:
        """Whom it has taken, and how many connections were open at once."""
        self._in.write("?\n")
        self._in.flush()
        found: dict[str, Any] = json.loads(self._out.readline())
        return found


@contextmanager
def _server() -> Iterator[Server]:
    made = Server()
    try:
        yield made
    finally:
        made.child.kill()
        made.child.wait()


@contextmanager
def _worker(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, __file__, "--work", str(data_dir)], cwd=ROOT)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def _made_ready(data_dir: Path, port: int) -> tuple[Application, str]:
    """An application that only looks on, with the agent, the account and a policy that lets it send."""
    scaffold("campaign", data_dir / "agents")
    (data_dir / "agents" / "campaign" / "agent.yaml").write_text(_MANIFEST, encoding="utf-8")
    (data_dir / "agents" / "campaign" / "agent.py").write_text(_AGENT, encoding="utf-8")
    app = _application(data_dir, workers=0).open()
    ws = app.workspaces.create("Bench").id
    values = {"host": "127.0.0.1", "port": str(port), "security": "none", "from_address": "shop@example.com"}
    account = app.accounts.save(ws, "smtp", "main", values)
    assert app.accounts.test(ws, account.id).status == "connected"
    app.policies.set_channel(ws, "email", {"dry_run": False})
    app.policies.save(ws, [{"channel": "email", "verdict": "allow"}])
    return app, ws


def _wait(app: Application, ws: str, run_id: str) -> Any:
    while (run := app.runs.get(ws, run_id)).status not in FINISHED:
        time.sleep(0.05)
    if run.status != "success":
        raise SystemExit(f"the run failed: {run.error}")
    return run


def _sent(app: Application) -> int:
    with app.db.read() as connection:
        return int(connection.execute(select(func.count()).where(outbox.c.status == "sent")).scalar_one())


def straight(count: int) -> dict[str, Any]:
    """All of them in one go, in this process."""
    with tempfile.TemporaryDirectory() as folder, _server() as server:
        looking, ws = _made_ready(Path(folder), server.port)
        looking.stop()
        app = _application(Path(folder), workers=2).start()
        try:
            began = time.perf_counter()
            run = _wait(app, ws, app.runs.start(ws, "agent:campaign", {"count": count}).run_id)
            seconds = time.perf_counter() - began
        finally:
            app.stop()
        told = server.told()
    return _figures(count, seconds, run.outputs["counts"], told)


def resumed(count: int) -> dict[str, Any]:
    """Killed when half have left, and finished by a second process."""
    with tempfile.TemporaryDirectory() as folder, _server() as server:
        app, ws = _made_ready(Path(folder), server.port)
        began = time.perf_counter()
        run_id = app.runs.start(ws, "agent:campaign", {"count": count}).run_id
        with _worker(Path(folder)):
            while _sent(app) < count // 2:
                time.sleep(0.02)
        with _worker(Path(folder)):
            run = _wait(app, ws, run_id)
        seconds = time.perf_counter() - began
        told = server.told()
        app.stop()
    return _figures(count, seconds, run.outputs["counts"], told)


def _figures(count: int, seconds: float, counts: dict[str, int], told: dict[str, Any]) -> dict[str, Any]:
    taken = Counter(told["taken"])
    return {
        "mails": count,
        "seconds": round(seconds, 2),
        "mails_a_second": round(count / seconds, 1),
        "wanted_seconds": WANTED_SECONDS,
        "ok": seconds <= WANTED_SECONDS and max(taken.values()) == 1,
        "outcomes": counts,
        "taken_by_the_server": len(told["taken"]),
        "taken_twice": sum(many > 1 for many in taken.values()),
        "most_connections": told["most_open"],
    }


def main() -> None:
    """Measure both, print and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--work", default="")
    parser.add_argument("--mails", type=int, default=MAILS)
    chosen = parser.parse_args()
    if chosen.serve:
        return serve()
    if chosen.work:
        return work(chosen.work)
    found = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "load_1_minute": round(os.getloadavg()[0], 2)},
        "python": platform.python_version(),
        "straight": straight(chosen.mails),
        "resumed": resumed(chosen.mails),
    }
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    if chosen.mails == MAILS:
        fresh = RESULTS.with_suffix(".new")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(RESULTS)


if __name__ == "__main__":
    main()
