"""Keys and certificates of the simulated cloud; real cryptography, fresh for each resource."""

import base64
import functools
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from simulator.values import Values

CURVES = {"P224": ec.SECP224R1, "P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}


PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _generate(algorithm: str, inputs: Values) -> PrivateKey:
    match algorithm:
        case "ED25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ECDSA":
            return ec.generate_private_key(CURVES[inputs.get("ecdsaCurve", "P224")]())
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=int(inputs.get("rsaBits", 2048)))


def private_key(algorithm: str, inputs: Values) -> Values:
    """Outputs of ``tls.PrivateKey``."""
    key = _generate(algorithm, inputs)
    public = key.public_key()
    traditional = PrivateFormat.PKCS8 if algorithm == "ED25519" else PrivateFormat.TraditionalOpenSSL
    digest = hashes.Hash(hashes.SHA256())
    outputs = {
        "privateKeyPem": _private(key, traditional),
        "privateKeyPemPkcs8": _private(key, PrivateFormat.PKCS8),
        "publicKeyPem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": "",
        "publicKeyFingerprintSha256": "",
        "privateKeyOpenssh": "",
    }
    if inputs.get("ecdsaCurve", "P224") != "P224" or algorithm != "ECDSA":  # OpenSSH has no P-224
        openssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        digest.update(base64.b64decode(openssh.split()[1]))
        fingerprint = base64.b64encode(digest.finalize()).decode().rstrip("=")
        outputs |= {
            "privateKeyOpenssh": _private(key, PrivateFormat.OpenSSH),
            "publicKeyOpenssh": openssh + "\n",
            "publicKeyFingerprintSha256": f"SHA256:{fingerprint}",
        }
    return outputs


def _private(key: PrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


@functools.cache
def authority(cluster_name: str) -> str:
    """A cluster's certificate authority, base64 of PEM as EKS gives it; one per cluster name and process."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    start = datetime(2026, 11, 23, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(cluster_name.encode()) % 2**64 + 1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()
