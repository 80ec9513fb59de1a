"""How headers and bodies look on the wire: 7 bit, lines ended by CRLF, none over 998 octets.

What the plain form would not bring back exactly is encoded (RFC 2047, RFC 2231, RFC 2045);
no control character gets into a header either way. `--=_`, with which every boundary line
begins, stands in no body: base64 has no `-`, quoted-printable writes `=` as `=3D`, and a
7bit body that holds it is made quoted-printable.
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator

LINE = 76  # RFC 2047, 2 and RFC 2045, 6.7 and 6.8; the plain rest may be longer (RFC 5322, 2.1.1)
_LONGEST = 992  # line of a 7bit body, with its CRLF
_WORD = 75  # of an encoded word (RFC 2047, 2)
_AROUND = len("=?utf-8?q??=")
_PIECE = LINE - len(" filename*99*=;")

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"(?:[!-~]{1,900}(?: [!-~]{1,900})*)?")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]{1,60}(?: [\w!#$%&'*+/=?^`{|}~-]{1,60})*", re.ASCII)  # RFC 5322, 3.2.3
_FILENAME = re.compile(r"[\w!#$&+,.@^`{}~()-]+(?: [\w!#$&+,.@^`{}~()-]+)*", re.ASCII)
_TOKEN = r"[\w!#$%&'*+.^`{|}~-]+"  # noqa: S105 (RFC 2045, 5.1)
_PARAMETER = rf" *; *{_TOKEN}=(?:{_TOKEN}|\"[ !#-\[\]-~]*\")"
_MEDIA_TYPE = re.compile(rf"({_TOKEN}/{_TOKEN})((?:{_PARAMETER})*)(?= *(?:;|$))", re.ASCII)

_ALPHANUMERIC = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_Q_SAFE = _ALPHANUMERIC + b" !*+-/"  # RFC 2047, 5 (3): safe in a display name too
_Q = ["_" if byte == ord(" ") else chr(byte) if byte in _Q_SAFE else f"={byte:02X}" for byte in range(256)]
_CONTINUED = frozenset(f"{escape}{digit}" for escape in "=%" for digit in "89AB")  # continuation bytes of UTF-8
_PERCENT = [chr(byte) if byte in _ALPHANUMERIC + b"-._" else f"%{byte:02X}" for byte in range(256)]  # RFC 2231, 7
_CR, _NUL, _UNDERSCORE = b"\r\0_"  # as numbers, for which octets are searched five times as fast
_QP_SAFE = bytes((*range(32, 61), *range(62, 127), *b"\t\r\n"))


def clean(text: str) -> str:
    """One line: what could end it, or hide in it, becomes a space."""
    return text if text.isprintable() else _CONTROLS.sub(" ", text)


def header(name: str, value: str) -> str:
    """A header field with free text (RFC 5322, 3.6.5), without its line end.

    In List-Unsubscribe "=?" is a piece of a URI (RFC 2369), and nothing that a reader decodes.
    """
    if not value.isprintable():
        value = clean(value)
    if ("=?" in value and name.lower() != "list-unsubscribe") or not _PLAIN.fullmatch(value):
        return f"{name}: {encoded_words(value, LINE - len(name) - 2)}"
    line = f"{name}: {value}"
    if len(line) <= LINE:
        return line
    first, *others = value.split(" ")
    lines = [f"{name}: {first}"]
    for word in others:
        if len(lines[-1]) + len(word) < LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines)


def phrase(name: str, room: int) -> str:
    """A display name (RFC 5322, 3.4), as plain as it can be; nothing for one that does not show."""
    name = " ".join(filter(None, clean(name).split(" "))).strip()
    if not name:
        return ""
    if "=?" in name or len(name) > room or not _PLAIN.fullmatch(name):
        return encoded_words(name, room)
    if _ATOMS.fullmatch(name):
        return name
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def encoded_words(text: str, room: int) -> str:
    """RFC 2047, with whole characters in each word; the first one has `room`, where that is enough for any."""
    data = text.encode("utf-8", "replace")
    room = max(room, 2 * _AROUND)
    escapes = len(data.translate(None, _Q_SAFE))
    words = _q_words(data, room) if 6 * escapes <= len(data) else _b_words(data, room)
    return "\r\n ".join([f"=?utf-8?{word}?=" for word in words])


def _q_words(data: bytes, room: int) -> list[str]:
    text = "".join([_Q[byte] for byte in data])
    return [f"q?{piece}" for piece in _pieces(text, room - _AROUND, _WORD - _AROUND)]


def _pieces(text: str, first: int, others: int) -> Iterator[str]:
    """Cut escaped text between characters, for readers decode it piece by piece (RFC 2047, 5)."""
    start, end = 0, first
    while start < len(text):
        while end < len(text) and _within_character(text, end):
            end -= 1
        yield text[start:end]
        start, end = end, end + others


def _within_character(text: str, at: int) -> bool:
    near = text[at - 2 : at + 2]
    return "=" in near[:2] or "%" in near[:2] or near[2:] in _CONTINUED


def _b_words(data: bytes, room: int) -> list[str]:
    start, words = 0, list[str]()
    while start < len(data):
        end = start + (room - _AROUND) // 4 * 3
        while end < len(data) and data[end] & 0xC0 == 0x80:  # a continuation byte of UTF-8
            end -= 1
        words.append("b?" + b2a_base64(data[start:end], newline=False).decode())
        start, room = end, _WORD
    return words


def body(text: str) -> tuple[bytes, bytes]:
    """Transfer encoding and content, every line of it ended by CRLF, whatever ended it before."""
    data = text.encode("utf-8", "replace")  # first, for a text that was digested holds its UTF-8 already
    beyond = len(data) - len(text)  # of a character beyond ASCII all octets but one: at most three of four
    if _CR in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if data and not data.endswith(b"\n"):
        data += b"\n"
    data = data.replace(b"\n", b"\r\n")
    # One octet is found far faster than four, and most texts have no underscore.
    if not beyond and _NUL not in data and not (_UNDERSCORE in data and b"--=_" in data) and not _has_long_line(data):
        return b"7bit", data
    octets = len(data)
    if 8 * beyond <= octets:
        quoted = b2a_qp(data, False, True, False)  # noqa: FBT003 (it keeps CRLF so)
        # Each octet that it had to quote made it longer by two: most texts need not be looked at to count them.
        if 3 * (len(quoted) - octets) <= octets or 6 * len(data.translate(None, _QP_SAFE)) <= octets:
            return b"quoted-printable", quoted
    return b"base64", base64(data)


def _has_long_line(data: bytes) -> bool:
    start, last = 0, len(data) - _LONGEST
    while start < last:
        start = data.rfind(b"\n", start, start + _LONGEST) + 1
        if not start:
            return True
    return False


def base64(content: bytes) -> bytes:
    """RFC 2045, 6.8, in lines."""
    data = b2a_base64(content, newline=False)
    lines = [data[start : start + LINE] for start in range(0, len(data), LINE)]
    lines.append(b"")
    return b"\r\n".join(lines)


def media_type(content_type: str) -> str:
    """The type with what is sound of its parameters; what must not be encoded (RFC 2045, 6.4), and nonsense, is octets."""
    found = _MEDIA_TYPE.match(content_type.strip(" ")[:300])
    if found is None or found[1].lower().startswith(("multipart/", "message/")):
        return "application/octet-stream"
    return found[1] if "name" in found[2].lower() else found[0]


def filename_parameter(filename: str) -> str:
    """The file name as parameter of Content-Disposition: `; filename=...`, or in the pieces of RFC 2231."""
    if len(filename) <= LINE - len(' filename=""') and _FILENAME.fullmatch(filename):
        return f';\r\n filename="{filename}"'
    text = "".join([_PERCENT[byte] for byte in filename.encode("utf-8", "replace")])
    first, *others = _pieces(text, _PIECE - len("utf-8''"), _PIECE)
    if not others:
        return f";\r\n filename*=utf-8''{first}"
    pieces = (f"utf-8''{first}", *others)
    return "".join([f";\r\n filename*{number}*={piece}" for number, piece in enumerate(pieces)])


def plain_filename(filename: str) -> str:
    """What is left of a file name for readers that know no RFC 2231; its end, for that tells its kind."""
    return re.sub(r"[^\w.-]", "_", filename, flags=re.ASCII)[-60:]
