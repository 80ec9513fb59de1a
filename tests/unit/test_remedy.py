"""What somebody can do about a refusal, without a word of the relay's."""

import pytest

from consumer.core.attempt import NotSent, Stage
from consumer.core.remedy import REPLIES, TOKENS, remedy, why
from consumer.core.reply import Reply


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant",
            "Set-CASMailbox",
        ),
        (
            "535 5.7.139 Authentication unsuccessful, user is locked by your security defaults policy",
            "security defaults",
        ),
        ("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect", "sign-in log"),
        ("535 5.7.3 Authentication unsuccessful", "mailbox"),
        ("550 5.7.30 Basic authentication is not supported for Client Submission", "microsoft_auth"),
        ("432 4.3.2 Concurrent connections limit exceeded", "3"),
        ("535 5.7.8 Username and Password not accepted", "application password"),
        ("535 no", "wrong user or password"),
        ("530 5.7.57 Client not authenticated to send mail", "login"),
    ],
)
def test_a_known_refusal_comes_with_what_to_do(reply: str, word: str) -> None:
    code, _, text = reply.partition(" ")
    attempt = NotSent(Stage.AUTH, "refused", Reply.of(int(code), text))
    assert word in (remedy(attempt) or "")


@pytest.mark.parametrize(("code", "what", "source"), TOKENS)
def test_each_code_of_microsoft_entra_is_found_again(code: str, what: str, source: str) -> None:
    assert why(NotSent(Stage.AUTH, f"token-refused {code}")) == f"token-refused {code}: {what}"
    assert source


def test_what_is_not_known_is_told_by_its_codes_alone() -> None:
    assert why(NotSent(Stage.AUTH, "token-refused AADSTS1")) == "token-refused AADSTS1"
    assert why(NotSent(Stage.MAIL, "refused", Reply(550, "ann@example.com is bad", "5.1.8"))) == "mail 550 5.1.8"
    assert why(NotSent(Stage.CONNECT, "dns")) == "dns"


def test_each_row_has_a_source_and_says_nothing_that_a_line_cannot_hold() -> None:
    for _, _, _, what, source in REPLIES:
        assert source
        assert what.isprintable()
        assert len(what) <= 160
