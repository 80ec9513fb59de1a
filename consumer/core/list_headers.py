"""What the headers that a request brings along must be to work: beyond what a schema can say.

A mailbox provider shows its unsubscribe button only where both fields of RFC 8058 are exactly right, and says
nothing where they are not: so that is said here.
"""

import re
from collections.abc import Iterator

_UNSUBSCRIBE = "list-unsubscribe"
_POST = "list-unsubscribe-post"
_ONE_CLICK = "List-Unsubscribe=One-Click"  # RFC 8058, 3.1
_URI = r"<[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-~]{1,900}>"
_URIS = re.compile(rf" *{_URI} *(?:, *{_URI} *){{0,9}}")  # RFC 2369, 2
_HTTPS = re.compile("<https:", re.IGNORECASE)


def faults(headers: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """Place and rule of what is wrong, if anything is."""
    given = {name.lower(): value for name, value in headers}
    if len(given) < len(headers):
        yield "/headers: a header stands there twice, or beside the field that sets it"
    uris = given.get(_UNSUBSCRIBE)
    if uris is not None and not _URIS.fullmatch(uris):
        yield "/headers/List-Unsubscribe: must be URIs in angle brackets, with commas between (RFC 2369)"
    post = given.get(_POST)
    if post is not None and post.strip() != _ONE_CLICK:
        yield f"/headers/List-Unsubscribe-Post: must be {_ONE_CLICK} (RFC 8058)"
    elif post is not None and not _HTTPS.search(uris or ""):
        yield "/headers/List-Unsubscribe-Post: must stand together with List-Unsubscribe that has an https URI (RFC 8058)"
