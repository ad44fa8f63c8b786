#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsd at work: its bounds, its deadline, its end, and a server that goes.

The receiving server is this script: it takes descriptors from the hand-off
socket, and writes a line of plaintext to each.
"""
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from agent import (KTLSD, LINE, Agent, Server, expect, keeps_memory,  # noqa: E402
                   run, wait_until)


def hears_end(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def refused(agent):
    try:
        agent.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_plaintext_of_the_server_arrives():
    Server("server")
    agent = Agent()
    before = agent.fds()
    for _ in range(3):
        expect(agent.get() == LINE, "not what the server wrote")
    agent.wait(r'^ktlsd: web: 127\.0\.0\.1:\d+, name "localhost", TLS 1\.3, '
               r"[A-Z0-9-]+, \d+ ms: handed over$", count=3)
    expect(agent.fds() == before, "descriptors stayed")
    expect(agent.end() == 0, "status")


def test_sigint_ends_too():
    Server("server")
    expect(Agent().end(signal.SIGINT) == 0, "status")


def test_silent_client_meets_the_deadline():
    Server("server")
    agent = Agent("handshake_timeout = 1")
    before = agent.fds()
    start = time.monotonic()
    with agent.connect() as s:
        expect(hears_end(s), "the connection is open")
    took = time.monotonic() - start
    expect(0.9 < took < 5, f"{took} s")
    agent.wait(r'name "", 1\d\d\d ms: no complete handshake within 1 s')
    expect(agent.fds() == before, "descriptors stayed")
    expect(agent.end() == 0, "status")


def test_a_byte_a_time_does_not_move_the_deadline():
    Server("server")
    agent = Agent("handshake_timeout = 1")
    start = time.monotonic()
    with agent.connect() as s:
        try:
            for byte in b"\x16\x03\x01\x02\x00" + b"\x01" * 50:
                s.send(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
    expect(time.monotonic() - start < 5, "it lasted too long")
    agent.wait("no complete handshake within 1 s")
    expect(agent.end() == 0, "status")


def test_bound_of_handshakes_holds_others_back():
    Server("server")
    agent = Agent("max_handshakes = 2", "handshake_timeout = 3")
    before = agent.fds()
    idle = [agent.connect() for _ in range(6)]
    time.sleep(0.5)
    expect(agent.fds() == before + 2, "not just two were accepted")
    idle.pop(0).close()                 # room for one, who waits already
    agent.wait("hung up", seconds=2)
    wait_until(lambda: agent.fds() == before + 2, "the next was not accepted")
    for s in idle:
        s.close()
    expect(agent.get() == LINE, "a good client after all")
    expect(agent.cpu() < 2, "the loop spins")
    expect(agent.end() == 0, "status")


def test_out_of_descriptors_does_not_spin():
    Server("server")
    agent = Agent("handshake_timeout = 4", limits=["--nofile=24"])
    idle = [agent.connect() for _ in range(40)]
    agent.wait("cannot accept, trying again.*Too many open files")
    used = agent.cpu()
    time.sleep(2)
    expect(agent.cpu() - used < 0.5, "the loop spins")
    expect(sum("cannot accept" in l for l in agent.lines) == 1, "more than a line")
    for s in idle:
        s.close()
    expect(agent.get() == LINE, "it does not recover")
    expect(agent.end() == 0, "status")


def test_server_that_takes_nothing_meets_the_deadline():
    server = Server("server", sit=True)
    agent = Agent("handshake_timeout = 8")
    before = agent.fds()
    clients = []
    context = ssl.create_default_context(cafile="ca.pem")

    def client():
        raw = agent.connect()
        raw.settimeout(60)
        clients.append(context.wrap_socket(raw, server_hostname="localhost"))

    # As many as fit into the hand-off socket, and some more.
    while agent.fds() <= before + 1 and len(clients) < 1000:
        client()
    expect(len(clients) < 1000, "the hand-off socket has no end")
    client()
    used = agent.cpu()
    agent.wait("the server took no connection within 8 s", count=1)
    expect(agent.cpu() - used < 2, "the loop spins")
    # Once it reads again, who waits is handed over.
    for _ in range(3):
        client()
    server.sit = False
    for conn in server.conns:
        threading.Thread(target=server.receive, args=(conn,), daemon=True).start()
    expect(clients[-1].recv(100) == LINE, "the last client was not served")
    expect(agent.end() == 0, "status")


def test_server_that_goes_is_found_again():
    server = Server("server")
    agent = Agent()
    expect(agent.get() == LINE, "first server")
    server.leave()
    agent.wait("web: the server has left server")
    try:
        expect(agent.get() == b"", "served by nobody")
    except OSError:
        pass                            # a reset is an end too
    agent.wait("closed, no hand-off: Connection refused")
    os.unlink("server")
    Server("server")
    expect(agent.get() == LINE, "second server")
    expect(agent.end() == 0, "status")


def test_server_that_stops_reading_is_left():
    server = Server("server", sit=True)
    agent = Agent()
    wait_until(lambda: server.conns, "no connection to the hand-off socket")
    server.conns[0].shutdown(socket.SHUT_RD)
    server.sit = False
    expect(agent.get() == b"", "served by nobody")
    agent.wait("closed, no hand-off: Broken pipe")
    expect(agent.get() == LINE, "it does not connect anew")
    expect(agent.end() == 0, "status")


def test_sigterm_lets_handshakes_finish():
    Server("server")
    agent = Agent("handshake_timeout = 20")
    # A handshake in memory: what goes out is sent by hand, after the signal.
    inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile="ca.pem")
    tls = context.wrap_bio(inbound, outbound, server_hostname="localhost")
    with agent.connect() as s:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            s.sendall(outbound.read())
        inbound.write(s.recv(65536))
        agent.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(agent), "it still listens")
        expect(agent.process.poll() is None, "it did not wait")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                inbound.write(s.recv(65536))
        s.sendall(outbound.read())
        agent.wait("handed over")
    expect(agent.process.wait(10) == 0, "status")


def test_second_signal_does_not_wait():
    Server("server")
    agent = Agent("handshake_timeout = 60")
    with agent.connect():
        time.sleep(0.2)
        agent.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        expect(agent.process.poll() is None, "it did not wait")
        expect(agent.end(seconds=2) == 0, "status")
    agent.wait("closed, ktlsd ends")


def test_inherited_hand_off_ends_with_its_parent():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    agent = Agent(handoff=f"fd:{theirs.fileno()}", fds=(theirs.fileno(),))
    theirs.close()
    server = Server("unused")
    threading.Thread(target=server.receive, args=(ours,), daemon=True).start()
    expect(agent.get() == LINE, "not what the server wrote")
    with agent.connect():               # one that would take ten seconds
        ours.shutdown(socket.SHUT_RDWR)
        ours.close()
        expect(agent.process.wait(5) == 0, "status")
    expect("warn" not in " ".join(agent.lines), "it complains")


def test_services_share_an_inherited_hand_off():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handoff = f"fd:{theirs.fileno()}"
    agent = Agent("[service shop]", "listen = 127.0.0.1:0",
                  "certificate = cert.pem", "key = key.pem",
                  f"handoff = {handoff}", handoff=handoff,
                  fds=(theirs.fileno(),))
    theirs.close()
    server = Server("unused")
    threading.Thread(target=server.receive, args=(ours,), daemon=True).start()
    ports = [int(agent.wait(rf"{name}: listening on 127\.0\.0\.1:(\d+)").group(1))
             for name in ("web", "shop")]
    for port in ports + ports:
        expect(agent.get(port) == LINE, "not what the server wrote")
    agent.reload(handoff=handoff)       # one of them goes, and its end only
    expect(agent.get(ports[0]) == LINE, "not what the server wrote")
    expect(server.got == 5, f"{server.got} connections")
    ours.shutdown(socket.SHUT_RDWR)
    ours.close()
    expect(agent.process.wait(5) == 0, "status")


def test_name_that_is_none_is_refused():
    Server("server")
    agent = Agent()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with agent.connect() as raw:
        try:
            context.wrap_socket(raw, server_hostname='a"\x1bb')
            expect(False, "it was taken")
        except ssl.SSLError as e:
            expect("ALERT_ILLEGAL_PARAMETER" in str(e), str(e))
    agent.wait(r'name "", \d+ ms: \w')
    expect(agent.end() == 0, "status")


def test_keys_cannot_be_traced():
    Server("server")
    agent = Agent()
    with open(f"/proc/{agent.process.pid}/limits") as f:
        core = [l.split() for l in f if l.startswith("Max core")][0]
    expect(core[4] == core[5] == "0", f"core {core}")
    # Of a process that is not dumpable the files in /proc are root's.
    command = f"exec {KTLSD} -c {os.getcwd()}/conf"
    expect(agent.end() == 0, "status")
    if os.getuid() or not shutil.which("setpriv"):
        return
    os.chmod("key.pem", 0o644)
    os.chmod("server", 0o777)
    child = subprocess.Popen(["setpriv", "--reuid", "65534", "--regid", "65534",
                              "--clear-groups", "sh", "-c", command],
                             stderr=subprocess.PIPE, text=True)
    line = child.stderr.readline()
    expect("listening" in line, line)
    owner = os.stat(f"/proc/{child.pid}/mem").st_uid
    child.terminate()
    expect(child.wait(5) == 0, "status")
    expect(owner == 0, "its memory can be read by its user")


def test_statistics_count_by_reason():
    Server("server")
    agent = Agent("handshake_timeout = 1")
    agent.get()
    with agent.connect() as s:
        s.sendall(b"\x16")
        time.sleep(0.2)
    agent.wait("hung up")
    with agent.connect() as s:
        hears_end(s)
    with agent.connect() as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        hears_end(s)
    agent.wait("is not TLS|not a TLS|no TLS")
    agent.process.send_signal(signal.SIGUSR1)
    line = agent.wait(r"^ktlsd: web: (1 handed over, 0 of them resumed, "
                      r"0 not taken by the server, 0 in progress, 3 failed.*)$")
    for reason in ("hangup 1", "timeout 1", "not_tls 1"):
        expect(reason in line.group(1), line.group(1))
    agent.wait(r"is not.*\(reason not_tls, sent alert unexpected_message\)")
    expect(agent.end() == 0, "status")


def test_client_that_leaves_at_once_is_named():
    Server("server")
    agent = Agent()
    agent.process.send_signal(signal.SIGSTOP)
    s = agent.connect()
    name = "%s:%d" % s.getsockname()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()                           # RST, before it is accepted
    agent.process.send_signal(signal.SIGCONT)
    agent.wait(rf'^ktlsd: web: {re.escape(name)}, name "", \d+ ms: '
               r"the peer left before .*\(reason hangup\)$")
    agent.process.send_signal(signal.SIGUSR1)
    agent.wait("1 failed, hangup 1$")
    expect(agent.end() == 0, "status")


def test_nothing_stays_of_a_connection():
    Server("server")
    agent = Agent()
    if keeps_memory():
        return

    def connections(count):
        for _ in range(count):
            expect(agent.get() == LINE, "not what the server wrote")
        return agent.memory()

    first = connections(100)
    grown = connections(900) - first
    expect(grown < 256, f"{grown} kB more after 1,000 connections than after 100")
    expect(agent.end() == 0, "status")


def test_secrets_are_not_logged():
    Server("server")
    os.environ["SSLKEYLOGFILE"] = os.path.abspath("secrets")
    try:
        agent = Agent()
    finally:
        del os.environ["SSLKEYLOGFILE"]     # Python obeys it too
    expect(agent.get() == LINE, "not what the server wrote")
    expect(agent.end() == 0, "status")
    expect(not os.path.exists("secrets"), "the secrets are in a file")


run(globals())
