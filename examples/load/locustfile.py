# SPDX-License-Identifier: Apache-2.0
"""Users of Locust, each with a key of their own; without --host, at the site of ../rp:
   locust -f locustfile.py --headless -u 50 -r 10 -t 60s [--host http://localhost:8080]"""
import itertools, pathlib, subprocess, sys
from locust import HttpUser, constant, events, task
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fleet import Fleet
KEYS = 10000            # made when they are first used
numbers = itertools.count()

@events.init.add_listener
def start(environment, **_):
    environment.site = None
    if not environment.host:
        server = pathlib.Path(__file__).resolve().parent.parent / 'rp' / 'server.mjs'
        environment.site = subprocess.Popen(['node', server], stdout=subprocess.PIPE, text=True)
        environment.host = environment.site.stdout.readline().split()[-1]
    environment.fleet = Fleet(environment.host, KEYS)

@events.quitting.add_listener
def stop(environment, **_):
    environment.fleet.close()
    if environment.site: environment.site.terminate()

class Owner(HttpUser):
    wait_time = constant(0)
    def on_start(self):
        self.number = next(numbers) % KEYS
        self.ceremony('register', 'create')
        self.verify('signin', self.sign_in(), False)    # no answer is good twice
    def ceremony(self, what, verb):
        options = self.client.post(f'/{what}/options', json={'user': f'user{self.number}'}).json()
        return self.verify(what, self.environment.fleet.ask(self.number, verb, options), True)
    def verify(self, what, answer, good):
        with self.client.post(f'/{what}/verify', json=answer, catch_response=True) as reply:
            reply.success() if reply.json()['verified'] == good else reply.failure(f'FAILED: {what}: {reply.text}')
        return answer
    @task
    def sign_in(self): return self.ceremony('signin', 'get')
