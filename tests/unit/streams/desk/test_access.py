"""Who may: tokens, a proxy's headers, roles, sessions that end."""

from __future__ import annotations

import pytest
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.desk.web.access import IDLE, LIFE, MOST, Access, Person, Role, Sessions
from siphonwatch.streams.desk.web.guard import Pace

TOKENS = "ann:admin:ann-has-a-long-token, vic:viewer:vic-has:a-long-token"


def test_a_token_is_its_persons() -> None:
    access = Access(Config(desk_tokens=TOKENS), loopback=False)
    assert access.by_token("ann-has-a-long-token") == Person("ann", Role.ADMIN)
    assert access.by_token("vic-has:a-long-token") == Person("vic", Role.VIEWER)
    assert access.by_token("ann-has-a-long-toke") is None
    assert access.by_token("") is None
    assert access.first == ""


@pytest.mark.parametrize("wrong", ["ann:chief:a-long-enough-token", "ann:admin:short", ":admin:a-long-enough-token", "ann"])
def test_a_wrong_list_of_tokens_says_what_it_should_be(wrong: str) -> None:
    with pytest.raises(UsageError, match="NAME:ROLE:TOKEN"):
        Access(Config(desk_tokens=wrong), loopback=True)


def test_without_any_way_in_there_is_a_token_of_this_start_and_only_on_loopback() -> None:
    one, other = Access(Config(), loopback=True), Access(Config(), loopback=True)
    assert one.first != other.first
    assert one.by_token(one.first) == Person("me", Role.ADMIN)
    with pytest.raises(UsageError, match="open to the network"):
        Access(Config(desk_host="0.0.0.0"), loopback=False)


def test_only_a_known_proxy_is_believed_and_groups_give_roles() -> None:
    settings = Config(
        desk_user_header="X-Forwarded-Email",
        desk_proxies="10.1.1.1",
        desk_analysts="trust-and-safety, ada@example.com",
        desk_admins="leads",
    )
    access = Access(settings, loopback=False)
    said = {"x-forwarded-email": "ada@example.com", "x-forwarded-groups": "staff"}
    assert access.by_header(said, "10.1.1.2") is None
    assert access.by_header(said, "10.1.1.1") == Person("ada@example.com", Role.ANALYST)
    assert access.by_header({"x-forwarded-email": "vic@example.com"}, "10.1.1.1") == Person("vic@example.com", Role.VIEWER)
    assert access.by_header({"x-forwarded-email": "lea@example.com", "x-forwarded-groups": "staff,leads"}, "10.1.1.1") == Person(
        "lea@example.com", Role.ADMIN
    )
    assert access.by_header({"x-forwarded-groups": "leads"}, "10.1.1.1") is None


def test_a_session_ends_by_idleness_by_age_by_signing_out_and_by_being_too_many() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    name, session = sessions.open(Person("ann", Role.ADMIN))
    assert sessions.find(name) is session
    assert sessions.find(name + "x") is None
    now[0] = IDLE + 1
    assert sessions.find(name) is None
    name, _ = sessions.open(Person("ann", Role.ADMIN))
    for step in range(int(LIFE / 1800) + 2):
        now[0] += 1800
        kept = sessions.find(name)
        assert (kept is None) == ((step + 1) * 1800 > LIFE)
    name, _ = sessions.open(Person("ann", Role.ADMIN))
    sessions.close(name)
    assert sessions.find(name) is None
    first, _ = sessions.open(Person("ann", Role.ADMIN))
    for _ in range(MOST):
        now[0] += 0.001
        sessions.open(Person("vic", Role.VIEWER))
    assert sessions.find(first) is None


def test_a_pace_lets_a_burst_through_and_then_its_rate() -> None:
    now = [0.0]
    pace = Pace(3, 1.0, lambda: now[0])
    assert [pace.allows("a") for _ in range(5)] == [True, True, True, False, False]
    assert pace.allows("b")
    now[0] = 2.0
    assert [pace.allows("a") for _ in range(3)] == [True, True, False]
