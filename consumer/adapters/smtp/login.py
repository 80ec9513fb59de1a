"""Logging in to a relay: one mechanism, chosen and not tried in turn. Three bad logins of one wrong password lock out."""

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponse

from consumer.adapters.smtp.reasons import EndedError, Reason
from consumer.core.attempt import Stage
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
            return await smtp.auth_xoauth2(user, token, timeout=within)
        except SMTPAuthenticationError as refused:
            if refused.code != BAD_CREDENTIALS:
                raise
            # It may have been revoked, or given before a right was: once more, with a new one.
            self._tokens.drop(account, token)
            return await _again(smtp, user, await _got(self._tokens, account), within, refused)


async def _again(smtp: SMTP, user: str, token: str, within: float, refused: SMTPAuthenticationError) -> SMTPResponse:
    try:
        return await smtp.auth_xoauth2(user, token, timeout=within)
    except SMTPAuthenticationError:
        raise
    except SMTPException:
        raise refused from None  # it hung up on who came twice: its first word says why


async def _got(tokens: Tokens, account: MicrosoftAccount) -> str:
    token = await tokens.get(account)
    if isinstance(token, NoToken):
        raise EndedError(Stage.AUTH, token.reason)
    return token
