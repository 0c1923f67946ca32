"""What `set` writes suits the attribute."""

from __future__ import annotations

import pytest
from kit_copy import with_states


@pytest.mark.parametrize(
    ("value", "fine"), [("gold", True), ("{a: 1}", False), ("wood", False), ("none", False), ('"=contact.tier"', True)]
)
def test_a_contact_is_given_values_of_the_attributes_type(value: str, fine: bool) -> None:
    found = with_states(f"a: {{set: {{contact.tier: {value}}}}}\nb: {{send: email/cart_plain}}")
    assert [one.code for one in found.problems if one.severity == "error"] == ([] if fine else ["X302"])
