"""Tokens: short, distinct per purpose, impossible to guess, alive after a rotation."""

from __future__ import annotations

import random
import stat
import string
from base64 import urlsafe_b64encode
from hashlib import blake2b
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.tokens import Tokens, create_secret, load_secrets

ALPHABET = string.ascii_letters + string.digits + "-_"
OLD, NEW = b"an old secret, sixteen+", b"a new secret, sixteen+"
KEYS = [
    "0123456789abcdef:1",
    "abcdefghijklmnop:253",
    "abcdefghijklmnop:254",
    "abcdefghijklmnop:70000",
    "mfrggzdfmztwq2lk:12",
    "odd id/with ü:3",
    "no step",
    "run:007",
    "run:4294967296000",
]


def readers(tokens: Tokens) -> dict[str, object]:
    return {
        "click": tokens.read_click,
        "unsubscribe": tokens.read_unsubscribe,
        "preferences": tokens.read_preferences,
        "view": tokens.read_view,
    }


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("link", [0, 1, 255, 256, 5000, 70_000])
def test_a_click_token_says_which_link_of_which_message(key, link):
    tokens = Tokens([NEW])
    assert tokens.read_click(tokens.click(key, link)) == (key, link)
    assert tokens.read_unsubscribe(tokens.unsubscribe(key)) == key
    assert set(tokens.click(key, link)) <= set(ALPHABET)


def test_tokens_of_usual_keys_have_at_most_40_characters():
    tokens = Tokens([NEW])
    assert len(tokens.click("0123456789abcdef:12", 7)) == 40
    assert len(tokens.unsubscribe("abcdefghijklmnop:3")) == 40


@pytest.mark.parametrize("key", KEYS)
def test_a_mailbox_token_says_whose_message_it_is_in_letters_that_every_mail_program_keeps(key):
    tokens = Tokens([NEW])
    token = tokens.mailbox("bounce", key)
    assert token is not None
    assert set(token) <= set(string.ascii_lowercase + string.digits + "-_")
    assert len(f"b+{token}") <= 64
    assert tokens.read_mailbox("bounce", token) == tokens.read_mailbox("bounce", token.upper()) == key
    assert tokens.read_mailbox("leave", token) is None
    assert Tokens([OLD, NEW]).read_mailbox("bounce", token) == key
    assert Tokens([OLD]).read_mailbox("bounce", token) is None


def test_a_key_that_is_too_long_for_a_mailbox_has_no_token():
    assert Tokens([NEW]).mailbox("bounce", "x" * 70 + ":1") is None


def test_no_mailbox_token_that_is_guessed_or_changed_is_accepted():
    tokens, guess = Tokens([NEW]), random.Random(3)
    token = tokens.mailbox("bounce", KEYS[0])
    for place in range(len(token)):
        changed = token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]
        assert tokens.read_mailbox("bounce", changed) is None
    for length in range(60):
        assert tokens.read_mailbox("bounce", "".join(guess.choices(string.printable, k=length))) is None


def test_a_token_made_for_one_purpose_is_refused_for_every_other():
    tokens = Tokens([NEW])
    key = KEYS[0]
    made = {
        "click": tokens.click(key, 0),
        "unsubscribe": tokens.unsubscribe(key),
        "preferences": tokens.preferences(key),
        "view": tokens.view(key),
    }
    for purpose, token in made.items():
        for other, read in readers(tokens).items():
            assert (read(token) is not None) == (purpose == other)


def test_no_random_token_is_accepted():
    tokens = Tokens([NEW, OLD])
    accepted = 0
    for i in range(100_000):
        token = urlsafe_b64encode(blake2b(str(i).encode()).digest()).decode()[: (25, 39, 40, 41, 48, 60)[i % 6]]
        read = tokens.read_click if i % 2 else tokens.read_unsubscribe
        accepted += read(token) is not None
    assert accepted == 0


def test_no_token_with_one_changed_bit_is_accepted():
    tokens = Tokens([NEW])
    accepted = 0
    for key in KEYS:
        for token in (tokens.click(key, 3), tokens.unsubscribe(key)):
            for place, char in enumerate(token):
                for bit in range(7):
                    flipped = token[:place] + chr(ord(char) ^ 1 << bit) + token[place + 1 :]
                    accepted += tokens.read_click(flipped) is not None
                    accepted += tokens.read_unsubscribe(flipped) is not None
    assert accepted == 0


@pytest.mark.parametrize("token", ["", "a", "=" * 40, "\x00" * 40, "ü" * 40, "A" * 10_000, "A" * 24 + " " * 16])
def test_rubbish_is_no_token(token):
    tokens = Tokens([NEW])
    assert [read(token) for read in readers(tokens).values()] == [None] * 4


def test_padding_and_blanks_make_no_second_token():
    tokens = Tokens([NEW])
    for key in KEYS:
        token = tokens.click(key, 300)
        assert [tokens.read_click(t) for t in (token + "=", token + " ", " " + token, token + "\n")] == [None] * 4


def test_an_old_link_still_works_after_the_secret_was_rotated():
    old = Tokens([OLD]).click(KEYS[0], 1)
    rotated = Tokens([NEW, OLD])
    assert rotated.read_click(old) == (KEYS[0], 1)
    assert rotated.click(KEYS[0], 1) != old
    assert Tokens([NEW]).read_click(old) is None


def test_init_makes_a_secret_only_its_owner_can_read_and_keeps_it(tmp_path: Path):
    path = create_secret(tmp_path)
    first = load_secrets(tmp_path, None)[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert create_secret(tmp_path) == path
    assert load_secrets(tmp_path, None)[0] == first
    assert len(first) >= 32


def test_the_newest_line_of_the_secret_file_signs_and_all_verify(tmp_path: Path):
    path = create_secret(tmp_path)
    old = load_secrets(tmp_path, None)[0]
    path.write_text("a-newer-secret-of-enough-length\n" + path.read_text())
    assert load_secrets(tmp_path, None) == (b"a-newer-secret-of-enough-length", old)


def test_a_missing_or_short_secret_is_one_clear_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="sojourn init"):
        load_secrets(tmp_path, None)[0]
    with pytest.raises(ConfigError, match="at least 16"):
        load_secrets(tmp_path, "hunter2")[0]
    with pytest.raises(ConfigError, match="no secret"):
        Tokens([])
