"""A key pair for web push can be made, and is one that the channel takes."""

from __future__ import annotations

from channels.webpush import WebPushChannel, WebPushSettings


def test_a_new_push_key_is_one_that_the_channel_takes(sojourn):
    pair = sojourn("config", "push-key", "--json").json["data"]
    assert (len(pair["private"]), len(pair["public"])) == (43, 87)
    WebPushChannel(WebPushSettings(pair["private"], "mailto:ops@shop.example")).close()


def test_the_two_keys_are_the_answer_and_what_to_do_with_them_is_said_beside_it(sojourn):
    said = sojourn("config", "push-key")
    assert [line.split()[0] for line in said.out.splitlines()] == ["private", "public"]
    assert "VAPID_KEY" in said.err
