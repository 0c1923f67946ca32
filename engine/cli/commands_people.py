"""The commands about contacts and their events: a part of the table in commands.py, under its rules."""

from __future__ import annotations

from engine.cli.command import Command

CONTACTS = (
    Command(
        "people", "contact import", "FILE | --from CRM", "add and update people from CSV, Parquet, HubSpot, Salesforce",
        "engine.cli.contact_import:import_contacts",
        ("sojourn contact import people.csv --dry-run", "sojourn contact import people.csv --map plz=postcode",
         "sojourn contact import people.csv --consent promo,onboarding", "sojourn contact import people.parquet",
         "sojourn contact import --from hubspot --map jobtitle=job"),
    ),
    Command(
        "people", "contact show", "ID [--history]", "one person: attributes, addresses, consents, journeys",
        "engine.cli.contact:show", ("sojourn contact show lena@shop.example",),
    ),
    Command(
        "people", "contact timeline", "ID [--since 7d]", "what happened to one person, line by line",
        "engine.cli.timeline:timeline", ("sojourn contact timeline c_1042 --since 7d",),
    ),
    Command(
        "people", "contact merges", "[ID] [--proposed]", "which contacts turned out to be one person, or may be",
        "engine.cli.contact_merge:merges",
        ("sojourn contact merges", "sojourn contact merges lena@shop.example", "sojourn contact merges --proposed"),
    ),
    Command(
        "people", "contact merge", "KEEP OTHER [--apart]", "make two contacts one, or say that they are two",
        "engine.cli.contact_merge:merge",
        ("sojourn contact merge c_1042 c_2310", "sojourn contact merge c_1042 c_2310 --apart"),
    ),
    Command(
        "people", "contact unmerge", "MERGE", "take a merge back, for thirty days", "engine.cli.contact_merge:unmerge",
        ("sojourn contact unmerge 3f0c8a7be5d21f90",),
    ),
    Command(
        "people", "contact suppress", "ADDRESS --channel email", "never write to this address again",
        "engine.cli.contact:suppress", ("sojourn contact suppress lena@shop.example",),
    ),
    Command(
        "people", "contact consent", "ID [--grant T] [--withdraw T]", "what one person agreed to, and the proof",
        "engine.cli.contact_consent:consent",
        ("sojourn contact consent c_1042", 'sojourn contact consent c_1042 --grant promo --proof "form 4711"',
         "sojourn contact consent c_1042 --withdraw profiling"),
    ),
    Command(
        "people", "contact export", "ID [-o FILE]", "everything the store knows about one person, as JSON",
        "engine.cli.contact_law:export", ("sojourn contact export lena@shop.example -o lena.json",),
    ),
    Command(
        "people", "contact erase", "ID | --file FILE", "forget people for good; figures still add up",
        "engine.cli.contact_law:erase",
        ("sojourn contact erase lena@shop.example", "sojourn contact erase --file requests.txt --yes"),
    ),
    Command(
        "people", "contact readmit", "ID|ADDRESS", "let somebody in again who was erased",
        "engine.cli.contact_law:readmit", ("sojourn contact readmit lena@shop.example",),
    ),
    Command(
        "people", "event send", "NAME --contact ID [k=v ...]", "say that something happened to one person",
        "engine.cli.event:send",
        ("sojourn event send cart_abandoned --contact c_1042 cart_id=A77 value=64.9 items_count=2",
         'sojourn event send order_placed --contact c_1042 total=64.9 --at "2026-03-01 18:52"'),
    ),
    Command(
        "people", "event import", "FILE", "record events from a CSV, Parquet or JSONL file",
        "engine.cli.event_import:import_events",
        ("sojourn event import orders.csv", "sojourn event import events.jsonl --start",
         "sojourn event import orders.parquet"),
    ),
    Command(
        "people", "event problems", "[--since 7d] [--source S]", "what was refused on its way in, and why",
        "engine.cli.event_problems:problems",
        ("sojourn event problems", "sojourn event problems --since 1h --source shop --json"),
    ),
)  # fmt: skip
