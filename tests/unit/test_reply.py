"""What relays say, and what it means."""

import pytest

from consumer.core.reply import Meaning, Reply, meaning


@pytest.mark.parametrize(
    ("code", "text", "reply"),
    [
        (250, "2.0.0 queued", Reply(250, "queued", "2.0.0")),
        (250, "queued", Reply(250, "queued")),
        (550, "5.1.1", Reply(550, "", "5.1.1")),
        (550, "5.1.10 null MX", Reply(550, "null MX", "5.1.10")),
        (550, "4.1.1 of another class", Reply(550, "4.1.1 of another class")),
        (550, "5.1.1x", Reply(550, "5.1.1x")),
        (550, "", Reply(550, "")),
    ],
)
def test_an_enhanced_code_of_the_same_class_is_split_off(code: int, text: str, reply: Reply) -> None:
    assert Reply.of(code, text) == reply
    assert str(reply) == f"{code} {text}".strip()


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(550, "", "5.1.1"), Meaning.NO_SUCH_MAILBOX),
        (Reply(550, "", "5.1.10"), Meaning.NO_SUCH_MAILBOX),
        (Reply(550, "no such user"), Meaning.PERMANENT),
        (Reply(550, "", "5.1.8"), Meaning.PERMANENT),
        (Reply(535, ""), Meaning.BAD_CREDENTIALS),
        (Reply(550, "", "5.7.8"), Meaning.BAD_CREDENTIALS),
        (Reply(550, "", "5.7.1"), Meaning.POLICY),
        (Reply(450, "", "4.7.1"), Meaning.THROTTLED),
        (Reply(421, "closing"), Meaning.THROTTLED),
        (Reply(452, "", "4.2.2"), Meaning.TRANSIENT),
        (Reply(451, "try later"), Meaning.TRANSIENT),
        (Reply(554, "no"), Meaning.PERMANENT),
    ],
    ids=str,
)
def test_each_negative_reply_has_a_meaning(reply: Reply, means: Meaning) -> None:
    assert meaning(reply) is means


def test_the_first_digit_tells_yes_from_later() -> None:
    assert Reply(250, "").positive
    assert not Reply(354, "").positive
    assert Reply(499, "").transient
    assert not Reply(500, "").transient
