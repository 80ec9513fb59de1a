"""`consumer schemas`: the published schemas, as this version has them."""

import sys
from pathlib import Path

from consumer.adapters import schemas
from consumer.cli.exits import Exit


def show_names() -> Exit:
    """A name a line."""
    for name in schemas.published():
        print(name)
    return Exit.OK


def show(name: str) -> Exit:
    """One of them, as it is."""
    text = schemas.published().get(name)
    if text is None:
        print("there is no schema of that name: see `consumer schemas list`", file=sys.stderr)
        return Exit.USAGE
    print(text, end="")
    return Exit.OK


def export(folder: Path) -> Exit:
    """All of them as files, in a folder that is made where it is missing; the names of the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in schemas.published().items():
            file = folder / name
            file.write_text(text, encoding="utf-8")
            print(file)
    except OSError as error:
        print(f"the folder cannot be written to: {error.strerror}", file=sys.stderr)
        return Exit.USAGE
    return Exit.OK
