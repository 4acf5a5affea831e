"""Envelopes by securesystemslib and in-toto, and ours read by them: dsse_python.json.

    pip install securesystemslib==1.6.0 in-toto==3.1.0 in-toto-attestation==0.9.3 cryptography==50.0.2
    python dsse_python.py            writes dsse_python.json
    python dsse_python.py --check    verifies our envelopes, and that the file is as it is made

The keys are those of Rust's fixtures: key n has the seed of 32 bytes n. Nothing signed with them
is real. What is signed is what rust/adapter/tests/fixtures/honest says of its adapter.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import MessageToJson
from in_toto.models.link import Link
from in_toto.models.metadata import Envelope as InTotoEnvelope
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

HERE = pathlib.Path(__file__).parent
OURS = HERE / "../../rust/adapter/tests/fixtures/honest/adapter.gguf.intoto.jsonl"
MADE = HERE / "dsse_python.json"
STATEMENT = "application/vnd.in-toto+json"
PACKAGES = ["securesystemslib", "in-toto", "in-toto-attestation", "cryptography"]
RELEASE, VALIDATION = [11, 12], [21]


def private(number):
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def signer(number):
    """Under the name that securesystemslib gives to the key."""
    return CryptoSigner(private(number))


def public(number):
    """Under the name that Pocketune gives to it: SHA-256 of its 32 bytes."""
    key = private(number).public_key()
    return SSlibKey.from_crypto(key, keyid=hashlib.sha256(key.public_bytes_raw()).hexdigest())


def line(envelope, numbers):
    for number in numbers:
        envelope.sign(signer(number))
    return json.dumps(envelope.to_dict())


def ours():
    """Release and validation, as Pocketune signed them."""
    return [json.loads(text) for text in OURS.read_text().splitlines()]


def made():
    release, validation = (Envelope.from_dict(envelope) for envelope in ours())
    said = json.loads(release.payload)
    [subject] = said["subject"]

    def again(envelope, numbers):
        return line(Envelope(envelope.payload, STATEMENT, {}), numbers)

    def attested(envelope, numbers):
        """The statement as in-toto's own classes build and write it."""
        statement = json.loads(envelope.payload)
        descriptor = ResourceDescriptor(name=subject["name"], digest=subject["digest"])
        built = Statement([descriptor.pb], statement["predicateType"], statement["predicate"])
        built.validate()
        # Its numbers are protobuf's: 3 is written 3.0.
        payload = MessageToJson(built.pb, indent=None, sort_keys=True).encode()
        return line(InTotoEnvelope(payload, STATEMENT, {}), numbers)

    # What in-toto itself makes of a build: a link, which is no statement.
    link = Link(name="train", products={subject["name"]: subject["digest"]})
    lines = {
        "securesystemslib": [again(release, RELEASE), again(validation, VALIDATION)],
        "in-toto-attestation": [attested(release, RELEASE), attested(validation, VALIDATION)],
        "link": [line(InTotoEnvelope.from_signable(link), RELEASE)],
        "one key": [again(release, RELEASE[:1])],
        "strangers": [again(release, [98, 99]), again(validation, [77])],
    }
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return json.dumps({"versions": versions, "lines": lines}, indent=1) + "\n"


def check():
    """Our envelopes, under our names of keys."""
    for envelope, numbers in zip(ours(), [RELEASE, VALIDATION], strict=True):
        keys = [public(number) for number in numbers]
        names = Envelope.from_dict(json.loads(json.dumps(envelope))).verify(keys, len(keys))
        assert set(names) == {key.keyid for key in keys}
        for key in keys:
            read = InTotoEnvelope.from_dict(json.loads(json.dumps(envelope)))
            read.verify_signature({"keyid": key.keyid, **key.to_dict()})
        # Another payload under the same signatures.
        spoiled = Envelope.from_dict(json.loads(json.dumps(envelope)))
        spoiled.payload += b" "
        try:
            spoiled.verify(keys, 1)
        except VerificationError:
            continue
        raise AssertionError("signatures of another payload verify")
    assert MADE.read_text() == made(), "dsse_python.json is not as it is made"
    print("release (2 keys) and validation (1 key) of Pocketune verify; the file is as it is made")


if sys.argv[1:] == ["--check"]:
    check()
else:
    MADE.write_text(made())
