"""Shares folded on a Ray cluster (the extra ``ray``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from siphonwatch.detector.settings import Settings
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats.base import MakeDecoder
from siphonwatch.streams.replay.fold import Folded, Ids, Share, fold
from siphonwatch.streams.replay.spread import OnProgress


class Ray:
    """On a Ray cluster, whose machines see the log's files under the same addresses. ``address`` as Ray takes it; empty begins one here."""

    def __init__(self, make: MakeDecoder, settings: Settings, address: str = "", key: bytes = b"") -> None:
        self._make, self._settings, self._address, self._key = make, settings, address, key

    def run(self, shares: Sequence[tuple[Share, Ids]], folder: Path, letters: bool, on_progress: OnProgress) -> list[Folded]:
        """See the protocol."""
        if not shares:
            return []
        try:
            import ray
        except ImportError as error:
            raise UsageError(f"--engine ray needs the extra: pip install '.[ray]' in a clone ({error})") from error
        if not ray.is_initialized():
            ray.init(self._address or None, log_to_driver=False, include_dashboard=False)
        task = ray.remote(_on_a_machine)
        waiting = [task.remote(share, self._make, self._settings, counted, letters, self._key) for share, counted in shares]
        results: list[Folded] = []
        for found, written in ray.get(waiting):
            for name, content in written.items():
                (folder / name).write_bytes(content)
            on_progress(found.records, 0)
            results.append(found)
        return results


def _on_a_machine(
    share: Share, make: MakeDecoder, settings: Settings, counted: Ids, letters: bool, key: bytes
) -> tuple[Folded, dict[str, bytes]]:
    """A share on another machine: what it wrote comes back with what it found."""
    with TemporaryDirectory() as folder:
        found = fold(share, make(), settings, Path(folder), counted, letters, key=key)
        return found, {path.name: path.read_bytes() for path in Path(folder).iterdir()}
