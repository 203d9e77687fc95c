"""The REST API under /api/v1: one FastAPI application with its own documentation page, made on first use."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from ionflux_core import __version__
from ionflux_core.application import Application
from ionflux_core.errors import IonfluxError, Problem
from ionflux_core.web import (
    api_accounts,
    api_agents,
    api_alerts,
    api_approvals,
    api_canvas,
    api_chat,
    api_compare,
    api_events,
    api_flows,
    api_lineage,
    api_metrics,
    api_money,
    api_notifications,
    api_playbooks,
    api_policies,
    api_prompts,
    api_retention,
    api_runs,
    api_search,
    api_secrets,
    api_sql,
    api_transforms,
    api_value,
    api_views,
    api_workspaces,
)
from ionflux_core.web.api_here import PROBLEMS
from ionflux_core.web.api_page import api_page
from ionflux_core.web.problems import as_dict, problem, problem_of, unexpected

# Comparing and searching come first: /runs/compare would else be a run called "compare".
_PARTS = (
    api_compare,
    api_search,
    api_runs,
    api_lineage,
    api_approvals,
    api_policies,
    api_agents,
    api_workspaces,
    api_events,
    api_alerts,
    api_money,
    api_canvas,
    api_chat,
    api_prompts,
    api_notifications,
    api_flows,
    api_playbooks,
    api_transforms,
    api_secrets,
    api_sql,
    api_metrics,
    api_value,
    api_views,
    api_accounts,
    api_retention,
)
_DESCRIPTION = (
    "Start, watch and steer runs; configure agents; publish events; read figures. On loopback no token is needed; "
    "elsewhere send `Authorization: Bearer <token>`. Name the workspace in the header `X-Ionflux-Workspace` or the "
    "parameter `workspace` (id or name); without either it is the first one. Errors are RFC 9457 problem documents."
)


def make_api(application: Application) -> FastAPI:
    """The API of an application, to be mounted below /api/v1."""
    api = FastAPI(
        title="IONFLUX",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=PROBLEMS,
        redirect_slashes=False,
    )
    api.state.application = application
    for part in _PARTS:
        api.include_router(part.router)
    api.add_exception_handler(IonfluxError, _of_ours)
    api.add_exception_handler(RequestValidationError, _of_fields)
    api.add_exception_handler(HTTPException, _of_http)
    api.add_exception_handler(Exception, _of_nobody)

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        """The documentation, on a page that loads nothing from elsewhere."""
        return HTMLResponse(api_page(api.openapi()))

    return api


def _of_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, IonfluxError)
    return problem_of(error)


def _of_fields(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field(detail) for detail in error.errors()]
    first = problems[0]
    return problem(
        422,
        f"{first.path}: {first.message}." if first.path else f"{first.message}.",
        code="invalid",
        hint="GET /api/v1/docs describes every field.",
        problems=[as_dict(each) for each in problems],
    )


def _field(detail: dict[str, Any]) -> Problem:
    # The first part says where the value lay: body, query, path or header.
    path = ".".join(str(part) for part in detail["loc"][1:]) or str(detail["loc"][0])
    return Problem(str(detail["msg"]).removeprefix("Value error, "), path=path[:200])


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(404, "There is no such address in the API.", code="not_found", hint="See /api/v1/docs.")
    if error.status_code == 405:
        allowed = _methods_at(request)
        return problem(
            405,
            f"{request.method} is not possible here.",
            code="method_not_allowed",
            hint=f"Possible: {allowed}.",
            headers={"Allow": allowed},
        )
    return problem(error.status_code, str(error.detail), code="refused")


def _methods_at(request: Request) -> str:
    """Every method that some route takes at this path; Starlette names only those of the first one."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes = [route for part in _PARTS for route in part.router.routes if isinstance(route, APIRoute)]
    return ", ".join(
        sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})
    )


def _of_nobody(_: Request, error: Exception) -> Response:
    return unexpected(error)
