"""A process that is killed in the middle of a sync: the next one goes on there, and nothing is lost or told twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.services.account_syncs import LEASE_SECONDS
from tests.stand_ins.shopify import DOMAIN, TOKEN, ShopStandIn, shop_stand_in
from tests.stand_ins.shopify_nodes import customer_node, product_node
from tests.stand_ins.web import Answer

ROOT = Path(__file__).resolve().parents[2]
PRODUCTS, CUSTOMERS = 230, 330
SYNCING = """
from pathlib import Path
from ionflux_core.application import Application
from ionflux_core.settings import load_settings
import sys
folder, agents, key, ws, account = sys.argv[1:]
application = Application(load_settings(_env_file=None, data_dir=Path(folder), agents_dir=Path(agents),
                                        key_file=Path(key), demo=False)).open()
application.accounts.sync(ws, account)
"""


@pytest.fixture
def shop() -> Iterator[ShopStandIn]:
    with shop_stand_in() as stand_in:
        stand_in.cost, stand_in.polls = 0.0, 0
        stand_in.products = [product_node(n, "2026-11-01T00:00:00Z") for n in range(1, PRODUCTS + 1)]
        stand_in.customers = [customer_node(n, "2026-11-01T00:00:00Z") for n in range(1, CUSTOMERS + 1)]
        yield stand_in


def brought(application: Application, ws: str) -> list[str]:
    """The keys of everything that was published, page by page."""
    found, before = [], None
    while page := application.events.find(ws, prefix="ionflux.shopify", before=before, limit=200):
        found += [str(event.dedup_key) for event in page]
        before = page[-1].seq
    return found


def test_a_killed_process_loses_nothing_and_doubles_nothing(
    make_application: Callable[..., Application], shop: ShopStandIn, tmp_path: Path, data_dir: Path, agents_dir: Path
) -> None:
    application = make_application()
    ws = application.workspaces.create("Ours").id
    application.workspaces.save_settings(ws, {"outbound_allow": [f"127.0.0.1:{shop.port}"]})
    values = {"shop": DOMAIN, "token": TOKEN, "api_url": shop.url}
    account = application.accounts.test(ws, application.accounts.save(ws, "shopify", "Shop", values).id)
    files: list[str] = []

    def second_hangs(name: str) -> Answer | None:
        files.extend([name] * (name == "file"))
        return Answer(hangs=True) if name == "file" and len(files) == 2 else None

    shop.before = second_hangs
    arguments = [str(each) for each in (data_dir, agents_dir, tmp_path / "key", ws, account.id)]
    process = subprocess.Popen([sys.executable, "-c", SYNCING, *arguments], cwd=ROOT)
    deadline = time.monotonic() + 20
    while len(files) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = brought(application, ws)
    assert len(before) == PRODUCTS, "the file of the customers hangs"
    left = application.accounts.get(ws, account.id)
    assert left.sync_error and left.sync_error["code"] == "unfinished" and left.cursor["products"]["since"]
    later = ids.now() + timedelta(seconds=LEASE_SECONDS + 1)
    ids.set_clock(lambda: later)
    application.accounts.nightly()
    after = brought(application, ws)
    assert len(after) == len(set(after)) == PRODUCTS + CUSTOMERS and set(before) < set(after)
    done = application.accounts.get(ws, account.id)
    assert done.sync_error is None and done.synced == {"ionflux.shopify.customer.imported": CUSTOMERS}
