"""What can go wrong at the edge. Every message tells the reader what to do next."""

from __future__ import annotations


class SiphonwatchError(Exception):
    """Anything this program raises on purpose."""


class UsageError(SiphonwatchError):
    """A wrong option, URL or file: one clear line, exit code 2."""


class Unavailable(SiphonwatchError):
    """A store does not answer: wait and try again."""

    what = "store"


class BrokerUnavailable(Unavailable):
    """A broker does not answer: wait and try again."""

    what = "broker"


class Fenced(SiphonwatchError):
    """Another owner has claimed the partition or the judging: what was being written is dropped, nothing is lost."""


class Moved(SiphonwatchError):
    """A shard has another keeper by now: this step of judging is dropped, and begun again with those who keep the shards."""


class Behind(SiphonwatchError):
    """The store does not hold what was last written to it: load what is there, and read the rest again from the log."""

    def __init__(self, message: str, what: str, partition: int | None = None, kind: str = "fell_back") -> None:
        super().__init__(message)
        self.kind = kind  # one of ``FAULTS``
        self.what = what  # one of ``FAULTY``
        self.partition = partition  # whose, ``None`` for the judging


FAULTS = (
    "fell_back",  # what was written is not there, what was before it is
    "missing",  # a key or a field is gone
    "unreadable",  # a value does not decode, or is of another type: it was set aside
    "other_topic",  # the topic was deleted and made anew, or cut off: it is read from its start
    "gone",  # what would be read again is no longer in the log: the answer stays incomplete
)
FAULTY = (
    "partition", "position", "pane", "ids", "judging", "context", "accounts", "account", "verdicts", "verdict", "standings", "ranking",
    "outbox", "findings", "owners", "asks", "ruling", "erased", "trail", "buckets", "secret", "records",
)  # fmt: skip


class Sealed(SiphonwatchError):
    """A pane that the write would touch was judged meanwhile: load the partition again and go on."""
