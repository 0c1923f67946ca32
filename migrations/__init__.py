"""The way from one schema of the store to the next: one reversible, named step per file in versions/."""

STEPS = (
    "0001_start",
    "0002_versions",
    "0003_choice",
    "0004_shadow",
    "0005_replay",
    "0006_placed",
    "0007_cluster",
    "0008_sending",
    "0009_law",
    "0010_profiles",
    "0011_segments",
    "0012_value",
    "0013_campaigns",
    "0014_care",
    "0015_out",
    "0016_answers",
)
"""The names of all steps, oldest first; the last one is the schema that this program needs."""
