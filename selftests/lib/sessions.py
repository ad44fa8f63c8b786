# SPDX-License-Identifier: GPL-2.0-only
"""Kernel TLS sockets for tests of what is told about them.

The oracle is the other end of each connection: a plain TCP socket whose bytes
are parsed as TLS records.
"""
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
import time

import tap

SOL_TLS, TLS_TX, TLS_RX, TCP_ULP, SO_COOKIE = 282, 1, 2, 31, 57
TLS_SET_RECORD_TYPE = 1
VERSIONS = {"TLS1.2": 0x303, "TLS1.3": 0x304}
# number, key, salt, explicit nonce in TLS 1.2 records; the iv fills 12 bytes
CIPHERS = {
    "AES-128-GCM": (51, 16, 4, 8),
    "AES-256-GCM": (52, 32, 4, 8),
    "AES-128-CCM": (53, 16, 4, 8),
    "CHACHA20-POLY1305": (54, 32, 0, 0),
}
SEED = int(os.environ.get("SEED", 0)) or random.SystemRandom().getrandbits(32)


def equal(want, got, what=""):
    if want != got:
        raise AssertionError(f"{what} expected {want!r}, got {got!r}")


def ktlsstat(*words):
    run = subprocess.run(("ktlsstat",) + words, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, check=False)
    equal((0, b""), (run.returncode, run.stderr), words)
    return run.stdout.decode()


def ask(*words):
    return json.loads(ktlsstat("--json", *words))


def crypto_info(version, cipher):
    number, key, salt, _ = CIPHERS[cipher]
    return (struct.pack("=HH", VERSIONS[version], number) +
            b"i" * (12 - salt) + b"k" * key + b"s" * salt + bytes(8))


def connect(host="127.0.0.1"):
    with socket.create_server((host, 0), family=socket.AF_INET6
                              if ":" in host else socket.AF_INET) as server:
        here = socket.create_connection(server.getsockname()[:2])
        return here, server.accept()[0]


def install(sock, direction, version="TLS1.3", cipher="AES-128-GCM"):
    try:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    except FileExistsError:
        pass
    sock.setsockopt(SOL_TLS, direction, crypto_info(version, cipher))


class Oracle(threading.Thread):
    """Reads the other end to its end, and counts records by their headers."""

    def __init__(self, sock, version, cipher):
        super().__init__(daemon=True)
        self.sock = sock
        self.overhead = 17 if version == "TLS1.3" else 16 + CIPHERS[cipher][3]
        self.bytes = self.records = self.wire = 0
        self.start()

    def run(self):
        data = b""
        while more := self.sock.recv(1 << 20):
            data += more
            self.wire += len(more)
            while len(data) >= 5:
                length = struct.unpack(">H", data[3:5])[0]
                if len(data) < 5 + length:
                    break
                self.bytes += length - self.overhead
                self.records += 1
                data = data[5 + length:]

    def wait(self, sent):
        end = time.monotonic() + 20
        while self.bytes < sent:
            if time.monotonic() > end:
                raise AssertionError(f"{self.bytes} of {sent} bytes came")
            time.sleep(0.01)
        equal(sent, self.bytes, "the oracle itself:")


class Sender:
    """One kernel TLS socket, its oracle, and what it has sent so far."""

    def __init__(self, version="TLS1.3", cipher="AES-128-GCM",
                 host="127.0.0.1"):
        self.version, self.cipher = version, cipher
        self.sock, self.peer = connect(host)
        install(self.sock, TLS_TX, version, cipher)
        self.oracle = Oracle(self.peer, version, cipher)
        self.sent = self.control = 0
        self.cookie_was = None

    def send(self, size, record_type=None):
        if record_type is None:
            self.sock.sendall(os.urandom(size))
        else:
            self.control += 1
            self.sock.sendmsg([bytes(size)], [
                (SOL_TLS, TLS_SET_RECORD_TYPE, bytes([record_type]))])
        self.sent += size

    def told(self):
        """What ktlsstat list has to say of it."""
        self.oracle.wait(self.sent)
        return {"bytes": self.oracle.bytes, "records": self.oracle.records,
                "wire": self.oracle.wire, "rekeys": 0, "mode": "sw",
                "control": self.control}

    def cookie(self):
        return str(cookie(self.sock))

    def close(self):
        self.cookie_was = self.cookie()
        self.sock.close()
        self.oracle.join(20)
        self.peer.close()


def cookie(sock):
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def session_of(sock):
    found = [s for s in ask("list") if s["cookie"] == str(cookie(sock))]
    equal(1, len(found), "sessions with our cookie:")
    return found[0]


NOTHING = {"bytes": 0, "records": 0, "wire": 0, "rekeys": 0}


def prepare():
    """In a network namespace of our own, so that totals are ours alone."""
    if os.geteuid():
        tap.skip_all("needs root")
    if not shutil.which("ktlsstat"):
        tap.skip_all("ktlsstat is not installed")
    if subprocess.run(("modprobe", "ktls_stats"), check=False,
                      stderr=subprocess.DEVNULL).returncode:
        tap.skip_all("no module ktls_stats here")
    os.unshare(os.CLONE_NEWNET)
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
