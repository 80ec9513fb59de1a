"""What known providers take."""

from consumer.core.presets import MICROSOFT_365, preset_of
from consumer.core.tenant import Limit, MicrosoftAccount, Tenant
from consumer.core.tenants import Faults, parse_tenants

AUTH = {"tenant_id": "contoso.example", "client_id": "00000000-aaaa", "client_secret": "c4n4ry"}
BOX = {"smtp_host": "smtp.office365.com", "smtp_user": "box@contoso.example", "domain": "contoso.example"}


def tenant(**more: object) -> Tenant:
    found = parse_tenants({"tenants": {"acme": {**BOX, **more}}})
    assert not isinstance(found, Faults), found
    return found["acme"]


def faults(**more: object) -> tuple[str, ...]:
    found = parse_tenants({"tenants": {"acme": {**BOX, **more}}})
    assert isinstance(found, Faults)
    assert "c4n4ry" not in str(found)
    return found.errors


def test_microsoft_365_takes_three_connections_and_thirty_messages_a_minute() -> None:
    found = tenant(microsoft_auth=AUTH)
    assert found.relay.max_connections == 3
    assert found.limits == (Limit(30, 60.0), Limit(10_000, 86_400.0, "recipients"))


def test_a_tenant_may_say_fewer_or_more_connections_and_limits_of_its_own() -> None:
    found = tenant(microsoft_auth=AUTH, max_connections=1, limits=[{"count": 5, "per": "1m"}])
    assert found.relay.max_connections == 1
    assert found.limits == (Limit(5, 60.0), *MICROSOFT_365.limits)


def test_other_hosts_have_no_preset() -> None:
    assert preset_of("smtp.example.com") is None
    assert preset_of("SMTP.Office365.com.") is MICROSOFT_365


def test_an_account_of_microsoft_is_read() -> None:
    assert tenant(microsoft_auth=AUTH).relay.microsoft == MicrosoftAccount("contoso.example", "00000000-aaaa", "c4n4ry")


def test_a_national_cloud_has_its_own_authority_and_scope() -> None:
    account = tenant(microsoft_auth=AUTH | {"authority": "https://login.microsoftonline.us/"}).relay.microsoft
    assert account is not None
    assert account.authority == "https://login.microsoftonline.us"
    assert account.scope == "https://outlook.office365.us/.default"


def test_an_account_that_is_wrong_is_told_by_place_and_rule() -> None:
    assert faults(microsoft_auth={"tenant_id": "x"}) == (
        (
            "tenants.acme.microsoft_auth must have tenant_id, client_id and client_secret,"
            " may have authority and scope, and nothing else"
        ),
    )
    assert faults(microsoft_auth=AUTH | {"authority": "http://localhost"}) == (
        "tenants.acme.microsoft_auth (authority) must be https:// and a host, and a port if wanted",
    )
    assert faults(microsoft_auth=AUTH | {"tenant_id": "a/b"}) == (
        "tenants.acme.microsoft_auth (tenant_id) must be a directory's id or one of its domains",
    )
    assert faults(microsoft_auth=AUTH, smtp_pass="c4n4ry") == (
        "tenants.acme.microsoft_auth must not stand together with smtp_pass",
    )


def test_who_has_a_password_of_his_own_takes_no_token_of_the_defaults() -> None:
    found = parse_tenants(
        {
            "default": {**BOX, "microsoft_auth": AUTH},
            "tenants": {"acme": {}, "own": {"smtp_user": "me", "smtp_pass": "mine"}, "box": {"smtp_host": "localhost"}},
        }
    )
    assert not isinstance(found, Faults)
    assert found["acme"].relay.microsoft is not None
    assert (found["own"].relay.microsoft, found["own"].relay.password) == (None, "mine")
    assert (found["box"].relay.microsoft, found["box"].relay.user) == (None, None)
