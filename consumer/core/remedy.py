"""Why an attempt came to nothing, in codes, and what somebody can do about it where that is known.

A relay's own words are never quoted: they may hold an address. The remedies are ours, and the table says from where.
"""

from functools import lru_cache

from consumer.core.attempt import NotSent, Stage
from consumer.core.reply import Reply

_EXCHANGE = "learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission"
_XOAUTH2 = (
    "learn.microsoft.com/exchange/client-developer/legacy-protocols/"
    "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
)
_RETIRED = (
    "techcommunity.microsoft.com/blog/exchange/"
    "exchange-online-to-retire-basic-auth-for-client-submission-smtp-auth/4114750"
)
_LIMITS = "learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits"
_NDR = "learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online"
_ENTRA = "learn.microsoft.com/entra/identity-platform/reference-error-codes"
_GMAIL = "support.google.com/a/answer/3726730"

REPLIES: tuple[tuple[int | None, str, str, str, str], ...] = (
    # code, enhanced code, a word of the text in lower case or "", what to do, source; the first row that fits is taken
    (
        535,
        "5.7.139",
        "security defaults",
        "security defaults of Microsoft Entra forbid it: use microsoft_auth",
        _EXCHANGE,
    ),
    (
        535,
        "5.7.139",
        "conditional access",
        "a conditional access policy forbids it: except this application",
        _EXCHANGE,
    ),
    (
        535,
        "5.7.139",
        "disabled",
        "SMTP AUTH is disabled: Set-CASMailbox -SmtpClientAuthenticationDisabled $false, or for all by Set-TransportConfig",
        _EXCHANGE,
    ),
    (535, "5.7.139", "", "the mailbox's user, password or policy: see its sign-in log in Microsoft Entra", _EXCHANGE),
    (
        535,
        "5.7.3",
        "",
        "wrong mailbox, or no right to it: smtp_user is a mailbox that the application was given (Add-MailboxPermission)",
        _XOAUTH2,
    ),
    (
        None,
        "5.7.30",
        "",
        "basic authentication is off at Exchange Online: use microsoft_auth in place of smtp_pass",
        _RETIRED,
    ),
    (None, "5.7.57", "", "the relay wants a login: give smtp_user with smtp_pass or microsoft_auth", _NDR),
    (None, "5.7.60", "", "the mailbox may not send as this sender: grant Send As, or use its own address", _NDR),
    (None, "5.2.252", "", "the mailbox may not send as this sender: grant Send As, or use its own address", _NDR),
    (432, "4.3.2", "", "too many connections of this mailbox at once: Exchange Online takes 3", _LIMITS),
    (
        None,
        "5.7.705",
        "",
        "the organisation has sent more than Exchange Online lets it: see its outbound reports",
        _NDR,
    ),
    (None, "5.7.708", "", "Exchange Online does not trust this new organisation's traffic yet: ask its support", _NDR),
    (None, "5.4.5", "", "the account's daily sending limit at Google is used up", _GMAIL),
    (534, "5.7.9", "", "Google wants an application password, or a login in the browser first", _GMAIL),
    (
        535,
        "5.7.8",
        "",
        "wrong user or password; where the account has two factors, an application password",
        "RFC 4954, 6; " + _GMAIL,
    ),
    (535, "", "", "wrong user or password", "RFC 4954, 6"),
    (538, "", "", "the relay wants TLS before a login: smtp_scheme", "RFC 4954, 6"),
    (530, "", "", "the relay wants a login: give smtp_user with smtp_pass or microsoft_auth", "RFC 4954, 6"),
)

TOKENS: tuple[tuple[str, str, str], ...] = (
    # code of Microsoft Entra, what to do, source
    ("AADSTS7000215", "wrong client secret: client_secret is the secret's value, not its id", _ENTRA),
    ("AADSTS7000222", "the client secret has expired: make a new one in Microsoft Entra", _ENTRA),
    ("AADSTS700016", "no such application in this directory: check client_id and tenant_id", _ENTRA),
    ("AADSTS7000229", "the application has no service principal in this directory: give it admin consent", _ENTRA),
    ("AADSTS7000112", "the application is disabled in this directory", _ENTRA),
    ("AADSTS90002", "no such directory: check tenant_id, and the authority of a national cloud", _ENTRA),
    ("AADSTS900023", "tenant_id is neither a directory's id nor one of its domains", _ENTRA),
    ("AADSTS900382", "the directory is in another cloud: check the authority", _ENTRA),
    ("AADSTS70011", "the scope is not valid: it ends in /.default", _ENTRA),
    ("AADSTS500011", "the scope names a resource that this directory does not know", _ENTRA),
    ("AADSTS53003", "a conditional access policy forbids it: except this application", _ENTRA),
    ("AADSTS65001", "the application has no admin consent: grant SMTP.SendAsApp", _ENTRA),
)


def said(stage: str, reply: Reply) -> str:
    """Where a reply came, and its codes."""
    return codes(stage, reply.code, reply.enhanced)


@lru_cache(maxsize=256)
def codes(stage: str, code: int, enhanced: str | None) -> str:
    """The same of a reply that is taken apart: of most mails it is the same."""
    return " ".join(filter(None, (stage, str(code), enhanced)))


def why(attempt: NotSent) -> str:
    """Where it ended, in codes or in a word from a closed set; with what to do, where that is known."""
    reason = attempt.reason if attempt.reply is None else said(attempt.stage, attempt.reply)
    known = remedy(attempt)
    return f"{reason}: {known}" if known else reason


def remedy(attempt: NotSent) -> str | None:
    """What somebody can do about it."""
    if attempt.reply is not None:
        return remedy_of(attempt.reply)
    return remedy_of_token(attempt.reason) if attempt.stage is Stage.AUTH else None


def remedy_of_token(reason: str) -> str | None:
    """What somebody can do where no token was given for this reason."""
    code = reason.rpartition(" ")[2]
    return next((what for known, what, _ in TOKENS if known == code), None)


def remedy_of(reply: Reply) -> str | None:
    """What somebody can do about a reply."""
    text = reply.text.lower()
    for code, enhanced, word, what, _ in REPLIES:
        if code in (None, reply.code) and enhanced in ("", reply.enhanced) and word in text:
            return what
    return None
