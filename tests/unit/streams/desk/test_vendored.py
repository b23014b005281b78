"""Libraries of the pages are the published ones, to the byte, with their licences; nothing else stands beside them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import siphonwatch.streams.desk.web

FOLDER = Path(siphonwatch.streams.desk.web.__path__[0]) / "static" / "vendor"
LISTED = json.loads((FOLDER / "vendored.json").read_text())


def test_every_file_is_listed_and_unchanged() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {one["file"] for one in LISTED} | {"vendored.json"}
    for one in LISTED:
        assert hashlib.sha256((FOLDER / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["file"]
        assert (FOLDER / one["licence_file"]).stat().st_size > 100


@pytest.mark.parametrize("package", sorted({one["package"] for one in LISTED}))
def test_it_is_what_was_published(package: str, tmp_path: Path) -> None:
    mine = [one for one in LISTED if one["package"] == package]
    assert shutil.which("npm"), "no npm: run `make services`"
    command = ["npm", "pack", "--silent", f"{package}@{mine[0]['version']}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:  # a machine without a registry: the digests above still hold
        assert "E404" not in done.stderr, done.stderr
        return
    (packed,) = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as tar:
        for one in mine:
            member = tar.extractfile(one["member"])
            assert member is not None
            assert hashlib.sha256(member.read()).hexdigest() == one["sha256"], one["file"]
