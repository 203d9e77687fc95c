"""Shopify's CSV export in all the shapes it arrives in."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest

from ionflux_core.catalog.loader import Catalog
from ionflux_core.sdk import Invalid

Catalog([Path(__file__).parents[1]]).code("revenue_tracker")
text = import_module("ionflux_agents.revenue_tracker.csv_text")
export = import_module("ionflux_agents.revenue_tracker.csv_export")
parse_order = import_module("ionflux_agents.revenue_tracker.orders").parse_order

HEADER = (
    "Name,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Refunded Amount,Id"
)
FIRST = "#1,paid,,fulfilled,EUR,90.00,10.00,0.00,100.00,10.00,2026-11-19 15:30:00 -0300,2,Café tee,30.00,A,0.00,111"
SECOND = "#1,,,,,,,,,,2026-11-19 15:30:00 -0300,1,Mug,40.00,B,,"
OTHER = "#2,paid,,,EUR,20.00,0.00,0.00,20.00,0.00,2026-11-19 16:00:00 -0300,1,Mug,20.00,B,5.00,112"
FILE = "\n".join([HEADER, FIRST, SECOND, OTHER]) + "\n"


def read(data: bytes) -> list[dict[str, object]]:
    found = export.read_csv(text.decode(data))
    assert found.rejected == []
    return [raw for _, raw, _ in found.orders]


def european(source: str) -> str:
    """The same file as a European spreadsheet writes it."""
    rows = [line.replace(",", ";") for line in source.splitlines()]
    return "\n".join([rows[0], *(row.replace(".00", ",00") for row in rows[1:])]) + "\n"


VARIANTS = {
    "utf-8": FILE.encode(),
    "utf-8 with mark": FILE.encode("utf-8-sig"),
    "utf-16": FILE.encode("utf-16"),
    "utf-16 without mark": FILE.encode("utf-16-le"),
    "windows-1252": FILE.encode("cp1252"),
    "tabs": FILE.replace(",", "\t").encode(),
    "semicolons, decimal comma": european(FILE).encode("cp1252"),
    "windows line ends": FILE.replace("\n", "\r\n").encode(),
    "separator line": ("sep=;\n" + FILE.replace(",", ";")).encode(),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_shape_of_the_file_gives_the_same_orders(name: str) -> None:
    assert read(VARIANTS[name]) == read(FILE.encode())


def test_rows_of_one_order_become_one_order_with_its_sums() -> None:
    first, second = (parse_order(raw) for raw in read(FILE.encode()))
    assert [(line.key, line.quantity, line.title) for line in first.lines] == [("A", 2, "Café tee"), ("B", 1, "Mug")]
    assert sum(line.net for line in first.lines) == 9000
    assert (first.id, first.shipping, first.charged) == ("111", 1000, 10000)
    assert (second.other_refunded, second.refunds) == (500, 1)


def test_tax_inside_or_on_top_is_told_by_what_adds_up() -> None:
    inside = FILE.replace("90.00,10.00,0.00,100.00", "90.00,10.00,19.00,100.00")
    on_top = FILE.replace("90.00,10.00,0.00,100.00", "90.00,10.00,19.00,119.00")
    assert read(inside.encode())[0]["taxes_included"] is True
    assert read(on_top.encode())[0]["taxes_included"] is False


def test_discount_on_shipping_is_what_the_goods_do_not_explain() -> None:
    row = FIRST.replace("90.00,10.00,0.00,100.00,10.00", "90.00,10.00,9.00,99.00,20.00")
    assert parse_order(read(FILE.replace(FIRST, row).encode())[0]).shipping == 0


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (OTHER.replace("20.00,0.00,0.00,20.00", "20.00,0.00,7.00,20.50"), "line 4"),
        (OTHER.replace("#2,", ""), "line 4"),
        (OTHER.replace("2026-11-19 16:00:00 -0300", "19/11/2026 16:00"), "line 4"),
        (OTHER.replace(",1,Mug", ",one,Mug"), "line 4"),
        (OTHER + ",extra,cells", "line 4"),
        (OTHER.replace("#2", '"#2'), "line 4"),
    ],
)
def test_bad_row_is_named_by_line_and_kept_while_the_rest_is_read(bad: str, line: str) -> None:
    third = OTHER.replace("#2", "#3").replace("112", "113")
    found = export.read_csv("\n".join([HEADER, third, third.replace("#3", "#4").replace("113", "114"), bad]))
    assert found.rejected[0].where.replace("lines", "line").endswith(line.split()[1])
    assert found.rejected[0].hint and bad.split(",")[-1] in found.rejected[0].raw
    assert "#3" in [raw["name"] for _, raw, _ in found.orders]


def test_unreadable_row_inside_an_order_refuses_the_whole_order() -> None:
    found = export.read_csv("\n".join([HEADER, FIRST, SECOND + ",too,many", OTHER]))
    assert [raw["name"] for _, raw, _ in found.orders] == ["#2"]
    assert found.rejected[0].raw == FIRST + "\n" + SECOND + ",too,many\n"


def test_rows_of_an_order_that_are_apart_still_belong_together() -> None:
    found = export.read_csv("\n".join([HEADER, FIRST, OTHER, SECOND]))
    assert [len(raw["line_items"]) for _, raw, _ in found.orders] == [2, 1]


@pytest.mark.parametrize(
    ("cell", "style", "value"),
    [
        ("12,50", "?", "12.50"),
        ("1.234,56", "?", "1234.56"),
        ("1 234,56", "?", "1234.56"),
        ("1,234.56", "?", "1234.56"),
        ("1,234", ".", "1234"),
        ("1.234", ",", "1234"),
        ("1.234.567", "?", "1234567"),
        ("1.234", ".", "1.234"),
        ("0.500", "?", "0.500"),
        ("1234", "?", "1234"),
    ],
)
def test_numbers_are_read_as_the_file_writes_them(cell: str, style: str, value: str) -> None:
    assert text.read_decimal(cell, style, "cell") == Decimal(value)


@pytest.mark.parametrize(("cell", "style"), [("1,234", "?"), ("1.234", "?"), ("1,234", "!"), ("1,234", ",")])
def test_number_that_may_be_thousands_is_refused(cell: str, style: str) -> None:
    with pytest.raises(Invalid, match="thousands or decimals"):
        text.read_decimal(cell, style, "cell")


def test_other_files_are_refused_with_the_column_that_is_missing() -> None:
    with pytest.raises(Invalid, match="Created at"):
        export.read_csv("Name,Email\n#1,a@b.c\n")
    with pytest.raises(Invalid):
        export.read_csv("")
