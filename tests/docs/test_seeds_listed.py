"""docs/seeds.md: each word of the two documents has its row, and each row a test that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/seeds.md").read_text()
FIRST, SECOND = PAGE.split("## Second document")

WORDS_OF_THE_FIRST = (
    *("send-email", "send-test-email", "validate-credentials", "tenant", "request_id"),
    *("subject", "recipient", "message", "attachments", "NS-EU-[0-9A-Z]+-[0-9A-Z]+"),
    *("email", "smtp_host", "smtp_port", "smtp_user", "smtp_pass", "from_name", "from_address", "microsoft_auth"),
    "success",
)
WORDS_OF_THE_SECOND = (
    *("connection_server", "connection_user", "connection_password", "connection_port", "connection_scheme", "hLimit"),
    *("cc", "to", "bcc", "from", "html", "text", "subject", "connection"),
    *("connection.port", "connection.user", "connection.scheme", "connection.server", "connection.password"),
    *("accepted", "envelope", "rejected", "response", "messageId", "type", "error", "status"),
    "/api/v1/solution/health",
)


def rows(part: str) -> list[list[str]]:
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_each_word_of_both_documents_has_a_row() -> None:
    for part, words in ((FIRST, WORDS_OF_THE_FIRST), (SECOND, WORDS_OF_THE_SECOND)):
        said = " ".join(row[0] for row in rows(part))
        assert [word for word in words if f"`{word}`" not in said] == []
    said = " ".join(row[0] for row in rows(SECOND))
    assert all(code in said for code in ("204", "429", "default response"))


def test_each_row_names_tests_that_are_there_or_says_that_there_is_none_yet() -> None:
    for says, does, shown in (*rows(FIRST), *rows(SECOND)):
        assert does, says
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown)
        assert bool(named) != (shown == "*not yet*"), says
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
