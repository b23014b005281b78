"""The pages say what is: commands run and print what stands there, made parts are as the code makes them, links lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from siphonwatch.streams.commands.main import COMMANDS
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.stores.redis import RedisStore

from tests.docs import figures, pages, picture
from tests.docs.site import build, linked
from tests.services.process import Program, wait_until
from tests.services.redis import RedisServer

ANEW = "`make pages` writes it anew"
NAMES = [str(page.relative_to(pages.ROOT)) for page in pages.PAGES]


def text_of(name: str) -> str:
    return (pages.ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_commands_run_and_print_what_the_page_says(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shell, prefix = pages.environment(), f"docs-{tmp_path.name}"
    found = list(pages.blocks(text_of(name)))
    if any(block.note == "until stopped" for block in found):
        server: RedisServer = request.getfixturevalue("redis_server")
        shell |= {"SIPHONWATCH_STORE": server.url, "SIPHONWATCH_PREFIX": prefix, "SIPHONWATCH_HTTP_PORT": "0",
                  "SIPHONWATCH_IDLE_SECONDS": "0.5"}  # fmt: skip
    for block in found:
        if not block.run:
            continue
        if block.note == "until stopped":
            until_judged(block.text.strip(), tmp_path, shell, prefix)
        else:
            assert pages.printed(block, tmp_path, shell) == block.text, ANEW


def until_judged(command: str, folder: Path, shell: dict[str, str], prefix: str) -> None:
    """Run a worker of a file until it has judged what the file holds."""
    source = re.search(r"--source file://\$PWD/(\S+)", command)
    assert source, "a page's worker reads a file of the page's folder"
    program = Program(["bash", "-c", f"cd {folder} && exec {command}"], folder / "worker.log", shell)
    store = RedisStore(shell["SIPHONWATCH_STORE"], source[1], prefix)
    try:
        wait_until(lambda: not program.running or bool(store.top(1)), 60, "the worker to judge")
        assert program.running, program.tail()
    finally:
        store.close()
        code = program.stop()
    assert code == 0, program.tail()


@pytest.mark.parametrize("name", NAMES)
def test_made_parts_are_as_they_would_be_made_now(name: str) -> None:
    assert text_of(name) == pages.made(text_of(name)), ANEW


@pytest.mark.parametrize("name", NAMES)
def test_every_block_is_of_a_kind_that_is_looked_after(name: str) -> None:
    text = text_of(name)
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(list(pages.blocks(text))), "a fence is not closed, or stands indented"
    for block in pages.blocks(text):
        assert block.language in ("sh", "console", "python", "toml", "json", "yaml", "text", "ini"), f"```{block.language}"
        if block.language == "python" and not block.note.startswith("file: "):
            compile(block.text, name, "exec")
    assert not re.search(r"^ {4,}(\$ |siphonwatch |pip |make )", text, re.MULTILINE), "a command outside of a fence is run by nobody"


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_settings_named_exist(name: str) -> None:
    text = text_of(name)
    code = [*re.findall(r"`([^`\n]+)`", pages.BLOCK.sub("", text)), *(block.text for block in pages.blocks(text))]
    for command in re.findall(r"^(?:\$ |\S*/)?siphonwatch ([a-z]+)", "\n".join(code), re.MULTILINE):
        assert command in COMMANDS, command
    known = {f"SIPHONWATCH_{setting.upper()}" for setting in Config.model_fields}
    known |= {f"SIPHONWATCH_{name}" for name in ("SECRETS_DIR", "DECISION_URL", "TEST_KAFKA", "TEST_REDIS", "ARENA")}
    assert set(re.findall(r"SIPHONWATCH_[A-Z_]+", text)) <= known
    makefile = (pages.ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target[0] or target[1]}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings(name: str) -> None:
    page = pages.ROOT / name
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, f"{link}#{anchor}"


def test_readme_is_short_and_nobody_is_sent_to_a_registry() -> None:
    assert len(text_of("README.md").encode()) <= 7 * 1024
    looked_at = [
        *pages.PAGES,
        *(pages.ROOT / "deploy").rglob("*"),
        *(pages.ROOT / "examples").rglob("*"),
        *(pages.ROOT / "streams").rglob("*.py"),
    ]
    for path in looked_at:
        if path.is_file():
            assert not re.search(r"pip install ['\"]?siphonwatch", path.read_text(encoding="utf-8", errors="ignore")), path


def test_the_picture_is_what_a_replay_draws(tmp_path: Path) -> None:
    picture.write(tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_bytes() == pages.PICTURE.read_bytes(), ANEW


def test_the_worst_figure_of_the_results_stands_in_readme() -> None:
    shares = [figure for figure in figures.results("quality") if figure.column == "innocents flagged" and figure.value is not None]
    worst = max(shares, key=lambda figure: figure.value or 0)
    assert f"| {worst.text}: " in text_of("README.md")
    assert json.loads(pages.MEASURED.read_text()) == figures.measured(), ANEW
    table = "# Of something (else)\n\n| kind | a | b |\n| --- | --- | --- |\n| x | 3 of 1,000 | 0.5 |\n| y | none | 12 ms |\n"
    assert [(each.table, each.row, each.column, each.value) for each in figures.cells(table)] == [
        ("Of something (else)", "x", "a", 0.003), ("Of something (else)", "x", "b", 0.5),
        ("Of something (else)", "y", "a", None), ("Of something (else)", "y", "b", None),
    ]  # fmt: skip


def test_the_site_builds_and_asks_nobody_else(tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert not (said := build(site)), said
    built = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".js")]
    assert len(built) > 10
    fetched = re.compile(
        r"""(?:<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=["']?|@import\s+["']?|url\(["']?)((?:https?:)?//[^"'\s)>]+)"""
    )
    for path in built:
        asked = [url for url in fetched.findall(path.read_text(encoding="utf-8")) if "w3.org" not in url]
        assert not asked, (path.name, asked)


def test_every_page_of_the_docs_is_reached() -> None:
    menu = text_of("docs/mkdocs.yaml") + text_of("docs/adr/index.md")
    for page in sorted((pages.ROOT / "docs").rglob("*.md")):
        assert page.name in menu, page.name
    assert not [path for path in linked() if pages.ROOT not in path.parents], "links stay in the repository"
