"""The desk's commands as a person types them, over a finished replay and over a live store; and that a large store costs no more."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from siphonwatch.streams.desk.views.strongest import MOST
from siphonwatch.streams.desk.web.serve import assemble
from siphonwatch.streams.desk.web.serve import room as opened
from siphonwatch.streams.stores import whole
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore

from tests.integration.test_command_line import siphonwatch
from tests.services import desks
from tests.services.process import Program, free_port, listens, wait_until
from tests.services.redis import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> tuple[str, ...]:
    prefix = f"desk-{uuid.uuid4().hex[:8]}"
    made = RedisStore(redis_server.url, "requests", prefix)
    desks.fill(made)
    made.close()
    return ("--store", redis_server.url, "--prefix", prefix)


def member() -> str:
    return desks.engine().context.campaigns[0].members[0]


def test_a_case_is_written_verified_and_noted_over_either_book(store: tuple[str, ...], tmp_path: Path) -> None:
    kept = ("--replay", str(desks.keep(tmp_path)))
    for book in (store, kept):
        to = tmp_path / book[0].strip("-")
        for subject in ("campaign-1", member()):
            said = siphonwatch("report", subject, *book, "--to", str(to), "--report-key", str(tmp_path / "key.pem"), "--analyst", "ada")
            assert "signed with SHA256:" in said
        assert len(list(to.iterdir())) == 4
        for path in to.iterdir():
            assert "unchanged" in siphonwatch("verify", str(path), "--public-key", str(tmp_path / "key.pem.pub"))
            path.write_bytes(path.read_bytes().replace(b"campaign-1", b"campaign-9", 1))
            assert "changed after it was signed" in siphonwatch("verify", str(path), code=1)
        lines = [json.loads(line) for line in siphonwatch("audit", "list", *book).splitlines()]
        assert [(line["who"], line["what"]) for line in lines if line["did"] == "export"] == [("ada", "campaign-1"), ("ada", member())]
        said = siphonwatch("audit", "verify", *book)
        head = said.split()[-1]
        siphonwatch("audit", "verify", *book, "--head", head)
        assert "written anew" in siphonwatch("audit", "verify", *book, "--head", "0" * 63 + "1", code=1)
    assert "does not exist" in siphonwatch("verify", str(tmp_path / "none"), code=2)
    assert "no campaign" in siphonwatch("report", "campaign-77", *kept, code=2)


def test_rulings_of_the_command_line_stand_in_the_audit_log(store: tuple[str, ...], tmp_path: Path) -> None:
    siphonwatch("rule", member(), "harvest", "--analyst", "ada", "--note", "sold", *store)
    siphonwatch("allow", "campaign-1", "--owner", "ann", *store)
    (ruling, *_) = siphonwatch("rulings", "list", "--json", *store).splitlines()
    siphonwatch("rulings", "undo", json.loads(ruling)["id"], "--by", "vic", *store)
    text = siphonwatch("audit", "list", *store)
    assert [(each["who"], each["did"]) for each in map(json.loads, text.splitlines())] == [
        ("ada", "rule"),
        ("ann", "allow"),
        ("vic", "undo"),
    ]
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    assert "3 lines, unbroken" in siphonwatch("audit", "verify", "--file", str(path))
    path.write_text(text.replace("sold", "gave"))
    assert "changed" in siphonwatch("audit", "verify", "--file", str(path), code=1)


def test_forget_says_what_kafka_still_holds(store: tuple[str, ...], tmp_path: Path) -> None:
    siphonwatch("rule", member(), "benign", *store)
    said = siphonwatch("forget", member(), *store)
    assert "names it in 1 lines, which stay" in said
    assert "Kafka still holds: its requests in the topic requests" in said
    assert "no account" in siphonwatch("account", member(), *store, code=2)
    folder = desks.keep(tmp_path)
    assert "Kafka" not in siphonwatch("forget", member(), "--replay", str(folder))
    assert "no account" in siphonwatch("report", member(), "--replay", str(folder), code=2)


def test_the_desk_prints_an_address_that_leads_in_and_ends_when_told(store: tuple[str, ...], tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "siphonwatch.streams", "desk", *store, "--port", str(port)]
    program = Program(command, tmp_path / "desk.log")
    wait_until(lambda: listens(port), 20, "the desk to listen")
    (address,) = re.findall(r"http://\S+", (tmp_path / "desk.log").read_text())
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    try:
        with opener.open(address) as answer:
            page = answer.read().decode()
            assert "server" not in {name.lower() for name in answer.headers}
    finally:
        code = program.stop()
    assert code == 0
    assert "Overview" in page
    assert "a finished replay" not in page
    assert "open to the network" in siphonwatch("desk", *store, "--host", "0.0.0.0", code=2)


def test_the_demo_has_a_desk_with_living_data(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "demo.log"
    command = [sys.executable, "-m", "siphonwatch.streams", "demo", "--http-port", str(free_port())]
    program = Program(command, log, {**os.environ, "SIPHONWATCH_DESK_PORT": str(port), "SIPHONWATCH_DECISION_PORT": str(free_port())})
    wait_until(lambda: "sign-in?token=" in log.read_text() and listens(port), 30, "the demo to print the desk's address")
    (address,) = re.findall(r"http://\S+sign-in\S+", log.read_text())
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def living() -> bool:
        with opener.open(address.partition("sign-in")[0]) as answer:
            return "of them blocked" in (page := answer.read().decode()) and "nothing yet" not in page

    try:
        opener.open(address).close()
        wait_until(living, 10, "the desk to show what was judged")
    finally:
        code = program.stop()
    assert code == 0


class Counting(MemoryStore):
    """A store that counts what a page reads of it."""

    def __init__(self) -> None:
        super().__init__()
        self.states = self.found = 0

    def account(self, account: str) -> bytes | None:
        self.states += 1
        return super().account(account)

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        return super().accounts(names)

    def findings(self, count: int, subject: str | None = None) -> list[bytes]:
        made = super().findings(count, subject)
        self.found += len(made)
        return made


def test_a_page_reads_no_more_of_a_hundred_thousand_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Counting()
    desks.fill(store)
    _, values, verdicts, _ = desks.judged()
    one = next(iter(verdicts.values()))
    many = [(f"a{number:06d}", values[number % len(values)][1], -1.0 - number / 1e6) for number in range(100_000)]
    told = {name: msgspec.structs.replace(one, account_id=name) for name, _, _ in many[:2000]}
    whole.write(store, store.context() or b"", many, told, height=0.5)
    settings = desks.config()
    monkeypatch.setattr("siphonwatch.streams.desk.web.serve.open_book", lambda *_: store)
    room = opened(settings, None)
    ada = desks.Visitor(assemble(settings, room)[0])
    for path in ("/", "/queue", "/account?id=a000050", "/campaigns", "/campaign?name=campaign-1", "/what-if", "/rulings", "/audit"):
        store.states = store.found = 0
        room._looked = -1e9  # as if the accounts of strongest evidence had to be read anew
        assert ada.get(path).status_code == 200
        assert store.states <= MOST + len(room.desk.context.campaigns[0].members) + 2, path
        assert store.found <= 256, "findings that were read once are not read again"
