"""Bounces, complaints and absences as mail servers write them, each with what it means (drill 32).

After the examples of RFC 3464 and RFC 5965 and the formats of the programs that are named. Names, hosts and ids are
invented; `{box}` is the return path that the mail came back to.
"""

# ruff: noqa: E501 - answers are quoted as they come
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from channels.channel import Kind
from channels.feedback import What

HEAD = "From: Shop <hello@shop.test>\r\nTo: ana@mail.test\r\nSubject: Offers\r\nMessage-ID: <abc@shop.test>\r\n"


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail that came back, and what it means."""

    name: str
    raw: bytes
    what: What
    kind: Kind = ""


def samples(box: str) -> Iterator[Sample]:
    """Yield all samples, each come back to the mailbox `box`."""
    for name, what, kind, text in (*_STANDARD, *_OLD, *_PROVIDERS, *_COMPLAINTS, *_PEOPLE):
        raw = text.replace("{box}", box).replace("{head}", HEAD).replace("\r\n", "\n").replace("\n", "\r\n")
        yield Sample(name, raw.encode(), what, kind)


Row = tuple[str, What, Kind, str]


def dsn(by: str, says: str, fields: str, *, subject: str = "", original: str = "message/rfc822") -> str:
    """Return a report of RFC 3464: words for people, fields for machines, the mail."""
    return (
        f"Return-Path: <>\nDelivered-To: {{box}}\nFrom: {by}\nTo: {{box}}\n"
        f"Subject: {subject or 'Undelivered Mail Returned to Sender'}\nMIME-Version: 1.0\nAuto-Submitted: auto-replied\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_r"\n\n'
        f"--=_r\nContent-Type: text/plain; charset=us-ascii\n\n{says}\n\n"
        f"--=_r\nContent-Type: message/delivery-status\n\n{fields}\n\n"
        f"--=_r\nContent-Type: {original}\n\nReturn-Path: <{{box}}>\n{{head}}\nHi\n--=_r--\n"
    )


def postfix(status: str, answer: str, action: str = "failed", says: str = "") -> str:
    words = (
        says or "I'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients."
    )
    return dsn(
        "MAILER-DAEMON@relay.shop.test (Mail Delivery System)",
        f"This is the mail system at host relay.shop.test.\n\n{words}\n\n<ana@mail.test>: {answer}",
        "Reporting-MTA: dns; relay.shop.test\nX-Postfix-Queue-ID: 4F3A2C0\n"
        "X-Postfix-Sender: rfc822; {box}\nArrival-Date: Mon,  2 Mar 2026 12:00:00 +0000 (UTC)\n\n"
        "Final-Recipient: rfc822; ana@mail.test\nOriginal-Recipient: rfc822;ana@mail.test\n"
        f"Action: {action}\nStatus: {status}\nRemote-MTA: dns; mx.mail.test\nDiagnostic-Code: smtp; {answer}",
        subject="Delayed Mail (still being retried)" if action == "delayed" else "",
    )


def exim(answer: str, *, report: str = "", subject: str = "Mail delivery failed: returning message to sender") -> str:
    text = (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        f"  ana@mail.test\n    {answer}\n"
    )
    if report:
        fields = f"Reporting-MTA: dns; exim.test\n\nAction: failed\nFinal-Recipient: rfc822;ana@mail.test\n{report}"
        return dsn("Mail Delivery System <Mailer-Daemon@exim.test>", text, fields, subject=subject)
    return (
        "Return-path: <>\nEnvelope-to: {box}\nX-Failed-Recipients: ana@mail.test\nAuto-Submitted: auto-replied\n"
        f"From: Mail Delivery System <Mailer-Daemon@exim.test>\nTo: {{box}}\nSubject: {subject}\n\n{text}\n"
        "------ This is a copy of the message, including all the headers. ------\n\nReturn-path: <{box}>\n{head}\nHi\n"
    )


def qmail(answer: str) -> str:
    return (
        "Return-Path: <>\nDelivered-To: {box}\nFrom: MAILER-DAEMON@qmail.test\nTo: {box}\nSubject: failure notice\n\n"
        "Hi. This is the qmail-send program at qmail.test.\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<ana@mail.test>:\n{answer}\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <{{box}}>\n{{head}}\nHi\n"
    )


def sendmail(status: str, answer: str, says: str) -> str:
    return dsn(
        "Mail Delivery Subsystem <MAILER-DAEMON@sendmail.test>",
        f"The original message was received at Mon, 2 Mar 2026 12:00:00 GMT\nfrom shop.test [192.0.2.7]\n\n"
        f"   ----- The following addresses had permanent fatal errors -----\n<ana@mail.test>\n    (reason: {answer})\n\n"
        f"   ----- Transcript of session follows -----\n{says}",
        "Reporting-MTA: dns; sendmail.test\nReceived-From-MTA: DNS; shop.test\nArrival-Date: Mon, 2 Mar 2026 12:00:00 "
        f"GMT\n\nFinal-Recipient: RFC822; ana@mail.test\nAction: failed\nStatus: {status}\nRemote-MTA: DNS; mx.mail.test\n"
        f"Diagnostic-Code: SMTP; {answer}\nLast-Attempt-Date: Mon, 2 Mar 2026 12:00:02 GMT",
        subject="Returned mail: see transcript for details",
        original="text/rfc822-headers",
    )


def exchange(status: str, answer: str) -> str:
    return dsn(
        "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.test>",
        "Your message to ana@mail.test couldn't be delivered.\n\nDiagnostic information for administrators:\n\n"
        f"Generating server: AM0PR01MB1.eurprd01.prod.exchangelabs.com\n\nana@mail.test\nRemote Server returned '{answer}'",
        "Reporting-MTA: dns;AM0PR01MB1.eurprd01.prod.exchangelabs.com\nReceived-From-MTA: dns;mail.shop.test\n"
        "Arrival-Date: Mon, 2 Mar 2026 12:00:00 +0000\n\nFinal-Recipient: rfc822;ana@mail.test\nAction: failed\n"
        f"Status: {status}\nDiagnostic-Code: smtp;{answer}",
        subject="Undeliverable: Offers",
    )


def gmail(status: str, answer: str) -> str:
    return dsn(
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        f"** Address not found **\n\nYour message wasn't delivered to ana@mail.test.\n\nThe response was:\n\n{answer}",
        "Reporting-MTA: dns; googlemail.com\nReceived-From-MTA: dns; hello@shop.test\nArrival-Date: Mon, 02 Mar 2026 "
        f"04:00:00 -0800 (PST)\nX-Original-Message-ID: <abc@shop.test>\n\nFinal-Recipient: rfc822; ana@mail.test\n"
        f"Action: failed\nStatus: {status}\nRemote-MTA: dns; gmail-smtp-in.l.google.com. (192.0.2.26, the server for the "
        f"domain mail.test.)\nDiagnostic-Code: smtp; {answer}\nLast-Attempt-Date: Mon, 02 Mar 2026 04:00:01 -0800 (PST)",
        subject="Delivery Status Notification (Failure)",
    )


def arf(kind: str, fields: str, original: str = "message/rfc822") -> str:
    """Return a complaint of RFC 5965."""
    return (
        "From: <abuse@provider.test>\nTo: fbl@shop.test\nSubject: FW: Offers\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=_f"\n\n'
        "--=_f\nContent-Type: text/plain; charset=us-ascii\n\nThis is an email abuse report for an email message.\n\n"
        f"--=_f\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: SomeGenerator/1.0\n"
        f"Version: 1\n{fields}\n\n--=_f\nContent-Type: {original}\nContent-Disposition: inline\n\n{{head}}\nHi\n--=_f--\n"
    )


def absent(subject: str, headers: str = "Auto-Submitted: auto-replied") -> str:
    return (
        f"Return-Path: <>\nDelivered-To: {{box}}\nFrom: Ana <ana@mail.test>\nTo: {{box}}\nSubject: {subject}\n{headers}\n\n"
        "I am away until Monday. The mailbox is read by nobody; my colleague is bo@mail.test.\n"
    )


_RFC3464 = dsn(
    "Mail Delivery Subsystem <MAILER-DAEMON@cs.example.test>",
    "The original message was received at Thu, 7 Jul 1994 17:15:49 -0400",
    "Reporting-MTA: dns; cs.example.test\n\nOriginal-Recipient: rfc822;louisl@mail.test\nFinal-Recipient: "
    "rfc822;louisl@mail.test\nAction: failed\nStatus: 4.0.0\nDiagnostic-Code: smtp; 426 connection timed out\n"
    "Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400",
    subject="Returned mail: Cannot send message for 5 days",
)
_RFC3464_NO_MORE = dsn(
    "postmaster@pure.example.test", "Your message could not be delivered. Mailbox 'johnd' no longer on this machine.",
    "Reporting-MTA: dns; pure.example.test\n\nOriginal-Recipient: rfc822;jean@mail.test\nFinal-Recipient: "
    "x-local;johnd\nAction: failed\nStatus: 5.1.1 (permanent failure)\nDiagnostic-Code: x-local; 500 (account deleted)",
)  # fmt: skip

_STANDARD: tuple[Row, ...] = (
    ("rfc 3464, gave up after five days", "failed", "soft", _RFC3464),
    ("rfc 3464, a local diagnosis", "failed", "hard", _RFC3464_NO_MORE),
    ("postfix, user unknown", "failed", "hard", postfix(
        "5.1.1", "550 5.1.1 <ana@mail.test>: Recipient address rejected: User unknown in virtual mailbox table")),
    ("postfix, domain not found", "failed", "hard", postfix(
        "5.4.4", "Host or domain name not found. Name service error for name=mail.test type=AAAA: Host not found")),
    ("postfix, quota", "failed", "soft", postfix("5.2.2", "552 5.2.2 <ana@mail.test>: user is over quota")),
    ("postfix, dnsbl", "failed", "policy", postfix(
        "5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org")),
    ("postfix, expired in the queue", "failed", "soft", postfix(
        "4.4.1", "connect to mx.mail.test[192.0.2.9]:25: Connection timed out")),
    ("postfix, greylisted to the end", "failed", "soft", postfix(
        "4.2.0", "450 4.2.0 <ana@mail.test>: Recipient address rejected: Greylisted, see http://postgrey.test/")),
    ("postfix, loops", "failed", "soft", postfix("5.4.6", "mail for mail.test loops back to myself")),
    ("postfix, null MX", "failed", "hard", postfix(
        "5.1.10", "Domain mail.test does not accept mail (nullMX)")),
    ("postfix, too large", "failed", "policy", postfix(
        "5.3.4", "552 5.3.4 Message size exceeds fixed limit")),
    ("postfix, still trying", "delayed", "", postfix(
        "4.4.1", "connect to mx.mail.test[192.0.2.9]:25: Connection refused", "delayed", "Your message could not be "
        "delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.")),
    ("postfix, delivered", "delivered", "", postfix("2.0.0", "250 2.0.0 ok", "delivered", "Your message was successfully "
     "delivered to the destination(s)\nlisted below.")),
    ("postfix, relayed", "delivered", "", postfix("2.0.0", "250 2.0.0 ok", "relayed", "Your message was relayed.")),
    ("sendmail, user unknown", "failed", "hard", sendmail(
        "5.1.1", "550 5.1.1 <ana@mail.test>... User unknown", "550 5.1.1 <ana@mail.test>... User unknown")),
    ("sendmail, host unknown", "failed", "hard", sendmail(
        "5.1.2", "550 Host unknown", "550 5.1.2 <ana@mail.test>... Host unknown (Name server: mail.test: host not found)")),
    ("sendmail, service unavailable", "failed", "soft", sendmail(
        "5.0.0", "554 5.0.0 Service unavailable", "554 5.0.0 Service unavailable")),
    ("sendmail, five days", "failed", "soft", sendmail(
        "4.4.7", "421 mail.test: Connection refused", "Message could not be delivered for 5 days\nMessage will be deleted")),
)  # fmt: skip

_OLD: tuple[Row, ...] = (
    ("exim 4, unknown user", "failed", "hard", exim(
        "host mx.mail.test [192.0.2.9]\n    SMTP error from remote mail server after RCPT TO:<ana@mail.test>:\n"
        "    550 5.1.1 User unknown")),
    ("exim 4, unrouteable", "failed", "hard", exim("Unrouteable address")),
    ("exim 4, no such user without a code", "failed", "hard", exim(
        "host mx.mail.test [192.0.2.9]\n    SMTP error from remote mail server after RCPT TO:<ana@mail.test>:\n"
        "    550 No such user here")),
    ("exim 4, full", "failed", "soft", exim("mailbox is full: retry timeout exceeded")),
    ("exim 4, retry timeout", "failed", "soft", exim(
        "host mx.mail.test [192.0.2.9]: retry time not reached for any host: retry timeout exceeded")),
    ("exim 4, spam", "failed", "policy", exim(
        "SMTP error from remote mail server after end of data:\n    554 Message rejected: it looks like spam")),
    ("exim 4, a report", "failed", "hard", exim(
        "550 Unknown recipient", report="Status: 5.0.0\nRemote-MTA: dns; mx.mail.test\nDiagnostic-Code: smtp; 550 Unknown "
        "recipient <ana@mail.test>")),
    ("exim 4, a delay", "delayed", "", exim("retrying").replace("could not be \ndelivered", "has not yet been delivered")
     .replace("could not be delivered to one", "has not yet been delivered to one")
     .replace("Mail delivery failed: returning message to sender", "Warning: message 1abc-2 delayed 24 hours")
     .replace("This is a permanent error. The following address(es) failed", "No action is required: it will be tried")),
    ("qmail, no mailbox", "failed", "hard", qmail("Sorry, no mailbox here by that name. (#5.1.1)")),
    ("qmail, remote refusal", "failed", "hard", qmail(
        "192.0.2.9 does not like recipient.\nRemote host said: 550 5.1.1 <ana@mail.test> user unknown\n"
        "Giving up on 192.0.2.9.")),
    ("qmail, no host", "failed", "hard", qmail("Sorry, I couldn't find any host named mail.test. (#5.1.2)")),
    ("qmail, quota", "failed", "soft", qmail("The users mailfolder is over the allowed quota (size). (#5.2.2)")),
    ("qmail, gave up connecting", "failed", "soft", qmail(
        "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\nI'm not going to try again; this message has "
        "been in the queue too long.")),
    ("qmail, blocked", "failed", "policy", qmail(
        "192.0.2.9 failed after I sent the message.\nRemote host said: 554 5.7.1 Message blocked, see http://x.test/spam")),
    ("a daemon without words", "failed", "soft",
     "Return-Path: <>\nFrom: MAILER-DAEMON@odd.test\nTo: {box}\nSubject: Undeliverable mail\n\nIt did not work.\n"),
    ("a daemon in German", "failed", "hard",
     "Return-Path: <>\nFrom: Mailer-Daemon@odd.test\nTo: {box}\nSubject: Unzustellbar: Angebote\n\n550 5.1.1 unbekannt\n"),
)  # fmt: skip

_PROVIDERS: tuple[Row, ...] = (
    ("gmail, no such user", "failed", "hard", gmail(
        "5.1.1", "550-5.1.1 The email account that you tried to reach does not exist. Please try\n double-checking the "
        "recipient's email address for typos or\n unnecessary spaces. 550 5.1.1  https://support.google.test/ - gsmtp")),
    ("gmail, inactive", "failed", "hard", gmail(
        "5.2.1", "550-5.2.1 The email account that you tried to reach is inactive. - gsmtp")),
    ("gmail, out of storage", "failed", "soft", gmail(
        "5.2.2", "552-5.2.2 The recipient's inbox is out of storage space and inactive. - gsmtp")),
    ("gmail, unauthenticated", "failed", "policy", gmail(
        "5.7.26", "550-5.7.26 Your email has been blocked because the sender is unauthenticated. - gsmtp")),
    ("gmail, likely spam", "failed", "policy", gmail(
        "5.7.1", "550-5.7.1 [192.0.2.7] Our system has detected that this message is likely unsolicited mail. - gsmtp")),
    ("gmail, rate limit to the end", "failed", "soft", gmail(
        "4.7.28", "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail. - gsmtp")),
    ("exchange online, recipient not found", "failed", "hard", exchange(
        "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ana@mail.test not found by SMTP address lookup")),
    ("exchange online, edge block", "failed", "hard", exchange(
        "5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [AM0EUR.prod.outlook.com]")),
    ("exchange online, domain gone", "failed", "hard", exchange(
        "5.4.310", "550 5.4.310 DNS domain mail.test does not exist [Message=InfoDomainNonexistent]")),
    ("exchange online, expired", "failed", "soft", exchange(
        "5.4.300", "550 5.4.300 Message expired -> 421 4.4.0 Failed to connect")),
    ("exchange, quota", "failed", "soft", exchange("5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceeded")),
    ("exchange, not allowed", "failed", "policy", exchange(
        "5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; sender denied")),
    ("outlook.com, bulk senders", "failed", "policy", postfix(
        "5.7.515", "550 5.7.515 Access denied, sending domain shop.test does not meet the required authentication level")),
    ("outlook.com, mailbox unavailable", "failed", "hard", postfix(
        "5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).")),
    ("yahoo, no account", "failed", "hard", postfix(
        "5.0.0", "554 delivery error: dd This user doesn't have a yahoo.com account (ana@yahoo.test) [0]")),
    ("yahoo, no mailbox", "failed", "hard", postfix(
        "5.0.0", "552 1 Requested mail action aborted, mailbox not found")),
    ("yahoo, complaints", "failed", "policy", postfix(
        "5.7.9", "554 5.7.9 Message not accepted for policy reasons. See https://senders.yahooinc.test/error-codes")),
    ("yahoo, deferred to the end", "failed", "soft", postfix(
        "4.7.0", "421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred due to unexpected volume or user complaints")),
    ("aol, inactive", "failed", "hard", postfix("5.1.1", "550 5.1.1 Mailbox is inactive: ana@aol.test")),
    ("icloud, unknown", "failed", "hard", postfix("5.1.1", "550 5.1.1 <ana@icloud.test>: user does not exist")),
    ("icloud, full", "failed", "soft", postfix("5.2.2", "552 5.2.2 <ana@icloud.test>: user is over quota")),
    ("gmx, unknown", "failed", "hard", postfix(
        "5.0.0", "550 Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.test/")),
    ("gmx, reputation", "failed", "policy", postfix(
        "5.0.0", "554 Transaction failed Reject due to policy restrictions. https://postmaster.gmx.test/")),
    ("t-online, unknown", "failed", "hard", postfix("5.0.0", "550 5.1.1 unknown user / Teilnehmer existiert nicht")),
    ("orange, full", "failed", "soft", postfix("5.2.2", "552 5.2.2 Mailbox full. OFR_417 [417]")),
    ("mail.ru, gone", "failed", "hard", postfix(
        "5.0.0", "550 Message was not accepted -- invalid mailbox.  Local mailbox ana@mail.test is unavailable: user not found")),
    ("barracuda", "failed", "policy", postfix("5.0.0", "554 Service unavailable; blocked by Barracuda Reputation")),
    ("mimecast", "failed", "policy", postfix("5.0.0", "554 Email rejected due to security policies - https://community.mimecast.test")),
    ("proofpoint, unknown", "failed", "hard", postfix("5.1.1", "550 5.1.1 User Unknown")),
    ("proofpoint, blocked", "failed", "policy", postfix(
        "5.0.0", "554 Blocked - see https://ipcheck.proofpoint.test/?ip=192.0.2.7")),
)  # fmt: skip

_COMPLAINTS: tuple[Row, ...] = (
    ("rfc 5965, the smallest", "complained", "", arf("abuse", "Original-Mail-From: <{box}>")),
    ("rfc 5965, with all fields", "complained", "", arf(
        "abuse", "Original-Mail-From: <{box}>\nArrival-Date: Thu, 8 Mar 2005 14:00:00 EDT\nSource-IP: 192.0.2.1\n"
        "Reporting-MTA: dns; mail.test\nReported-Domain: shop.test\nRemoval-Recipient: ana@mail.test")),
    ("yahoo, the return path in the mail", "complained", "", arf("abuse", "Reported-Domain: shop.test").replace(
        "{head}", "Return-Path: <{box}>\n{head}")),
    ("microsoft, headers only", "complained", "", arf("abuse", "Source-IP: 192.0.2.7", "text/rfc822-headers").replace(
        "{head}", "X-HmXmrOriginalRecipient: redacted\nReturn-Path: {box}\n{head}")),
    ("fraud", "complained", "", arf("fraud", "Original-Mail-From: <{box}>")),
    ("not spam after all", "other", "", arf("not-spam", "Original-Mail-From: <{box}>")),
    ("a DMARC failure report", "other", "", arf("auth-failure", "Original-Mail-From: <{box}>\nAuth-Failure: dmarc")),
    ("opt-out", "unsubscribed", "", arf("opt-out", "Original-Mail-From: <{box}>\nRemoval-Recipient: ana@mail.test")),
)  # fmt: skip

_PEOPLE: tuple[Row, ...] = (
    ("out of office, RFC 3834", "auto_reply", "", absent("Re: Offers")),
    ("out of office, Exchange", "auto_reply", "", absent(
        "Automatic reply: Offers", "X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated")),
    ("out of office, German", "auto_reply", "", absent("Abwesenheitsnotiz: Angebote", "X-Mailer: x")),
    ("out of office, French", "auto_reply", "", absent("Réponse automatique : Offres", "X-Autoreply: yes")),
    ("out of office, Japanese", "auto_reply", "", absent("=?utf-8?b?5LiN5Zyo?=", "Precedence: auto_reply")),
    ("vacation(1)", "auto_reply", "", absent("away from my mail", "Precedence: junk")),
    ("a person answers", "other", "", "From: Ana <ana@mail.test>\nTo: {box}\nSubject: Re: Offers\n\nHow much is it?\n"),
    ("a newsletter", "other", "", "From: x@y.test\nTo: {box}\nSubject: Our news\nPrecedence: bulk\n\nRead on.\n"),
    ("nothing at all", "other", "", ""),
)  # fmt: skip
