"""From a request and its tenant to an envelope and a relay."""

from consumer.adapters.schemas import requests
from consumer.core.decode import Decoder
from consumer.core.letter import relay_of
from consumer.core.request import Request
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
