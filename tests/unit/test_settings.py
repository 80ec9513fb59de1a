"""Settings: all that is wrong is said at once, by name and rule."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.settings import Settings, Wrong, load, resolved, variables

HERE = Path(__file__)
LEAST = {"CONSUMER_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", "CONSUMER_TENANTS__FILE": str(HERE)}


def settings(**more: str) -> Settings:
    loaded = load({**LEAST, **more})
    assert isinstance(loaded, Settings), loaded
    return loaded


def errors(environ: dict[str, str]) -> tuple[str, ...]:
    loaded = load(environ)
    assert isinstance(loaded, Wrong)
    return loaded.errors


def test_two_variables_are_enough() -> None:
    loaded = settings()
    assert loaded.kafka.servers == "kafka:9092"
    assert loaded.tenants.file == HERE
    assert loaded.work.in_flight == 1000


def test_what_has_to_be_set_is_asked_for() -> None:
    assert errors({}) == (
        "CONSUMER_KAFKA__BOOTSTRAP_SERVERS has to be set, to host:port of Kafka",
        "CONSUMER_TENANTS__FILE has to be set, or CONSUMER_TENANTS__URL",
    )


def test_a_command_that_speaks_to_kafka_only_needs_no_tenants() -> None:
    assert isinstance(load({"CONSUMER_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092"}, only_kafka=True), Settings)


def test_everything_wrong_is_said_at_once_one_line_each() -> None:
    assert errors(
        LEAST
        | {
            "CONSUMER_HTTP__PORT": "8o80",
            "CONSUMER_HTTP_PORT": "8080",
            "CONSUMER_KAFKA__SASL_PASSWORD_FILE": "/nowhere",
            "CONSUMER_KAFKA__TRANSACTION_TIMEOUT": "1m",
            "CONSUMER_LOG__LEVEL": "loud",
            "CONSUMER_TOPICS__REQUESTS": "",
            "CONSUMER_WORK__MAX_AGE": "8d",
        }
    ) == (
        "CONSUMER_HTTP_PORT is no setting; did you mean CONSUMER_HTTP__PORT?",
        "CONSUMER_HTTP__PORT must be a whole number",
        "CONSUMER_KAFKA__SASL_PASSWORD_FILE must name a file of text that can be read, of at most 65536 bytes",
        "CONSUMER_KAFKA__TRANSACTION_TIMEOUT must be shorter than CONSUMER_KAFKA__SESSION_TIMEOUT",
        "CONSUMER_LOG__LEVEL must be 'debug', 'info', 'warning' or 'error'",
        "CONSUMER_TOPICS__REQUESTS must be 1 to 249 letters, digits, dots, underscores or hyphens",
        "CONSUMER_TOPICS__RETENTION must be at least CONSUMER_WORK__MAX_AGE: a request that waits must still be there",
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CONSUMER_TYPO", "CONSUMER_HTTP__PORT"),
        ("CONSUMER_KAFKA__BOOTSTRAP_SERVER", "CONSUMER_KAFKA__BOOTSTRAP_SERVERS"),
        ("consumer_http__port", "CONSUMER_HTTP__PORT"),
        ("CONSUMER_TENANTS__FILE_FILE", "CONSUMER_TENANTS__FILE"),
        ("CONSUMER_HTTP", None),
    ],
)
def test_a_misspelt_variable_is_an_error(name: str, nearest: str | None) -> None:
    (line,) = errors(LEAST | {name: "x"})
    assert line.startswith(f"{name} is no setting")
    if nearest and "did you mean" in line and name != "CONSUMER_TYPO":
        assert line.endswith(f"did you mean {nearest}?")


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("SMTP__SIMULATOR", "maybe", "must be true or false"),
        ("SUPPRESSION__WARNING", "5 %", "must be a number such as 0.05"),
        (
            "SMTP__ALLOW_PLAINTEXT",
            "yes",
            "must be true or false, or hosts: a JSON list, or names with commas between them",
        ),
        ("KAFKA__GROUP_ID", "mail\n", "must not begin or end with a space, nor hold line breaks"),
        ("KAFKA__CLIENT_ID", " mail", "must not begin or end with a space, nor hold line breaks"),
        ("KAFKA__SSL_CAFILE", str(HERE), "must name a file of certificates (PEM)"),
        ("SMTP__CA_FILE", "/nowhere", "must name a file that can be read"),
    ],
)
def test_a_rule_is_said_in_words_that_tell_what_to_write(name: str, text: str, rule: str) -> None:
    assert errors(LEAST | {f"CONSUMER_{name}": text}) == (f"CONSUMER_{name} {rule}",)


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_error() -> None:
    settings(
        CONSUMER_SERVICE_HOST="10.0.0.1",
        CONSUMER_SERVICE_PORT_HTTP="8080",
        CONSUMER_PORT="tcp://10.0.0.1:8080",
        CONSUMER_PORT_8080_TCP_ADDR="10.0.0.1",
        CONSUMER_HTTP_PORT="tcp://10.0.0.1:8080",
    )


def test_a_rule_between_settings_is_not_judged_by_a_setting_that_is_wrong_itself() -> None:
    lines = errors(LEAST | {"CONSUMER_KAFKA__SESSION_TIMEOUT": "long", "CONSUMER_KAFKA__TRANSACTION_TIMEOUT": "60s"})
    assert [line.split()[0] for line in lines] == ["CONSUMER_KAFKA__SESSION_TIMEOUT"]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("30", timedelta(seconds=30)),
        ("1.5", timedelta(seconds=1.5)),
        ("500ms", timedelta(seconds=0.5)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(hours=24)),
        ("2 d", timedelta(days=2)),
    ],
)
def test_lengths_of_time_are_written_as_people_write_them(text: str, means: timedelta) -> None:
    assert settings(CONSUMER_WORK__DRAIN_WITHIN=text).work.drain_within == means


@pytest.mark.parametrize("text", ["", "0", "-1s", "5 weeks", "nan", "inf", "1e3", "9999999999d", "PT5S"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    (line,) = errors(LEAST | {"CONSUMER_WORK__DRAIN_WITHIN": text})
    assert line.startswith("CONSUMER_WORK__DRAIN_WITHIN must be a length of time")


def test_networks_and_hosts_come_as_a_json_list_or_with_commas() -> None:
    wanted = (ip_network("10.0.0.0/8"), ip_network("::1"), "mail.internal")
    assert settings(CONSUMER_NETWORK__ALLOW='["10.0.0.0/8", "::1", "Mail.internal"]').network.allow == wanted
    assert settings(CONSUMER_NETWORK__ALLOW="10.0.0.0/8, ::1, mail.internal").network.allow == wanted


@pytest.mark.parametrize("text", ["10.0.0.1/8", "[1]", "[", '{"a": 1}', "a b", "[" * 100_000])
def test_what_is_no_list_of_networks_is_refused(text: str) -> None:
    (line,) = errors(LEAST | {"CONSUMER_NETWORK__ALLOW": text})
    assert line.startswith("CONSUMER_NETWORK__ALLOW must be")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", False),
        ("false", False),
        ("true", True),
        ("Mail.,127.0.0.1", frozenset({"mail", "127.0.0.1"})),
        ('["mail"]', frozenset({"mail"})),
        ("[]", frozenset[str]()),
    ],
)
def test_plain_text_is_only_for_hosts_that_are_named(text: str, hosts: object) -> None:
    assert settings(CONSUMER_SMTP__ALLOW_PLAINTEXT=text).smtp.allow_plaintext == hosts


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("kept\n")
    kafka = settings(
        CONSUMER_KAFKA__SECURITY_PROTOCOL="SASL_SSL",
        CONSUMER_KAFKA__SASL_USERNAME="me",
        CONSUMER_KAFKA__SASL_PASSWORD_FILE=str(tmp_path / "password"),
    ).kafka
    assert kafka.sasl_password is not None
    assert kafka.sasl_password.get_secret_value() == "kept"


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    lines = errors(
        LEAST
        | {
            "CONSUMER_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "CONSUMER_KAFKA__SASL_USERNAME": "me",
            "CONSUMER_KAFKA__SASL_PASSWORD": "x",
            "CONSUMER_KAFKA__SASL_PASSWORD_FILE": str(HERE),
        }
    )
    assert lines == ("CONSUMER_KAFKA__SASL_PASSWORD_FILE must not be set together with CONSUMER_KAFKA__SASL_PASSWORD",)


def test_a_password_without_a_protocol_that_logs_in_is_refused() -> None:
    (line,) = errors(LEAST | {"CONSUMER_KAFKA__SASL_PASSWORD": "x"})
    assert line.startswith("CONSUMER_KAFKA__SECURITY_PROTOCOL must be SASL_SSL")


def test_no_secret_hides_in_a_url() -> None:
    environ = {"CONSUMER_KAFKA__BOOTSTRAP_SERVERS": "k:1", "CONSUMER_TENANTS__URL": "https://me:canary@config"}
    assert errors(environ) == ("CONSUMER_TENANTS__URL must be a URL without a user or password in it",)


@given(name=st.sampled_from(sorted(variables())), text=st.text("canryCANRY019-[]{}.:/,\"' ", min_size=0, max_size=40))
def test_no_value_is_ever_quoted(name: str, text: str) -> None:
    canary = f"c4n4ry{text}"
    loaded = load(LEAST | {name: canary})
    if isinstance(loaded, Wrong):
        assert "c4n4ry" not in "".join(loaded.errors)


@given(name=st.sampled_from(sorted(variables())), text=st.text(max_size=30))
def test_no_text_makes_it_stumble(name: str, text: str) -> None:
    assert isinstance(load(LEAST | {name: text}), Settings | Wrong)


def test_what_is_in_force_is_shown_with_secrets_masked() -> None:
    shown = resolved(
        settings(
            CONSUMER_KAFKA__SECURITY_PROTOCOL="SASL_SSL",
            CONSUMER_KAFKA__SASL_USERNAME="me",
            CONSUMER_KAFKA__SASL_PASSWORD="canary",
        )
    )
    assert shown["CONSUMER_KAFKA__SASL_PASSWORD"] == "***"
    assert shown["CONSUMER_WORK__MAX_AGE"] == "24h"
    assert "canary" not in str(shown)


def test_each_setting_says_what_it_is_for() -> None:
    assert [name for name, variable in variables().items() if not variable.info.description] == []


def test_relays_may_be_connected_to_elsewhere() -> None:
    loaded = settings(CONSUMER_NETWORK__HOSTS='{"Smtp.example.com:25": "127.0.0.1:2525"}')
    assert loaded.network.hosts == {"smtp.example.com:25": "127.0.0.1:2525"}


SECURED = {"CONSUMER_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "CONSUMER_KAFKA__SASL_MECHANISM": "OAUTHBEARER"}
OAUTH = "CONSUMER_KAFKA__SASL_OAUTH_"
ASKED = {
    f"{OAUTH}TOKEN_URL": "https://login.example/token",
    f"{OAUTH}CLIENT_ID": "mailer",
    f"{OAUTH}CLIENT_SECRET": "c4n4ry",
}


def test_a_token_comes_from_a_file_or_from_an_endpoint() -> None:
    assert settings(**SECURED, **{f"{OAUTH}TOKEN_FILE": str(HERE)}).kafka.sasl_oauth_token_file == HERE
    loaded = settings(**SECURED, **ASKED, **{f"{OAUTH}EXTENSIONS": '{"logicalCluster": "lkc-1"}'})
    assert loaded.kafka.sasl_oauth_extensions == {"logicalCluster": "lkc-1"}
    assert "c4n4ry" not in repr(loaded) + str(resolved(loaded))


@pytest.mark.parametrize(
    ("given", "about", "said"),
    [
        pytest.param(
            SECURED, f"{OAUTH}TOKEN_URL", "or CONSUMER_KAFKA__SASL_OAUTH_TOKEN_FILE, one of them", id="neither"
        ),
        pytest.param(
            SECURED | ASKED | {f"{OAUTH}TOKEN_FILE": str(HERE)}, f"{OAUTH}TOKEN_URL", "one of them", id="both"
        ),
        pytest.param(
            SECURED | {f"{OAUTH}TOKEN_URL": "https://login.example", f"{OAUTH}CLIENT_ID": "mailer"},
            f"{OAUTH}CLIENT_SECRET",
            "has to be set with",
            id="no secret",
        ),
        pytest.param(
            SECURED | {f"{OAUTH}TOKEN_URL": "https://login.example", f"{OAUTH}CLIENT_SECRET": "c4n4ry"},
            f"{OAUTH}CLIENT_ID",
            "has to be set with",
            id="no client",
        ),
        pytest.param(
            SECURED | ASKED | {f"{OAUTH}TOKEN_URL": "http://login.example"},
            f"{OAUTH}TOKEN_URL",
            "must start with https://",
            id="a secret in the clear",
        ),
        pytest.param(
            SECURED | ASKED | {"CONSUMER_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
            "CONSUMER_KAFKA__SECURITY_PROTOCOL",
            "must be SASL_SSL with OAUTHBEARER",
            id="a token in the clear",
        ),
        pytest.param(
            ASKED | {"CONSUMER_KAFKA__SASL_MECHANISM": "OAUTHBEARER"},
            "CONSUMER_KAFKA__SASL_MECHANISM",
            "must be OAUTHBEARER only where",
            id="nobody logs in",
        ),
        pytest.param(ASKED, "CONSUMER_KAFKA__SASL_MECHANISM", "must be OAUTHBEARER where", id="nobody uses it"),
        pytest.param(
            SECURED | ASKED | {f"{OAUTH}EXTENSIONS": '{"auth": "c4n4ry"}'},
            f"{OAUTH}EXTENSIONS",
            "must be a JSON object",
            id="an extension that is none",
        ),
        pytest.param(
            SECURED | ASKED | {f"{OAUTH}EXTENSIONS": '{"a": "b\\u0001auth=Bearer c4n4ry"}'},
            f"{OAUTH}EXTENSIONS",
            "must be a JSON object",
            id="an extension that breaks out",
        ),
    ],
)
def test_what_is_wrong_with_tokens_is_said_once_and_not_quoted(given: dict[str, str], about: str, said: str) -> None:
    (error,) = errors(LEAST | given)
    assert error.startswith(about)
    assert said in error
    assert "c4n4ry" not in error


def test_an_operator_may_let_a_token_travel_in_the_clear() -> None:
    clear = {f"{OAUTH}TOKEN_URL": "http://login.example", "CONSUMER_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    assert len(errors(LEAST | SECURED | ASKED | clear)) == 2
    allowed = settings(**{**SECURED, **ASKED, **clear, f"{OAUTH}ALLOW_PLAINTEXT": "true"})
    assert allowed.kafka.security_protocol == "SASL_PLAINTEXT"
