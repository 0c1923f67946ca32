"""Who will buy, what a person is worth, who belongs together: every aim with what was measured beside it."""
