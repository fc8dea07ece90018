#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Users who register once and sign in for a while, each with a key of their own:
   load.py [ORIGIN [USERS [SECONDS]]]; without ORIGIN, at the site of ../rp."""
import http.client, json, pathlib, subprocess, sys, threading, time, urllib.parse
from fleet import Fleet
origin, users, seconds = (sys.argv[1:] + ['', '20', '5'][len(sys.argv) - 1:])[:3]
site = None
if not origin:
    server = pathlib.Path(__file__).resolve().parent.parent / 'rp' / 'server.mjs'
    site = subprocess.Popen(['node', server], stdout=subprocess.PIPE, text=True)
    origin = site.stdout.readline().split()[-1]
fleet = Fleet(origin, users)
times, failed, end = [], [], time.monotonic() + float(seconds)

def user(number):
    browser, name = http.client.HTTPConnection(urllib.parse.urlsplit(origin).netloc), {'user': f'user{number}'}
    def post(path, body):
        browser.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
        return json.loads(browser.getresponse().read())
    def ceremony(what, verb):
        answer = fleet.ask(number, verb, post(f'/{what}/options', name))
        return answer, post(f'/{what}/verify', answer)['verified']
    try:
        assert ceremony('register', 'create')[1], 'a registration is refused'
        while (start := time.monotonic()) < end or not times:
            answer, verified = ceremony('signin', 'get')
            assert verified, 'a sign-in is refused'
            times.append(time.monotonic() - start)
        assert not post('/signin/verify', answer)['verified'], 'an answer is good twice'
    except Exception as error: failed.append(f'{name["user"]}: {error}')
threads = [threading.Thread(target=user, args=[number]) for number in range(int(users))]
for thread in threads: thread.start()
for thread in threads: thread.join()
if fleet.close() or site and (site.terminate() or site.wait() != -15) or failed: sys.exit(f'FAILED: {failed[:3]}')
times.sort()
print(f'{len(times)} sign-ins, p50 {times[len(times) // 2] * 1000:.1f} ms, p99 {times[len(times) * 99 // 100] * 1000:.1f} ms')
