"""What a downloaded file is called: as its host says (RFC 6266), else as its URL does, and safe either way."""

import re
from urllib.parse import unquote_to_bytes

from consumer.core import wire

LONGEST = 120
UNNAMED = "attachment"

_PARAMETER = re.compile(r';\s*([!#$%&+.^_`|~0-9A-Za-z-]+\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s"]*)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNSAFE = re.compile(rf"[\x00-\x1f{wire.UNSEEN}\ud800-\udfff]")
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')  # on one system or another


def filename(disposition: str, path: str) -> str:
    """A name from Content-Disposition, or the last part of the URL's path, or `attachment`."""
    return _named(disposition) or _safe(_text(path.rpartition("/")[2].encode("utf-8", "replace"))) or UNNAMED


def _named(disposition: str) -> str:
    """RFC 6266, 4.3: `filename*` comes first; a path is cut down to its last part."""
    parameters: dict[str, str] = {}
    for key, value in _PARAMETER.findall(disposition[:8192]):
        parameters.setdefault(key.lower(), value)  # of two alike the first counts
    return _safe(_extended(parameters.get("filename*", ""))) or _safe(_plain(parameters.get("filename", "")))


def _extended(value: str) -> str:
    """RFC 8187, 3.2: charset'language'percent-encoded."""
    charset, _, rest = value.strip('"').partition("'")
    _, _, encoded = rest.partition("'")
    if charset.lower() not in ("utf-8", "iso-8859-1"):
        return ""
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeDecodeError:
        return ""


def _plain(value: str) -> str:
    """A token or a quoted string. Servers send UTF-8 in it, which HTTP reads as Latin-1."""
    if value.startswith('"'):
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _text(encoded: bytes) -> str:
    return unquote_to_bytes(encoded).decode("utf-8", "replace").replace("\ufffd", "_")


def _safe(name: str) -> str:
    """No folder, nothing hidden, nothing that turns the text round, not too long; its ending stays."""
    last = re.split(r"[/\\]", _UNSAFE.sub("", name))[-1]
    shown = _NOT_IN_NAMES.sub("_", last).strip(" .")
    if len(shown) <= LONGEST:
        return shown
    stem, dot, ending = shown.rpartition(".")
    if not dot or len(ending) > 10:
        return shown[:LONGEST].strip(" .")
    return stem[: LONGEST - len(ending) - 1].rstrip(" .") + dot + ending
