#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What ktlsstat says of real kernel TLS sockets, against what went through them."""
import collections
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import tap                              # pylint: disable=wrong-import-position
from tap import test
from sessions import (CIPHERS, NOTHING, SEED, TLS_RX, TLS_TX, VERSIONS, Sender,
                      ask, connect, cookie, equal, install, ktlsstat, prepare,
                      session_of)


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


print(f"# SEED={SEED}")
tap.run(prepare)
