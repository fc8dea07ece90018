#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a WebDriver server looks like to a proxy in front of it.

Says "PORT\\n" on standard output. Replies with what it was asked, as JSON;
POST /session makes sessions s1, s2, ..., or of the ID that "fake:id" of
alwaysMatch is; /teapot is no JSON and no success; /big has 3 MB; /never is not
answered; what a session was asked for is in its capabilities. Of timeouts, it
knows those of its sessions, and of "troubled"; each question is told on
standard output, as "timeouts ID".
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sessions = 0
known = set()
TIMEOUTS = re.compile("/session/([^/]*)/timeouts")


class Driver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def timeouts(self, session):
        print("timeouts", session, flush=True)
        if session in known:
            self.reply(200, "application/json", b'{"value":{"script":null}}')
            return
        error = "no such window" if session == "troubled" else \
            "invalid session id"
        self.reply(404, "application/json", json.dumps({"value": {
            "error": error, "message": "the driver",
            "stacktrace": ""}}).encode())

    def handle_any(self):
        global sessions
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        value = {"method": self.command, "path": self.path,
                 "length": length, "body": body[:1000].decode("latin1")}
        timeouts = TIMEOUTS.fullmatch(self.path)
        if timeouts:
            self.timeouts(timeouts.group(1))
            return
        if self.command == "DELETE":
            known.discard(self.path.removeprefix("/session/"))
        if self.path == "/teapot":
            self.reply(418, "text/x-tea; charset=utf-8", b"short\0stout")
            return
        if self.path == "/never":
            print("asked", flush=True)
            threading.Event().wait()
        if self.path == "/big":
            self.reply(200, "image/png", b"x" * 3000000)
            return
        if self.path == "/session" and self.command == "POST":
            if not body.startswith(b"{"):
                self.reply(400, "application/json", b'{"value":{"error":'
                           b'"invalid argument","message":"the driver",'
                           b'"stacktrace":""}}')
                return
            sessions += 1
            asked = json.loads(body)
            always = asked.get("capabilities", {}).get("alwaysMatch", {})
            known.add(f"s{sessions}")
            value = {"sessionId": always.get("fake:id", f"s{sessions}"),
                     "capabilities": {"browserName": "fake", "asked": asked}}
        self.reply(200, "application/json; charset=utf-8",
                   json.dumps({"value": value}).encode())

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Driver)
print(server.server_address[1], flush=True)
server.serve_forever()
