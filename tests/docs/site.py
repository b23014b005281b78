"""The pages as a site, built by MkDocs, where a warning is an error.

    python -m tests.docs.site FOLDER

Pages link to files anywhere in the repository, so what is linked is laid out as it lies there, and built from that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs import pages

ROOT = pages.ROOT


def linked() -> set[Path]:
    """The pages, what they link to, and what linked pages link to."""
    wanted, found = [*pages.PAGES, ROOT / "CHANGELOG.md"], set()
    while wanted:
        page = wanted.pop()
        if page in found:
            continue
        found.add(page)
        if page.suffix == ".md":
            links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
            wanted += [path for link in links if "://" not in link and (path := (page.parent / link).resolve()).is_file()]
    return found


def build(site: Path) -> str:
    """Build into ``site``; what MkDocs complains of, empty where all is well."""
    with tempfile.TemporaryDirectory() as name:
        staging = Path(name)
        for path in linked():
            to = staging / "pages" / path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
        shutil.copy(ROOT / "docs" / "mkdocs.yaml", staging)
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", "mkdocs.yaml", "-d", str(site.resolve())]
        done = subprocess.run(command, cwd=staging, capture_output=True, text=True, timeout=300, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])) or 0)
