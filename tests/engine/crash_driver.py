"""A process that is made to be killed: steps and sends what is due, until everything has left the queue.

Arguments: project folder, SMTP port. Leases last a second, so that a successor need not wait.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings
from engine.app import Options, build, read
from engine.engine import Limits
from engine.store.connect import reading
from engine.store.delivering import pending


def main(folder: str, port: str) -> None:
    limits = Limits(contacts=20, messages=20, lease=timedelta(seconds=1))
    smtp = SmtpChannel(SmtpSettings(host="127.0.0.1", port=int(port), starttls="off", connections=3))
    engine = build(read(Path(folder), {}), Options(limits=limits, channels={"email": smtp}))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        due = engine.tick().due
        sent = engine.deliver().claimed
        if not due and not sent:
            with reading(engine.store) as conn:
                left = pending(conn)
            if not set(left) - {"unknown"}:
                return
            time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
