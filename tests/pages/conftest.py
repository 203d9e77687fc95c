"""What page tests share: an application that the pages find, and its workspace."""

from __future__ import annotations

import pytest

from ionflux_core.application import Application, set_current


@pytest.fixture
def app(application: Application) -> Application:
    """The started application of the test, as the pages find it."""
    set_current(application)
    return application


@pytest.fixture
def ws(app: Application) -> str:
    """The id of its workspace."""
    return app.workspaces.all()[0].id
