"""Questions that grow while they are read: short texts that stand for so many tables or terms that no limit of time
or memory comes before them. The database writes named queries and named columns out wherever they are used; a name
that is used twice by the next one, and that by the next, doubles with every line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

NAMED_QUERIES: Final = 100
TABLES_READ: Final = 500
TERMS: Final = 5_000


def folded(name: Any) -> str:
    """A name in small letters as the database compares them: other alphabets' letters are what they are."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in str(name or ""))


def tables_read(tree: Any) -> int:
    """How many tables a query reads once every named query stands where it is used; more than the limit is enough."""
    reads: dict[int, list[int]] = {0: []}
    waiting: list[tuple[Any, Mapping[str, int], int]] = [(tree, {}, 0)]
    while waiting:
        node, named, owner = waiting.pop()
        if isinstance(node, list):
            waiting.extend((item, named, owner) for item in node)
        elif isinstance(node, dict):
            for entry in (node.get("cte_map") or {}).get("map") or ():
                number = len(reads)
                if number > NAMED_QUERIES:
                    return TABLES_READ + 1
                reads[number] = []
                waiting.append((entry["value"], named, number))
                named = {**named, folded(entry["key"]): number}
            if node.get("type") == "BASE_TABLE":
                # A table of ours, and what a recursive query calls itself, is read once.
                reads[owner].append(named.get(folded(node.get("table_name")), -1))
            waiting.extend((value, named, owner) for key, value in node.items() if key != "cte_map")
    return _total(reads, 0, {})


def _total(reads: Mapping[int, list[int]], number: int, known: dict[int, int]) -> int:
    if number not in known:
        total = sum(1 if each < 0 else _total(reads, each, known) for each in reads[number])
        known[number] = min(max(total, 1), TABLES_READ + 1)
    return known[number]


def terms(query: Mapping[str, Any]) -> int:
    """How many terms a query has once every column stands for what it was made of, in the queries below it, too."""
    _, total = _made(query, {})
    return total


Made = Mapping[str, int]
# What a column without a name, or with another one given to it later, is counted as.
_ANY: Final = ""
# Behind a table's name: all its columns as one value.
_ROW: Final = "."


def _made(query: Any, named: Mapping[str, Made]) -> tuple[Made, int]:
    """What each column of a query is made of, as a number of terms, and the most of any query in it."""
    most = 0
    for entry in (query.get("cte_map") or {}).get("map") or ():
        inner, count = _made(_query_of(entry["value"]), named)
        named, most = {**named, folded(entry["key"]): _renamed(inner, entry["value"].get("aliases"))}, max(most, count)
    if query.get("type") == "SELECT_NODE":
        made, count = _of_select(query, named)
    else:
        made, count = {}, 0
        for side in _sides(query):
            other, more = _made(side, named)
            made = _joined(made, other) if not made else _renamed(made, (), at_least=max(other.values(), default=0))
            count = max(count, more)
    return made, max(most, count)


def _sides(query: Mapping[str, Any]) -> Iterator[Any]:
    for key in ("left", "right", "children"):
        side = query.get(key)
        yield from side if isinstance(side, list) else (side,) if isinstance(side, dict) else ()


def _of_select(select: Mapping[str, Any], named: Mapping[str, Made]) -> tuple[Made, int]:
    source, most = _source(select.get("from_table") or {}, named)
    # Below a query its own columns are known, too.
    known: dict[str, int] = {**named.get(_ANY, {}), **source}
    made: dict[str, int] = {}
    total = 0
    for item in select.get("select_list") or ():
        own = _size(item, known, named)
        total = min(total + own, TERMS + 1)
        if item.get("class") == "STAR":
            columns = _columns(source)
            plain = not item.get("expr") and not item.get("replace_list")
            made = dict(_joined(made, columns if plain else dict.fromkeys([*columns, _ANY], own)))
            continue
        name = folded(item.get("alias")) or folded((item.get("column_names") or [""])[-1])
        made[name] = known[name] = max(own, made.get(name, 0))
    rest = [value for key, value in select.items() if key not in ("select_list", "cte_map", "from_table")]
    return made, min(max(most, total + _size(rest, known, named)), TERMS + 1)


def _source(table: Mapping[str, Any], named: Mapping[str, Made]) -> tuple[Made, int]:
    """The columns of what a SELECT reads."""
    if table.get("type") == "BASE_TABLE":
        made, most = named.get(folded(table.get("table_name")), {}), 0
        return _as_source(made, table), most
    if table.get("type") == "SUBQUERY":
        made, most = _made(_query_of(table.get("subquery")), named)
        return _as_source(made, table), most
    joined: Made = {}
    most = 0
    for side in _sides(table):
        made, more = _source(side, {**named, _ANY: {**named.get(_ANY, {}), **joined}})
        joined, most = _joined(joined, made), max(most, more)
    return joined, most


def _as_source(made: Made, table: Mapping[str, Any]) -> Made:
    """Columns as who reads them may name them, and the whole row, which has the table's own name."""
    made = _renamed(made, table.get("column_name_alias"))
    row = folded(table.get("alias") or table.get("table_name")) + _ROW
    return {**made, row: min(sum(made.values()), TERMS + 1)}


def _columns(source: Made) -> Made:
    return {name: count for name, count in source.items() if not name.endswith(_ROW)}


def _size(tree: Any, known: Mapping[str, int], named: Mapping[str, Made]) -> int:
    """How many terms an expression has."""
    total, waiting = 1, [tree]
    while waiting and total <= TERMS:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            if node.get("class") == "COLUMN_REF" and node.get("column_names"):
                name = folded(node["column_names"][-1])
                total += max(known.get(name, known.get(_ANY, 0)), known.get(name + _ROW, 0))
            elif node.get("class") == "STAR":
                total += sum(_columns(known).values())
            elif node.get("class") == "SUBQUERY":
                made, most = _made(_query_of(node.get("subquery")), {**named, _ANY: known})
                total += max(most, sum(made.values()))
            waiting.extend(value for key, value in node.items() if key != "subquery")
    return min(total, TERMS + 1)


def _query_of(tree: Any) -> Any:
    """The query itself, whatever it is wrapped in."""
    while isinstance(tree, dict) and "type" not in tree and (inner := tree.get("query_node") or tree.get("node")):
        tree = inner
    return tree or {}


def _joined(one: Made, other: Made) -> Made:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {*one, *other}}


def _renamed(made: Made, names: Any, *, at_least: int = 0) -> Made:
    """Columns under other names: which is which is not looked at, so each counts as the largest."""
    if not made or not (names or at_least):
        return made
    largest = max(*made.values(), at_least)
    return dict.fromkeys([*made, *map(folded, names or ()), _ANY], largest)
