"""From a request and its tenant to an envelope and a relay."""

from email import message_from_bytes
from email.policy import default

from consumer.adapters.schemas import requests
from consumer.core.decode import Decoder
from consumer.core.letter import Posted, post, relay_of
from consumer.core.outcome import Invalid, Unresolvable
from consumer.core.request import Request
from consumer.core.resolve import Values
from consumer.core.tenant import Relay
from tests.builders import body, record, tenant

DECODER = Decoder(requests())


def _request(**fields: object) -> Request:
    request = DECODER.decode(record(body(**fields)))
    assert isinstance(request, Request)
    return request


def test_the_relay_that_a_request_names_gets_nothing_of_the_tenants_relay_but_the_authority_to_trust() -> None:
    about = Relay("mail.example", 2525, user="acme", password="c4n4ry", ca_file="/etc/acme.pem", max_connections=3)
    request = _request(connection={"server": "smtp.myemail.com", "port": 1234, "user": "me", "password": "mysecret"})
    expected = Relay("smtp.myemail.com", 1234, user="me", password="mysecret", ca_file="/etc/acme.pem")
    assert relay_of(request, tenant(relay=about)) == expected


def test_a_request_without_a_connection_goes_by_the_tenants_relay() -> None:
    about = Relay("mail.example", 2525, user="acme", password="c4n4ry")
    assert relay_of(_request(), tenant(relay=about)) == about


def test_a_priority_is_told_in_both_ways_that_readers_know() -> None:
    assert _head(priority="high") == {"X-Priority": "1 (Highest)", "Importance": "high"}
    assert _head(priority="low") == {"X-Priority": "5 (Lowest)", "Importance": "low"}
    assert _head(priority="normal") == _head() == {}


def test_a_priority_and_a_header_that_says_another_is_refused() -> None:
    posted = _posted(priority="high", headers={"x-priority": "5"})
    assert posted == Invalid(
        "invalid-request", ("/headers: a header stands there twice, or beside the field that sets it",)
    )


def test_a_mail_can_be_left_with_one_click() -> None:
    headers = {"List-Unsubscribe": "<https://shop.example/u/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    assert _head(headers=headers) == headers


def test_one_click_that_would_not_work_is_refused_with_its_rule() -> None:
    posted = _posted(headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"})
    rule = "must stand together with List-Unsubscribe that has an https URI (RFC 8058)"
    assert posted == Invalid("invalid-request", (f"/headers/List-Unsubscribe-Post: {rule}",))


def test_a_domain_in_any_script_goes_out_as_a_labels_in_headers_and_envelope() -> None:
    posted = _posted(to=["ann@bücher.example"], replyTo=["help@пример.example"])
    assert isinstance(posted, Posted)
    message = message_from_bytes(posted.mail.content, policy=default)
    assert posted.mail.recipients == ("ann@xn--bcher-kva.example",)
    assert (message["To"], message["Reply-To"]) == ("ann@xn--bcher-kva.example", "help@xn--e1afmkfd.example")
    assert (posted.mail.smtputf8, posted.mail.eight_bit) == (False, False)


def test_a_local_part_beyond_ascii_asks_for_smtputf8_and_eight_bits() -> None:
    posted = _posted(to=["jörg@example.com"])
    assert isinstance(posted, Posted)
    assert (posted.mail.smtputf8, posted.mail.eight_bit) == (True, True)


def test_one_in_bcc_beyond_ascii_asks_for_smtputf8_alone() -> None:
    posted = _posted(bcc=["jörg@example.com"])
    assert isinstance(posted, Posted)
    assert (posted.mail.smtputf8, posted.mail.eight_bit) == (True, False)


def _posted(**fields: object) -> Posted | Invalid | Unresolvable:
    return post(_request(**fields), tenant(), Values(), answered=frozenset(), now=1_795_258_800.0)


def _head(**fields: object) -> dict[str, str]:
    """The headers that a request for a plain text does not get by itself."""
    posted = _posted(**fields)
    assert isinstance(posted, Posted)
    everyday = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"}
    message = message_from_bytes(posted.mail.content, policy=default)
    return {
        name: str(value) for name, value in message.items() if name not in everyday and not name.startswith("Content-")
    }
