"""How the API's lists are paged.

What a workspace holds (runs, instances, triggers ...) comes as `{noun: [...], cursor}`; the cursor asks for the next
page. The parts of one thing (a run's steps, its log, an instance's versions) are a plain array, read on with `offset`;
while there is more, the header `Link: <...>; rel="next"` says where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from fastapi import Query, Request, Response

Row = TypeVar("Row")
Key = TypeVar("Key", str, int)

Place = Annotated[int, Query(ge=0, le=1_000_000, description="How many rows to pass over.")]


def page(
    rows: Iterable[Row], key: Callable[[Row], Key], *, cursor: Key | None, limit: int
) -> tuple[list[Row], Key | None]:
    """The rows behind the cursor in the order of their keys, and the next page's cursor; None on the last page."""
    left = sorted((row for row in rows if cursor is None or key(row) > cursor), key=key)
    return left[:limit], key(left[limit - 1]) if len(left) > limit else None


def part(rows: list[Row], request: Request, response: Response, *, offset: int, limit: int) -> list[Row]:
    """This page of rows read from `offset` on: one more than `limit` was read to know whether a link must follow."""
    if len(rows) > limit:
        following = request.url.include_query_params(offset=offset + limit, limit=limit)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return rows[:limit]
