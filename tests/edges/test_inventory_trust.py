"""The inventory's ``gitea.ca``, ``[proxy]`` and ``[registries]``: what they become, and every mistake."""

from datetime import timedelta
from pathlib import Path

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import Inventory, ProxySettings, Registry
from fleet.core.secret import FromEnv, FromFile
from fleet.edges.inventory import parse
from fleet.lab.tls import Authority

TOP = 'name = "ci"\ngitea.url = "https://gitea.example"\n'
SECRET = "s3cret-that-nobody-may-see"


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority.new("a private CA")


def read(folder: Path, lines: str) -> Inventory:
    return parse(f"{TOP}{lines}\n[pools.a]\n", str(folder / "inventory.toml"))


def problem(folder: Path, lines: str) -> str:
    with pytest.raises(InventoryError) as error:
        read(folder, lines)
    (one,) = error.value.problems
    assert SECRET not in str(error.value)
    return str(one)


# --- gitea.ca


def test_without_a_ca_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, "").gitea.ca == ""
    assert read(tmp_path, 'gitea.ca = ""').gitea.ca == ""


def test_a_ca_is_read_from_beside_the_inventory(tmp_path: Path, ca: Authority) -> None:
    (tmp_path / "ca.pem").write_text(ca.pem)
    assert read(tmp_path, 'gitea.ca = "ca.pem"').gitea.ca == ca.pem


def test_of_the_file_only_its_certificates_are_kept_each_once(tmp_path: Path, ca: Authority) -> None:
    other = Authority.new("another").pem
    (tmp_path / "ca.pem").write_text(f"# from the wiki\n{ca.pem}subject=CN=x\n{other}{ca.pem}")
    assert read(tmp_path, 'gitea.ca = "ca.pem"').gitea.ca == ca.pem + other


def test_a_file_that_is_not_there_is_named_with_its_place(tmp_path: Path) -> None:
    said = problem(tmp_path, 'gitea.ca = "ca.pem"')
    assert said.startswith('gitea.ca: "ca.pem" could not be read: No such file or directory')
    assert f"{tmp_path}/ca.pem" in said


def test_a_private_key_in_the_file_is_refused_and_not_shown(tmp_path: Path, ca: Authority) -> None:
    (tmp_path / "ca.pem").write_text(ca.sign(["x"]))
    said = problem(tmp_path, 'gitea.ca = "ca.pem"')
    assert "holds a private key" in said
    assert "BEGIN" not in said


@pytest.mark.parametrize(
    "content",
    [b"", b"hello\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x82\x01\xff"],
)
def test_a_file_without_a_readable_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    assert "openssl x509" in problem(tmp_path, 'gitea.ca = "ca.pem"')


def test_an_expired_certificate_is_refused_with_its_name(tmp_path: Path, ca: Authority) -> None:
    old = Authority.new("the old CA", life=timedelta(days=-3))
    (tmp_path / "ca.pem").write_text(ca.pem + old.pem)
    said = problem(tmp_path, 'gitea.ca = "ca.pem"')
    assert f"expired on {old.certificate.not_valid_after_utc:%Y-%m-%d}: CN=the old CA" in said


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    good, short = Authority.new("good", life=timedelta(days=90)), Authority.new("short", life=timedelta(days=9))
    (tmp_path / "ca.pem").write_text(good.pem + short.pem)
    (sentence,) = read(tmp_path, 'gitea.ca = "ca.pem"').warnings
    assert f"CN=short expires on {short.certificate.not_valid_after_utc:%Y-%m-%d}" in sentence


def test_the_certificate_itself_is_no_path(tmp_path: Path, ca: Authority) -> None:
    assert "holds the certificate itself" in problem(tmp_path, f"gitea.ca = '''{ca.pem}'''")


# --- [proxy]


def test_without_a_proxy_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, "").proxy is None
    assert read(tmp_path, '[proxy]\nhttp = ""').proxy is None


def test_a_proxy_for_http_is_one_for_https_too_unless_that_has_its_own(tmp_path: Path) -> None:
    url, other = "http://10.0.0.5:3128", "http://10.0.0.6:3128"
    assert read(tmp_path, f'proxy.http = "{url}"').proxy == ProxySettings(url, url)
    assert read(tmp_path, f'proxy.http = "{url}"\nproxy.https = "{other}"').proxy == ProxySettings(url, other)
    assert read(tmp_path, f'proxy.https = "{url}"').proxy == ProxySettings("", url)


def test_what_is_reached_directly_is_kept_in_its_order(tmp_path: Path) -> None:
    lines = 'proxy.http = "http://p:1"\nproxy.no_proxy = [".example", "10.0.0.0/8", "fd00::1"]'
    proxy = read(tmp_path, lines).proxy
    assert proxy is not None
    assert proxy.no_proxy == (".example", "10.0.0.0/8", "fd00::1")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('proxy.http = "10.0.0.5:3128"', "is no proxy"),
        (f'proxy.http = "http://ann:{SECRET}@p:3128"', "proxy.http: "),
        ('proxy.http = "http://p/path"', "is no proxy"),
        ('proxy.https = "http://p\'; rm x"', "is no proxy"),
        ('proxy.no_proxy = ["x"]', "has no effect without a proxy"),
        ('proxy = { http = "http://p", no_proxy = ["a,b"] }', "is no name or network"),
        ('proxy = { http = "http://p", no_proxy = ["a", "a"] }', '"a" is there twice'),
        ('proxy.ftp = "http://p"', "unknown key"),
    ],
)
def test_a_mistake_in_the_proxy_is_told(tmp_path: Path, lines: str, said: str) -> None:
    assert said in problem(tmp_path, lines)


# --- [registries]


def test_registries_are_read_in_their_order_with_where_their_passwords_are(tmp_path: Path) -> None:
    lines = """
[registries."registry.example:5000"]
user = "ann"
password = { env = "REGISTRY" }
[registries."docker.io"]
user = "ci"
password = { file = "hub" }
"""
    assert read(tmp_path, lines).registries == (
        Registry("registry.example:5000", "ann", FromEnv("REGISTRY")),
        Registry("docker.io", "ci", FromFile("hub")),
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[registries."https://x"]\nuser = "a"\npassword = { env = "A" }', "is no registry"),
        ('[registries."X.example"]\nuser = "a"\npassword = { env = "A" }', "is no registry"),
        ('[registries."x/ci"]\nuser = "a"\npassword = { env = "A" }', "is no registry"),
        ('[registries."x"]\npassword = { env = "A" }', "registries.x.user: is missing"),
        ('[registries."x"]\nuser = "a"', "registries.x.password: is missing"),
        (f'[registries."x"]\nuser = "a"\npassword = "{SECRET}"', "holds the secret itself"),
        (f'[registries."x"]\nuser = "a:{SECRET}"\npassword = {{ env = "A" }}', "registries.x.user: is no user"),
        ('[registries."x"]\nuser = "a"\npasword = "b"\npassword = { env = "A" }', 'did you mean "password"?'),
    ],
)
def test_a_mistake_in_a_registry_is_told(tmp_path: Path, lines: str, said: str) -> None:
    assert said in problem(tmp_path, lines)
