"""How the API's lists are paged: rows in the order of a key, and a cursor that says where the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from fastapi import Query

Row = TypeVar("Row")
Key = TypeVar("Key", str, int)

Place = Annotated[int, Query(ge=0, le=1_000_000)]


def page(
    rows: Iterable[Row], key: Callable[[Row], Key], *, cursor: Key | None, limit: int, newest_first: bool = False
) -> tuple[list[Row], Key | None]:
    """The rows behind the cursor in the order of their keys, and the next page's cursor; None on the last page."""

    def is_behind(row: Row) -> bool:
        if cursor is None:
            return True
        return key(row) < cursor if newest_first else key(row) > cursor

    left = sorted(filter(is_behind, rows), key=key, reverse=newest_first)
    return left[:limit], key(left[limit - 1]) if len(left) > limit else None
