"""Findings over HTTP: Splunk's HTTP Event Collector, Elasticsearch's bulk, and Slack-compatible webhooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qs, unquote

import msgspec
import urllib3
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.secret import parsed, shown
from siphonwatch.streams.sinks.forms import form_of
from siphonwatch.streams.sinks.sending import Refused, SendingSink
from siphonwatch.streams.sinks.slack import message

TIMEOUT = urllib3.Timeout(connect=3.0, read=15.0)
AGAIN = (408, 425, 429, 500, 502, 503, 504)  # statuses after which it is tried again


class _Done(msgspec.Struct, frozen=True):
    status: int = 200


class _Item(msgspec.Struct, frozen=True):
    create: _Done = _Done()


class _Bulk(msgspec.Struct):
    items: list[_Item] = []


class HttpSink(SendingSink):
    """Posts batches to one address."""

    def __init__(self, name: str, url: str, headers: Mapping[str, str], form: Callable[[bytes], bytes], pause: float = 0.5) -> None:
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
        self._url, self._headers = url, {"user-agent": "siphonwatch", **headers}
        super().__init__(name, form, pause)

    def deliver(self, batch: list[tuple[str, bytes]]) -> None:
        """See the base."""
        for body, kind in self.bodies(batch):
            try:
                answer = self._pool.request("POST", self._url, body=body, headers={**self._headers, "content-type": kind}, redirect=False)
            except urllib3.exceptions.HTTPError as error:
                raise OSError(type(error).__name__) from error
            if answer.status in AGAIN:
                raise OSError(f"answered {answer.status}")
            if answer.status >= 300:
                raise Refused(f"answered {answer.status}")
            self.answered(answer.data)

    @abstractmethod
    def bodies(self, batch: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """(body, content type) of each post."""

    def answered(self, body: bytes) -> None:
        """Look into an answer that says it went well."""


class SplunkSink(HttpSink):
    """HEC's event endpoint: JSON objects one after the other."""

    def __init__(self, url: str, token: str, index: str, form: Callable[[bytes], bytes], pause: float = 0.5) -> None:
        self._index = index
        super().__init__("splunk", f"{url}/services/collector/event", {"authorization": f"Splunk {token}"}, form, pause)

    def bodies(self, batch: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """See the base."""
        events = []
        for name, body in batch:
            event = {
                "source": "siphonwatch",
                "sourcetype": "siphonwatch:finding",
                "event": msgspec.Raw(body),
                "fields": {"finding_id": name},
            }
            events.append(msgspec.json.encode(event | ({"index": self._index} if self._index else {})))
        return [(b"\n".join(events), "application/json")]


class ElasticSink(HttpSink):
    """Bulk's ``create``: a finding that is there already stays as it is, so that a second delivery changes nothing."""

    def __init__(self, url: str, index: str, headers: Mapping[str, str], form: Callable[[bytes], bytes], pause: float = 0.5) -> None:
        super().__init__("elasticsearch", f"{url}/{index}/_bulk", headers, form, pause)

    def bodies(self, batch: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """See the base."""
        lines = [line for name, body in batch for line in (msgspec.json.encode({"create": {"_id": name}}), body)]
        return [(b"\n".join(lines) + b"\n", "application/x-ndjson")]

    def answered(self, body: bytes) -> None:
        """A bulk says of each document how it went: 409 is one that was there."""
        try:
            found = msgspec.json.decode(body or b"{}", type=_Bulk)
        except msgspec.MsgspecError as error:
            raise Refused("it answers, but not as a bulk does") from error
        statuses = [each.create.status for each in found.items]
        if any(status in AGAIN for status in statuses):
            raise OSError("some documents were not taken now")
        refused = sum(status >= 300 and status != 409 for status in statuses)
        if refused:
            self._drop(refused, f"refused with {max(statuses)}")


class SlackSink(HttpSink):
    """One post a finding that is worth one."""

    def __init__(self, url: str, form: Callable[[bytes], bytes], pause: float = 0.5) -> None:
        super().__init__("slack", url, {}, form, pause)

    def bodies(self, batch: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """See the base."""
        return [(body, "application/json") for _, body in batch]

    def deliver(self, batch: list[tuple[str, bytes]]) -> None:
        """One at a time, so that a second try tells nothing twice."""
        while batch:
            super().deliver(batch[:1])
            del batch[:1]


def open_splunk(url: str) -> SplunkSink:
    """For ``splunk+https://:TOKEN@HOST:8088?index=INDEX&format=native``."""
    parts, base = _address(url)
    if not parts.password:
        raise UsageError(f"sinks: {shown(url)} has no token: write splunk+https://:TOKEN@HOST:8088")
    asked = parse_qs(parts.query)
    return SplunkSink(base, unquote(parts.password), asked.get("index", [""])[0], form_of(asked, "native", ("cef",)))


def open_elastic(url: str) -> ElasticSink:
    """For ``elasticsearch+https://NAME:PASSWORD@HOST:9200/INDEX``; without a name the password is an API key."""
    parts, base = _address(url)
    index = parts.path.strip("/")
    if not index:
        raise UsageError(f"sinks: {shown(url)} names no index: write elasticsearch+https://HOST:9200/INDEX")
    headers = {}
    if parts.password and not parts.username:
        headers = {"authorization": f"ApiKey {unquote(parts.password)}"}
    elif parts.password:
        headers = dict(urllib3.make_headers(basic_auth=f"{unquote(parts.username or '')}:{unquote(parts.password)}"))
    return ElasticSink(base, index, headers, form_of(parse_qs(parts.query), "ecs", ("cef",)))


def open_slack(url: str) -> SlackSink:
    """For ``slack+https://HOST/PATH``: the webhook's address with ``slack+`` before it."""
    parts, base = _address(url)
    desk = parse_qs(parts.query).get("desk", [""])[0]
    return SlackSink(base + parts.path, lambda finding: message(finding, desk))


def _address(url: str) -> tuple[SplitResult, str]:
    parts = parsed(url, "sinks")
    if not parts.hostname:
        raise UsageError(f"sinks: {shown(url)} names no host")
    port = f":{parts.port}" if parts.port else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts, f"{parts.scheme.partition('+')[2] or 'https'}://{host}{port}"
