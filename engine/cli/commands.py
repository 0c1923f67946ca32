"""Every command in one small table: shown by `sojourn --help`, and imported only when it is called.

Rules
- A command is a Typer function in its own module; its first parameter is `ctx: typer.Context`, and `ctx.obj` is the
  Session. It returns an Answer (or None when it has said everything itself).
- To add one: write the function, add a line here; those about contacts and their events stand in commands_people.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.cli.command import Command
from engine.cli.commands_out import OUT
from engine.cli.commands_people import CONTACTS

__all__ = ["COMMANDS", "GROUPS", "Command", "family", "find"]

GROUPS = {
    "start": "begin",
    "write": "journeys, as files",
    "try": "without sending anything",
    "run": "step people, send, learn",
    "look": "what happened, and why",
    "people": "contacts and their events",
    "care": "the store and the settings",
}


COMMANDS = (
    Command(
        "start", "init", "[DIR] [--from shop|saas|empty]", "make a project that works", "engine.cli.init:init",
        ("sojourn init shop", "sojourn init . --from empty"),
    ),
    Command(
        "start", "new", "[JOURNEY] --from STARTER | --list", "begin a journey from a starter, in this project",
        "engine.cli.new:new",
        ("sojourn new --list", "sojourn new basket --from cart", "sojourn new birthday --yes"),
    ),
    Command(
        "start", "demo", "[--contacts N] [--keep DIR]", "a made-up shop through the real engine, and its report",
        "engine.cli.demo:demo", ("sojourn demo", "sojourn demo --contacts 20000 --keep big", "sojourn demo --seed 8"),
    ),
    Command(
        "write", "lint", "[PATHS] [--fix|--diff|--watch]", "check every file: what is wrong, where, and the way out",
        "engine.cli.lint:lint",
        ("sojourn lint", "sojourn lint journeys/welcome.yaml", "sojourn lint --diff", "sojourn lint --fix --select S,Y",
         "sojourn lint --watch", "sojourn lint --format github"),
    ),
    Command(
        "write", "test", "[SELECT] [-k WORD] [--junit FILE]", "run the tests that stand in the journeys",
        "engine.cli.test:run_tests",
        ("sojourn test", "sojourn test cart_recovery -k gold", "sojourn test --junit tests.xml"),
    ),
    Command(
        "write", "draw", "JOURNEY [-o FILE.svg|png|mmd|txt] [--live]", "a journey as a picture", "engine.cli.draw:draw",
        ("sojourn draw cart_recovery", "sojourn draw welcome -o welcome.svg",
         "sojourn draw welcome -o welcome.png --live"),
    ),
    Command(
        "write", "preview", "MESSAGE [--contact ID] | --all", "a message as its readers see it, with checks",
        "engine.cli.preview:preview",
        ("sojourn preview email/welcome_hello", "sojourn preview email/cart_social --contact c_1042 --locale de",
         "sojourn preview --all", "sojourn preview email/welcome_hello --to me@shop.example"),
    ),
    Command(
        "try", "simulate", "JOURNEY (--contact | --population | --forecast)", "what would happen, on a virtual clock",
        "engine.cli.simulate:simulate",
        ("sojourn simulate welcome --population 1000",
         "sojourn simulate cart_recovery --contact c_1042 --event cart_abandoned:value=64.9,items_count=2",
         "sojourn simulate --forecast 14d", "sojourn simulate cart_recovery --forecast 14d --compare main"),
    ),
    Command(
        "try", "conflicts", "[--forecast 7d]", "which journey loses a slot of a cap to which",
        "engine.cli.conflicts:conflicts", ("sojourn conflicts", "sojourn conflicts --forecast 14d --json"),
    ),
    Command(
        "try", "replay", "JOURNEY.STATE [--policy P] | --csv FILE", "what another policy would have earned",
        "engine.cli.replay:replay",
        ("sojourn replay cart_recovery.recover --since 60d",
         "sojourn replay cart_recovery.recover --policy 'fixed email/cart_social' --policy learned --policy random",
         "sojourn replay --csv test.csv --arm variant --reward bought --context country,age"),
    ),
    Command(
        "run", "tick", "[--max N] [--dry-run] [--no-send]", "one pass and exit: step, send, learn",
        "engine.cli.tick:tick", ("sojourn tick", "sojourn tick --dry-run", "*/5 * * * *  sojourn -C /srv/shop tick -q"),
    ),
    Command(
        "run", "serve", "[--bind H:P] [--no-send] [--every 5s] [--cluster]", "the same all day, with the web pages",
        "engine.cli.serve:serve",
        ("sojourn serve", "sojourn serve --bind 127.0.0.1:9000 --every 2s", "sojourn serve --cluster"),
    ),
    Command(
        "run", "plan", "[JOURNEY...] [--exit-code]", "what a deploy would change, and for whom", "engine.cli.plan:plan",
        ("sojourn plan", "sojourn plan cart_recovery", "sojourn plan --exit-code --json"),
    ),
    Command(
        "run", "deploy", "[JOURNEY...] [--retime] [--version J@N]", "make the files, or an older version, what runs",
        "engine.cli.deploy:deploy",
        ("sojourn deploy", "sojourn deploy cart_recovery --retime", "sojourn deploy --version cart_recovery@3"),
    ),
    Command(
        "run", "pause", "[JOURNEY[.STATE]|--all] [--reason TEXT]", "nothing leaves, people wait where they are",
        "engine.cli.pause:pause",
        ('sojourn pause cart_recovery --reason "wrong price"', "sojourn pause welcome.gift", "sojourn pause --all"),
    ),
    Command(
        "run", "resume", "[JOURNEY[.STATE]|--all] [--late skip|send]", "go on, after saying what would go out",
        "engine.cli.resume:resume", ("sojourn resume cart_recovery", "sojourn resume --all --late send"),
    ),
    Command(
        "run", "enter", "JOURNEY --contact ID [...]", "start people in a journey by hand", "engine.cli.enter:enter",
        ("sojourn enter vip --contact c_1042", "sojourn enter vip --contact a@x.test --contact b@x.test"),
    ),
    Command(
        "run", "promote", "JOURNEY.STATE [--back] [--pin N]", "let the challenger decide where it earns more",
        "engine.cli.promote:promote",
        ("sojourn promote cart_recovery.recover", "sojourn promote cart_recovery.recover --back",
         "sojourn promote cart_recovery.recover --pin 118"),
    ),
    Command(
        "run", "stop-arm", "JOURNEY.STATE ARM", "take an arm out for everyone", "engine.cli.arms:stop",
        ('sojourn stop-arm cart_recovery.recover push/cart_nudge --reason "wrong link"',),
    ),
    Command(
        "run", "allow-arm", "JOURNEY.STATE ARM", "let a stopped arm in again", "engine.cli.arms:allow",
        ("sojourn allow-arm cart_recovery.recover push/cart_nudge",),
    ),
    Command(
        "look", "learner show", "[JOURNEY.STATE]", "which model decides, what it has learned, what is out",
        "engine.cli.learner:show", ("sojourn learner show", "sojourn learner show cart_recovery.recover --json"),
    ),
    Command(
        "care", "learner rebuild", "JOURNEY.STATE [--check]", "make a model again from the log of its lessons",
        "engine.cli.learner:rebuild",
        ("sojourn learner rebuild cart_recovery.recover --check", "sojourn learner rebuild cart_recovery.recover"),
    ),
    Command(
        "look", "stats", "[JOURNEY[.STATE]] [--since 30d]", "does messaging pay, and which message for whom",
        "engine.cli.stats:stats", ("sojourn stats", "sojourn stats cart_recovery --since 30d"),
    ),
    Command(
        "look", "explain", "MESSAGE_ID | CONTACT [--journey J]", "why this message, or why nothing",
        "engine.cli.explain:explain",
        ("sojourn explain MESSAGE_ID", "sojourn explain c_1042 --journey cart_recovery",
         "sojourn explain MESSAGE_ID --json"),
    ),
    Command(
        "look", "replay-run", "RUN | --last N", "take runs again from their log: do they come out the same?",
        "engine.cli.replay_run:replay_run",
        ("sojourn replay-run 3f0c8a7be5d21f90", "sojourn replay-run --last 1000 --journey cart_recovery"),
    ),
    Command(
        "look", "log", "[-f] [--journey J] [--contact C] [--kind K]", "what was sent, held, skipped and decided",
        "engine.cli.log:log", ("sojourn log -n 20", "sojourn log --kind skip --journey cart_recovery",
        "sojourn log -f"),
    ),
    Command(
        "look", "mailbox", "[--open]", "the messages that were written to a folder instead of sent",
        "engine.cli.mailbox:mailbox", ("sojourn mailbox", "sojourn mailbox --open"),
    ),
    Command(
        "look", "mailbox show", "N", "one of them, as its reader sees it", "engine.cli.mailbox:show",
        ("sojourn mailbox show 1", "sojourn mailbox show 3 --raw"),
    ),
    Command(
        "look", "mail status", "", "which providers refuse us, the warm-up, what came back by mail",
        "engine.cli.mail:status", ("sojourn mail status",),
    ),
    Command(
        "run", "mail intake", "[FILE|MAILDIR|-]... [--to ADDRESS]", "take in bounces and complaints",
        "engine.cli.mail:intake",
        ("sojourn mail intake", "sojourn mail intake /var/mail/bounces", "sojourn mail intake - --to ADDRESS"),
    ),
    *CONTACTS,
    *OUT,
    Command(
        "run", "intake kafka", "TOPIC... --brokers H:P", "take events in from Kafka, until Ctrl-C",
        "engine.cli.intake_kafka:kafka",
        ("sojourn intake kafka orders --brokers 127.0.0.1:9092",
         "sojourn intake kafka orders visits --brokers k1:9092,k2:9092 --group shop --source shop",
         "sojourn intake kafka orders --brokers k1:9093 --set 'sasl.password=$KAFKA_PASSWORD'"),
    ),
    Command(
        "people", "campaign list", "", "the campaigns, their weeks, and when each went out",
        "engine.cli.campaign:list_campaigns", ("sojourn campaign list",),
    ),
    Command(
        "people", "campaign show", "CAMPAIGN", "a campaign as it is read, and its runs", "engine.cli.campaign:show",
        ("sojourn campaign show spring_shoes",),
    ),
    Command(
        "people", "campaign try", "CAMPAIGN [--fresh]",
        "whom it would choose, how many will buy, what rules would catch", "engine.cli.campaign:try_campaign",
        ("sojourn campaign try spring_shoes", "sojourn campaign try spring_shoes --json"),
    ),
    Command(
        "people", "campaign plan", "[--keep]", "many campaigns over the weeks, under the caps",
        "engine.cli.campaign_plan:plan", ("sojourn campaign plan", "sojourn campaign plan --keep"),
    ),
    Command(
        "people", "campaign run", "CAMPAIGN", "send it: the chosen people enter its journey",
        "engine.cli.campaign_run:run", ("sojourn campaign run spring_shoes", "sojourn campaign run spring_shoes --yes"),
    ),
    Command(
        "people", "campaign report", "CAMPAIGN [--cost N]", "what came of it, against its holdout and its forecast",
        "engine.cli.campaign_report:report", ("sojourn campaign report spring_shoes --cost 0.02",),
    ),
    Command(
        "care", "campaign refresh", "", "read all orders and learn anew, as every night does",
        "engine.cli.campaign:refresh", ("sojourn campaign refresh",),
    ),
    Command(
        "people", "product import", "FILE.csv", "what is sold: sku, name, family, price, stock",
        "engine.cli.product:import_products",
        ("sojourn product import products.csv --dry-run", "sojourn product import feed.csv --map article=sku"),
    ),
    Command(
        "people", "product list", "[--family NAME]", "what is sold, by sku", "engine.cli.product:list_products",
        ("sojourn product list --family shoes",),
    ),
    Command(
        "care", "doctor", "[--fix]", "do the sums hold, is anything stuck, and what to do", "engine.cli.doctor:doctor",
        ("sojourn doctor", "sojourn doctor --fix", "sojourn doctor --json"),
    ),
    Command(
        "care", "unpark", "[ID] | --all", "let people go on whom a failing step has parked",
        "engine.cli.doctor:unpark", ("sojourn unpark c_1042", "sojourn unpark --all"),
    ),
    Command(
        "care", "unknown ls", "[--journey J]", "messages in doubt: they may have arrived", "engine.cli.unknown:ls",
        ("sojourn unknown ls", "sojourn unknown ls --journey cart_recovery --json"),
    ),
    Command(
        "care", "unknown resend", "MESSAGE_ID... | --all", "send messages in doubt once more, under the same id",
        "engine.cli.unknown:resend", ("sojourn unknown resend 3f0c8a7be5d21f90:2", "sojourn unknown resend --all"),
    ),
    Command(
        "care", "unknown dismiss", "MESSAGE_ID... | --all [--as sent]", "settle messages in doubt: sent, or failed",
        "engine.cli.unknown:dismiss",
        ("sojourn unknown dismiss --all", "sojourn unknown dismiss 3f0c8a7be5d21f90:2 --as failed"),
    ),
    Command(
        "people", "segment list", "", "the segments, how many are in each, who came and went",
        "engine.cli.segment:list_segments", ("sojourn segment list",),
    ),
    Command(
        "people", "segment show", "ID", "one segment: condition, people, last moves, journeys that follow it",
        "engine.cli.segment:show", ("sojourn segment show lapsed_90d",),
    ),
    Command(
        "people", "segment explain", "CONTACT [--segment ID]", "why a contact is in a segment or not, and until when",
        "engine.cli.segment:explain",
        ("sojourn segment explain c-1041", "sojourn segment explain c-1041 --segment lapsed_90d"),
    ),
    Command(
        "people", "segment history", "ID|CONTACT [-n N]", "a segment's size day by day, or a contact's moves",
        "engine.cli.segment:history", ("sojourn segment history lapsed_90d", "sojourn segment history c-1041"),
    ),
    Command(
        "people", "segment discover", "[--features F,...] [--k N|auto] [-o MAP.svg] [--write N=NAME]",
        "which groups of people hold together, in words", "engine.cli.discover:discover",
        ("sojourn segment discover", "sojourn segment discover -o map.svg --tsne",
         "sojourn segment discover --write 1=champions --write 3=sleepers",
         'sojourn segment discover --features "count(order_placed), contact.age" --only "any order_placed"'),
    ),
    Command(
        "people", "value show", "[CONTACT]", "what customers are worth, or one of them", "engine.cli.value:show",
        ("sojourn value show", "sojourn value show lena@shop.example"),
    ),
    Command(
        "people", "value fit", "[--goal EVENT]", "work out now what the night works out: value and lead score",
        "engine.cli.value:fit", ("sojourn value fit", "sojourn value fit --goal signed_up --json"),
    ),
    Command(
        "people", "value table", "", "the forecast held against what came", "engine.cli.value:table",
        ("sojourn value table",),
    ),
    Command(
        "people", "value lead", "[CONTACT] [--goal EVENT]", "who is about to come, how sure that is, and why",
        "engine.cli.value:lead", ("sojourn value lead", "sojourn value lead c_1042 --json"),
    ),
    Command(
        "care", "drill", "[--list] [--run 1,5,14] [--scale X]", "the proofs of what is promised, run before your eyes",
        "engine.cli.drill:drill", ("sojourn drill --list", "sojourn drill --run 1,3,14", "sojourn drill --scale 0.2"),
    ),
    Command(
        "care", "audit", "[--verify] [--since 30d]", "who did what when, and whether the record is whole",
        "engine.cli.audit:audit", ("sojourn audit --since 30d", "sojourn audit --verify --json"),
    ),
    Command(
        "care", "retention", "[--dry-run] [--inactive FILE]", "let go of what is old; who has been silent for years",
        "engine.cli.retention:retention",
        ("sojourn retention --dry-run", "sojourn retention --inactive silent.txt --dry-run"),
    ),
    Command(
        "care", "keys status", "", "how much is sealed with which key", "engine.cli.keys:status",
        ("sojourn keys status",),
    ),
    Command(
        "care", "keys add", "", "make a key that personal values are sealed with", "engine.cli.keys:add",
        ("sojourn keys add",),
    ),
    Command(
        "care", "keys rotate", "[--open]", "seal everything with the newest key, while the store is in use",
        "engine.cli.keys:rotate", ("sojourn keys rotate", "sojourn keys rotate --open --yes"),
    ),
    Command(
        "care", "config show", "", "the settings as they are used, secrets masked", "engine.cli.config:show",
        ("sojourn config show", "sojourn config show --json"),
    ),
    Command(
        "care", "config schema", "[-o FILE]", "what editors need to complete and check journeys",
        "engine.cli.schema:schema", ("sojourn config schema", "sojourn config schema -o journey.schema.json"),
    ),
    Command(
        "care", "config push-key", "", "make the key that web push messages are signed with",
        "engine.cli.push_key:push_key", ("sojourn config push-key", "sojourn config push-key --json"),
    ),
    Command(
        "care", "config dkim-key", "[--domain D] [-o FILE]", "make a key that signs mail, and its DNS record",
        "engine.cli.dkim_key:dkim_key",
        ("sojourn config dkim-key -o dkim.pem", "sojourn config dkim-key --domain shop.example --ed25519"),
    ),
    Command(
        "care", "db status", "", "which schema the store has", "engine.cli.db:status", ("sojourn db status",)
    ),
    Command(
        "care", "db backup", "[FILE]", "copy a SQLite store while it is served", "engine.cli.db:backup",
        ("sojourn db backup", "sojourn db backup /backup/shop.db", "0 * * * *  sojourn -C /srv/shop db backup -q"),
    ),
    Command(
        "care", "db restore", "FILE", "put a copy in the place of the store; nothing is sent twice",
        "engine.cli.db:restore", ("sojourn db restore sojourn.db.2026-03-01-040000",),
    ),
    Command(
        "care", "db restored", "[--accept-duplicates]", "say that the store was restored by other means",
        "engine.cli.db:restored", ("sojourn db restored",),
    ),
    Command(
        "care", "db vacuum", "", "give back the room of rows that are gone", "engine.cli.db:vacuum",
        ("sojourn db vacuum",),
    ),
    Command(
        "care", "db upgrade", "[--no-backup]", "bring the store to this program's schema, after a backup",
        "engine.cli.db:upgrade", ("sojourn db upgrade", "sojourn db upgrade --yes --no-backup"),
    ),
)  # fmt: skip


def find(words: Sequence[str]) -> tuple[Command, list[str]] | None:
    """Return the command that these words begin with, and the words that are left."""
    for length in (2, 1):
        name = " ".join(words[:length])
        for command in COMMANDS:
            if command.name == name and len(words) >= length:
                return command, list(words[length:])
    return None


def family(word: str) -> list[Command]:
    """Return the commands of two words that begin with this one."""
    return [command for command in COMMANDS if command.name.startswith(f"{word} ")]
