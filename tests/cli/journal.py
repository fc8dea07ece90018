# SPDX-License-Identifier: Apache-2.0
"""journal.py LOG COMMAND...: runs COMMAND, its standard error LOG, as a service
   of systemd whose log is the journal: somebody listens where journald does,
   in a /run that nobody else sees, and prints each message as an object."""
import json, os, socket, subprocess, sys, threading

SOCKET = '/run/systemd/journal/socket'


def fields(message):
    """The journal's native protocol: NAME=VALUE, a line each."""
    lines = message.decode().splitlines()
    return dict(line.split('=', 1) for line in lines if '=' in line)


def listen(journal):
    while (message := journal.recv(1 << 20)) != b'END':
        print(json.dumps(fields(message)))


os.makedirs(os.path.dirname(SOCKET))
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind(SOCKET)
listener = threading.Thread(target=listen, args=[journal])
listener.start()
with open(sys.argv[1], 'w') as log:
    there = os.fstat(log.fileno())
    os.environ['JOURNAL_STREAM'] = f'{there.st_dev}:{there.st_ino}'
    status = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL,
                            stderr=log).returncode
journal.connect(SOCKET)
journal.send(b'END')
listener.join()
sys.exit(status)
