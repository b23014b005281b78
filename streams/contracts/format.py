"""What every log format must do: the tests that ours pass, for a format of yours."""

from __future__ import annotations

import msgspec
import pytest
from siphonwatch.detector.request.request import Request
from siphonwatch.streams.formats import decoder, known
from siphonwatch.streams.formats.base import Format

DAMAGE = (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": ' + b"[" * 5000, b"\x0a\x03abc", b"[" * 100_000)


class FormatContract:
    """What holds for any format.

    A class of tests derives from it and gives the fixtures ``name``, that of the entry point, and ``records``: some whole records of
    such a log, of which at least one is a request to a model.
    """

    @pytest.fixture
    def name(self) -> str:
        """What ``--format`` calls it."""
        raise NotImplementedError("give the fixture `name`")

    @pytest.fixture
    def records(self) -> list[bytes]:
        """Whole records as the gateway writes them."""
        raise NotImplementedError("give the fixture `records`")

    @pytest.fixture
    def format(self, name: str) -> Format:
        """The format by its name."""
        assert name in known(), f"no format {name} is installed: known are {', '.join(known())}"
        return known()[name]

    def test_it_goes_by_its_name_and_says_where_its_fields_come_from(self, format: Format, name: str) -> None:
        assert format.name == name
        assert format.source, "whoever mends it needs to know what it was written against"

    def test_records_become_requests_with_an_account_and_a_time(self, name: str, records: list[bytes]) -> None:
        found = decoder(name).decode(records)
        assert found.requests, f"no record is a request: {found.dead}"
        assert len(found.requests) == len(found.times) == len(found.positions)
        assert found.positions == sorted(found.positions)
        assert all(request.account_id and request.model and request.request_id for request in found.requests)

    def test_records_are_recognised_by_themselves(self, name: str, records: list[bytes]) -> None:
        named, alone = (decoder(chosen).decode(records) for chosen in (name, "auto"))
        assert alone.requests == named.requests
        assert alone.dead == named.dead

    def test_it_says_what_it_cannot_know_and_does_not_know_it(self, format: Format, name: str, records: list[bytes]) -> None:
        assert set(format.cannot_know) <= set(Request.__struct_fields__), "names are those of a request"
        for request in decoder(name).decode(records).requests:
            for field in format.cannot_know:
                if field != "status":  # is 200 where nothing is said
                    assert unsaid(getattr(request, field)), f"{field} is said to be never known, and is"

    @pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
    def test_damage_is_refused_alone(self, name: str, records: list[bytes], damage: bytes) -> None:
        whole = records[decoder(name).decode(records).positions[0]]
        for chosen in (name, "auto"):
            found = decoder(chosen).decode([damage, whole])
            assert 1 in found.positions
            assert all(dead.position == 0 for dead in found.dead)

    def test_a_truncated_record_never_raises(self, name: str, records: list[bytes]) -> None:
        for record in records:
            for cut in range(0, len(record), max(len(record) // 40, 1)):
                for chosen in (name, "auto"):
                    decoder(chosen).decode([record[:cut], record[:cut] + b'"}'])

    def test_a_refusal_never_says_what_the_record_said(self, name: str, records: list[bytes]) -> None:
        marked = [record[: len(record) // 2] + b"my-secret-prompt" for record in records]
        for chosen in (name, "auto"):
            assert not any("my-secret-prompt" in f"{dead.reason} {dead.detail}" for dead in decoder(chosen).decode(marked).dead)


def unsaid(value: object) -> bool:
    """Whether a field holds nothing: none, empty, or a struct of such fields."""
    if isinstance(value, msgspec.Raw):
        return not bytes(value)
    if isinstance(value, msgspec.Struct):
        return all(unsaid(getattr(value, name)) for name in value.__struct_fields__)
    return value is None or value == []
