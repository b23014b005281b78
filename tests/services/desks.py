"""A finished replay for the desk: a day and a half in which a hydra and a lone harvester are found, made once."""

from __future__ import annotations

import functools
from pathlib import Path

from httpx import Response
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.hashkey import derived
from siphonwatch.streams.desk import kept
from siphonwatch.streams.desk.web.serve import assemble, room
from siphonwatch.streams.stores import snapshot, whole
from siphonwatch.streams.stores.base import Store
from starlette.testclient import TestClient

WORLD = World(accounts=160, days=1.5, prevalence=0.12, seed=11, start=1_780_000_000.0, harvests=("reasoning", "hydra"))
SECRET = bytes(range(32))  # what addresses are hashed with
TOKENS = "ann:admin:ann-has-a-long-token,ada:analyst:ada-has-a-long-token,vic:viewer:vic-has-a-long-token"


@functools.cache
def judged() -> tuple[bytes, list[tuple[str, bytes, float]], dict, list[Finding]]:
    """(context, packed accounts, verdicts, findings) of the replay."""
    requests = simulate(WORLD).requests
    engine = Engine(prior.load())
    _, found = engine.process(batch(requests, [epoch_ms(request.timestamp) for request in requests], derived(SECRET)))
    found += engine.finish()
    return snapshot.pack_context(engine), snapshot.pack_accounts(engine.accounts, sorted(engine.accounts.ids)), dict(engine.verdicts), found


def engine() -> Engine:
    """The engine as the replay left it."""
    context, values, verdicts, _ = judged()
    return snapshot.restore(prior.load(), DEFAULT, context, [name for name, _, _ in values], [value for _, value, _ in values], verdicts)


def keep(folder: Path) -> Path:
    """The replay as a folder."""
    (folder / "log.jsonl").write_text("the log that was read\n")
    kept.keep(folder, engine(), judged()[3], [folder / "log.jsonl"], ["siphonwatch", "replay", "log.jsonl"], SECRET)
    return folder


def fill(store: Store) -> Store:
    """The same in a store, as a judging leaves it there."""
    from siphonwatch.detector.judging.reviewing import review
    from siphonwatch.detector.verdicts import finding

    assert store.secret(SECRET) == SECRET
    made, (_, values, verdicts, found) = engine(), judged()
    made.context.queue = review(made)
    told = [(one.subject, finding.encode(one)) for one in found]
    whole.write(store, snapshot.pack_context(made), values, verdicts, told, made.context.height)
    return store


def config(**more: object) -> Config:
    """Settings with three people."""
    return Config(**{"desk_tokens": TOKENS, **more})  # type: ignore[arg-type]


class Visitor(TestClient):
    """Somebody at the desk, signed in by a token."""

    def __init__(self, app: object, who: str = "ada") -> None:
        super().__init__(app, base_url="http://127.0.0.1:9110", follow_redirects=False)  # type: ignore[arg-type]
        if who:
            assert self.post("/sign-in", data={"token": f"{who}-has-a-long-token"}).status_code == 303

    @property
    def csrf(self) -> str:
        return self.get("/search").text.split('name="csrf" value="')[1].split('"')[0]

    def fill_in(self, path: str, **form: str) -> Response:
        """A form of a page."""
        return self.post(path, data={"csrf": self.csrf, **form})


def desk(folder: Path, **more: object) -> tuple[object, object]:
    """(application, room) over the replay in ``folder``."""
    settings = config(**more)
    made = room(settings, folder)
    return assemble(settings, made)[0], made
