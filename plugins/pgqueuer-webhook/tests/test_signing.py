from __future__ import annotations

import pytest

from pgqueuer_webhook.sending import LONGEST_RETRY_AFTER, seconds_of
from pgqueuer_webhook.settings import SettingsError, read_settings
from pgqueuer_webhook.signing import is_signed, make_secret, read_keys, sign

URL = "https://user:hidden@example.org/hidden"


def given(**settings: str) -> dict[str, str]:
    known = {"URL": URL, "SECRET": make_secret()} | settings
    return {f"PGQUEUER_WEBHOOK_{name}": value for name, value in known.items()}


def test_a_known_message_has_a_known_signature():
    # Computed with openssl: printf '%s' 'msg_1.1600000000.{}' | openssl dgst -sha256 -hmac KEY
    keys = (b"0123456789abcdef0123456789abcdef",)
    wanted = "v1,0SthC3kz+KZe/GGQUr8KJgWGej3GnBjhAe66s1jQSdQ="
    assert sign(keys, "msg_1", 1600000000, b"{}") == wanted


def test_each_part_of_a_message_is_signed():
    keys = read_keys(make_secret())
    signature = sign(keys, "msg_1", 1, b"body")
    assert is_signed(keys, "msg_1", 1, b"body", signature)
    assert not is_signed(keys, "msg_2", 1, b"body", signature)
    assert not is_signed(keys, "msg_1", 2, b"body", signature)
    assert not is_signed(keys, "msg_1", 1, b"other", signature)
    assert not is_signed(read_keys(make_secret()), "msg_1", 1, b"body", signature)
    assert not is_signed(keys, "msg_1", 1, b"body", "")


def test_old_and_new_secret_are_good_while_they_change():
    old, new = make_secret(), make_secret()
    signature = sign(read_keys(f"{new} {old}"), "msg_1", 1, b"body")
    for secret in (old, new):
        assert is_signed(read_keys(secret), "msg_1", 1, b"body", signature)


@pytest.mark.parametrize("secret", ["hidden", "whsec_hidden", "whsec_aGlkZGVu", "whsec_"])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret):
    with pytest.raises(SettingsError, match="SECRET") as caught:
        read_settings(given(SECRET=secret), {})
    assert "hidden" not in str(caught.value)
    assert "aGlkZGVu" not in str(caught.value)


def test_neither_secret_nor_path_is_in_what_a_log_shows():
    settings = read_settings(given(), {})
    assert settings.place == "https://example.org:443"
    assert "hidden" not in repr(settings)
    assert repr(settings.secret[0]) not in repr(settings)


def test_options_win_over_the_environment():
    settings = read_settings(
        given(OUTCOMES="held", MAX_AGE="5"),
        {"webhook-outcomes": "failed, canceled", "webhook-max-age": "7"},
    )
    assert settings.outcomes == ("failed", "canceled")
    assert settings.max_age == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("URL", "ftp://x"), ("OUTCOMES", "gone"), ("BATCH", "0"), ("TIMEOUT", "x"), ("URL", "")],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(SettingsError, match=f"PGQUEUER_WEBHOOK_{name}"):
        read_settings(given(**{name: value}), {})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        ("999999", LONGEST_RETRY_AFTER),
        ("soon", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2215 07:28:00 GMT", LONGEST_RETRY_AFTER),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert seconds_of(header) == seconds
