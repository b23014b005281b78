"""The two folders of the repository are installed as two packages of one name: ``siphonwatch.detector`` and ``siphonwatch.streams``.

An environment that also holds somebody's gateway gets no module called ``streams``. Everything else stands in pyproject.toml.
"""

from setuptools import find_packages, setup

FOLDERS = ("detector", "streams")

setup(
    packages=[
        f"siphonwatch.{package}" for folder in FOLDERS for package in (folder, *(f"{folder}.{inner}" for inner in find_packages(folder)))
    ],
    package_dir={f"siphonwatch.{folder}": folder for folder in FOLDERS},
)
