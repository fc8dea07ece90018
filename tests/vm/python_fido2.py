#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/python_fido2.py ROOTS.pem
#
# What the examples of python-fido2 do, with the only security key that is
# plugged in, which must be factory-new: register, sign in, PIN, resident keys,
# hmac-secret, credBlob, large blobs, credential management, configuration.
# The server is the one of python-fido2, and it verifies the attestation up to
# the given root. Prints "ok NAME" or "not ok NAME: WHY" for each, and ends at
# the first that fails; exit status 0 if none did.

import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fido2.client import ClientError, Fido2Client
from fido2.ctap import CtapError
from fido2.ctap2 import (
    ClientPin, Config, CredentialManagement, Ctap2, LargeBlobs)
from fido2.ctap2.extensions import (
    CredBlobExtension, CredProtectExtension, HmacSecretExtension,
    LargeBlobKeyExtension, MinPinLengthExtension)
from fido2.hid import CtapHidDevice
from fido2.server import AttestationVerifier, Fido2Server

PIN = "2468"
RP = {"id": "example.com", "name": "Example"}
ORIGIN = "https://example.com"
MAY = ClientPin.PERMISSION


class OnlyRoot(AttestationVerifier):
    def __init__(self, path):
        super().__init__()
        with open(path, "rb") as f:
            cert = x509.load_pem_x509_certificate(f.read())
        self.root = cert.public_bytes(Encoding.DER)

    def ca_lookup(self, result, auth_data):
        return [self.root]


def require(condition, why):
    if not condition:
        raise AssertionError(why)


def expect_error(error, call, *args, **kwargs):
    """The key must answer with that error."""
    try:
        call(*args, **kwargs)
    except CtapError as e:
        require(e.code == error, f"{e}, not {error!r}")
    except ClientError as e:
        cause = e.cause.code if isinstance(e.cause, CtapError) else e.code
        require(cause == error, f"{e}, not {error!r}")
    else:
        raise AssertionError(f"it succeeds, and should fail with {error!r}")


class Session:
    def __init__(self, roots):
        devices = list(CtapHidDevice.list_devices())
        require(len(devices) == 1, f"{len(devices)} keys are plugged in")
        self.device = devices[0]
        self.client = Fido2Client(
            self.device, ORIGIN, extension_types=[
                CredBlobExtension, CredProtectExtension, HmacSecretExtension,
                LargeBlobKeyExtension, MinPinLengthExtension])
        self.ctap = Ctap2(self.device)
        self.server = Fido2Server(RP, attestation="direct",
                                  verify_attestation=OnlyRoot(roots))
        self.credentials = []

    def token(self, permission):
        pin = ClientPin(self.ctap)
        return pin.protocol, pin.get_pin_token(PIN, permission)

    def register(self, name, pin=None, extensions=None, **wishes):
        user = {"id": name.encode(), "name": name}
        options, state = self.server.register_begin(user, **wishes)
        options = options["publicKey"]
        options["extensions"] = extensions
        response = self.client.make_credential(options, pin=pin)
        data = self.server.register_complete(
            state, response.client_data, response.attestation_object)
        self.credentials.append(data.credential_data)
        return response

    def sign_in(self, credentials, pin=None, extensions=None, **wishes):
        """credentials: those allowed; None: whatever the key keeps"""
        options, state = self.server.authenticate_begin(credentials, **wishes)
        options = options["publicKey"]
        options["extensions"] = extensions
        response = self.client.get_assertion(options, pin=pin).get_response(0)
        self.server.authenticate_complete(
            state, self.credentials, response.credential_id,
            response.client_data, response.authenticator_data,
            response.signature)
        return response


def plain(s):
    s.register("plain")
    s.sign_in(s.credentials)


def verified(s):
    s.register("verified", user_verification="required")
    response = s.sign_in(s.credentials[-1:], user_verification="required")
    require(response.authenticator_data.is_user_verified(), "UV is not set")


def excluded(s):
    expect_error(CtapError.ERR.CREDENTIAL_EXCLUDED, s.register, "plain",
                 credentials=s.credentials)


def new_pin(s):
    pin = ClientPin(s.ctap)
    pin.set_pin("1357")
    require(s.ctap.get_info().options["clientPin"], "clientPin is not set")
    pin.change_pin("1357", PIN)
    expect_error(CtapError.ERR.PIN_INVALID, pin.get_pin_token, "1357",
                 MAY.CREDENTIAL_MGMT)
    require(pin.get_pin_retries()[0] == 7, "the attempt is not counted")
    pin.get_pin_token(PIN, MAY.CREDENTIAL_MGMT)
    require(pin.get_pin_retries()[0] == 8, "the attempts are not back")
    s.client.info = s.ctap.get_info()   # it asks a key only once


def resident(s):
    s.register("kim", PIN, resident_key=True, user_verification="required")
    response = s.sign_in(None, PIN, user_verification="required")
    require(response.user_handle == b"kim", "kim does not sign in")


def secrets(s):
    salts = [os.urandom(32), os.urandom(32)]
    s.register("secrets", PIN, {"hmacCreateSecret": True})
    outputs = []
    for salt1, salt2 in (salts, reversed(salts)):
        response = s.sign_in(s.credentials[-1:], PIN, {
            "hmacGetSecret": {"salt1": salt1, "salt2": salt2}})
        outputs.append(response.extension_results["hmacGetSecret"])
    first, second = outputs
    require(first["output1"] != first["output2"], "two salts, one secret")
    require(first["output1"] == second["output2"] and
            first["output2"] == second["output1"], "the secrets changed")


def cred_blob(s):
    s.register("credBlob", PIN, {
        "credBlob": b"a small blob",
        "credentialProtectionPolicy":
            CredProtectExtension.POLICY.REQUIRED}, resident_key=True)
    response = s.sign_in(s.credentials[-1:], PIN, {"getCredBlob": True})
    data = response.authenticator_data
    require(data.extensions["credBlob"] == b"a small blob", "no credBlob")


def large_blob(s):
    made = s.register("largeBlob", PIN, {"largeBlobKey": True},
                      resident_key=True)
    key = made.attestation_object.large_blob_key
    require(key, "there is no largeBlobKey")
    # In one fragment: for two, 0.9.1 tells a wrong length of the whole.
    text = os.urandom(1200)
    blobs = LargeBlobs(s.ctap, *s.token(MAY.LARGE_BLOB_WRITE))
    blobs.put_blob(key, text)
    require(LargeBlobs(s.ctap).get_blob(key) == text, "not what was written")
    blobs.delete_blob(key)
    require(blobs.get_blob(key) is None, "it is still there")


def management(s):
    manager = CredentialManagement(s.ctap, *s.token(MAY.CREDENTIAL_MGMT))
    key = CredentialManagement.RESULT
    count = manager.get_metadata()[key.EXISTING_CRED_COUNT]
    require(count == 3, f"{count} credentials are kept")
    rps = manager.enumerate_rps()
    require([rp[key.RP]["id"] for rp in rps] == [RP["id"]], f"RPs: {rps}")
    stored = {cred[key.USER]["name"]: cred for cred in
              manager.enumerate_creds(rps[0][key.RP_ID_HASH])}
    require(sorted(stored) == ["credBlob", "kim", "largeBlob"],
            f"users: {sorted(stored)}")
    kim = stored["kim"][key.CREDENTIAL_ID]
    manager.update_user_info(kim, {"id": b"kim", "name": "robin"})
    manager.delete_cred(stored["largeBlob"][key.CREDENTIAL_ID])
    names = [cred[key.USER]["name"] for cred in
             manager.enumerate_creds(rps[0][key.RP_ID_HASH])]
    require(sorted(names) == ["credBlob", "robin"], f"users: {names}")


def configuration(s):
    config = Config(s.ctap, *s.token(MAY.AUTHENTICATOR_CFG))
    config.toggle_always_uv()
    require(s.ctap.get_info().options["alwaysUv"], "alwaysUv is off")
    config.toggle_always_uv()
    require(not s.ctap.get_info().options["alwaysUv"], "alwaysUv is on")
    config.set_min_pin_length(6, [RP["id"]])
    info = s.ctap.get_info()
    require(info.min_pin_length == 6, "the PIN may be shorter")
    require(info.force_pin_change, "the short PIN needs no change")
    pin = ClientPin(s.ctap)
    expect_error(CtapError.ERR.PIN_POLICY_VIOLATION, pin.change_pin,
                 PIN, "13579")
    pin.change_pin(PIN, "135790")
    made = s.register("minPinLength", "135790", {"minPinLength": True})
    data = made.attestation_object.auth_data
    require(data.extensions["minPinLength"] == 6, "the site is not told")


STEPS = {
    "it registers and signs in": plain,
    "it does so verified": verified,
    "a key that is registered is not registered again": excluded,
    "a PIN is set, changed and counted": new_pin,
    "a resident key signs in with the PIN": resident,
    "secrets (hmac-secret) follow their salts": secrets,
    "a credential carries a blob": cred_blob,
    "a large blob is written, read and deleted": large_blob,
    "credentials are listed, renamed and deleted": management,
    "the key is configured": configuration,
}


def main():
    session = Session(sys.argv[1])
    for name, step in STEPS.items():
        try:
            step(session)
        except Exception as e:      # of the library, too: all mean failure
            print(f"not ok {name}: {type(e).__name__}: {e}")
            return 1
        print(f"ok {name}", flush=True)
    return 0


sys.exit(main())
