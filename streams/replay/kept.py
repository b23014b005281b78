"""Panes that are kept, to be judged again under other settings, another prior or other rulings: ``DIR/panes/``."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import msgspec
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.replay.fold import Folded
from siphonwatch.streams.replay.panes import Part
from siphonwatch.streams.sources.files import Trouble

FOLDER, MANIFEST = "panes", "manifest.json"
FOLDING = ("tick_ms",)  # settings that panes were folded with: other ones ask for the log


class _Manifest(msgspec.Struct):
    """What stands beside kept panes."""

    version: int  # of the rows
    settings: dict[str, Any]  # that they were judged with
    records: int
    duplicates: int
    dead: dict[str, int]
    troubles: list[Trouble]
    parts: list[Part]


def begin(folder: Path) -> Path:
    """An empty folder for panes within ``folder``; what an earlier replay kept there goes."""
    panes = folder / FOLDER
    if panes.exists():
        shutil.rmtree(panes)
    panes.mkdir(parents=True)
    return panes


def keep(panes: Path, folded: Folded, settings: Settings) -> None:
    """Write what ``panes`` hold beside them: the last step, so that a folder without it was not finished."""
    manifest = _Manifest(
        state.VERSION, asdict(settings), folded.records, folded.duplicates, dict(folded.dead), folded.troubles, folded.parts
    )
    (panes / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def load(folder: Path) -> tuple[Path, Folded, Settings]:
    """(the folder of panes, what was folded, the settings they were judged with); ``UsageError`` where nothing is kept."""
    path = folder / FOLDER / MANIFEST
    if not path.is_file():
        raise UsageError(f"{folder} holds no kept panes: make them with `siphonwatch replay LOG --keep {folder}`")
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is not what a replay writes ({error}): make it again with --keep") from error
    if found.version != state.VERSION:
        raise UsageError(f"{path} was kept by another version of siphonwatch: replay the log again with --keep")
    folded = Folded(found.parts, {}, Counter(found.dead), troubles=found.troubles, records=found.records, duplicates=found.duplicates)
    known = {field.name for field in fields(Settings)}
    try:
        settings = Settings(**{name: value for name, value in found.settings.items() if name in known})
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path} is not what a replay writes ({error}): make it again with --keep") from error
    return path.parent, folded, settings


def changed(settings: Settings, given: tuple[str, ...]) -> Settings:
    """``settings`` with ``NAME=VALUE`` changed; ``UsageError`` says which names and values there are."""
    kinds = {field.name: type(getattr(settings, field.name)) for field in fields(Settings) if field.name not in FOLDING}
    values = asdict(settings)
    for each in given:
        name, _, text = each.partition("=")
        if name in FOLDING:
            raise UsageError(f"--set {each}: panes are folded by {name}; replay the log itself to change it")
        if name not in kinds:
            raise UsageError(f"--set {each}: there is no such setting of detection; there are {', '.join(sorted(kinds))}")
        try:
            values[name] = kinds[name](text)
        except ValueError as error:
            raise UsageError(f"--set {each}: {name} is a number like {values[name]}") from error
    try:
        return Settings(**values)
    except ValueError as error:
        raise UsageError(f"--set: {error}") from error
