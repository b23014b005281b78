"""What the desk is promised, by a live store and by a finished replay alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.desk import audit
from siphonwatch.streams.desk.book import Book
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.desk.kept import KeptBook
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore

from tests.services import desks
from tests.services.redis import RedisServer


def desk(book: Book) -> Desk:
    return Desk(book, prior.load(), DEFAULT)


class BookContract:
    @pytest.fixture
    def book(self) -> Book:
        raise NotImplementedError

    def test_it_says_what_the_judging_said(self, book: Book) -> None:
        made, (_, values, verdicts, found) = desk(book), desks.judged()
        assert {name: book.account(name) for name, _, _ in values} == {name: value for name, value, _ in values}
        evidence = {name: strongest for name, _, strongest in values}
        assert [evidence[name] for name in book.top(9)] == sorted(evidence.values(), reverse=True)[:9]
        flagged = [name for name, one in verdicts.items() if one.level in ("throttle", "block")]
        assert flagged
        assert all(book.verdict(name) == verdicts[name] for name in flagged)
        assert set(book.standings()) == set(verdicts)
        assert len(book.findings(10_000)) == len(found)
        assert made.context.campaigns
        assert made.queue

    def test_a_ruling_takes_its_card_off_the_queue_and_undoing_brings_it_back(self, book: Book) -> None:
        card = desk(book).queue[0]
        ruling = desk(book).rule(card.account, True, "ada", "sold our answers", None, card.accounts)
        assert [one.id for one in book.rulings()] == [ruling.id]
        assert card.account not in [one.account for one in desk(book).queue]
        assert desk(book).take_back(ruling.id, "ada")
        assert not [one for one in book.rulings() if not one.withdrawn]
        with pytest.raises(UsageError):
            desk(book).rule("nobody", True, "ada", "", None)

    def test_what_was_done_stands_in_an_unbroken_log(self, book: Book) -> None:
        made = desk(book)
        ruling = made.rule(made.queue[0].account, False, "ada", "a customer", None)
        made.take_back(ruling.id, "vic")
        made.rule(made.context.campaigns[0].name, None, "ann", "", 7.0)
        assert [(line.who, line.did) for line in audit.read(book)] == [("ada", "rule"), ("vic", "undo"), ("ann", "allow")]
        audit.verify(book.trail())

    def test_an_erased_account_is_gone(self, book: Book) -> None:
        made = desk(book)
        member = made.context.campaigns[0].members[0]
        assert made.erase(member, "ann").state
        assert book.account(member) is None
        assert not [one for one in book.findings(10_000) if member.encode() in one]
        assert not [line for line in book.trail() if member.encode() in line]


class TestMemory(BookContract):
    @pytest.fixture
    def book(self) -> Book:
        return desks.fill(MemoryStore())


class TestRedis(BookContract):
    @pytest.fixture
    def book(self, redis_server: RedisServer) -> Iterator[Book]:
        store = RedisStore(redis_server.url, "t", f"test-{uuid.uuid4().hex[:8]}")
        yield desks.fill(store)
        store.close()


class TestKept(BookContract):
    @pytest.fixture
    def book(self, tmp_path: Path) -> Iterator[Book]:
        made = KeptBook(desks.keep(tmp_path), prior.load(), DEFAULT)
        yield made
        made.settle()

    def test_a_ruling_moves_the_model_at_once_and_nothing_stays_when_it_is_taken_back(self, tmp_path: Path) -> None:
        book = KeptBook(desks.keep(tmp_path), prior.load(), DEFAULT)
        before = desk(book)
        ruled = before.queue[0].account
        ruling = before.rule(ruled, True, "ada", "", None)
        book.settle()
        taught = desk(book)
        assert taught.scorer.model.weights != before.scorer.model.weights
        assert ruled not in [card.account for card in taught.queue]
        taught.take_back(ruling.id)
        book.settle()
        assert desk(book).scorer.model.weights == before.scorer.model.weights

    def test_everything_stands_in_the_folder(self, tmp_path: Path) -> None:
        book = KeptBook(desks.keep(tmp_path), prior.load(), DEFAULT)
        made = desk(book)
        gone, ruled = made.context.campaigns[0].members[0], made.queue[0].account
        made.rule(ruled, True, "ada", "", None)
        book.settle()
        made.erase(gone, "ann")
        book.settle()
        again = KeptBook(tmp_path, prior.load(), DEFAULT)
        assert [one.subject for one in again.rulings()] == [ruled]
        assert again.trail() == book.trail()
        assert again.account(gone) is None
        held = b"".join(path.read_bytes() for path in (tmp_path / "desk").iterdir())
        assert gone.encode() not in held
        assert desk(again).context.taught, "what was ruled is learned when the folder is opened again"

    def test_another_folder_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--keep"):
            KeptBook(tmp_path, prior.load(), DEFAULT)
