"""Drill 36: addresses that lead into our own network, however they are written; a trap listens there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from channels.channel import Envelope
from channels.reach import Unreachable, allowed
from channels.webhook import Host, WebhookChannel
from engine.drill.drill import Ask, Found

PRIVATE: Final = (
    "0.0.0.0",  # noqa: S104 - nobody listens there
    "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.1.2.3",
    "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.2.1",
    "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1",
    "2001:0:7f00:1::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "2002:c0a8:1::1", "fc00::1", "fd12:3456::1",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "5f00::1", "3fff::1", "not an address",
)  # fmt: skip
NAMES: Final = (
    "localhost", "localhost.", "LOCALHOST", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]",
    "ip6-localhost",
)  # fmt: skip


def ours(_: Ask) -> Found:
    """Drill 36: no name that leads to a private address is connected to, and none is asked twice."""
    wrong = [f"{address} was allowed" for address in PRIVATE if _reached(address)]
    with _trap() as (port, caught):
        hosts = [*(a for a in PRIVATE if " " not in a and "%" not in a), *NAMES]
        wrong += [f"{host}: {said}" for host in hosts if (said := _called(host, port))]
        wrong += [f"{len(caught)} connections into our own network"] if caught else []
        _called("127.0.0.1", port, private=True)  # where sojourn.yaml allows it, it does go there
        time.sleep(0.2)
        wrong += [] if caught else ["the trap catches nobody"]
    wrong += _rebound()
    return Found(f"{len(PRIVATE)} addresses, {len(NAMES)} other ways to write this machine", wrong=tuple(wrong[:10]))


def _reached(address: str) -> bool:
    """Return whether a name with this address would be connected to, alone or behind a public one."""
    for found in ([address], ["1.1.1.1", address]):
        try:
            allowed("hook.example", 443, lookup=lambda *_, found=found: found)
        except Unreachable:
            continue
        return True
    return False


def _called(host: str, port: int, *, private: bool = False) -> str:
    """Return what was wrong with how a webhook to this host ended, "" when it was refused."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    netloc = f"{name}:{port}"
    channel = WebhookChannel(hosts=[Host(name, private) for name in (netloc, netloc.lower())])
    envelope = Envelope("k:1", f"http://{netloc}/", b"{}", timeout=0.5)
    (answer,) = channel.send([envelope], frozenset)
    channel.close()
    return "" if answer.status in {"failed", "deferred"} else f"{answer.status} {answer.detail}"


def _rebound() -> Iterator[str]:
    """Say when a name is asked a second time: then it may answer otherwise."""
    asked: list[str] = []

    def lookup(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    if allowed("rebinding.example", 443, lookup=lookup) != ["93.184.216.34"] or len(asked) != 1:
        yield f"a name was asked {len(asked)} times"


@contextmanager
def _trap() -> Iterator[tuple[int, list[object]]]:
    """Listen where nobody may come; give the port and who came."""
    caught: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    line, who = listener.accept()
                except TimeoutError:
                    continue
                caught.append(who)
                line.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], caught
        finally:
            over.set()
            thread.join()
