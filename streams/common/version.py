"""What is running. Asked before anything else is imported, so it imports next to nothing."""

from __future__ import annotations


def program_version() -> str:
    """The installed version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("siphonwatch")
    except PackageNotFoundError:
        return "unknown"
