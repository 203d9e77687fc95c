"""Invented customers of the demo shop: made-up names and towns, addresses at example.com only."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final

_GIVEN: Final = (
    "Alma", "Bryn", "Calla", "Dario", "Esme", "Finley", "Greta", "Hollis", "Imre", "Juno", "Kestrel", "Linnea",
    "Marlo", "Nadia", "Orla", "Pia", "Quill", "Rowan", "Sorrel", "Tamsin", "Ulla", "Vesper", "Wren", "Yara", "Zeno",
)  # fmt: skip
_FAMILY: Final = (
    "Ambergate", "Brackwell", "Cinderford", "Dunmarrow", "Elmsworth", "Fernhollow", "Gladewright", "Hartleap",
    "Inglemoor", "Juniperson", "Kettlebrook", "Larkfield", "Mossgrove", "Nettlecombe", "Oakhanger", "Pennyfern",
    "Quillmere", "Ravenscar", "Saltmarsh", "Thistledown", "Underhay", "Vinterholm", "Willowmane", "Yarrowby",
)  # fmt: skip
_TOWNS: Final = ("Larkspur Falls", "Cactus Bend", "Juniper Ridge", "Millpond", "Copper Hollow", "Bramble Cross")
_STREETS: Final = ("Saguaro Lane", "Thimble Street", "Heron Way", "Quarry Road", "Mulberry Court", "Lantern Hill")


@dataclass(frozen=True, slots=True)
class Place:
    """Where orders go: the currency shown there, the tax in per mille, and whether prices include it."""

    country: str
    country_code: str
    province: str
    province_code: str
    zip_prefix: str
    currency: str
    tax_name: str
    tax_per_mille: int
    taxes_included: bool
    weight: int


_PLACES: Final = (
    Place("United States", "US", "Arizona", "AZ", "850", "USD", "Arizona sales tax", 86, False, 34),
    Place("United States", "US", "California", "CA", "900", "USD", "California sales tax", 73, False, 26),
    Place("United States", "US", "Oregon", "OR", "970", "USD", "", 0, False, 16),
    Place("United States", "US", "Colorado", "CO", "800", "USD", "", 0, False, 16),
    Place("Germany", "DE", "", "", "101", "EUR", "DE VAT", 190, True, 3),
    Place("Ireland", "IE", "", "", "D0", "EUR", "IE VAT", 230, True, 2),
    Place("United Kingdom", "GB", "", "", "ZZ", "GBP", "GB VAT", 200, True, 3),
)
_PLACE_WEIGHTS: Final = tuple(place.weight for place in _PLACES)


@dataclass(frozen=True, slots=True)
class Person:
    """One customer with the one place they order to."""

    number: int
    given: str
    family: str
    street: str
    town: str
    zip: str
    place: Place

    @property
    def email(self) -> str:
        """An address nobody owns."""
        return f"{self.given}.{self.family}.{self.number}@example.com".lower()

    def as_customer(self) -> dict[str, Any]:
        """The `customer` object of an order."""
        return {
            "id": 7_310_000_000_000 + self.number,
            "email": self.email,
            "first_name": self.given,
            "last_name": self.family,
            "state": "disabled",
            "verified_email": True,
            "phone": None,
            "tags": "",
        }

    def as_address(self) -> dict[str, Any]:
        """The `shipping_address` and `billing_address` object of an order."""
        place = self.place
        return {
            "first_name": self.given,
            "last_name": self.family,
            "name": f"{self.given} {self.family}",
            "company": None,
            "address1": self.street,
            "address2": None,
            "city": self.town,
            "zip": self.zip,
            "province": place.province or None,
            "province_code": place.province_code or None,
            "country": place.country,
            "country_code": place.country_code,
            "phone": None,
        }


class Crowd:
    """The customers of one generated shop; whoever came before may come again."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._known: list[Person] = []

    def next(self) -> Person:
        """A returning customer about one time in four, else a new one."""
        rng = self._rng
        if self._known and rng.random() < 0.25:
            return self._known[int(rng.random() * len(self._known))]
        person = person_of(rng, len(self._known) + 1)
        self._known.append(person)
        return person


def person_of(rng: Random, number: int) -> Person:
    """A newly invented customer."""
    place = rng.choices(_PLACES, _PLACE_WEIGHTS)[0]
    return Person(
        number=number,
        given=rng.choice(_GIVEN),
        family=rng.choice(_FAMILY),
        street=f"{rng.randint(1, 240)} {rng.choice(_STREETS)}",
        town=rng.choice(_TOWNS),
        zip=f"{place.zip_prefix}{rng.randint(10, 99)}",
        place=place,
    )
