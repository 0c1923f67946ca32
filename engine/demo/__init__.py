"""The demo: an invented shop before the real engine, ninety virtual days, real mails in a folder and one report.

Rules
- Nothing here decides anything about a message: journeys, gate, choice, delivery and learning are the engine's.
- All that it writes follows from the seed: the same seed gives the same mails and the same report, byte for byte.
- What the simulation knows and a shop could not stands apart, and says so.
"""
