"""What a mail looks like, by example. That everything is read back is shown in test_compose_properties.py."""

from base64 import b64decode
from dataclasses import fields, replace
from pathlib import Path

import pytest

from consumer.core.compose import Letter, Part, compose, date_header, header_allowed, message_id, needs_smtputf8
from consumer.core.ids import fingerprint
from consumer.core.mail import Address

PLAIN = Letter(
    from_name=None,
    from_address=Address("no-reply@shop.example"),
    to=(Address("anna@example.com"),),
    cc=(),
    reply_to=(),
    subject="Hello",
    text="World",
    html=None,
)
GOLDEN = Path(__file__).parent.parent / "golden"
DATE = "Sat, 21 Nov 2026 11:00:00 +0000"


def composed(letter: Letter) -> str:
    """The mail, with its lines ended by LF to be readable here."""
    return compose(letter, message_id="<1@shop.example>", date=DATE).decode().replace("\r\n", "\n")


def field(letter: Letter, name: str) -> str:
    """A header as it stands in the mail, its folded lines included."""
    _, _, after = ("\n" + composed(letter)).partition(f"\n{name}: ")
    lines = after.split("\n")
    end = next(number for number, line in enumerate(lines) if number and not line.startswith(" "))
    return "\n".join(lines[:end])


def test_a_text_is_a_mail_of_one_part() -> None:
    assert composed(PLAIN) == (
        "From: no-reply@shop.example\n"
        "To: anna@example.com\n"
        "Subject: Hello\n"
        "Date: Sat, 21 Nov 2026 11:00:00 +0000\n"
        "Message-ID: <1@shop.example>\n"
        "Auto-Submitted: auto-generated\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 7bit\n"
        "\n"
        "World\n"
    )


@pytest.mark.parametrize(
    ("golden", "letter"),
    [
        pytest.param(
            "everything.eml",
            replace(
                PLAIN,
                html='<img src="cid:logo">',
                attachments=(
                    Part(b"PDF", "application/pdf", "März.pdf"),
                    Part(b"PNG", "image/png", "logo.png", "logo"),
                ),
            ),
            id="alternatives, an image within the HTML, a file",
        ),
        pytest.param(
            "all-scripts.eml",
            replace(
                PLAIN,
                from_name="Müller & Söhne",
                to=(Address("anna@example.com"), Address("bert@xn--mller-kva.example")),
                cc=(Address("cleo@example.com"),),
                reply_to=(Address("help@shop.example"),),
                subject="Ihre Bestellung 注文番号三十五 ist unterwegs und kommt morgen an 🎁",
                text="Käse, Wurst und Brot kommen am Montag zwischen acht und zehn.\n",
                html="<p>注文番号は三十五です</p>",
                headers=(("List-Unsubscribe", "<https://shop.example/u/1>"), ("X-Greeting", "Grüße")),
            ),
            id="text beyond ASCII everywhere",
        ),
    ],
)
def test_a_mail_is_made_like_its_golden_file(golden: str, letter: Letter) -> None:
    assert composed(letter) == (GOLDEN / golden).read_text("utf-8")


def test_html_alone_is_a_mail_of_one_part() -> None:
    letter = replace(PLAIN, text=None, html="<p>World</p>")
    assert composed(letter).endswith(
        "\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n<p>World</p>\n"
    )


def test_bcc_is_no_part_of_a_letter() -> None:
    assert "bcc" not in {name.lower() for name in (field.name for field in fields(Letter))}


def test_a_letter_to_bcc_only_names_nobody() -> None:
    assert field(replace(PLAIN, to=()), "To") == "undisclosed-recipients:;"


def test_several_recipients_have_a_line_each() -> None:
    letter = replace(PLAIN, to=(Address("a@b.example"), Address("c@d.example")))
    assert field(letter, "To") == "a@b.example,\n c@d.example"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param(None, "no-reply@shop.example", id="none"),
        pytest.param(" \r\n ", "no-reply@shop.example", id="nothing that shows"),
        pytest.param("The Shop", "The Shop <no-reply@shop.example>", id="words"),
        pytest.param("Shop, Inc.", '"Shop, Inc." <no-reply@shop.example>', id="punctuation is quoted"),
        pytest.param('The "\\" Shop', '"The \\"\\\\\\" Shop" <no-reply@shop.example>', id="quotes are escaped"),
        pytest.param("Müller GmbH", "=?utf-8?q?M=C3=BCller_GmbH?= <no-reply@shop.example>", id="beyond ASCII"),
        pytest.param("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <no-reply@shop.example>", id="looks encoded"),
        pytest.param("x" * 60, "x" * 60 + "\n <no-reply@shop.example>", id="the address goes on a line of its own"),
    ],
)
def test_the_sender_is_shown_by_name(name: str | None, shown: str) -> None:
    assert field(replace(PLAIN, from_name=name), "From") == shown


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("Your order", "Your order", id="plain"),
        pytest.param("Käse und Wurst am Montag", "=?utf-8?q?K=C3=A4se_und_Wurst_am_Montag?=", id="mostly ASCII: Q"),
        pytest.param("注文", "=?utf-8?b?5rOo5paH?=", id="hardly ASCII: B"),
        pytest.param("a  b", "=?utf-8?q?a__b?=", id="white space that folding might lose"),
        pytest.param("word " * 20 + "end", "word " * 12 + "word\n " + "word " * 7 + "end", id="folded between words"),
        pytest.param("a\r\nBcc: eve@evil.example", "a Bcc: eve@evil.example", id="no second header"),
        pytest.param("a\0b\x7fc\x85d\u2028e", "a b c d e", id="no controls"),
    ],
)
def test_a_subject_is_one_header(subject: str, shown: str) -> None:
    assert field(replace(PLAIN, subject=subject), "Subject") == shown


def test_an_encoded_word_never_ends_within_a_character() -> None:
    for pad in range(12):
        for subject in ("x" * pad + "ü" * 60, "x" * (60 + pad) + "👩‍👩‍👧‍👦" + "x" * 60):
            words = field(replace(PLAIN, subject=subject), "Subject").split("\n ")
            assert max(map(len, words)) <= 75
            assert "".join(map(decoded, words)) == subject


def decoded(word: str) -> str:
    _, charset, encoding, text, _ = word.split("?")
    if encoding == "b":
        return b64decode(text).decode(charset)
    return bytes.fromhex("".join(quoted_hex(text))).decode(charset)


def quoted_hex(text: str) -> list[str]:
    first, *others = text.replace("_", " ").split("=")
    return [first.encode().hex(), *(piece[:2] + piece[2:].encode().hex() for piece in others)]


def test_a_custom_header_is_carried() -> None:
    letter = replace(PLAIN, headers=(("List-Unsubscribe", "<https://shop.example/" + "u" * 100 + ">"),))
    assert field(letter, "List-Unsubscribe") == "<https://shop.example/" + "u" * 100 + ">"


def test_a_uri_to_unsubscribe_is_never_encoded() -> None:
    uri = "<https://shop.example/u?a=?utf-8?q?b?=>"
    assert field(replace(PLAIN, headers=(("list-unsubscribe", uri),)), "list-unsubscribe") == uri
    assert field(replace(PLAIN, headers=(("X-Shop", uri),)), "X-Shop").startswith("=?utf-8?")


@pytest.mark.parametrize(
    "name",
    [
        "From",
        "to",
        "BCC",
        "Subject",
        "Message-ID",
        "Content-Type",
        "Resent-To",
        "DKIM-Signature",
        "Received",
        "Return-Path",
        "X-SMTPAPI",
        "X-MS-Exchange-Organization-SCL",
        "X-Spam-Status",
        "X Y",
        "X:",
        "",
        "Ü",
        "x\n",
    ],
)
def test_headers_that_are_ours_or_none_cannot_be_set(name: str) -> None:
    assert not header_allowed(name)
    assert composed(replace(PLAIN, headers=((name, "eve@evil.example"),))) == composed(PLAIN)


@pytest.mark.parametrize(
    ("text", "encoding", "body"),
    [
        pytest.param("a\rb\nc\r\nd", "7bit", "a\nb\nc\nd\n", id="any line end becomes CRLF"),
        pytest.param("", "7bit", "", id="empty"),
        pytest.param("x" * 990, "7bit", "x" * 990 + "\n", id="the longest line"),
        pytest.param("short\n" * 400, "7bit", "short\n" * 400, id="many lines"),
        pytest.param("x" * 991, "quoted-printable", ("x" * 75 + "=\n") * 13 + "x" * 16 + "\n", id="a longer line"),
        pytest.param(
            "Käse und Wurst am Montag", "quoted-printable", "K=C3=A4se und Wurst am Montag\n", id="mostly ASCII"
        ),
        pytest.param("注文", "base64", "5rOo5paHDQo=\n", id="hardly ASCII"),
        pytest.param("a\0b or not, and so on", "quoted-printable", "a=00b or not, and so on\n", id="NUL"),
        pytest.param("--=_a.m is text", "quoted-printable", "--=3D_a.m is text\n", id="like a boundary"),
        pytest.param("a\n.\nb", "7bit", "a\n.\nb\n", id="a dot is stuffed on the way out, not here"),
    ],
)
def test_a_body_is_encoded_only_if_it_must_be(text: str, encoding: str, body: str) -> None:
    assert composed(replace(PLAIN, text=text)).partition("Content-Transfer-Encoding: ")[2] == f"{encoding}\n\n{body}"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("application/pdf", "application/pdf", id="a type"),
        pytest.param("text/calendar; method=REQUEST", "text/calendar; method=REQUEST", id="with a parameter"),
        pytest.param('text/plain; charset="utf-8"; x', 'text/plain; charset="utf-8"', id="with half a parameter"),
        pytest.param("text/plain;", "text/plain", id="with none"),
        pytest.param("application/pdf; name=evil.exe", "application/pdf", id="with a name of its own"),
        pytest.param("message/rfc822", "application/octet-stream", id="must not be base64"),
        pytest.param("multipart/mixed; boundary=x", "application/octet-stream", id="cannot be a leaf"),
        pytest.param("pdf", "application/octet-stream", id="no type"),
        pytest.param("a/b\r\nBcc: eve@evil.example", "application/octet-stream", id="a second header"),
        pytest.param("", "application/octet-stream", id="nothing"),
    ],
)
def test_an_attachment_has_a_sound_type(given: str, shown: str) -> None:
    mail = composed(replace(PLAIN, attachments=(Part(b"", given),)))
    assert f"Content-Type: {shown}\nContent-Disposition: attachment\n" in mail


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("report 1.pdf", ' filename="report 1.pdf"', id="plain"),
        pytest.param("Käse.pdf", " filename*=utf-8''K%C3%A4se.pdf", id="beyond ASCII"),
        pytest.param('a"; filename="evil.exe', " filename*=utf-8''a%22%3B%20filename%3D%22evil.exe", id="quotes"),
        pytest.param("a\r\nBcc: b", " filename*=utf-8''a%20Bcc%3A%20b", id="no second header"),
        pytest.param(
            "注文番号は三十五です.pdf",
            " filename*0*=utf-8''%E6%B3%A8%E6%96%87%E7%95%AA%E5%8F%B7%E3%81%AF%E4%B8%89;\n"
            " filename*1*=%E5%8D%81%E4%BA%94%E3%81%A7%E3%81%99.pdf",
            id="long: in pieces of whole characters",
        ),
    ],
)
def test_a_file_keeps_its_name(given: str, shown: str) -> None:
    mail = composed(replace(PLAIN, attachments=(Part(b"", "application/pdf", given),)))
    assert f"Content-Disposition: attachment;\n{shown}\nContent-Transfer-Encoding" in mail


def test_readers_without_rfc_2231_get_the_end_of_a_name() -> None:
    mail = composed(replace(PLAIN, attachments=(Part(b"", "application/pdf", "ü" * 70 + ".pdf"),)))
    assert f'Content-Type: application/pdf;\n name="{"_" * 56}.pdf"\n' in mail


def test_an_image_for_no_html_is_an_attachment() -> None:
    mail = composed(replace(PLAIN, attachments=(Part(b"PNG", "image/png", cid="logo"),)))
    assert "multipart/mixed" in mail
    assert "Content-Disposition: attachment\nContent-ID: <logo>\n" in mail


def test_a_cid_cannot_hold_a_second_header() -> None:
    mail = composed(replace(PLAIN, html="x", attachments=(Part(b"", "image/png", cid="<a>\r\nBcc: b"),)))
    assert "Content-ID: <aBcc:b>\n" in mail


def test_an_address_with_a_line_end_cannot_hold_a_second_header() -> None:
    letter = replace(PLAIN, to=(Address("a@b\r\nBcc: eve@evil.example"),), from_address=Address("a@b\r\nX: y"))
    assert composed(letter).startswith("From: a@b X: y\nTo: a@b Bcc: eve@evil.example\nSubject: ")


def test_a_local_part_beyond_ascii_needs_smtputf8_and_stands_as_it_is() -> None:
    letter = replace(PLAIN, to=(Address("jörg@example.com"),))
    assert needs_smtputf8(letter)
    assert field(letter, "To") == "jörg@example.com"
    assert not needs_smtputf8(replace(PLAIN, subject="ü", text="ü"))


def test_the_same_letter_and_id_make_the_same_bytes() -> None:
    letter = replace(PLAIN, html="<p>World</p>")
    assert composed(letter) == composed(replace(letter))


def test_a_message_id_is_made_from_tenant_and_request() -> None:
    assert message_id(fingerprint("shop", "1"), "shop.example") == "<079e31d468a6afe70103358d103e28e3@shop.example>"
    assert message_id(0x79E, "shop.example") == "<0000000000000000000000000000079e@shop.example>"


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (0.0, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (1795258800.999, "Sat, 21 Nov 2026 11:00:00 +0000"),
        (4102444799.0, "Thu, 31 Dec 2099 23:59:59 +0000"),
    ],
)
def test_a_date_is_in_utc_and_english(now: float, shown: str) -> None:
    assert date_header(now) == shown


def test_the_repr_of_a_letter_tells_nobody() -> None:
    assert repr(PLAIN) == "<Letter to 1, cc 0, 0 attachments>"
