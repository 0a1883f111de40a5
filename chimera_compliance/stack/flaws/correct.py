"""Stacks that differ from the reference and are right: a check that flags one of these is wrong."""

from chimera_compliance.stack.flaws import variant


@variant(why="tokens signed with RS256: the application holds the public key alone")
def rs256(stack):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from chimera_compliance.stack.variant import Signing

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    stack.signing = Signing("RS256", private.decode(), public.decode())
