"""kill -9 half way through a campaign: no mail goes out twice, and all but those in the air go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from sqlalchemy import select

from ionflux_core.application import Application
from ionflux_core.domain.effects import EffectFilter
from ionflux_core.storage.tables import outbox
from tests.agents_for_tests.world import wait_for
from tests.crash.test_recovery import looking_on, process
from tests.stand_ins.mail_server import MailServer, mail_server

__all__ = ["looking_on"]

COUNT, KILLS = 400, (60, 200)


def statuses(app: Application) -> dict[str, str]:
    """How the effect for each address stands."""
    with app.db.read() as connection:
        return {row.target: row.status for row in connection.execute(select(outbox.c.target, outbox.c.status))}


def _has_taken(server: MailServer, count: int) -> bool:
    return len(server.mails) >= count


def test_a_campaign_that_is_killed_twice_doubles_no_mail_and_goes_on(
    database_url: str, looking_on: Callable[[str], tuple[Application, str]]
) -> None:
    app, ws = looking_on(database_url)
    with mail_server() as server:
        values = {"host": "127.0.0.1", "port": str(server.port), "security": "none", "from_address": "shop@example.com"}
        account = app.accounts.save(ws, "smtp", "main", values)
        assert app.accounts.test(ws, account.id).status == "connected"
        app.policies.set_channel(ws, "email", {"dry_run": False})
        app.policies.save(ws, [{"channel": "email", "verdict": "allow"}])
        run_id = app.runs.start(ws, "agent:mailer", {"count": COUNT}).run_id
        in_the_air: set[str] = set()
        for border in KILLS:
            with process(app) as child:
                child.ready()
                wait_for(partial(_has_taken, server, border), 30)
            in_the_air |= {target for target, status in statuses(app).items() if status == "sending"}
        assert in_the_air, "no kill met a mail in the air: the test shows nothing"
        with process(app) as child:
            child.ready()
            wait_for(lambda: app.runs.get(ws, run_id).status == "success", 30, lambda: app.runs.get(ws, run_id))
        taken = Counter(server.recipients)
        assert set(taken.values()) == {1}
        now_standing = statuses(app)
        uncertain = {target for target, status in now_standing.items() if status == "uncertain"}
        # What the killed process had handed to PostgreSQL may still be kept there after the look above.
        assert uncertain and uncertain <= in_the_air
        assert {status for target, status in now_standing.items() if target not in uncertain} == {"sent"}
        assert {target for target, status in now_standing.items() if status == "sent"} <= set(taken)
        assert set(taken) | in_the_air == {f"to-{number}@example.com" for number in range(COUNT)}
        doubtful = app.outbox.find(ws, EffectFilter(status="uncertain"), limit=100).effects
        assert {each.target for each in doubtful} == in_the_air
        assert app.outbox.act(ws, doubtful[0].id, "sent", by="Ana").status == "sent"
    outputs = app.runs.get(ws, run_id).outputs
    assert outputs == {"counts": {"sent": COUNT - len(in_the_air), "uncertain": len(in_the_air)}}
