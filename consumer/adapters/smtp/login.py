"""Logging in to a relay: one mechanism, chosen and not tried in turn. Three bad logins of one wrong password lock out."""

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponse

from consumer.adapters.smtp.reasons import EndedError, Reason
from consumer.core.attempt import Stage
from consumer.core.probe import without_token
from consumer.core.tenant import MicrosoftAccount, Relay
from consumer.ports import NoToken, Tokens

BAD_CREDENTIALS = 535  # RFC 4954, 6


class Logins:
    """By password, or by a token where the relay's account is one of Microsoft's."""

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    async def log_in(self, smtp: SMTP, relay: Relay, user: str, within: float) -> SMTPResponse:
        """Raises what aiosmtplib raises, or `EndedError` where it does not come to a login. `within`: seconds, a reply."""
        if relay.microsoft is None:
            return await self._by_password(smtp, user, relay.password or "", within)
        return await self._by_token(smtp, user, relay.microsoft, within)

    async def _by_password(self, smtp: SMTP, user: str, password: str, within: float) -> SMTPResponse:
        mechanisms = {"plain": smtp.auth_plain, "login": smtp.auth_login}
        chosen = next((mechanisms[name] for name in mechanisms if name in smtp.server_auth_methods), None)
        if chosen is None:
            raise EndedError(Stage.AUTH, Reason.AUTH_NOT_OFFERED)
        return await chosen(user, password, timeout=within)

    async def _by_token(self, smtp: SMTP, user: str, account: MicrosoftAccount, within: float) -> SMTPResponse:
        if self._tokens is None or "xoauth2" not in smtp.server_auth_methods:
            raise EndedError(Stage.AUTH, Reason.AUTH_NOT_OFFERED)
        token = await _got(self._tokens, account)
        try:
            return await _xoauth2(smtp, user, token, within)
        except SMTPAuthenticationError as refused:
            if refused.code != BAD_CREDENTIALS or not self._tokens.drop(account, token):
                raise
            # It may have been revoked, or given before a right was: once more, with a new one.
            return await _again(smtp, user, await _got(self._tokens, account), within, refused)


async def _again(smtp: SMTP, user: str, token: str, within: float, refused: SMTPAuthenticationError) -> SMTPResponse:
    try:
        return await _xoauth2(smtp, user, token, within)
    except SMTPAuthenticationError:
        raise
    except SMTPException:
        raise refused from None  # it hung up on who came twice: its first word says why


async def _xoauth2(smtp: SMTP, user: str, token: str, within: float) -> SMTPResponse:
    """One AUTH. A relay may repeat what was said to it: from here on nobody sees the token in its words."""
    try:
        said = await smtp.auth_xoauth2(user, token, timeout=within)
    except SMTPAuthenticationError as refused:
        raise SMTPAuthenticationError(refused.code, without_token(refused.message, user, token)) from None
    return SMTPResponse(said.code, without_token(said.message, user, token))


async def _got(tokens: Tokens, account: MicrosoftAccount) -> str:
    token = await tokens.get(account)
    if isinstance(token, NoToken):
        raise EndedError(Stage.AUTH, token.reason)
    return token
