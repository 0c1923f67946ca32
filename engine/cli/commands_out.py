"""The commands that hand something to others or compare groups: a part of the table in commands.py."""

from __future__ import annotations

from engine.cli.command import Command

OUT = (
    Command(
        "people", "audience list", "", "who is told of which segments, and what they know",
        "engine.cli.audience:list_audiences", ("sojourn audience list",),
    ),
    Command(
        "people", "audience push", "NAME | --all [--dry-run]", "tell an ad platform who came and who went, as hashes",
        "engine.cli.audience:push",
        ("sojourn audience push vip_google --dry-run", "sojourn audience push --all",
         "sojourn audience push vip_google --empty"),
    ),
    Command(
        "people", "segment kpis", "ID [--weeks 12]", "conversion, value, retention, engagement, fatigue, by week",
        "engine.cli.kpis:kpis", ("sojourn segment kpis lapsed_90d", "sojourn segment kpis vip --weeks 26 --json"),
    ),
    Command(
        "look", "experiment list", "", "what is compared on groups that people stay in",
        "engine.cli.experiment:list_experiments", ("sojourn experiment list",),
    ),
    Command(
        "look", "experiment report", "NAME", "which of the two is better, or that it cannot be told yet",
        "engine.cli.experiment:report", ("sojourn experiment report vip_rule --since 2026-03-01",),
    ),
    Command(
        "care", "export", "people|sends|decisions|outcomes [-o FILE]", "tables for other tools, as CSV or Parquet",
        "engine.cli.export:export",
        ("sojourn export people -o people.csv", "sojourn export sends --since 30d -o sends.parquet",
         "sojourn export decisions | head"),
    ),
)  # fmt: skip
