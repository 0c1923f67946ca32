"""The way from one schema of the store to the next: one reversible, named step per file in versions/."""

STEPS = ("0001_start", "0002_versions", "0003_choice", "0004_shadow", "0005_replay", "0006_placed")
"""The names of all steps, oldest first; the last one is the schema that this program needs."""
