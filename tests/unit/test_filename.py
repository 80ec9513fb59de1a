"""File names: RFC 6266 first, then the path, and nothing in them that could do harm."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.schemas import load
from consumer.core.filename import LONGEST, filename

WRITTEN = load("send-email.v1")["definitions"]["attachment"]["properties"]["filename"]["pattern"]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=report.pdf", "report.pdf"),
        ('attachment; filename="annual report.pdf"', "annual report.pdf"),
        ('inline; filename="a \\"b\\".txt"', "a _b_.txt"),
        ('ATTACHMENT; FILENAME="Report.PDF"', "Report.PDF"),
        ("attachment;filename = report.pdf ; size=5", "report.pdf"),
        ("attachment; filename=\"plain.pdf\"; filename*=UTF-8''%e2%82%ac%20rates.pdf", "€ rates.pdf"),
        ("attachment; filename*=UTF-8''%e2%82%ac.pdf; filename=plain.pdf", "€.pdf"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates.pdf", "£ rates.pdf"),
        ("attachment; filename*=utf-16''%00; filename=plain.pdf", "plain.pdf"),
        ("attachment; filename*=utf-8''%ff; filename=plain.pdf", "plain.pdf"),
        ('attachment; filename="Ã¼ber.pdf"', "über.pdf"),
        ('attachment; filename="£.pdf"', "£.pdf"),
        ('attachment; filename="one.pdf"; filename="two.pdf"', "one.pdf"),
        ('attachment; filename="semi;colon.pdf"', "semi;colon.pdf"),
    ],
)
def test_the_name_in_the_header_comes_first(disposition: str, name: str) -> None:
    assert filename(disposition, "/files/path.bin") == name


@pytest.mark.parametrize(
    "disposition", ["", "attachment", "attachment; filename", 'attachment; filename=""', "\x00;;="]
)
def test_without_one_the_path_names_it(disposition: str) -> None:
    assert filename(disposition, "/files/summer%20plan.pdf") == "summer plan.pdf"


@pytest.mark.parametrize("path", ["", "/", "/files/", "/..", "/...", "/%2e%2e", "/%20"])
def test_what_has_no_name_is_an_attachment(path: str) -> None:
    assert filename("", path) == "attachment"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini"),
        ("C:\\\\Windows\\\\x.exe", "x.exe"),
        (".htaccess", "htaccess"),
        ("a\r\nBcc: eve@example.com", "aBcc_ eve@example.com"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("a\x00b", "ab"),
        ("con*?.txt", "con__.txt"),
    ],
)
def test_a_name_holds_no_folder_and_nothing_unseen(given: str, name: str) -> None:
    assert filename(f'attachment; filename="{given}"', "/path.bin") == name


def test_a_long_name_is_cut_and_keeps_its_ending() -> None:
    assert filename(f"attachment; filename={'a' * 500}.pdf", "") == "a" * (LONGEST - 4) + ".pdf"
    assert filename(f"attachment; filename={'a' * 500}", "") == "a" * LONGEST
    assert filename("attachment; filename=a." + "b" * 500, "") == "a." + "b" * (LONGEST - 2)


@given(st.text(), st.text())
def test_whatever_comes_there_is_a_name_that_can_be_sent(disposition: str, path: str) -> None:
    for name in (filename(disposition, path), filename(f'attachment; filename="{disposition}"', path)):
        assert 0 < len(name) <= LONGEST
        assert re.fullmatch(WRITTEN, name)
        assert name == name.strip(" .")
        name.encode()
