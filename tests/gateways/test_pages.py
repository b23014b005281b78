"""Every gateway's page, as a new user would try it: its record goes through `siphonwatch check`, its commands and files exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from siphonwatch.streams.commands.main import COMMANDS

from tests.gateways.conftest import ROOT

HOME = ROOT / "deploy" / "gateways"
PAGES = sorted(HOME.glob("*/README.md"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_record_on_the_page_is_read(page: Path, tmp_path: Path) -> None:
    (record,) = blocks(page, "json")
    (tmp_path / "log.jsonl").write_text(json.dumps(json.loads(record)) + "\n")
    command = [sys.executable, "-m", "siphonwatch.streams", "check", str(tmp_path / "log.jsonl")]
    for mapping in blocks(page, "toml"):
        (tmp_path / "mapping.toml").write_text(mapping)
        command += ["--mapping", str(tmp_path / "mapping.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 records: 1 requests of 1 accounts, 0 of something else, 0 refused" in done.stdout


@pytest.mark.parametrize("page", [*PAGES, HOME / "README.md", ROOT / "README.md"], ids=lambda page: page.parent.name)
def test_links_and_commands_on_the_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in link:
            assert (page.parent / link).exists(), link
    code = "\n".join(
        [
            *re.findall(r"```\w*\n(.*?)```", text, re.DOTALL),
            *re.findall(r"^ {4}(.*)", text, re.MULTILINE),
            *re.findall(r"`([^`\n]+)`", text),
        ]
    )
    for command in re.findall(r"^siphonwatch ([a-z]+)", code, re.MULTILINE):
        assert command in COMMANDS, command


def test_the_index_names_every_page() -> None:
    index = (HOME / "README.md").read_text(encoding="utf-8")
    assert all(f"({page.parent.name}/README.md)" in index for page in PAGES)


def test_the_mapping_in_the_index_is_right(tmp_path: Path) -> None:
    from siphonwatch.streams.formats.mapping import load

    (mapping,) = blocks(HOME / "README.md", "toml")
    (tmp_path / "mapping.toml").write_text(mapping)
    assert load(tmp_path / "mapping.toml").fields["account_id"] == [["auth", "account"], ["auth", "key"]]
