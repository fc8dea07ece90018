# SPDX-License-Identifier: Apache-2.0
"""A fleet of keys in one process, for load tools that are, or can call, Python.
   Any number of threads may ask; a line goes to sealkey, and its answer is the next one."""
import collections, concurrent.futures, json, subprocess, threading

class Fleet:
    def __init__(self, origin, keys, jobs=2):
        self.sealkey = subprocess.Popen(['sealkey', 'webauthn', '--batch', '--keys', str(keys), '--jobs', str(jobs),
            '--origin', origin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lock, self.asked = threading.Lock(), collections.deque()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
    def read(self):
        for line in self.sealkey.stdout:
            self.asked.popleft().set_result(json.loads(line))
        for future in self.asked:
            future.set_exception(RuntimeError('sealkey has ended'))
    def ask(self, key, verb, options):
        """What navigator.credentials.create() or get() would say to the site, with that key."""
        future = concurrent.futures.Future()
        with self.lock:
            self.asked.append(future)
            print(json.dumps({'key': key, verb: options}), file=self.sealkey.stdin, flush=True)
        said = future.result()
        if 'error' in said:
            raise RuntimeError(f"key {key}: {said['error']['name']}: {said['error']['message']}")
        return said['response']
    def close(self):
        self.sealkey.stdin.close()
        self.reader.join()
        self.sealkey.stdout.close()
        return self.sealkey.wait()
