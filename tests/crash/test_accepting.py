"""A process that is killed while a crowd of webhooks is being stored: whatever it has promised is there, whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.agents_for_tests.world import World, small_world
from tests.core.test_hooks import _world

__all__ = ["small_world"]

ROOT = Path(__file__).resolve().parents[2]
TAKING = """
from pathlib import Path
from ionflux_core.application import Application
from ionflux_core.services.hook_batches import Delivery, HookBatch
from ionflux_core.settings import load_settings
import sys
folder, agents, key, path = sys.argv[1:]
app = Application(load_settings(_env_file=None, data_dir=Path(folder), agents_dir=Path(agents), key_file=Path(key),
                                demo=False)).open()
for number in range(10_000):
    batch = HookBatch(app.hooks)
    sent = [Delivery(path, "POST", {"idempotency-key": f"{number}-{n % 7}"}, b"{}") for n in range(8)]
    answers = batch.finish([batch.check(each) for each in sent])
    print(*(f"{answer.status}:{answer.body['run_id']}" for answer in answers), flush=True)
"""


def test_whatever_was_answered_before_a_kill_is_there_and_nothing_is_half_there(small_world: World) -> None:
    trigger = _world(small_world, "none", ", per_minute: 100000")
    app, told = small_world.app, []
    settings = app.settings
    places = [str(each) for each in (settings.data_dir, settings.agents_dir, settings.key_file, trigger.hook_path)]
    with subprocess.Popen([sys.executable, "-c", TAKING, *places], stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        for _ in range(25):
            told += [answer.decode().split(":") for answer in child.stdout.readline().split()]
        child.kill()
        told += [answer.split(":") for line in child.stdout for answer in line.decode().split() if len(answer) == 40]
    stored = {row.id for row in small_world.rows("runs")}
    assert len(told) >= 200 and {run_id for _, run_id in told} <= stored
    assert sum(status == "202" for status, _ in told) == len({run_id for _, run_id in told})
    # A batch whose answers were on their way may be there, too; but never a part of it.
    assert len(stored) % 7 == 0 and len(small_world.rows("webhook_deliveries")) == len(stored)
    assert len(small_world.rows("trigger_log")) == len(stored) // 7 * 8
