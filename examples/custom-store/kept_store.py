"""The store of one process, kept in a file: ``kept:///var/lib/siphonwatch/trial``. For a trial without Redis that survives a restart.

Everything is written at each step, so it is for thousands of accounts, not for millions. The file holds pickled objects: read only
your own.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from siphonwatch.streams.stores.base import StoreOptions
from siphonwatch.streams.stores.memory import MemoryStore

OF_THIS_PROCESS = ("_lock", "_heard", "_path", "_buckets", "_said", "_answers")  # buckets are of this machine's clock


class KeptStore(MemoryStore):
    """See :class:`siphonwatch.streams.stores.base.Store`; a step is kept when its method returns."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self.__dict__.update(pickle.loads(path.read_bytes()))  # noqa: S301


def _keeping(name: str) -> Callable[..., Any]:
    step = getattr(MemoryStore, name)

    def kept(self: KeptStore, *arguments: Any) -> Any:
        with self._lock:
            answer = step(self, *arguments)
            partial = self._path.with_name(self._path.name + ".partial")
            partial.write_bytes(pickle.dumps({key: value for key, value in vars(self).items() if key not in OF_THIS_PROCESS}))
            partial.replace(self._path)
            return answer

    return kept


STEPS = (
    "claim commit seal panes drop rewind hold resign load stage apply rewrite lead judged announce sent "
    "rule take_back keep set_aside erase add_to_trail secret"
)
for _name in STEPS.split():
    setattr(KeptStore, _name, _keeping(_name))


def open_store(url: str, options: StoreOptions) -> KeptStore:
    """The store at ``kept:///PATH``; each topic has a file of its own."""
    path = Path(unquote(urlsplit(url).path))
    return KeptStore(path.with_name(f"{path.name}.{options.prefix}.{options.topic}"))
