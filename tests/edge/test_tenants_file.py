"""The tenants file: changed, broken, hostile, large."""

import time
from pathlib import Path

import pytest
import structlog.testing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from consumer.adapters.tenants_file import Directory, State, TenantsFile, read
from consumer.core.dkim import PrivateKey
from consumer.core.tenant import Tenant, UnknownTenant
from consumer.core.tenants import Faults

ENTRY = "{smtp_host: smtp.example, domain: acme.example}"


def yaml_of(*names: str) -> str:
    return "tenants:\n" + "".join(f"  {name}: {ENTRY}\n" for name in names)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "tenants.yaml"
    file.write_text(yaml_of("acme"))
    return file


def opened(path: Path, states: list[State] | None = None) -> TenantsFile:
    first = read(path)
    assert isinstance(first, Directory), first
    return TenantsFile(path, first, on_change=(states if states is not None else []).append)


def write(path: Path, text: str) -> None:
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


async def knows(tenants: TenantsFile, name: str) -> bool:
    return isinstance(await tenants.get(name), Tenant)


async def test_a_changed_file_takes_effect_once_it_stands_still(path: Path) -> None:
    states: list[State] = []
    tenants = opened(path, states)
    replace(path, yaml_of("acme", "next"))
    await tenants.look()
    assert not await knows(tenants, "next")
    await tenants.look()
    assert await knows(tenants, "next")
    assert states == [State((), 2)]


async def test_a_file_that_is_still_being_written_is_left_alone(path: Path) -> None:
    tenants = opened(path)
    for names in (("one",), ("one", "two"), ("one", "two", "acme")):
        write(path, yaml_of(*names))
        await tenants.look()
        assert await knows(tenants, "acme")
    await tenants.look()
    assert await knows(tenants, "two")


@pytest.mark.parametrize("text", ["", "tenants: [", "tenants: {acme: {smtp_host: 1}}", "\x00"])
async def test_a_broken_new_file_leaves_the_old_one_in_force_and_says_so(path: Path, text: str) -> None:
    states: list[State] = []
    tenants = opened(path, states)
    replace(path, text)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            await tenants.look()
    assert await knows(tenants, "acme")
    assert not tenants.state.ok
    assert [state.ok for state in states] == [False]
    assert [line["log_level"] for line in logs] == ["error"]


async def test_a_file_that_is_gone_leaves_the_old_one_in_force(path: Path) -> None:
    tenants = opened(path)
    remove(path)
    await tenants.look()
    await tenants.look()
    assert await knows(tenants, "acme")
    assert tenants.state == State(("the tenants file cannot be read",), 1)


async def test_a_mended_file_is_fine_again(path: Path) -> None:
    tenants = opened(path)
    for text in ("tenants: [", yaml_of("next")):
        replace(path, text)
        await tenants.look()
        await tenants.look()
    assert tenants.state.ok
    assert await tenants.get("acme") == UnknownTenant("acme")


async def test_a_configmap_that_is_swapped_behind_its_symlink_is_noticed(tmp_path: Path) -> None:
    for version, names in (("v1", ("acme",)), ("v2", ("next",))):
        (tmp_path / version).mkdir()
        (tmp_path / version / "tenants.yaml").write_text(yaml_of(*names))
    (tmp_path / "..data").symlink_to("v1")
    path = tmp_path / "tenants.yaml"
    path.symlink_to("..data/tenants.yaml")
    tenants = opened(path)
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    await tenants.look()
    await tenants.look()
    assert await knows(tenants, "next")


async def test_a_changed_password_file_takes_effect(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("old\n")
    login = f"{{smtp_host: h, domain: d.example, smtp_user: me, smtp_pass_file: {secret}}}"
    write(path, f"tenants: {{acme: {login}}}")
    tenants = opened(path)
    replace(secret, "new!\n")
    await tenants.look()
    await tenants.look()
    acme = await tenants.get("acme")
    assert isinstance(acme, Tenant)
    assert acme.relay.password == "new!"


def pem() -> str:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_a_changed_key_to_sign_with_takes_effect_and_a_broken_one_does_not(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "dkim.pem"
    secret.write_text(pem())
    key = f"{{domain: d.example, selector: s1, private_key_file: {secret}}}"
    write(path, f"tenants: {{acme: {{smtp_host: h, domain: d.example, dkim: [{key}]}}}}")
    states: list[State] = []
    tenants = opened(path, states)
    keys = [signing(await tenants.get("acme"))]
    for text in (pem(), "canary"):
        replace(secret, text)
        await tenants.look()
        await tenants.look()
        keys.append(signing(await tenants.get("acme")))
    assert keys[0] is not keys[1]
    assert keys[1] is keys[2]
    (error,) = states[-1].errors
    assert error.startswith("tenants.acme.dkim private_key_file must hold a private key")
    assert "canary" not in error


def signing(found: Tenant | UnknownTenant) -> PrivateKey:
    assert isinstance(found, Tenant)
    return found.dkim[0].key


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(), "too many values"),
        ("a: &a [*a]", "too many values"),
        ("a: &a {<<: *a}", "too many values"),
        ("tenants: {acme: {}, acme: {}}", "a key twice: line 1, column 21"),
        ("tenants: !!python/object/apply:os.system [c4n4ry]", "is no YAML: line 1"),
        ("tenants: 'c4n4ry", "is no YAML: line 1"),
        ("tenants: 2026-99-99", "is no YAML"),
        ("[" * 100_000, "nested too deep"),
        ("- " * 100_000, "nested too deep"),
        ("? " * 100_000, "nested too deep"),
        ("{a: " * 900 + "}" * 900, "nested too deep"),
        ("--- a\n--- b", "is no YAML: line 2"),
        ("x" * 5_000_001, "larger than"),
        ("\ufffe", ""),
    ],
)
def test_a_hostile_file_is_refused_in_bounded_time_and_never_quoted(path: Path, text: str, said: str) -> None:
    path.write_text(text)
    found = read(path)
    assert isinstance(found, Faults)
    assert said in found.errors[0]
    assert "c4n4ry" not in str(found)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"tenants: \xff\xfe\x00")
    assert isinstance(read(path), Faults)


def test_an_alias_that_spares_writing_is_welcome(path: Path) -> None:
    path.write_text(f"tenants:\n  acme: &it {ENTRY}\n  next: *it\n  third: {{<<: *it, hLimit: 5}}\n")
    found = read(path)
    assert isinstance(found, Directory)
    assert found.tenants["third"].h_limit == 5


def test_ten_thousand_tenants_are_read_in_seconds(path: Path) -> None:
    login = "smtp_user: me, smtp_pass: kept, hLimit: 100, limits: [{count: 5, per: 1m}]"
    entry = f"{{smtp_host: smtp.example, domain: acme.example, {login}}}"
    path.write_text("tenants:\n" + "".join(f"  t{n}: {entry}\n" for n in range(10_000)))
    start = time.process_time()
    found = read(path)
    assert isinstance(found, Directory)
    assert len(found.tenants) == 10_000
    assert time.process_time() - start < 20
