"""Wheels built and installed without a network, and environments that hold what an extra declares and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCES = ("detector", "streams", "pyproject.toml", "setup.py", "README.md", "LICENSE")
NOT_SOURCES = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """What a program says that must end well."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copied(folder: Path, *names: str, root: Path = ROOT) -> Path:
    """A copy of parts of a folder: building leaves files behind."""
    for name in names:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=NOT_SOURCES)
        else:
            shutil.copy(root / name, folder / name)
    return folder


def wheel(folder: Path) -> Path:
    """The wheel of this repository, built in ``folder``."""
    copied(folder, *SOURCES)
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", "dist", "."], folder)
    (made,) = (folder / "dist").glob("*.whl")
    return made


def install(what: Path, target: Path) -> Path:
    """Install a wheel or a source folder into ``target``, nothing else with it."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    run([*command, str(what)], what.parent)
    return target


def declared(extras: tuple[str, ...]) -> list[Requirement]:
    """What the project asks for with these extras, its own extras followed."""
    asked = [Requirement(text) for text in distribution("siphonwatch").requires or ()]
    found = []
    for one in asked:
        if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found += declared(tuple(one.extras)) if one.name == "siphonwatch" else [one]
    return found


def environment(target: Path, *extras: str) -> dict[str, str]:
    """Variables for a Python that sees in ``target`` what the project declares with ``extras``, and what that needs itself."""
    wanted, seen = [(one.name, tuple(one.extras)) for one in declared(extras)], set()
    while wanted:
        name, with_extras = wanted.pop()
        if (canonicalize_name(name), with_extras) in seen:
            continue
        seen.add((canonicalize_name(name), with_extras))
        found = distribution(name)
        for text in found.requires or ():
            one = Requirement(text)
            if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in ("", *with_extras)):
                wanted.append((one.name, tuple(one.extras)))
        for top in {Path(file).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (target / top).exists():
                (target / top).symlink_to(found.locate_file(top))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIPHONWATCH"))}
    return {**kept, "PYTHONPATH": str(target)}


def bare(folder: Path) -> str:
    """The Python of a new, empty environment."""
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder.parent)
    return str(folder / "bin" / "python")
