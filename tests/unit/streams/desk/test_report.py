"""Reports: what they hold, that they hold it by themselves, and that no byte of them can be changed."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.desk.case import sign
from siphonwatch.streams.desk.case.export import export
from siphonwatch.streams.desk.web.room import Room

from tests.services import desks

KEY = sign.private_key(None)
CASE = b'{"a":1, "b":"what was found"}'


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return desks.desk(desks.keep(tmp_path), report_key=tmp_path / "key.pem")[1]  # type: ignore[return-value]


def test_a_report_says_what_it_rests_on(room: Room, tmp_path: Path) -> None:
    case = json.loads(export(room, "campaign-1", "ada").json)["case"]
    rests = case["rests_on"]
    assert rests["origin"]["inputs"][0]["sha256"] == hashlib.sha256((tmp_path / "log.jsonl").read_bytes()).hexdigest()
    assert all(re.fullmatch("[0-9a-f]{64}", rests[name]) for name in ("prior_sha256", "settings_sha256", "audit_head"))
    assert case["command"] == ["siphonwatch", "replay", "log.jsonl"]
    assert case["cannot_show"]
    assert "10,000" in case["false_alarms"]["in_words"]
    assert {one["account_id"] for one in case["found"]["members"]} == set(room.desk.context.campaigns[0].members)
    assert sum(one["share_of_work"] for one in case["found"]["members"]) == pytest.approx(1.0, abs=0.01)


def test_the_page_stands_by_itself(room: Room) -> None:
    for subject in ("campaign-1", room.desk.context.campaigns[0].members[0]):
        page = export(room, subject, "ada").html.decode()
        assert "<svg" in page
        assert "<script" not in page
        assert not re.search(r"(?:src|href)=", page)
        for words in ("What this can show", "What it cannot", "How often it is wrong", "What it rests on", "sha256:"):
            assert words in page


def test_one_key_signs_all_reports_and_is_for_its_owners_eyes(room: Room, tmp_path: Path) -> None:
    first, second = export(room, "campaign-1", "ada"), export(room, "campaign-1", "ada")
    assert first.fingerprint == second.fingerprint == sign.verify(first.html, tmp_path / "key.pem.pub")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    other = tmp_path / "other.pem"
    sign.private_key(other)
    with pytest.raises(sign.Unsigned, match="another key"):
        sign.verify(first.json, other.with_name("other.pem.pub"))
    (tmp_path / "none.pem").write_text("no key")
    with pytest.raises(UsageError, match="Ed25519"):
        sign.private_key(tmp_path / "none.pem")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    for raw in (sign.signed_html(b"<p>what was found</p>\n", KEY), sign.signed_json(CASE, KEY)):
        assert sign.verify(raw)
        at, flip = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
        changed = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
        try:
            found = sign.verify(changed)
        except sign.Unsigned:
            continue
        # bytes that carry nothing: a space after the JSON's end; the signature still is of all that is told
        assert found == sign.fingerprint(sign.public_bytes(KEY))
        assert json.loads(changed) == json.loads(raw)


@pytest.mark.parametrize("signed", [sign.signed_html(b"<p>found</p>\n", KEY), sign.signed_json(CASE, KEY)], ids=["html", "json"])
def test_bits_of_base64_that_carry_nothing_are_as_they_were_written(signed: bytes) -> None:
    at = signed.index(b"==")  # the character before the padding has bits that no byte takes
    for other in (bytes([signed[at - 1] + 1]), bytes([signed[at - 1] - 1])):
        with pytest.raises(sign.Unsigned):
            sign.verify(signed[: at - 1] + other + signed[at:])


@pytest.mark.parametrize("raw", [b"", b"{}", b"<html></html>", CASE, b'{"case":1,"public_key":"AAAA","signature":"AAAA"}'])
def test_what_is_no_report_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(sign.Unsigned):
        sign.verify(raw)


def test_what_was_appended_shows() -> None:
    with pytest.raises(sign.Unsigned):
        sign.verify(sign.signed_html(b"<p>found</p>\n", KEY) + b"<p>and more</p>\n")
