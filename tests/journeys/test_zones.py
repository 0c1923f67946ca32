"""Whose clock: the zone of a contact."""

from __future__ import annotations

import pytest

from journeys.zones import zone_of


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"timezone": "Europe/Rome", "country": "FR"}, "Europe/Rome"),
        ({"country": "FR"}, "Europe/Paris"),
        ({"country": " fr "}, "Europe/Paris"),
        ({"country": "DE"}, "Europe/Berlin"),
        ({"country": "US"}, None),
        ({"country": "ES"}, None),
        ({"country": "XX"}, None),
        ({"timezone": "Mars/Base"}, None),
        ({"timezone": "Mars/Base", "country": "IT"}, "Europe/Rome"),
        ({"timezone": "../../etc/passwd"}, None),
        ({"timezone": "", "country": None}, None),
        ({"timezone": 3, "country": 4}, None),
        ({}, None),
    ],
)
def test_a_zone_comes_from_the_contact_or_its_country(attributes, expected):
    found = zone_of(attributes)
    assert (found.key if found else None) == expected


def test_zones_are_kept():
    assert zone_of({"country": "FR"}) is zone_of({"timezone": "Europe/Paris"})
