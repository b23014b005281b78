"""A finished replay in a folder, as the desk reads it: ``DIR/desk/``.

``accounts.msgpack`` holds states and records, ``context.msgpack`` what the judging knew beside them, ``findings.jsonl`` and
``verdicts.jsonl`` what it said, ``secret`` what addresses were hashed with, ``origin.json`` what it was made from; ``rulings.jsonl`` and
``trail.jsonl`` what people did since. No log record and no prompt is among them.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.reviewing import review
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.version import program_version
from siphonwatch.streams.desk.book import Input, Origin
from siphonwatch.streams.stores import snapshot, whole
from siphonwatch.streams.stores.erasing import Erased
from siphonwatch.streams.stores.memory import MemoryStore

FOLDER, SECRET = "desk", "secret"
T = TypeVar("T")


def keep(
    folder: Path, engine: Engine, findings: list[Finding], inputs: Iterable[Path], command: list[str], secret: bytes = b""
) -> None:  # fmt: skip
    """Write what a replay found into ``folder``/desk; ``secret`` is what :class:`HashKey` would leave in a store."""
    to = folder / FOLDER
    to.mkdir(parents=True, exist_ok=True)
    engine.context.queue = review(engine)
    (to / "accounts.msgpack").write_bytes(msgspec.msgpack.encode(snapshot.pack_accounts(engine.accounts, sorted(engine.accounts.ids))))
    (to / "context.msgpack").write_bytes(snapshot.pack_context(engine))
    _lines(to / "findings.jsonl", map(finding.encode, findings))
    _lines(to / "verdicts.jsonl", map(msgspec.json.encode, engine.verdicts.values()))
    _lines(to / "rulings.jsonl", map(msgspec.json.encode, engine.teaching.rulings))
    (to / SECRET).unlink(missing_ok=True)
    (to / SECRET).touch(0o600)
    (to / SECRET).write_bytes(secret)
    read = [Input(str(path), path.stat().st_size, _sha256(path)) for path in inputs if path.is_file()]
    made = Origin("replay", "", read, command, program_version())
    (to / "origin.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1))


def verdicts(folder: Path) -> dict[str, Verdict]:
    """How the accounts stood that were not clear when the replay ended; ``UsageError`` where none did end."""
    path = folder / FOLDER / "verdicts.jsonl"
    if not path.is_file():
        raise UsageError(f"{folder} holds no finished replay: `siphonwatch replay LOG --keep {folder}` makes one")
    return {one.account_id: one for one in map(msgspec.json.Decoder(Verdict).decode, path.read_bytes().splitlines())}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(path: Path, lines: Iterable[bytes]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(b"".join(line + b"\n" for line in lines))
    partial.replace(path)


class KeptBook(MemoryStore):
    """See :class:`siphonwatch.streams.desk.book.Book`. A ruling is learned from at once, from the state that the replay ended with."""

    def __init__(self, folder: Path, prior: Prior, settings: Settings) -> None:
        super().__init__()
        self._folder, self._prior, self._settings = folder / FOLDER, prior, settings
        self._learning = threading.Lock()
        if not (self._folder / "origin.json").is_file():
            raise UsageError(f"--replay {folder} holds no finished replay: `siphonwatch replay LOG --keep {folder}` makes one")
        self.origin = msgspec.json.decode((self._folder / "origin.json").read_bytes(), type=Origin)
        self._values = msgspec.msgpack.decode((self._folder / "accounts.msgpack").read_bytes(), type=list[tuple[str, bytes, float]])
        self._ended = (self._folder / "context.msgpack").read_bytes()
        self._verdicts = {one.account_id: one for one in self._read("verdicts.jsonl", msgspec.json.Decoder(Verdict).decode)}
        self._height = snapshot.unpack_context(self._ended, settings).height
        told = self._read("findings.jsonl", lambda line: (finding.decode(line).subject, line))
        whole.write(self, self._ended, self._values, self._verdicts, told, self._height)
        self.sent(self.lead().fence, len(told))
        self._secret = (self._folder / SECRET).read_bytes() if (self._folder / SECRET).is_file() else b""
        self._trail = self._read("trail.jsonl", bytes)
        given = self._read("rulings.jsonl", msgspec.json.Decoder(Ruling).decode)
        for ruling in given:
            super().rule(ruling)
            if ruling.withdrawn:
                super().take_back(ruling.id)
        self._given = {ruling.id for ruling in given if ruling.at is not None}  # the replay was taught by those itself
        if any(ruling.at is None for ruling in given):
            self._learn()

    def _read(self, name: str, decode: Callable[[bytes], T]) -> list[T]:
        path = self._folder / name
        return [decode(line) for line in path.read_bytes().splitlines() if line] if path.is_file() else []

    def rule(self, ruling: Ruling) -> None:
        """See the protocol."""
        super().rule(ruling)
        self._keep_rulings()

    def take_back(self, ruling: str) -> bool:
        """See the protocol."""
        taken = super().take_back(ruling)
        if taken:
            self._keep_rulings()
        return taken

    def _keep_rulings(self) -> None:
        _lines(self._folder / "rulings.jsonl", map(msgspec.json.encode, self.rulings()))
        threading.Thread(target=self._learn, name="learning", daemon=True).start()

    def _learn(self) -> None:
        """Judge everybody anew by the rulings as they stand now, from the state that the replay ended with."""
        with self._learning:
            names, values = [name for name, _, _ in self._values], [value for _, value, _ in self._values]
            engine = snapshot.restore(self._prior, self._settings, self._ended, names, values, self._verdicts)
            engine.hear([ruling for ruling in self.rulings() if not ruling.withdrawn or ruling.id in self._given])
            found = engine.close(engine.context.closed + 1, [Pane()])
            engine.context.queue = review(engine)
            changed = {one.account_id for one in found if isinstance(one, Verdict)}
            with self._lock:
                gone = {name: None for name in self.standings() if name not in engine.verdicts}
                context, everybody = snapshot.pack_context(engine), snapshot.pack_accounts(engine.accounts, names)
                verdicts: dict[str, Verdict | None] = {**engine.verdicts, **gone, **{name: engine.verdicts.get(name) for name in changed}}
                whole.write(self, context, everybody, verdicts, height=engine.context.height)

    def settle(self) -> None:
        """Wait until what was ruled has been learned."""
        while any(thread.name == "learning" and thread.is_alive() for thread in threading.enumerate()):
            time.sleep(0.01)

    def erase(self, account: str) -> Erased:
        """See the protocol."""
        with self._learning:
            done = super().erase(account)
            engine = snapshot.restore(
                self._prior, self._settings, self._ended, [name for name, _, _ in self._values], [value for _, value, _ in self._values],
                self._verdicts,
            )  # fmt: skip
            engine.erase({account})
            self._values, self._ended = snapshot.pack_accounts(engine.accounts, engine.accounts.ids), snapshot.pack_context(engine)
            self._verdicts.pop(account, None)
            self._lead.context = self._ended
            (self._folder / "accounts.msgpack").write_bytes(msgspec.msgpack.encode(self._values))
            (self._folder / "context.msgpack").write_bytes(self._ended)
            _lines(self._folder / "findings.jsonl", [one for _, one in self._findings])
            _lines(self._folder / "verdicts.jsonl", map(msgspec.json.encode, self._verdicts.values()))
        self._keep_rulings()
        return done

    def add_to_trail(self, line: bytes, length: int) -> bool:
        """See the protocol."""
        with self._lock:
            added = super().add_to_trail(line, length)
            if added:
                with (self._folder / "trail.jsonl").open("ab") as file:
                    file.write(line + b"\n")
            return added
