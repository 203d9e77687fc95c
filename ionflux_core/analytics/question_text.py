"""What a question of a person may say: one SELECT over the named tables with harmless functions.

The text is judged by the database's own parse tree, never by its letters. Everything is refused that is not allowed by
name: kinds of nodes, tables, functions. A function that makes long texts out of short ones is not among them, nor one
that compares each letter of a text with each of another: it does so in one go, and no limit of time or memory stops it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ionflux_core.analytics import question_growth
from ionflux_core.analytics.question_errors import readable, refused
from ionflux_core.errors import LimitExceeded
from ionflux_core.limits import SQL_CHARS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What stands in a parse tree besides expressions: queries, what they read from, and how their rows are ordered and cut.
_NODES: Final = frozenset(
    {
        "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY",
        "TABLE_FUNCTION", "EXPRESSION_LIST", "DISTINCT_MODIFIER", "ORDER_MODIFIER", "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING",
    }
)  # fmt: skip
_EXPRESSIONS: Final = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "OPERATOR", "PARAMETER", "STAR", "SUBQUERY", "TYPE", "WINDOW", "POSITIONAL_REFERENCE",
    }
)  # fmt: skip
_TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})
_FUNCTION_NAMES: Final = """
    count count_star count_if countif sum avg mean min max median mode quantile quantile_cont quantile_disc
    approx_count_distinct approx_quantile stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop
    covar_samp regr_slope regr_intercept regr_r2 skewness kurtosis entropy first last any_value arbitrary arg_max
    arg_min argmax argmin max_by min_by bool_and bool_or bit_and bit_or bit_xor product fsum sumkahan kahan_sum favg
    list array_agg string_agg group_concat histogram grouping grouping_id
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    abs ceil ceiling floor round trunc sign sqrt cbrt exp ln log log2 log10 pow power mod greatest least pi degrees
    radians sin cos tan asin acos atan atan2 isnan isinf isfinite even add subtract multiply divide
    lower upper lcase ucase length len strlen trim ltrim rtrim left right substr substring split_part strpos instr
    position starts_with ends_with suffix prefix contains reverse concat ascii chr nullif coalesce ifnull if
    regexp_matches regexp_full_match regexp_extract regexp_like like_escape not_like_escape ilike_escape
    not_ilike_escape string_split str_split split hamming jaccard md5 sha256 hash
    date_trunc datetrunc date_part datepart date_diff datediff date_sub datesub date_add year month day quarter week
    weekday dayofweek dayofyear isodow isoyear hour minute second millisecond epoch epoch_ms epoch_us extract
    strftime strptime try_strptime make_date make_timestamp to_timestamp to_seconds to_minutes to_hours to_days
    to_weeks to_months to_years age last_day monthname dayname time_bucket now current_date current_timestamp today
    get_current_timestamp date timezone
    list_contains array_contains list_has list_value list_extract list_element array_extract list_sort list_distinct
    list_sum list_avg list_min list_max list_count list_transform list_filter list_slice array_slice array_length
    list_any_value list_apply unnest isnull struct_pack struct_extract row map map_keys map_values element_at
    json_extract json_extract_string json_array_length json_type json_keys json_valid try_cast typeof error_or_null
"""
FUNCTIONS: Final = frozenset(_FUNCTION_NAMES.split())
# Over a window only what can be stopped: others, such as `mode`, work on each frame anew and do not hear the clock.
_OVER_NAMES: Final = """
    count count_star count_if countif sum avg mean min max median quantile_cont quantile_disc stddev stddev_pop
    stddev_samp variance var_pop var_samp bool_and bool_or first last any_value arg_max arg_min max_by min_by
"""
_OVER: Final = frozenset(_OVER_NAMES.split())
_PATTERNS: Final = frozenset(
    {
        "regexp_matches", "regexp_full_match", "regexp_extract", "regexp_like", "strftime", "strptime", "try_strptime",
    }
)  # fmt: skip
_PATTERN_CHARS: Final = 200
_PATTERN_TIMES: Final = 30
_TIMES: Final = re.compile(r"\d+(?=[,\d]*\})")


@dataclass(frozen=True, slots=True)
class Statement:
    """The one statement of a text: its own words, where they begin in bytes, and the tables it reads."""

    sql: str
    begin: int
    tables: frozenset[str]


def checked(cursor: DuckDBPyConnection, sql: str, tables: Collection[str]) -> Statement:
    """The one statement of a text; Invalid says what it may not do, and where."""
    import duckdb

    if len(sql) > SQL_CHARS:
        raise LimitExceeded(f"The query is longer than {SQL_CHARS} characters.", hint="Make it shorter.")
    if any("\ud800" <= letter <= "\udfff" for letter in sql):
        raise refused("It holds half a character.", "Write it anew where it was pasted from.")
    begin = 0
    try:
        statements = cursor.extract_statements(sql)
        if len(statements) != 1:
            raise refused("It holds no statement." if not statements else "It holds more than one statement.")
        own = statements[0].query
        begin = len(sql[: max(sql.find(own), 0)].encode(errors="replace"))
        row = cursor.execute("SELECT json_serialize_sql($1::VARCHAR)", [own]).fetchone()
        tree = json.loads(row[0]) if row else {}
    except duckdb.Error as error:
        raise readable(error, tables, sql, begin) from error
    except RecursionError as error:
        raise LimitExceeded("The query is nested too deeply.", hint="Make it simpler.") from error
    if tree.get("error") or len(tree.get("statements", ())) != 1:
        raise refused("It is not a SELECT.")
    node = tree["statements"][0]["node"]
    read = frozenset(_Look(sql, begin, tables).at(node))
    try:
        if question_growth.tables_read(node) > question_growth.TABLES_READ:
            raise _too_much("It reads its tables too often.")
        if question_growth.terms(node) > question_growth.TERMS:
            raise _too_much("Its columns are made of one another too often.")
    except RecursionError as error:
        raise LimitExceeded("The query is nested too deeply.", hint="Make it simpler.") from error
    return Statement(own, begin, read)


def _too_much(why: str) -> LimitExceeded:
    return LimitExceeded(f"The query is refused. {why}", hint="Use a name that was made of others only once.")


@dataclass(frozen=True, slots=True)
class _Look:
    """A look at every node of a parse tree; it ends with Invalid at the first that is not allowed."""

    sql: str
    begin: int
    tables: Collection[str]

    def at(self, tree: Any) -> Iterator[str]:
        """The tables of a tree, each node of which was looked at."""
        waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
        while waiting:
            node, named = waiting.pop()
            if isinstance(node, list):
                waiting.extend((item, named) for item in node)
            elif isinstance(node, dict):
                self._check_kind(node)
                if node.get("type") == "BASE_TABLE":
                    name = self._table(node, named)
                    if name is not None:
                        yield name
                waiting.extend(_below(node, named))

    def _check_kind(self, node: dict[str, Any]) -> None:
        kind, type_ = node.get("class"), node.get("type")
        if kind is not None and kind not in _EXPRESSIONS:
            raise self._refused(f"{_spoken(kind)} is not allowed.", node)
        if kind is None and isinstance(type_, str) and type_ not in _NODES:
            raise self._refused(f"{_spoken(type_)} is not allowed.", node)
        if type_ == "TABLE_FUNCTION":
            self._check_function(node["function"], _TABLE_FUNCTIONS, node)
        elif "function_name" in node and (node["function_name"] or kind == "FUNCTION"):
            self._check_function(node, _OVER if type_ == "WINDOW_AGGREGATE" else FUNCTIONS, node)
            self._check_pattern(node)

    def _check_function(self, node: dict[str, Any], allowed: frozenset[str], place: dict[str, Any]) -> None:
        name, path = str(node.get("function_name", "")).lower(), _path(node)
        is_operator = not any(letter.isalnum() or letter == "_" for letter in name)
        if node.get("schema") or node.get("catalog") or len(path) > 1 or not (is_operator or name in allowed):
            raise self._refused(f"The function {name[:60]} is not allowed.", place)

    def _check_pattern(self, node: dict[str, Any]) -> None:
        """A pattern stands there as it is, and is small: a large one takes minutes over one long text."""
        if str(node.get("function_name", "")).lower() not in _PATTERNS:
            return
        given = [each for each in node.get("arguments") or () if isinstance(each, dict)]
        for pattern in given if any(each.get("name") for each in given) else given[1:2]:
            written = pattern.get("expression") or {}
            text = (written.get("literal") or {}).get("text") if written.get("class") == "CONSTANT" else None
            if not isinstance(text, str):
                raise self._refused("A pattern has to be written out, in quotes.", node)
            if len(text) > _PATTERN_CHARS or any(int(each) > _PATTERN_TIMES for each in _TIMES.findall(text)):
                raise self._refused(
                    f"A pattern has at most {_PATTERN_CHARS} characters and repeats at most {_PATTERN_TIMES} times.",
                    node,
                )

    def _table(self, node: dict[str, Any], named: frozenset[str]) -> str | None:
        """The name of a table; None for one that the query itself has named."""
        path, name = _path(node), question_growth.folded(node.get("table_name"))
        if node.get("schema_name") or node.get("catalog_name") or len(path) > 1 or node.get("at_clause"):
            spelled = ".".join(map(str, path))[:80]
            raise self._refused(f"Tables are named without a place before them, not {spelled}.", node)
        if name in named:
            return None
        if name not in self.tables:
            hint = f"These are there: {', '.join(self.tables)}."
            raise self._refused(f"There is no table {name[:60]!r}.", node, hint)
        return name

    def _refused(self, why: str, node: dict[str, Any], *hint: str) -> Exception:
        at = node.get("query_location")
        return refused(why, *hint, sql=self.sql, at=at + self.begin if isinstance(at, int) else None)


def _below(node: dict[str, Any], named: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
    """What lies below a node, each with the names that WITH has made known there, and no name before it is made."""
    own = {question_growth.folded(node.get("cte_name"))} if node.get("type") == "RECURSIVE_CTE_NODE" else set()
    for entry in (node.get("cte_map") or {}).get("map") or ():
        yield entry["value"], named
        named |= {question_growth.folded(entry["key"])}
    if node.get("type") == "TABLE_FUNCTION":
        # Its own name was looked at: what makes rows one by one may make a whole list in one go elsewhere.
        looked_at = ("class", "type", "function_name")
        node = {**node, "function": {key: value for key, value in node["function"].items() if key not in looked_at}}
    for key, value in node.items():
        if key != "cte_map":
            # What a recursion begins with does not know its name yet: there it would be the cache's own table.
            yield value, named if key == "left" else named | own


def _path(node: dict[str, Any]) -> list[Any]:
    """The parts of a name, the place before it included."""
    return (node.get("qualified_name") or {}).get("path") or [""]


def _spoken(kind: Any) -> str:
    return str(kind)[:40].lower().replace("_", " ")
