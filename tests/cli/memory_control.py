# SPDX-License-Identifier: Apache-2.0
"""Adds a credential, reads it again, and looks for its private key."""
import base64, http.client, json, os, socket, subprocess, sys, tempfile

PATH = "/session/s/webauthn/authenticator"
MAKE = ("openssl ecparam -name prime256v1 -genkey -noout | "
        "openssl pkcs8 -topk8 -nocrypt -outform DER")

der = subprocess.run(MAKE, shell=True, check=True,
                     capture_output=True).stdout
text = base64.urlsafe_b64encode(der).rstrip(b"=").decode()
secret = text[48:80].encode()   # characters of the private scalar


def call(control, method, path, body=None):
    s = socket.socket(socket.AF_UNIX)
    s.connect(control)
    c = http.client.HTTPConnection("localhost")
    c.sock = s
    c.request(method, path, body and json.dumps(body))
    answer = c.getresponse()
    return answer.status, json.loads(answer.read())["value"]


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, \
         open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            area, mode = line.split()[:2]
            low, high = (int(x, 16) for x in area.split("-"))
            if "w" in mode:
                mem.seek(low)
                yield mem.read(high - low)


def case(number, name, ok):
    print(f"{'ok' if ok else 'not ok'} {number} - {name}")


print("1..3")
with tempfile.TemporaryDirectory() as scratch:
    control = scratch + "/control"
    r, w = os.pipe()
    daemon = subprocess.Popen([sys.argv[1], "run", "--empty", "--control",
                               control, "--ready-fd", str(w)], pass_fds=[w])
    os.close(w)
    os.read(r, 64)
    at = PATH + "/" + call(control, "POST", PATH, {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": True,
        "sealkey:transport": "socket"})[1]
    status, _ = call(control, "POST", at + "/credential", {
        "rpId": "example.com", "privateKey": text, "userHandle": "QUxJQ0U",
        "credentialId": "c2VhbGtleQ", "isResidentCredential": True})
    case(1, "a private key is taken", status == 200)
    _, found = call(control, "GET", at + "/credentials")
    case(2, "and given back", len(found) == 1 and "privateKey" in found[0])
    # answered after the connection before it is gone
    call(control, "GET", "/session/s/webauthn/none")
    case(3, "nothing of it stays in memory",
         not any(secret in area for area in memory(daemon.pid)))
    daemon.terminate()
    daemon.wait()
