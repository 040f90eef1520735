"""Which version of the project, and of what its numbers depend on, this process runs."""

import hashlib
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder that the packages lie in."""
PACKAGES = ("numpy", "scipy", "python-flint", "torch")
"""Their versions decide the last digits of results."""


def source_version(packages: Iterable[str]) -> str:
    """Twelve hexadecimal digits that name the content of all Python files of these packages, as it is on the disk now.

    Args:
        packages: folders beside `exact`, such as "deep".
    """
    digest = hashlib.sha256()
    for package in sorted(set(packages)):
        for file in sorted((ROOT / package).rglob("*.py")):
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def installed(package: str) -> str:
    """The version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@lru_cache
def versions(*packages: str) -> dict[str, str]:
    """The versions that two processes must share for their results to go together.

    Args:
        packages: the project's packages that the work uses. Their files are read once; what this process has imported
            does not change after that either.
    """
    found = {"source": source_version(packages), "Python": ".".join(platform.python_version_tuple()[:2])}
    return found | {package: installed(package) for package in PACKAGES}
