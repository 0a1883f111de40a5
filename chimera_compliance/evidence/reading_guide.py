"""README.txt of a bundle: how to check it with this package, and by hand without it."""

GUIDE = """\
EVIDENCE OF A COMPLIANCE RUN

manifest.json lists every file here with its SHA-256, what it is for, and what is missing and why. It names the
bundle before this one by digest. statement.dsse.json is an in-toto Statement over all of these files, in a DSSE
envelope that is signed with Ed25519. timestamp.tsr, if it is there, is an RFC 3161 time stamp over that envelope.

With the suite, off line:

    pip install chimera-compliance
    chimera-compliance evidence verify evidence.zip --key KEY.pub
    chimera-compliance evidence verify evidence.zip --key KEY.pub --chain FOLDER-OF-ALL-BUNDLES

KEY.pub must have reached you by another way than this bundle: key.pub in it proves nothing.

By hand, with unzip, python3 and openssl:

    unzip evidence.zip -d evidence && cd evidence
    python3 - <<'END'
    import base64, hashlib, json
    envelope = json.load(open("statement.dsse.json"))
    payload = base64.b64decode(envelope["payload"])
    for subject in json.loads(payload)["subject"]:
        found = hashlib.sha256(open(subject["name"], "rb").read()).hexdigest()
        print("ok" if found == subject["digest"]["sha256"] else "CHANGED", subject["name"])
    kind = envelope["payloadType"].encode()
    open("signed", "wb").write(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
    open("signature", "wb").write(base64.b64decode(envelope["signatures"][0]["sig"]))
    END
    openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in signed -sigfile signature
    openssl ts -verify -in timestamp.tsr -data statement.dsse.json -CAfile TSA-ROOT.pem

What it does not show: that the target file names the stack that is in production; that nobody changed the suite on
the machine that ran it (suite.json has the digest of each of its files: compare them with a release); anything about
the stack before or after the run; and nothing that results.json calls error, inconclusive or not reviewed.
"""
