"""Checks that the lock files are what pyproject.toml asks for: every pin, and no pin more.

Hashes are left out of it: a wheel added to a release that is pinned already would turn the check red.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_LOCKS = (
    ("requirements.lock", ("pyproject.toml", "--extra", "dev")),
    ("requirements-run.lock", ("pyproject.toml", "--extra", "otel", "--constraints", "requirements.lock")),
    ("requirements-build.lock", ("--group", "build", "--constraints", "requirements.lock")),
)


def main() -> None:
    different = [name for name, options in _LOCKS if _pins((_ROOT / name).read_text()) != _resolved(name, options)]
    if different:
        sys.exit(f"{' and '.join(different)} differ from pyproject.toml; to bring them in step: make lock")


def _pins(lock: str) -> list[str]:
    return [line.rstrip(" \\") for line in lock.splitlines() if line[:1].isalnum()]


def _resolved(name: str, options: tuple[str, ...]) -> list[str]:
    """The pins of a lock file written now, starting from the one that is there: no pin moves without need."""
    uv = Path(sys.executable).parent / "uv"
    with tempfile.TemporaryDirectory() as elsewhere:
        fresh = shutil.copy(_ROOT / name, elsewhere)
        command = [uv, "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate"]
        done = subprocess.run(
            [*command, *options, "--output-file", fresh],
            cwd=_ROOT,
            check=False,
            timeout=300,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stderr)
        return _pins(Path(fresh).read_text())


if __name__ == "__main__":
    main()
