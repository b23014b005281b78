"""What must never be shown: passwords within URLs, and settings that are secrets or may hold one."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import SecretStr
from siphonwatch.streams.common.errors import UsageError

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:(?://)?)(?P<rest>.*)", re.DOTALL)
PLAIN = ("redis", "rediss", "redis+cluster", "unix", "kafka", "file", "memory", "log")  # whose path is a name and no secret
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?"
_HOSTS = re.compile(rf"(?:{_HOST}(?:,{_HOST})*)?")
_WITH_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#@:]*:)(.*)@([^@]*)", re.DOTALL)
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def scheme_of(url: str) -> str:
    """The scheme of a URL, however odd the rest of it is."""
    return url.partition(":")[0].lower()


def shown(url: str) -> str:
    """A URL as it may be shown: its scheme, its host and, of the ``PLAIN`` ones, its path.

    Whatever stands before the last ``@`` may be a password, in which people write ``/`` and ``?`` as they come: then nothing but the scheme
    is shown. A query may hold one too, and the path of a webhook often is one.
    """
    found = _URL.fullmatch(url)
    if found is None:
        return "***" if url else ""
    scheme, rest = found["scheme"], found["rest"]
    before, at, rest = rest.rpartition("@")
    if re.search(r"[/?#]", before):  # within a password, or in a path with an @: nobody can tell
        return f"{scheme}***"
    hidden = "***@" if at else ""
    rest, query, _ = rest.partition("?")
    host, slash, path = rest.partition("#")[0].partition("/")
    if scheme.endswith("//") and not _HOSTS.fullmatch(host):
        return f"{scheme}***"
    path = "***" if path and scheme_of(url) not in PLAIN else path
    return f"{scheme}{hidden}{host}{slash}{path}{'?***' if query else ''}"


def quoted(url: str) -> str:
    """A URL whose password stands in it as people write it, as parsers read it: what would end it is percent-encoded."""
    found = _WITH_PASSWORD.fullmatch(url)
    if found is None:
        return url
    scheme, name, password, rest = found.groups()
    return f"{scheme}{name}{quote(_LONE_PERCENT.sub('%25', password), safe='%')}@{rest}"


def parsed(url: str, what: str) -> SplitResult:
    """The parts of a URL; ``UsageError`` where it has none, in words that quote nothing of it. ``what`` is the setting that holds it."""
    try:
        parts = urlsplit(quoted(url))
        _ = parts.port, parts.hostname
    except ValueError:
        raise UsageError(f"{what} {shown(url)} is no URL: write what is odd in a password percent-encoded") from None
    return parts


class SecretUrl(SecretStr):
    """A setting that is a URL, or some, and may hold a password: printed by :func:`shown`, wherever it is printed."""

    def _display(self) -> str:
        return shown(self.get_secret_value())
