"""A private CA that lives and dies with its lab, and certificates signed by it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA: its key, and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str, life: timedelta = LIFE) -> "Authority":
        """A new CA of this name; ``life`` counts from now and may be over."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key.public_key(), life)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=True), critical=True)
        identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return cls(key, builder.add_extension(identity, critical=False).sign(key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        """The certificate, as it is given away."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def sign(self, addresses: Sequence[str]) -> str:
        """A new key and its certificate (PEM, both) for a server with these names or IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        builder = _builder(addresses[0], name, key.public_key(), LIFE)
        names = x509.SubjectAlternativeName([_name(address) for address in addresses])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(names, critical=False).add_extension(issuer, critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        serving = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        certificate = builder.add_extension(serving, critical=False).sign(self.key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private.decode() + certificate.public_bytes(Encoding.PEM).decode()


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey, life: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    named, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer))
    plain = x509.CertificateBuilder(by, named, key, x509.random_serial_number())
    # Clocks of servers may be a little behind.
    return plain.not_valid_before(min(now, now + life) - timedelta(days=1)).not_valid_after(now + life)


def _name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
