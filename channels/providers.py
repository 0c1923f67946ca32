"""Who keeps a mailbox: the large providers by their domains, everybody else by the domain itself.

A provider judges a sender over all of its domains, so pace and breakers count by provider. Companies whose mail is
kept by one of them under a domain of their own count by that domain: DNS is not asked while sending.
"""

from __future__ import annotations

_DOMAINS = {
    "google": "gmail.com googlemail.com",
    "microsoft": (
        "outlook.com hotmail.com live.com msn.com outlook.fr hotmail.fr live.fr outlook.de hotmail.de live.de "
        "hotmail.it live.it outlook.it hotmail.es outlook.es hotmail.co.uk live.co.uk outlook.jp live.nl hotmail.nl "
        "outlook.com.br hotmail.com.br live.se hotmail.se live.dk live.be hotmail.be windowslive.com passport.com"
    ),
    "yahoo": (
        "yahoo.com ymail.com rocketmail.com aol.com aim.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es "
        "yahoo.com.br yahoo.co.in yahoo.in yahoo.ca yahoo.com.au yahoo.com.mx yahoo.com.ar yahoo.co.id yahoo.gr "
        "yahoo.ie yahoo.pl aol.co.uk aol.de aol.fr verizon.net att.net sbcglobal.net bellsouth.net sky.com"
    ),
    "apple": "icloud.com me.com mac.com",
    "ionos": "gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.fr gmx.es gmx.co.uk web.de mail.com email.com 1und1.de",
    "orange": "orange.fr wanadoo.fr voila.fr",
    "free": "free.fr aliceadsl.fr libertysurf.fr",
    "sfr": "sfr.fr neuf.fr cegetel.net 9online.fr numericable.fr",
    "telekom": "t-online.de magenta.de",
    "libero": "libero.it virgilio.it iol.it inwind.it blu.it giallo.it",
    "tim": "tim.it alice.it tin.it",
    "comcast": "comcast.net xfinity.com",
    "mail.ru": "mail.ru bk.ru inbox.ru list.ru internet.ru",
    "yandex": "yandex.ru yandex.com ya.ru yandex.by yandex.kz",
    "proton": "proton.me protonmail.com protonmail.ch pm.me",
    "zoho": "zoho.com zohomail.com zohomail.eu",
    "qq": "qq.com foxmail.com vip.qq.com",
    "netease": "163.com 126.com yeah.net",
    "naver": "naver.com",
    "seznam": "seznam.cz email.cz post.cz",
    "wp": "wp.pl o2.pl tlen.pl",
    "onet": "onet.pl op.pl poczta.onet.pl vp.pl",
    "btinternet": "btinternet.com btopenworld.com talk21.com",
    "telenet": "telenet.be",
    "ziggo": "ziggo.nl casema.nl chello.nl home.nl",
    "kpn": "kpnmail.nl planet.nl hetnet.nl",
}  # fmt: skip
PROVIDERS = frozenset(_DOMAINS)
_BY_DOMAIN = {domain: provider for provider, domains in _DOMAINS.items() for domain in domains.split()}


def provider_of(address: str) -> str:
    """Return the provider of a mailbox: its name, else the domain in small letters ("" where there is none)."""
    domain = address.rpartition("@")[2].strip().lower() if "@" in address else ""
    return _BY_DOMAIN.get(domain, domain)[:255]
