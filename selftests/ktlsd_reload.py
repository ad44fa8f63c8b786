#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsd takes a new configuration at SIGHUP: all of it or nothing, and no
connection notices but by what it gets.
"""
import glob
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from agent import (LINE, Agent, Server, expect, keeps_memory, run,  # noqa: E402
                   wait_until)

RELOADS, CLIENTS = 20, 3


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def other_pair():
    """other.pem, other.key: for the same name, by the same CA."""
    with open("ext", "w") as f:
        f.write("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
    for command in (
            "genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
            "-out other.key",
            "req -new -key other.key -subj /CN=other -out other.csr",
            "x509 -req -in other.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
            "-days 3 -extfile ext -out other.pem"):
        subprocess.run(["openssl"] + command.split(), check=True,
                       stderr=subprocess.DEVNULL)


def der(path):
    with open(path) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def shown(agent, port=None):
    """The certificate that a new connection sees; and the server answers."""
    context = ssl.create_default_context(cafile="ca.pem")
    with agent.connect(port) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as s:
            expect(s.recv(100) == LINE, "not what the server wrote")
            return s.getpeercert(binary_form=True)


def curl_works(agent):
    return subprocess.run(
        ["curl", "-sS", "--http0.9", "--cacert", "ca.pem", "--resolve",
         f"localhost:{agent.port}:127.0.0.1",
         f"https://localhost:{agent.port}/"],
        capture_output=True, check=False).stdout == LINE


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


class Halfway:
    """A client that has sent its hello, and finishes when told to."""

    def __init__(self, agent):
        self.bio = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile="ca.pem")
        self.tls = context.wrap_bio(*self.bio, server_hostname="localhost")
        self.socket = agent.connect()
        self.turn()

    def turn(self):
        try:
            self.tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        self.socket.sendall(self.bio[1].read())
        if not done:
            self.bio[0].write(self.socket.recv(65536))
        return done

    def finish(self):
        while not self.turn():
            pass
        while True:
            try:
                return self.tls.read(100)
            except ssl.SSLWantReadError:
                self.bio[0].write(self.socket.recv(65536))


def test_certificates_change_under_load():
    other_pair()
    certificates = der("cert.pem"), der("other.pem")
    Server("server")
    agent = Agent()
    seen, failures, stop = [0, 0], [], threading.Event()

    def client():
        while not stop.is_set():
            try:
                seen[certificates.index(shown(agent))] += 1
            except Exception as e:      # each is one too many
                failures.append(repr(e))

    def curl():
        while not stop.is_set():
            if not curl_works(agent):
                failures.append("curl")

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    threads.append(threading.Thread(target=curl))
    for t in threads:
        t.start()
    for n in range(RELOADS):
        pair = ("other.pem", "other.key") if n % 2 else ("cert.pem", "key.pem")
        agent.reload(certificate=pair[0], key=pair[1])
        # Who connects from now on gets the new one, no matter what goes on.
        expect(shown(agent) == certificates[n % 2], "not the new certificate")
        time.sleep(0.05)
    stop.set()
    for t in threads:
        t.join()
    expect(not failures, f"{len(failures)} failed, the first: {failures[:1]}")
    expect(min(seen) > 0, f"seen: {seen}")
    print(f"# {sum(seen)} connections during {RELOADS} reloads: {seen}")
    expect(agent.end() == 0, "status")


def test_a_file_that_changed_is_read_again():
    other_pair()
    Server("server")
    agent = Agent()
    expect(shown(agent) == der("cert.pem"), "the first certificate")
    os.rename("other.pem", "cert.pem")
    expect(shown(agent) != der("cert.pem"), "changed without a reload")
    agent.process.send_signal(signal.SIGHUP)    # its key is still the old one
    agent.wait("key key.pem does not belong to certificate cert.pem")
    expect(shown(agent) != der("cert.pem"), "changed by half")
    os.rename("other.key", "key.pem")
    agent.hup("is in force anew")
    expect(shown(agent) == der("cert.pem"), "the second certificate")
    expect(agent.end() == 0, "status")


def bad_configurations():
    """What is bad, where, and in which words it is refused."""
    busy = socket.create_server(("127.0.0.1", 0))
    os.symlink("nowhere", "link")
    return busy, [
        (("colour = red",), {}, r"conf:6: unknown option"),
        (("max_handshakes = 0",), {}, r"conf:6: max_handshakes = 0; valid"),
        (("client_auth = maybe",), {}, r"conf:6: client_auth = maybe; valid: none"),
        ((), {"certificate": "none.pem"}, r"conf:3: web: certificate none\.pem"),
        ((), {"key": "ca.key"}, r"conf:[34]: web: key ca\.key does not belong"),
        ((), {"listen": f"127.0.0.1:{busy.getsockname()[1]} [::1]:0"},
         r"conf:2: web: cannot listen on 127\.0\.0\.1:\d+: Address already"),
        ((), {"handoff": "nobody"}, r"conf:5: web: cannot reach the server at "
                                    r"hand-off socket nobody: No such file"),
        ((), {"handoff": "fd:0"}, r"conf:5: .*inherited at the start only"),
        (("trace = dir/trace",), {}, r"conf:6: web: trace dir/trace: No such"),
        (("trace = .",), {}, r"conf:6: web: trace \.: Is a directory"),
        (("trace = link",), {}, r"trace link: it must not be a symbolic link"),
    ]


def test_a_bad_configuration_changes_nothing():
    Server("server")
    agent = Agent()
    busy, rows = bad_configurations()
    fds, port = agent.fds(), agent.port
    for options, replaced, text in rows:
        moved = {"listen": f"127.0.0.1:{free_port()} [::1]:0", **replaced}
        agent.configure(*options, **moved)
        # A good service before it must not come to be, nor leave anything.
        with open("conf") as f:
            bad = f.read()
        agent.hup(text + ".*; the old configuration stays in force$")
        expect(agent.get() == LINE, f"after {text}")
        wait_until(lambda: agent.fds() == fds, f"descriptors after {text}")
        agent.configure(name="shop", listen="127.0.0.1:0")
        with open("conf") as f:
            good = f.read()
        with open("conf", "w") as f:
            f.write(good + bad)
        agent.hup("; the old configuration stays in force$")
        wait_until(lambda: agent.fds() == fds, f"descriptors after a good one and {text}")
    expect(not any("shop" in l and "listening" in l for l in agent.lines), "half")
    os.unlink("conf")
    agent.hup("configuration conf: No such file or directory; the old")
    expect(agent.port == port and agent.get() == LINE, "without a file")
    busy.close()
    agent.reload()
    expect(agent.get() == LINE, "when it is good again")
    expect(agent.end() == 0, "status")


def test_listeners_come_and_go():
    Server("server")
    agent = Agent()
    kept, one, two = agent.port, free_port(), free_port()
    fds = agent.fds()
    agent.reload(listen=f"127.0.0.1:0 [::1]:0 127.0.0.1:{one}")
    agent.wait(f"web: listening on 127.0.0.1:{one}")
    expect(agent.get(one) == LINE and agent.get(kept) == LINE, "the new and the old")
    wait_until(lambda: agent.fds() == fds + 1, "one more")
    agent.reload(listen=f"127.0.0.1:{two} 127.0.0.1:0")
    agent.wait(f"web: no longer listening on 127.0.0.1:{one}")
    expect(refuses(one), "the old port is still open")
    expect(agent.get(two) == LINE and agent.get(kept) == LINE, "moved")
    # From one address to all and back: the port is never free in between.
    for address in (f"0.0.0.0:{two}", f"[::]:{two}", f"127.0.0.1:{two}"):
        agent.reload(listen=address)
        expect(agent.get(two) == LINE, address)
    expect(refuses(kept), "the kernel's choice is still open")
    wait_until(lambda: agent.fds() == fds - 1, "descriptors stayed")
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", two))
        except OSError:
            pass
        else:
            expect(False, "others may share the port")
    expect(agent.end() == 0, "status")


def test_who_waits_at_a_listener_that_goes_is_served():
    Server("server")
    agent = Agent()
    before, after = agent.port, free_port()
    agent.process.send_signal(signal.SIGSTOP)
    context = ssl.create_default_context(cafile="ca.pem")
    waiting = [agent.connect() for _ in range(5)]       # the kernel took them
    agent.configure(listen=f"127.0.0.1:{after}")
    agent.process.send_signal(signal.SIGHUP)
    agent.process.send_signal(signal.SIGCONT)
    for s in waiting:
        with context.wrap_socket(s, server_hostname="localhost") as tls:
            expect(tls.recv(100) == LINE, "not served")
    expect(refuses(before) and agent.get(after) == LINE, "moved")
    expect(agent.end() == 0, "status")


def test_a_service_takes_the_port_of_another():
    first, second = Server("server"), Server("second")
    port = free_port()
    agent = Agent(listen=f"127.0.0.1:{port}")
    agent.reload(name="shop", listen=f"127.0.0.1:{port}", handoff="second")
    agent.wait(rf"shop: listening on 127\.0\.0\.1:{port}")
    expect(agent.get() == LINE, "the same port")
    agent.wait('shop: .*handed over')
    expect((first.got, second.got) == (0, 1), "the other server")
    expect(agent.end() == 0, "status")


def test_a_handshake_outlives_its_service():
    server = Server("server")
    Server("second")
    agent = Agent("handshake_timeout = 20", listen="127.0.0.1:0")
    fds = agent.fds()
    client = Halfway(agent)
    agent.reload(name="shop", listen=f"127.0.0.1:{free_port()}", handoff="second")
    expect(refuses(agent.port), "it still listens")
    agent.wait("^ktlsd: web: 0 handed over.*1 in progress")
    expect(client.finish() == LINE, "not served")
    agent.wait("^ktlsd: web: .*handed over$")
    expect(server.got == 1, "by another server")
    wait_until(lambda: agent.fds() == fds, "descriptors stayed")
    expect(agent.end() == 0, "status")


def test_the_hand_off_socket_moves():
    first, second = Server("server"), Server("second")
    agent = Agent("handshake_timeout = 20")
    client = Halfway(agent)             # with the newest server it goes on
    fds = agent.fds()
    agent.reload("handshake_timeout = 20", handoff="second")
    expect(client.finish() == LINE and agent.get() == LINE, "not served")
    expect((first.got, second.got) == (0, 2), f"{first.got} {second.got}")
    wait_until(lambda: agent.fds() == fds - 1, "descriptors stayed")
    expect(agent.end() == 0, "status")


def test_an_inherited_hand_off_survives():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handoff = f"fd:{theirs.fileno()}"
    agent = Agent(handoff=handoff, fds=(theirs.fileno(),))
    theirs.close()
    server = Server("server")
    threading.Thread(target=server.receive, args=(ours,), daemon=True).start()
    for _ in range(3):
        expect(agent.get() == LINE, "not what the server wrote")
        agent.reload(handoff=handoff)
    expect(agent.get() == LINE, "not what the server wrote")
    ours.shutdown(socket.SHUT_RDWR)
    ours.close()
    expect(agent.process.wait(5) == 0, "status")


def test_bounds_change():
    Server("server")
    agent = Agent("max_handshakes = 1", "handshake_timeout = 30")
    fds = agent.fds()
    idle = [agent.connect() for _ in range(3)]
    wait_until(lambda: agent.fds() == fds + 1, "not just one was accepted")
    agent.reload("max_handshakes = 3", "handshake_timeout = 1")
    wait_until(lambda: agent.fds() == fds + 3, "the bound is still the old one")
    agent.wait("no complete handshake within 1 s", count=2)
    expect(not any("within 30 s" in l for l in agent.lines), "too early")
    for s in idle:
        s.close()
    wait_until(lambda: agent.fds() == fds, "descriptors stayed")
    expect(agent.end() == 0, "status")


def test_the_end_ignores_a_reload():
    Server("server")
    agent = Agent("handshake_timeout = 20")
    client = Halfway(agent)
    agent.process.send_signal(signal.SIGTERM)
    wait_until(lambda: refuses(agent.port), "it still listens")
    agent.process.send_signal(signal.SIGHUP)
    expect(client.finish() == LINE, "not served")
    expect(agent.process.wait(10) == 0, "status")
    expect(not any("anew" in l for l in agent.lines), "it reloaded")


def lines_of(path):
    with open(path) as f:
        return [json.loads(l) for l in f]


def test_the_trace_is_rotated():
    Server("server")
    agent = Agent("trace = trace.json", "handshake_timeout = 1")
    agent.get()
    agent.get()
    wait_until(lambda: lines_of("trace.json"), "no line")
    expect(stat.S_IMODE(os.stat("trace.json").st_mode) == 0o640, "its mode")
    lines = lines_of("trace.json")
    for line in lines:
        expect(re.fullmatch(r"127\.0\.0\.1:\d+#[12]", line["connection"]), line)
        expect("step" in line and "t_us" in line, line)
    expect(len({l["connection"] for l in lines}) == 2, "connections are told apart")
    expect({"ClientHello", "done"} <= {l["step"] for l in lines}, lines)
    os.rename("trace.json", "trace.json.1")
    agent.get()
    expect(not os.path.exists("trace.json"), "too early")
    agent.hup("is in force anew")
    before = os.stat("trace.json.1").st_size
    with agent.connect() as s:
        expect(s.recv(1) == b"", "the connection is open")
    agent.wait("no complete handshake")
    expect(os.stat("trace.json.1").st_size == before, "the old one grows")
    last = lines_of("trace.json")[-1]
    expect(last["step"] == "failed" and "timeout" in json.dumps(last), last)
    agent.reload("handshake_timeout = 1")
    expect(agent.get() == LINE, "without a trace")
    expect(lines_of("trace.json")[-1] == last, "it goes on")
    expect(agent.end() == 0, "status")


def test_a_full_trace_stops_no_handshake():
    with open("trace.json", "wb") as f:
        f.write(b"\n" * ((1 << 20) - 10))
    Server("server")
    agent = Agent("trace = trace.json", "trace_max = 1")
    expect(agent.get() == LINE and agent.get() == LINE, "not served")
    expect(os.stat("trace.json").st_size <= 1 << 20, "it has grown")
    agent.wait("trace trace.json: it has reached trace_max; lines are lost")
    expect(sum("lines are lost" in l for l in agent.lines) == 1, "said twice")
    agent.process.send_signal(signal.SIGUSR1)
    agent.wait(r"2 handed over.*; \d+ lines of trace lost")
    os.truncate("trace.json", 0)
    agent.get()
    expect(lines_of("trace.json"), "it does not go on")
    expect(agent.end() == 0, "status")


def test_a_limit_on_files_stops_no_handshake():
    Server("server")
    agent = Agent("trace = trace.json", limits=["--fsize=0"])
    expect(agent.get() == LINE and agent.get() == LINE, "not served")
    agent.wait("trace trace.json: File too large; lines are lost")
    agent.process.send_signal(signal.SIGUSR1)
    agent.wait(r"2 handed over.*; \d+ lines of trace lost")
    expect(os.stat("trace.json").st_size == 0, "it has grown")
    expect(agent.end() == 0, "status")


def test_secrets_of_an_old_configuration_are_wiped():
    if os.getuid():
        return                          # its memory is root's to read
    other_pair()
    text = subprocess.run(["openssl", "pkey", "-in", "key.pem", "-text", "-noout"],
                          check=True, capture_output=True, text=True).stdout
    scalar = bytes.fromhex(re.sub(r"[\s:]", "", re.search(
        r"priv:([\s0-9a-f:]+)pub:", text).group(1)))[-32:]
    Server("server")
    agent = Agent()
    expect(agent.get() == LINE, "not what the server wrote")
    expect(found_in_memory(agent.process.pid, scalar), "the key is hidden well")
    agent.reload(certificate="other.pem", key="other.key")
    expect(agent.get() == LINE, "not what the server wrote")
    expect(not found_in_memory(agent.process.pid, scalar), "the old key is there")
    expect(agent.end() == 0, "status")


def found_in_memory(pid, scalar):
    """As bytes of the standard, or as numbers of this machine."""
    forms = scalar, scalar[::-1]
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, access = line.split()[:2]
            if not access.startswith("rw") or "[v" in line:
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            if end - start > 1 << 30:
                continue                # AddressSanitizer's shadow
            mem.seek(start)
            try:
                content = mem.read(end - start)
            except OSError:             # a guard page
                continue
            if any(form in content for form in forms):
                return True
    return False


def test_many_reloads_leave_nothing():
    Server("server")
    agent = Agent("trace = trace.json")
    for _ in range(10):
        agent.hup("is in force anew")
    fds, memory = agent.fds(), agent.memory()
    for _ in range(100):
        agent.hup("is in force anew")
    wait_until(lambda: agent.fds() == fds, "descriptors stayed")
    grown = agent.memory() - memory
    expect(grown < 512 or keeps_memory(), f"{grown} kB more")
    expect(agent.get() == LINE, "not what the server wrote")
    expect(agent.end() == 0, "status")
    expect(not glob.glob("core*"), "a core")


def resumed(agent):
    """Is the second of two connections resumed?"""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{agent.port}",
               "-CAfile", "ca.pem", "-servername", "localhost", "-ign_eof"]
    subprocess.run(command + ["-sess_out", "session"], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)
    return lambda: b"\nReused, TLS" in subprocess.run(
        command + ["-sess_in", "session"], check=True,
        stdin=subprocess.DEVNULL, capture_output=True).stdout


def test_tickets_live_as_long_as_their_key():
    Server("server")
    with open("tickets", "wb") as f:
        f.write(os.urandom(64))
    agent = Agent("ticket_key = tickets")
    again = resumed(agent)
    expect(again(), "it resumes nothing")
    agent.wait("TLS 1.3, .*, resumed, .*handed over")
    agent.hup("is in force anew")
    expect(again(), "not after a reload with the same key")
    with open("tickets", "wb") as f:
        f.write(os.urandom(64))
    agent.hup("is in force anew")
    expect(not again(), "after a reload with another key")
    agent.process.send_signal(signal.SIGUSR1)
    agent.wait(r"4 handed over, 2 of them resumed")
    expect(agent.end() == 0, "status")


run(globals())
