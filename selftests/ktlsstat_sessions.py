#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What ktlsstat says of real kernel TLS sockets, against what went through them.

The oracle is the other end of each connection: a plain TCP socket whose bytes
are parsed as TLS records. In a network namespace of our own, so that totals
are ours alone.
"""
import collections
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

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
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def skip(reason):
    print("TAP version 13\n1..0 # SKIP " + reason)
    sys.exit(4)


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


# --- sockets ----------------------------------------------------------------

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


# --- tests ------------------------------------------------------------------

@test
def nothing_is_told_of_nothing():
    totals = ask("show")
    equal([], ask("list"))
    equal([], totals["breakdown"])
    for direction in "tx", "rx":
        equal({0}, set(totals[direction].values()), direction)
    equal(1, len(ktlsstat("list").splitlines()), "lines of titles:")
    equal("", ktlsstat("list", "-H"))


@test
def each_cipher_is_told_exactly_live_and_in_the_totals():
    rng = random.Random(SEED)
    before = ask()
    sums = collections.Counter()
    senders = []
    for version in VERSIONS:
        for cipher in CIPHERS:
            sender = Sender(version, cipher)
            senders.append(sender)
            for size in rng.choices((1, 100, 16384, 16385, 70000), k=6):
                sender.send(size)
            sender.send(2, record_type=21)
            told = sender.told()
            session = session_of(sender.sock)
            equal(told, session["tx"], (version, cipher))
            equal(dict(NOTHING, mode="none"), session["rx"])
            equal((version, cipher), (session["version"], session["cipher"]))
            equal(0, session["errors"])
            sums.update({k: told[k] for k in ("bytes", "records", "wire")})
            row = [b for b in ask()["breakdown"]
                   if (b["version"], b["cipher"]) == (version, cipher)][-1]
            equal("sw", row["mode"])
            equal(dict({k: told[k] for k in told if k != "mode"}, live=1,
                       closed=0), row["tx"], (version, cipher))
    during = ask()
    equal(len(senders), during["live"] - before["live"])
    for sender in senders:
        sender.close()
    after = ask()
    for name, value in sums.items():
        equal(value, during["tx"][name] - before["tx"][name], name)
        equal(value, after["tx"][name] - before["tx"][name], name)
    equal(before["live"], after["live"])
    equal(len(senders), after["closed"] - before["closed"])
    equal(after["opened"], after["live"] + after["closed"])
    equal(before["rx"], after["rx"])


@test
def what_is_received_is_told_exactly():
    here, there = connect()
    before = ask()["rx"]
    install(here, TLS_TX)
    install(there, TLS_RX)
    sizes = (1, 16384, 20000)
    for size in sizes:
        here.sendall(bytes(size))
    want = sum(sizes)
    got = 0
    while got < want:
        got += len(there.recv(1 << 16))
    tx, rx = session_of(here)["tx"], session_of(there)["rx"]
    equal((want, 4), (rx["bytes"], rx["records"]))
    equal((want, 4), (tx["bytes"], tx["records"]))
    equal(want + 4 * (5 + 1 + 16), rx["wire"])
    if "control" in rx:
        raise AssertionError("received control records are not seen")
    here.close()
    there.close()
    equal(want, ask()["rx"]["bytes"] - before["bytes"])


@test
def both_addresses_are_told():
    for host in "127.0.0.1", "::1":
        sender = Sender(host=host)
        session = session_of(sender.sock)
        equal(sender.sock.getsockname()[:2],
              (session["local_address"], session["local_port"]))
        equal(sender.sock.getpeername()[:2],
              (session["peer_address"], session["peer_port"]))
        form = "[%s]:%d" if ":" in host else "%s:%d"
        line = ktlsstat("list", "-H").split()
        equal([form % sender.sock.getsockname()[:2],
               form % sender.sock.getpeername()[:2]], line[:2])
        sender.close()


@test
def text_says_what_json_says():
    sender = Sender("TLS1.2", "AES-256-GCM")
    sender.send(70000)
    told = sender.told()
    titles, line = (l.split() for l in
                    ktlsstat("list", "--bytes", "-n").splitlines())
    line = dict(zip(titles, line, strict=True))
    for title, want in {
            "VERSION": "TLS1.2", "CIPHER": "AES-256-GCM", "TX/RX": "sw/none",
            "TX-BYTES": "70000", "TX-RECS": str(told["records"]),
            "RX-BYTES": "0", "RX-RECS": "0", "USER": "0", "FLAGS": "-",
            "PROCESS": f"{process_name()}/{os.getpid()}"}.items():
        equal(want, line[title], title)
    human = ktlsstat("list").splitlines()[1].split()
    equal("68.4KiB", human[titles.index("TX-BYTES")])
    equal("root", human[titles.index("USER")])
    titles, line = (l.split("\t") for l in ktlsstat("dump").splitlines())
    line = dict(zip(titles, line, strict=True))
    for title, want in {
            "cookie": sender.cookie(), "tx_bytes": "70000",
            "tx_records": str(told["records"]), "rx_mode": "none",
            "tx_wire": str(told["wire"]), "cipher": "AES-256-GCM",
            "peer_port": str(sender.sock.getpeername()[1])}.items():
        equal(want, line[title], title)
    sender.close()


def process_name():
    with open("/proc/self/comm", encoding="ascii") as comm:
        return comm.read().strip()


@test
def processes_and_owner_are_told():
    os.seteuid(65534)
    sock, peer = connect()
    os.seteuid(0)
    install(sock, TLS_TX)
    os.set_inheritable(sock.fileno(), True)
    copy = os.dup(sock.fileno())
    with subprocess.Popen(("sleep", "100"), close_fds=False) as child:
        session = session_of(sock)
        line = ktlsstat("list", "-H").split()
        child.kill()
    equal(65534, session["uid"])
    equal(os.fstat(sock.fileno()).st_ino, session["inode"])
    equal({os.getpid(): process_name(), child.pid: "sleep"},
          {p["pid"]: p["name"] for p in session["processes"]})
    equal(2, len(session["processes"]), "processes:")
    equal([f"{process_name()}/{os.getpid()}+1", "nobody"],
          [line[-3], line[-4]])
    os.close(copy)
    sock.close()
    peer.close()


@test
def a_process_may_have_any_name():
    name = process_name()
    sender = Sender()
    with open("/proc/self/comm", "wb", buffering=0) as comm:
        comm.write(b"\x1b[31m a\\\xff")
        text = ktlsstat("list", "-H")
        told = session_of(sender.sock)["processes"][0]["name"]
        comm.write(name.encode())
    equal("\\x1b[31m a\\x5c\\xff", told)
    if "\x1b" in text or "\\x1b[31m" not in text:
        raise AssertionError(repr(text))
    sender.close()


@test
def many_sessions_are_all_told_once():
    pairs = [connect() for _ in range(500)]
    for sock, _ in pairs:
        install(sock, TLS_TX)
    equal(sorted(str(cookie(sock)) for sock, _ in pairs),
          sorted(s["cookie"] for s in ask("list")))
    equal(501, len(ktlsstat("list").splitlines()))
    equal(501, len(ktlsstat("dump").splitlines()))
    for pair in pairs:
        for sock in pair:
            sock.close()
    equal([], ask("list"))


def main():
    if os.geteuid():
        skip("needs root")
    if not shutil.which("ktlsstat"):
        skip("ktlsstat is not installed")
    if subprocess.run(("modprobe", "ktls_stats"), check=False,
                      stderr=subprocess.DEVNULL).returncode:
        skip("no module ktls_stats here")
    os.unshare(os.CLONE_NEWNET)
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
    print(f"TAP version 13\n1..{len(TESTS)}\n# SEED={SEED}")
    failed = False
    for number, function in enumerate(TESTS, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} {name}", flush=True)
        except Exception:               # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} {name}")
            for line in traceback.format_exc().splitlines():
                print("#", line, flush=True)
    sys.exit(failed)


main()
