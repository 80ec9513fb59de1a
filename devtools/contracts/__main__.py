"""Writes what is made from the schemas; with --check, says what is no longer what it was made from."""

import sys
from pathlib import Path

import yaml

from consumer.ingress import openapi
from devtools.contracts import asyncapi, page

ROOT = Path(__file__).parents[2]


def _openapi() -> str:
    head = "# Made from the schemas by `make contracts`: do not edit.\n"
    return head + yaml.safe_dump(openapi.document(), sort_keys=False, allow_unicode=True, width=120)


MADE = {"schemas/asyncapi.yaml": asyncapi.document, "docs/events.md": page.page, "schemas/openapi.yaml": _openapi}


def main() -> None:
    texts = {name: make() for name, make in MADE.items()}
    if "--check" in sys.argv[1:]:
        old = [name for name, text in texts.items() if not _is(ROOT / name, text)]
        if old:
            sys.exit("\n".join(f"{name} is out of date: make contracts" for name in old))
        print(f"{', '.join(texts)} are up to date")
        return
    for name, text in texts.items():
        (ROOT / name).write_text(text, encoding="utf-8")


def _is(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
