"""What can go wrong at the edge. Every message tells the reader what to do next."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<=:)[^:/@]+(?=@)|(?<=password=)[^&]+")


def shown(url: str) -> str:
    """A URL as it may be shown: without its passwords."""
    return _SECRET.sub("***", url)


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


class Sealed(SiphonwatchError):
    """A pane that the write would touch was judged meanwhile: load the partition again and go on."""
