# SPDX-License-Identifier: Apache-2.0
"""A user who touches the key, refuses, or has a copy of it; nothing sleeps.
   python3 -m unittest discover examples/python (or pytest, which takes it as well)"""
import json, pathlib, subprocess, tempfile, unittest, urllib.error, urllib.request
SITE = pathlib.Path(__file__).resolve().parent.parent / 'rp' / 'server.mjs'
def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=True, **more).stdout

class Touch(unittest.TestCase):
    def start(self, *command, stdin=None):
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.key, self.socket = f'{place.name}/key', f'{place.name}/socket'
        self.origin = self.start('node', SITE).stdout.readline().split()[-1]
        self.start('sealkey', 'run', '--state', self.key, '--socket', self.socket,
            '--tpm', 'none', '--presence', 'manual')
        run('sealkey', 'wait', 'ready', '--state', self.key)
    def post(self, path, body):
        request = urllib.request.Request(self.origin + path, body.encode(), {'Content-Type': 'application/json'})
        try: return urllib.request.urlopen(request).read().decode()
        except urllib.error.HTTPError as refusal: return refusal.read().decode()
    def ceremony(self, what, verb, touch):
        browser = self.start('sealkey', 'webauthn', verb, '--origin', self.origin, '--socket', self.socket,
            stdin=subprocess.PIPE)
        browser.stdin.write(self.post(f'/{what}/options', '{"user": "alice"}')); browser.stdin.close()
        run('sealkey', touch, '--state', self.key)    # waits until the key asks for it
        return json.loads(self.post(f'/{what}/verify', browser.stdout.read() or 'null'))
    def test(self):
        self.assertTrue(self.ceremony('register', 'create', 'press')['verified'])
        self.assertFalse(self.ceremony('signin', 'get', 'deny')['verified'])
        self.assertTrue(self.ceremony('signin', 'get', 'press')['verified'])
        run('sealkey', 'fault', 'arm', 'auth.clone', '--state', self.key)
        self.assertEqual(self.ceremony('signin', 'get', 'press')['reason'], 'cloned')
