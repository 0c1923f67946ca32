"""What another policy would have earned, from what was logged; and when that cannot be said."""
