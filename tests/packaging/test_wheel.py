"""What is installed: one top-level name, everything that is read at run time, and for each part what its extra declares."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from tests.services.packages import bare, environment, install, run, wheel

LISTING = "import sys; {}; print(*sorted({{name.split('.')[0] for name in sys.modules}} | set(sys.modules)))"
HEAVY = {"pandas", "river", "scipy", "siphonwatch.detector.simulate"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return bare(tmp_path_factory.mktemp("environment") / "venv")


def test_the_wheel_holds_one_name_and_all_that_is_read_at_run_time(built: Path) -> None:
    names = zipfile.ZipFile(built).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"siphonwatch"}
    assert {name.split("/")[1] for name in names if name.startswith("siphonwatch/")} == {"detector", "streams"}
    for part in ("detector", "streams"):
        assert f"siphonwatch/{part}/py.typed" in names
        folder = Path(__file__).parents[2] / part
        data = {
            path.relative_to(folder.parent).as_posix() for path in folder.rglob("*") if path.suffix in (".lua", ".json", ".npz", ".html")
        }
        assert {f"siphonwatch/{path}" for path in data} <= set(names)
        assert not [path for path in names if "/tests/" in path]
    assert any(name.endswith(".lua") for name in names)
    assert "siphonwatch/detector/scoring/prior.json" in names
    assert "siphonwatch/streams/contracts/store.py" in names


@pytest.mark.parametrize(
    ("extras", "imported"),
    [
        ((), "siphonwatch.streams.commands.main, siphonwatch.streams.commands.settings"),
        (("litellm",), "siphonwatch.streams.sources.kafka"),
        (("sidecar",), "siphonwatch.streams.sidecar.serve, siphonwatch.streams.stores.redis"),
        (("desk",), "siphonwatch.streams.desk.web.serve, siphonwatch.streams.desk.web.app, siphonwatch.streams.desk.case.export"),
    ],
    ids=["base", "litellm", "sidecar", "desk"],
)
def test_each_part_runs_on_what_its_extra_declares(
    built: Path, python: str, tmp_path: Path, extras: tuple[str, ...], imported: str
) -> None:
    found = environment(install(built, tmp_path / "installed"), *extras)
    loaded = set(run([python, "-c", LISTING.format(f"import {imported}")], tmp_path, found).split())
    assert "siphonwatch" in loaded
    assert not loaded & HEAVY
    assert not {"streams", "detector"} & loaded, "no other top-level name"


def test_the_console_script_runs_in_an_empty_environment(built: Path, python: str, tmp_path: Path) -> None:
    target = install(built, tmp_path / "installed")
    found, script = environment(target), str(target / "bin" / "siphonwatch")
    assert run([python, script, "--version"], tmp_path, found).strip()
    assert "replay" in run([python, script, "--help"], tmp_path, found)
    assert "tick_seconds" in run([python, script, "settings"], tmp_path, found)


def test_a_worker_and_a_replay_run_on_their_extra(built: Path, python: str, tmp_path: Path) -> None:
    target = install(built, tmp_path / "installed")
    found, script = environment(target, "worker"), str(target / "bin" / "siphonwatch")
    run([python, script, "simulate", "log.jsonl", "--accounts", "40", "--days", "0.5"], tmp_path, found)
    assert "0 refused" in run([python, script, "check", "log.jsonl"], tmp_path, found)
    assert "40 accounts" in run([python, script, "replay", "log.jsonl", "--accounts", "accounts.csv"], tmp_path, found)
    run(
        [python, "-c", "import siphonwatch.streams.worker.run, siphonwatch.streams.desk.desk, siphonwatch.streams.stores.redis"],
        tmp_path,
        found,
    )


def test_without_the_extra_a_command_says_in_one_line_what_to_install(built: Path, python: str, tmp_path: Path) -> None:
    import subprocess

    target = install(built, tmp_path / "installed")
    (tmp_path / "log.jsonl").write_text("{}\n")
    done = subprocess.run(
        [python, str(target / "bin" / "siphonwatch"), "replay", "log.jsonl"],
        cwd=tmp_path, env=environment(target), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "'.[worker]'" in done.stderr


def test_in_litellms_own_environment_the_callback_brings_little(built: Path, tmp_path: Path) -> None:
    peer = Path(__file__).parents[2] / ".cache" / "peers" / "bin" / "python"
    assert peer.exists(), "no LiteLLM: run `make services`"
    listing = "import sys, litellm, fastapi, httpx, litellm.integrations.custom_logger; before = set(sys.modules)\n"
    listing += "import siphonwatch.streams.gateways.litellm\nprint(*sorted(set(sys.modules) - before))"
    found = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(install(built, tmp_path / "installed"))}
    added = set(run([str(peer), "-c", listing], tmp_path, found).split())
    assert "siphonwatch.streams.gateways.litellm" in added
    assert not added & HEAVY
    assert not [name for name in added if name.startswith("siphonwatch.detector")]


def test_the_sidecar_imports_nothing_heavy_here(tmp_path: Path) -> None:
    loaded = set(run([sys.executable, "-c", LISTING.format("import siphonwatch.streams.sidecar.serve")], tmp_path).split())
    assert not loaded & HEAVY
