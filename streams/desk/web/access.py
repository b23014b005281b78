"""Who may: sign-in by token, or by the header of an authenticating proxy; roles; sessions in this process's memory."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError

IDLE, LIFE, MOST = 3600.0, 12 * 3600.0, 1000  # seconds without use, seconds in all, sessions


class Role(IntEnum):
    """What a person may do; each may what the one before may."""

    VIEWER = 1  # look, search
    ANALYST = 2  # rule, take back, export
    ADMIN = 3  # erase

    @property
    def word(self) -> str:
        """As the settings write it."""
        return self.name.lower()


ROLES = {role.word: role for role in Role}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known."""

    name: str
    role: Role


@dataclass(slots=True)
class Session:
    """One sign-in."""

    person: Person
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    born: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Access:
    """The people of a configuration. ``first`` is the token made at this start where no other way in is set."""

    def __init__(self, config: Config, loopback: bool) -> None:
        self._tokens: list[tuple[bytes, Person]] = []
        for each in filter(None, map(str.strip, config.desk_tokens.get_secret_value().split(","))):
            name, _, rest = each.partition(":")
            role, _, token = rest.partition(":")
            if role not in ROLES or len(token) < 16 or not name:
                raise UsageError(
                    "desk_tokens is NAME:ROLE:TOKEN, comma separated; ROLE is viewer, analyst or admin, TOKEN 16 characters at least"
                )
            self._tokens.append((_digest(token), Person(name, ROLES[role])))
        self._header, self._groups = config.desk_user_header.lower(), config.desk_groups_header.lower()
        self._proxies, self._analysts, self._admins = (
            {part.strip() for part in listed.split(",") if part.strip()}
            for listed in (config.desk_proxies, config.desk_analysts, config.desk_admins)
        )
        self.first = ""
        if not self._tokens and not self._header:
            if not loopback:
                raise UsageError(
                    f"desk_host {config.desk_host} is open to the network: set desk_tokens, or desk_user_header behind a proxy"
                )
            self.first = secrets.token_urlsafe(24)
            self._tokens.append((_digest(self.first), Person("me", Role.ADMIN)))

    def by_token(self, token: str) -> Person | None:
        """Whose token it is; every one is compared, in constant time."""
        given, found = _digest(token), None
        for known, person in self._tokens:
            if hmac.compare_digest(given, known):
                found = person
        return found

    def by_header(self, headers: Mapping[str, str], peer: str) -> Person | None:
        """Whom an authenticating proxy names; nobody where it is not one of ``desk_proxies`` that asks."""
        name = headers.get(self._header, "").strip() if self._header else ""
        if not name or peer not in self._proxies:
            return None
        known = {name, *(part.strip() for part in headers.get(self._groups, "").split(","))}
        role = Role.ADMIN if known & self._admins else Role.ANALYST if known & self._analysts else Role.VIEWER
        return Person(name, role)


class Sessions:
    """Sign-ins that stand."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, Session] = {}
        self._now = now

    def open(self, person: Person) -> tuple[str, Session]:
        """A new one, and the secret that names it."""
        self._sweep()
        while len(self._known) >= MOST:
            del self._known[min(self._known, key=lambda name: self._known[name].used)]
        name, now = secrets.token_urlsafe(32), self._now()
        self._known[name] = Session(person, born=now, used=now)
        return name, self._known[name]

    def find(self, name: str) -> Session | None:
        """The one of that secret, if it still stands."""
        session, now = self._known.get(name), self._now()
        if session is None or now - session.used > IDLE or now - session.born > LIFE:
            self._known.pop(name, None)
            return None
        session.used = now
        return session

    def close(self, name: str) -> None:
        """Sign out."""
        self._known.pop(name, None)

    def _sweep(self) -> None:
        now = self._now()
        self._known = {name: one for name, one in self._known.items() if now - one.used <= IDLE and now - one.born <= LIFE}
