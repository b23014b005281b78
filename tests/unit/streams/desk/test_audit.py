"""The audit log's chain: any change of the past shows."""

from __future__ import annotations

import threading

import pytest
from siphonwatch.streams.desk import audit
from siphonwatch.streams.stores.memory import MemoryStore


def log() -> list[bytes]:
    book = MemoryStore()
    for number in range(5):
        audit.write(book, "ada", "rule", f"acct_{number}", ruling="harvest", note='a "note"\n')
    return book.trail()


def test_an_untouched_chain_holds_and_has_a_head() -> None:
    lines = log()
    head = audit.verify(lines)
    assert head == audit.head(lines)
    assert audit.verify(lines, head) == head
    assert audit.verify([]) == audit.START


@pytest.mark.parametrize(
    "changed",
    [
        lambda lines: [*lines[:2], lines[2].replace(b"acct_2", b"acct_9"), *lines[3:]],
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: lines[1:],
        lambda lines: [*lines[:3], b"not a line", *lines[3:]],
    ],
    ids=["changed", "dropped", "reordered", "repeated", "beginning lost", "something else"],
)
def test_a_changed_past_is_found(changed) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(audit.Broken):
        audit.verify(changed(log()))


def test_a_log_that_was_written_anew_or_cut_lacks_the_noted_head() -> None:
    lines = log()
    noted = audit.head(lines)
    assert audit.verify([*lines, *_more(lines)], noted), "a log that went on still has it"
    with pytest.raises(audit.Broken, match="written anew"):
        audit.verify(lines[:-1], noted)


def _more(lines: list[bytes]) -> list[bytes]:
    book = MemoryStore()
    book._trail = list(lines)
    audit.write(book, "ann", "undo", "1")
    return book.trail()[len(lines) :]


def test_writers_at_once_make_one_chain() -> None:
    book = MemoryStore()

    def write(who: str) -> None:
        for number in range(20):
            audit.write(book, who, "rule", str(number))

    threads = [threading.Thread(target=write, args=(who,)) for who in ("ada", "ann", "vic")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(book.trail()) == 60
    audit.verify(book.trail())
