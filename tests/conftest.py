"""What tests share: applications on temporary data, both databases, agents written on the spot.

`make_application(agents_dir=..., **settings)` gives an application that is open; call `.start()` to execute runs, or
take the fixture `application`, which is started. A test that takes `database_url` runs on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ionflux_core import ids
from ionflux_core.application import Application, set_current
from ionflux_core.catalog.scaffold import scaffold
from ionflux_core.settings import Settings, load_settings
from ionflux_core.storage.engine import Database
from ionflux_core.storage.schema import migrate

if TYPE_CHECKING:
    from tests.postgres import Schemas

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("IONFLUX_TEST_POSTGRES_URL", "")

MakeApplication = Callable[..., Application]
MakeAgent = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable of the person's shell reaches a test, and no test leaves a clock or an application behind."""
    for name in os.environ:
        if name.startswith("IONFLUX_") and not name.startswith("IONFLUX_TEST_"):
            monkeypatch.delenv(name)
    yield
    ids.set_clock(None)
    set_current(None)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder of this test alone."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "ionflux.sqlite"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def schemas() -> Iterator[Schemas]:
    """The PostgreSQL server, where migrating takes longer still."""
    from tests.postgres import Schemas

    made = Schemas(POSTGRES.replace("postgresql+psycopg://", "postgresql://", 1))
    yield made
    made.close()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgres",
            marks=[
                pytest.mark.postgres,
                pytest.mark.skipif(
                    not POSTGRES,
                    reason="no PostgreSQL: apt-get install postgresql, then set IONFLUX_TEST_POSTGRES_URL",
                ),
            ],
        ),
    ]
)
def database_url(request: pytest.FixtureRequest, data_dir: Path, empty_sqlite: Path) -> Iterator[str]:
    """The address of an empty, migrated database: SQLite, and PostgreSQL in a schema of this test alone."""
    if request.param == "sqlite":
        shutil.copy(empty_sqlite, data_dir / "ionflux.sqlite")
        yield f"sqlite:///{data_dir / 'ionflux.sqlite'}"
        return
    schemas: Schemas = request.getfixturevalue("schemas")
    name = schemas.take()
    yield schemas.address(name)
    schemas.give_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A handle on an empty, migrated database, of both kinds."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def agents_dir(tmp_path: Path) -> Path:
    """A folder with one small agent, `word_counter`: input `text`, output `report`, KPI `words`."""
    folder = tmp_path / "agents"
    scaffold("word counter", folder)
    return folder


@pytest.fixture
def make_agent(agents_dir: Path) -> MakeAgent:
    """Write one more agent: `make_agent(slug, code, manifest="yaml lines")` beside `word_counter`; its folder."""

    def make(slug: str, code: str, *, manifest: str = "") -> Path:
        place = agents_dir / slug
        place.mkdir(parents=True)
        more = textwrap.dedent(manifest) or _PORTS
        (place / "agent.yaml").write_text(_MANIFEST.format(slug=slug) + more, encoding="utf-8")
        (place / "agent.py").write_text(textwrap.dedent(code), encoding="utf-8")
        return place

    return make


_MANIFEST = """\
slug: {slug}
id: agent_{slug}
name: {slug}
version: "1.0.0"
status: experimental
narrative: {{tagline: For a test., introduction: For a test.}}
triggers:
  - {{key: by_hand, type: manual, config: {{form: true}}}}
"""
_PORTS = """\
inputs:
  - {key: value, type: json, runtime_promptable: true, from_trigger: true}
outputs:
  - {key: result, type: json}
"""


@pytest.fixture
def settings(data_dir: Path, agents_dir: Path, tmp_path: Path) -> Settings:
    """Settings of a quick application: SQLite in a temporary folder, two workers, no demo."""
    return _settings(data_dir, agents_dir, tmp_path)


def _settings(data_dir: Path, agents_dir: Path, tmp_path: Path, **overrides: Any) -> Settings:
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "agents_dir": agents_dir,
        "key_file": tmp_path / "key",
        "workers": 2,
        "scheduler": False,
        "demo": False,
        "lease_seconds": 2.0,
    }
    return load_settings(_env_file=None, **(values | overrides))


@pytest.fixture
def make_application(data_dir: Path, agents_dir: Path, empty_sqlite: Path, tmp_path: Path) -> Iterator[MakeApplication]:
    """Applications over the same data, as many processes would be; each is stopped at the end of the test."""
    made: list[Application] = []

    def make(**overrides: Any) -> Application:
        chosen = _settings(data_dir, overrides.pop("agents_dir", agents_dir), tmp_path, **overrides)
        if not chosen.database_url and not (chosen.data_dir / "ionflux.sqlite").exists():
            chosen.data_dir.mkdir(parents=True, exist_ok=True)
            shutil.copy(empty_sqlite, chosen.data_dir / "ionflux.sqlite")
        application = Application(chosen).open()
        made.append(application)
        return application

    yield make
    for application in made:
        application.stop()


@pytest.fixture
def application(make_application: MakeApplication) -> Application:
    """A started application with the agent `word_counter` and one workspace."""
    started = make_application().start()
    started.workspaces.create("Test")
    return started
