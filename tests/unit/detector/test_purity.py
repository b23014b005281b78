"""The detector is pure, and the arrow between the two packages points one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import siphonwatch.detector

FILES = sorted(Path(siphonwatch.detector.__path__[0]).rglob("*.py"))
FORBIDDEN = {"os", "time", "socket", "io", "pathlib", "sys", "subprocess", "asyncio", "threading", "logging", "redis", "kafka"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_imports_no_io_no_clock_and_no_edge(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {module.split(".")[0] for module in modules} & FORBIDDEN
    assert not {module for module in modules if module.startswith("siphonwatch.streams")}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"open", "print", "input", "hash"}, "hash() differs between processes"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_file_is_longer_than_a_few_screens(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 460
