"""Kafka as a source: one member of a consumer group.

Offsets live beside the states, not in Kafka: what is committed to the group is for its lag tools alone. Rebalances happen on
the client's own thread; they are noted there and acted on between polls, and a stale owner's writes are refused by the store.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any
from urllib.parse import parse_qsl

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError
from siphonwatch.streams.common.errors import BrokerUnavailable, UsageError
from siphonwatch.streams.common.secret import parsed, shown
from siphonwatch.streams.sources.base import Extent, Polled, Records, SourceOptions

SECURITY = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
)

UNKNOWN = 1 << 62  # ms: nothing is later than a record that has no time


def parse(url: str) -> tuple[str, str, dict[str, Any]]:
    """(bootstrap servers, topic, client settings) of ``kafka://HOST:PORT[,HOST:PORT]/TOPIC?security_protocol=…``."""
    parts = parsed(url, "--source")
    topic = parts.path.strip("/")
    if "@" in parts.netloc:
        raise UsageError(f"{shown(url)}: Kafka takes a user and a password as ?sasl_plain_username=…&sasl_plain_password=…")
    if not parts.netloc or not topic or "/" in topic:
        raise UsageError(f"{shown(url)} is no Kafka URL: write kafka://HOST:PORT/TOPIC")
    settings = dict(parse_qsl(parts.query))
    if set(settings) - set(SECURITY):  # not named: what follows an & within a password would be among them
        raise UsageError(f"{shown(url)} has unknown settings (an & in a password is %26): known are {', '.join(SECURITY)}")
    return parts.netloc, topic, settings


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes ownership changes until the next poll takes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted = Polled()

    def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        with self._lock:
            self._noted.assigned |= {each.partition for each in assigned}
            self._noted.revoked -= self._noted.assigned

    def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        with self._lock:
            self._noted.revoked |= {each.partition for each in revoked}
            self._noted.assigned -= self._noted.revoked

    def on_partitions_lost(self, lost: list[TopicPartition]) -> None:
        self.on_partitions_revoked(lost)

    def take(self) -> Polled:
        with self._lock:
            noted, self._noted = self._noted, Polled()
            return noted


class KafkaSource:
    """See :class:`siphonwatch.streams.sources.base.Source`."""

    def __init__(self, url: str, group: str, max_records: int = 8192, session: float = 10.0, **overrides: Any) -> None:
        self._servers, self.name, self._settings = parse(url)
        self._group, self._max = group, max_records
        self._rebalances = _Rebalances()
        self._session_ms = int(session * 1000)
        self._overrides = overrides
        self._consumer: Any = None
        self._checked = 0.0
        self._admin: Any = None
        self._identity, self._described_at = "", -float("inf")

    def _open(self) -> Any:
        if self._consumer is None:
            try:
                self._consumer = KafkaConsumer(
                    bootstrap_servers=self._servers.split(","),
                    group_id=self._group,
                    client_id="siphonwatch",
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    fetch_max_bytes=32 << 20,
                    max_partition_fetch_bytes=8 << 20,
                    max_poll_records=self._max,
                    max_poll_interval_ms=120_000,
                    session_timeout_ms=self._session_ms,
                    heartbeat_interval_ms=self._session_ms // 4,
                    bootstrap_timeout_ms=5_000,
                    **{**self._settings, **self._overrides},
                )
                self._consumer.subscribe([self.name], listener=self._rebalances)
            except (KafkaError, OSError, ValueError, AssertionError) as error:
                self._consumer = None
                raise BrokerUnavailable(f"no Kafka broker answers at {self._servers} ({type(error).__name__})") from error
        return self._consumer

    def partitions(self) -> int:
        """See the protocol."""
        try:
            found = self._open().partitions_for_topic(self.name)
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka at {self._servers} does not answer ({type(error).__name__})") from error
        if not found:
            raise BrokerUnavailable(f"the topic {self.name} does not exist at {self._servers}: create it, or check --source")
        return len(found)

    def poll(self, timeout: float) -> Polled:
        """See the protocol."""
        consumer = self._open()
        try:
            found = consumer.poll(timeout_ms=int(timeout * 1000), max_records=self._max)
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka at {self._servers} does not answer ({type(error).__name__})") from error
        polled = self._rebalances.take()
        for tp, records in found.items():
            if tp.partition in polled.assigned or not records:
                continue  # read before the stored offset was known: the seek that follows reads them again
            values, offsets = [record.value or b"" for record in records], [record.offset for record in records]
            logged = [record.timestamp if record.timestamp > 0 else UNKNOWN for record in records]  # -1 where a record has no time
            polled.records.append(Records(tp.partition, offsets, values, offsets[-1] + 1, logged))
        if not found:
            self._check()
        return polled

    def _check(self) -> None:
        """A broker that is away looks like silence: ask for metadata now and then while nothing comes."""
        if time.monotonic() - self._checked < 2.0:
            return
        self._checked = time.monotonic()
        assigned = self._consumer.assignment()
        if assigned:
            try:
                self._consumer.end_offsets(list(assigned), timeout_ms=2000)
            except (KafkaError, OSError) as error:
                self._checked = 0.0
                raise BrokerUnavailable(f"Kafka at {self._servers} does not answer ({type(error).__name__})") from error

    def seek(self, partition: int, offset: int | None) -> None:
        """See the protocol."""
        consumer, tp = self._open(), TopicPartition(self.name, partition)
        try:
            if offset is None:
                consumer.seek_to_beginning(tp)
            else:
                consumer.seek(tp, offset)
        except (KafkaError, AssertionError, ValueError) as error:  # as the client says that it is not assigned any more
            raise BrokerUnavailable(f"partition {partition} moved away meanwhile") from error

    def extent(self, partition: int) -> Extent:
        """See the protocol."""
        consumer, tp = self._open(), TopicPartition(self.name, partition)
        try:
            begins, ends = consumer.beginning_offsets([tp], timeout_ms=5000)[tp], consumer.end_offsets([tp], timeout_ms=5000)[tp]
            return Extent(self._described(), int(begins), int(ends))
        except (KafkaError, OSError, KeyError, AssertionError) as error:
            raise BrokerUnavailable(f"Kafka at {self._servers} does not answer ({type(error).__name__})") from error

    def identity(self) -> str:
        """See the protocol: asked for every two seconds."""
        if time.monotonic() - self._described_at > 2.0:
            try:
                return self._described()
            except (KafkaError, OSError, AssertionError) as error:
                raise BrokerUnavailable(f"Kafka at {self._servers} does not answer ({type(error).__name__})") from error
        return self._identity

    def _described(self) -> str:
        """The topic's id, from the broker; empty where the broker is older than such ids."""
        if self._admin is None:
            self._admin = KafkaAdminClient(bootstrap_servers=self._servers.split(","), client_id="siphonwatch", **self._settings)
        found = [str(each.get("topic_id") or "") for each in self._admin.describe_topics([self.name]) if not each.get("error_code")]
        self._identity = found[0] if found and found[0].strip("0-") else ""
        self._described_at = time.monotonic()
        return self._identity

    def lag(self, partition: int) -> int | None:
        """See the protocol."""
        tp = TopicPartition(self.name, partition)
        try:
            high, at = self._consumer.highwater(tp), self._consumer.position(tp, timeout_ms=1000)
            if high is None:  # not told as long as nothing was fetched since the seek
                high = self._consumer.end_offsets([tp], timeout_ms=1000)[tp]
        except (KafkaError, AssertionError, AttributeError, ValueError):
            return None
        return None if high is None or at is None else max(int(high) - int(at), 0)

    def progress(self, offsets: dict[int, int]) -> None:
        """See the protocol."""
        commits = {TopicPartition(self.name, each): OffsetAndMetadata(at, "", -1) for each, at in offsets.items()}
        with contextlib.suppress(KafkaError, AssertionError):  # then the group's lag display is behind; what counts is stored
            self._consumer.commit_async(commits)

    def close(self) -> None:
        """See the protocol."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=3000)
            self._consumer = None
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def open_source(url: str, options: SourceOptions) -> KafkaSource:
    """A member of a consumer group on ``kafka://HOST:PORT/TOPIC``."""
    return KafkaSource(url, options.group, options.batch, options.session)


def producer(url: str, **overrides: Any) -> tuple[Any, str]:
    """(a producer that waits for all replicas, topic) for ``url``; ``Unavailable`` where no broker answers."""
    servers, topic, settings = parse(url)
    try:
        made = KafkaProducer(
            bootstrap_servers=servers.split(","), client_id="siphonwatch", **{"acks": "all", "linger_ms": 5, **settings, **overrides},
        )  # fmt: skip
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"no Kafka broker answers at {servers} ({type(error).__name__})") from error
    return made, topic
