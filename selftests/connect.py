#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktls-connect against other people's servers, good ones and bad ones."""
import contextlib
import json
import os
import re
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
from tap import (Skip, equal, eventually, find, holds, rows, run,  # noqa: E402
                 skip_all, test)

CONNECT = os.environ.get("KTLS_CONNECT") or find("ktls-connect")
HTTPD = os.environ.get("KTLS_HTTPD") or find("ktls-httpd")
MB = 1 << 20
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def has_kernel_tls():
    subprocess.run(["modprobe", "-q", "tls"], check=False)
    return os.path.exists("/proc/net/tls_stat")


KERNEL = has_kernel_tls()


def tls_stat(name):
    with open("/proc/net/tls_stat", encoding="ascii") as f:
        return int(dict(x.split() for x in f)[name])


# --- ktls-connect -------------------------------------------------------------

class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode()

    def is_well(self, out=b""):
        if (self.status, self.out) != (0, out):
            raise AssertionError(f"status {self.status}, {len(self.out)} "
                                 f"bytes; {self.err}")
        return self


def command(port, *options, host="127.0.0.1"):
    return [CONNECT, "--ca=pki/ca.pem", *options, f"{host}:{port}"]


def connect(port, *options, data=b"", host="127.0.0.1", **more):
    env = dict(os.environ, LC_ALL="C", **more.pop("env", {}))
    return Result(subprocess.run(command(port, *options, host=host),
                                 input=data, capture_output=True, timeout=60,
                                 env=env, check=False, **more))


def start(port, *options, **more):
    return subprocess.Popen(command(port, *options), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            **more)


# --- servers ------------------------------------------------------------------

class Server:
    """A thread that serves one connection after the other with @talk."""

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.talk = talk
        self.errors = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                tcp = self.listener.accept()[0]
            except OSError:
                return
            with contextlib.closing(tcp):
                try:
                    self.talk(tcp)
                except Exception as error:  # for the test to look at
                    self.errors.append(error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


def context(name="localhost", version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(f"pki/{name}.pem", f"pki/{name}.key")
    if version:
        c.minimum_version = c.maximum_version = VERSIONS[version]
    return c


def over_tls(talk, **how):
    def wrapped(tcp):
        tcp.settimeout(30)
        with context(**how).wrap_socket(tcp, server_side=True,
                                        suppress_ragged_eofs=False) as tls:
            talk(tls)
    return Server(wrapped)


def goodbye(tls):
    """close_notify, and no wait for the other's."""
    tls.settimeout(5)
    with contextlib.suppress(OSError):
        tls.unwrap()


def echo(tls):
    """All that comes, until it ends."""
    while data := tls.recv(65536):
        tls.sendall(data)
    goodbye(tls)


def upper_line(tls):
    """One line, and the end: a server of TLS 1.2."""
    data = b""
    while not data.endswith(b"\n"):
        data += tls.recv(100)
    tls.sendall(data.upper())
    goodbye(tls)


class Program:
    """A server that is a program; @ready: what it prints, or None."""

    def __init__(self, *args, port):
        self.port = port
        with open("server.log", "wb") as log:
            self.process = subprocess.Popen(args, stdin=subprocess.PIPE,
                                            stdout=log, stderr=log)
        eventually(self.listens, f"{args[0]} listens")

    def listens(self):
        if self.process.poll() is not None:
            with open("server.log", encoding="utf-8") as log:
                raise AssertionError(log.read())
        want = f":{self.port:04X} "
        for name in "tcp", "tcp6":
            with open("/proc/net/" + name, encoding="ascii") as f:
                if any(want in x[:50] and " 0A " in x for x in f):
                    return True
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def s_server(*options, name="localhost"):
    port = free_port()
    return Program("openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                   "-cert", f"pki/{name}.pem", "-key", f"pki/{name}.key",
                   "-cert_chain", f"pki/{name}.pem", *options, port=port)


# --- data ---------------------------------------------------------------------

SIZES = [0, 1, 16383, 16384, 16385, 65536, 65537, 4 * MB]


@rows([(f"TLS {v}, {offload}", v, offload) for v in VERSIONS
       for offload in ("prefer", "never")])
def bytes_come_back_unchanged(version, offload):
    # TLS 1.2 does not half-close: the server has to end there.
    def answer(tls):
        length = int.from_bytes(tls.recv(4), "big")
        data = b""
        while len(data) < length:
            data += tls.recv(65536)
        tls.sendall(data)
        goodbye(tls)
    with over_tls(answer, version=version) as server:
        for size in SIZES:
            data = os.urandom(size)
            connect(server.port, "--offload", offload,
                    data=size.to_bytes(4, "big") + data).is_well(data)
        equal([], server.errors)


@test
def both_directions_at_once():
    data = os.urandom(8 * MB)
    with over_tls(echo, version="1.3") as server:
        connect(server.port, "--half-close", data=data).is_well(data)
        equal([], server.errors)


@test
def a_slow_reader_slows_the_server_down():
    sent = [0]

    def flood(tls):
        tls.settimeout(2)
        with contextlib.suppress(OSError):
            while sent[0] < 256 * MB:
                sent[0] += tls.send(bytes(65536))
    with over_tls(flood) as server:
        process = start(server.port)
        time.sleep(1.5)
        first = sent[0]
        time.sleep(0.5)
        equal(first, sent[0])
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            peak = int(re.search(r"VmRSS:\s*(\d+)", f.read())[1])
        process.kill()
        process.communicate()
    if peak > 40 << 10 and not os.environ.get("KTLS_SAN"):
        raise AssertionError(f"{peak} KB resident")


@test
def waiting_costs_no_cpu():
    with over_tls(lambda tls: tls.recv(1)) as server:
        process = start(server.port)
        time.sleep(2)
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
            ticks = sum(map(int, f.read().rsplit(")")[1].split()[11:13]))
        process.stdin.write(b"x")
        process.communicate()
    if ticks > 0.5 * os.sysconf("SC_CLK_TCK"):
        raise AssertionError(f"{ticks} ticks of CPU for two idle seconds")


@test
def a_dialogue():
    def lines(tls):
        while line := tls.recv(100):
            tls.sendall(line.upper())
        goodbye(tls)
    with over_tls(lines, version="1.3") as server:
        process = start(server.port, "-q", "--half-close")
        for line in b"one\n", b"two\n":
            process.stdin.write(line)
            process.stdin.flush()
            equal(line.upper(), process.stdout.readline())
        process.stdin.close()
        equal((0, b"", b""), (process.wait(20), process.stdout.read(),
                              process.stderr.read()))


@test
def the_server_ends_first():
    def end(tls):
        tls.sendall(b"bye\n")
        goodbye(tls)
    with over_tls(end) as server:
        process = start(server.port, "-q")
        equal(b"bye\n", process.stdout.read())
        equal(0, process.wait(20))
        process.communicate()


@rows([("nothing is said, TLS 1.2", "1.2", [], False),
       ("nothing is said, TLS 1.3", "1.3", [], False),
       ("--half-close, TLS 1.2", "1.2", ["--half-close"], True),
       ("--half-close, TLS 1.3", "1.3", ["--half-close"], True)])
def the_end_of_input(version, options, closes):
    seen = []

    def watch(tls):
        tls.recv(100)
        tls.settimeout(1)
        try:
            seen.append(tls.recv(1))
        except TimeoutError:
            seen.append(None)
        tls.settimeout(30)
        tls.sendall(b"answer")
        goodbye(tls)
    with over_tls(watch, version=version) as server:
        connect(server.port, *options, data=b"x").is_well(b"answer")
        equal([], server.errors)
    equal([b"" if closes else None], seen)


@test
def a_server_that_never_ends():
    said = []

    def stay(tls):
        tls.sendall(tls.recv(100))
        said.append(tls.recv(100))
        goodbye(tls)
    with over_tls(stay) as server:
        connect(server.port, "--timeout=1", data=b"x").is_well(b"x")
    equal([b""], said)


@test
def a_server_that_never_says_a_word():
    with over_tls(lambda tls: time.sleep(4)) as server:
        got = connect(server.port, "--timeout=1", data=b"x")
    equal(1, got.status)
    holds("neither answered nor ended", got.err)


@test
def a_server_that_never_reads():
    def stay(tls):
        tls.recv(1)
        time.sleep(3)
    with over_tls(stay) as server:
        got = connect(server.port, "--timeout=1", data=bytes(64 * MB))
    equal(1, got.status)
    holds("neither answered nor ended", got.err)


@test
def a_server_that_ends_before_it_has_all():
    def end(tls):
        tls.recv(1)
        goodbye(tls)
        tls.unwrap()
    with over_tls(end) as server:
        got = connect(server.port, data=bytes(64 * MB))
    equal(1, got.status)


@rows([(v, v) for v in VERSIONS])
def without_data_it_is_over_at_once(version):
    with over_tls(echo, version=version) as server:
        began = time.monotonic()
        connect(server.port).is_well()
        if time.monotonic() - began > 2:
            raise AssertionError("it waited")


@test
def standard_descriptors_may_be_closed():
    with over_tls(echo, version="1.3") as server:
        done = subprocess.run(
            ["sh", "-c", '"$@" <&- >&- 2>&-', "-", *command(server.port)],
            check=False)
        equal(0, done.returncode)


@test
def standard_output_that_breaks():
    with over_tls(lambda tls: tls.sendall(bytes(MB))) as server:
        process = start(server.port)
        process.stdout.close()
        equal(5, process.wait(20))
        holds(b"standard output: Broken pipe", process.stderr.read())
        process.stdin.close()
        process.stderr.close()


# --- other servers ------------------------------------------------------------

@rows([(v, v) for v in VERSIONS])
def openssl_s_server(version):
    with s_server("-quiet", "-rev", "-tls1_" + version[-1]) as server:
        connect(server.port, "--timeout=2",
                data=b"hello\n").is_well(b"olleh\n")


@rows([(v, v) for v in VERSIONS])
def gnutls_serv(version):
    program = find("gnutls-serv")
    if not program:
        raise Skip("gnutls-serv is not installed")
    port = free_port()
    with Program(program, "--echo", "-q", "-p", str(port), "--x509certfile",
                 "pki/localhost.pem", "--x509keyfile", "pki/localhost.key",
                 "--priority", "NORMAL:-VERS-ALL:+VERS-TLS" + version,
                 port=port) as server:
        connect(server.port, "--timeout=2",
                data=b"hello\n").is_well(b"hello\n")


def nginx_conf(port, version):
    return f"""
daemon off; master_process off; pid nginx.pid; error_log nginx.log;
events {{ }}
http {{
    access_log off; client_body_temp_path tmp; proxy_temp_path tmp;
    fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    server {{
        listen 127.0.0.1:{port} ssl; root {os.getcwd()}/www;
        ssl_certificate {os.getcwd()}/pki/localhost.pem;
        ssl_certificate_key {os.getcwd()}/pki/localhost.key;
        ssl_protocols TLSv{version};
    }}
}}"""


def fetch(port, *options):
    got = connect(port, *options, data=b"GET /big HTTP/1.0\r\n\r\n")
    equal(0, got.status)
    head, _, body = got.out.partition(b"\r\n\r\n")
    holds(b"200 OK", head)
    with open("www/big", "rb") as f:
        equal(True, body == f.read())


@rows([(v, v) for v in VERSIONS])
def nginx(version):
    program = find("nginx")
    if not program:
        raise Skip("nginx is not installed")
    port = free_port()
    with open("nginx.conf", "w", encoding="ascii") as f:
        f.write(nginx_conf(port, version))
    with Program(program, "-p", os.getcwd(), "-c", "nginx.conf", port=port):
        fetch(port)


@rows([(v, v) for v in VERSIONS])
def ktls_httpd(version):
    if not KERNEL or not HTTPD:
        raise Skip("needs kernel TLS and ktls-httpd")
    port = free_port()
    with Program(HTTPD, "--root", "www", "--listen", f"127.0.0.1:{port}",
                 "--certificate", "pki/localhost.pem",
                 "--key", "pki/localhost.key", port=port):
        fetch(port, "--tls" + version, "--offload=require")


# --- who encrypts -------------------------------------------------------------

@rows([(f"TLS {v}, {o}", v, o) for v in VERSIONS
       for o in ("require", "prefer", "never")])
def the_kernel_counts_our_connection(version, offload):
    if not KERNEL:
        raise Skip("needs kernel TLS")
    names = "TlsTxSw", "TlsRxSw"
    before = [tls_stat(n) for n in names]
    with over_tls(upper_line, version=version) as server:
        got = connect(server.port, "--offload", offload,
                      data=b"a\n").is_well(b"A\n")
    more = 0 if offload == "never" else 1
    equal([n + more for n in before], [tls_stat(n) for n in names])
    holds("GnuTLS in this process" if offload == "never" else "the kernel",
          got.err)


@test
def without_kernel_tls_require_fails():
    if KERNEL:
        raise Skip("this kernel has TLS")
    with over_tls(echo) as server:
        got = connect(server.port, "--offload=require")
    equal(5, got.status)
    holds('modprobe tls', got.err)


# --- exit statuses ------------------------------------------------------------

USAGE = [
    ("no host", [], "it lacks"),
    ("two hosts", ["a", "b"], "one word too many"),
    ("unknown option", ["--colour", "a"], 'unknown option "--colour"'),
    ("unknown letter", ["-x", "a"], 'unknown option "-x"'),
    ("option without its value", ["a", "--ca"], "it lacks a value"),
    ("port 0", ["a:0"], "neither HOST"),
    ("port 65536", ["a:65536"], "neither HOST"),
    ("port that is no number", ["a:https"], "neither HOST"),
    ("no port behind the colon", ["a:"], "neither HOST"),
    ("no host before the colon", [":1"], "neither HOST"),
    ("open bracket", ["[::1"], "neither HOST"),
    ("text behind the bracket", ["[::1]1"], "neither HOST"),
    ("empty host", [""], "neither HOST"),
    ("long host", ["a" * 256], "neither HOST"),
    ("timeout 0", ["--timeout=0", "a"], "no use for --timeout"),
    ("timeout with a unit", ["--timeout=1s", "a"], "no use for --timeout"),
    ("version 1.1", ["--min=1.1", "a"], "no use for --min"),
    ("min above max", ["--min=1.3", "--max=1.2", "a"], "--min above --max"),
    ("unknown word", ["--offload=maybe", "a"], "no use for --offload"),
    ("empty list", ["--alpn=,", "a"], "no use for --alpn"),
    ("unknown cipher", ["--cipher=RC4", "a"], 'cipher "RC4"'),
    ("unknown group", ["--group=P-1", "a"], 'group "P-1"'),
    ("key without certificate", ["--key=k", "a"], "--key without --cert"),
    ("connection without read", ["--connection=k", "a"], "without --read"),
    ("host with read", ["--read=k", "a"], "one word too many"),
    ("certificate that is not there", ["--cert=none", "a"], "none"),
    ("trace that cannot be written", ["--trace=no/where", "a"], "no/where"),
    ("key log that is a device", ["--trace-keys=/dev/null", "a"],
     "not a regular file"),
]


@rows(USAGE)
def usage(args, text):
    done = subprocess.run([CONNECT, *args], capture_output=True, timeout=20,
                          stdin=subprocess.DEVNULL, check=False)
    equal((2, b""), (done.returncode, done.stdout))
    holds(text, done.stderr.decode())
    equal(1, done.stderr.count(b"\n"))


def silent(tcp):
    tcp.settimeout(20)
    while tcp.recv(1000):
        pass




def reset(tcp):
    tcp.recv(1)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                   b"\1\0\0\0\0\0\0\0")


def no_tls(tcp):
    tcp.recv(1000)
    tcp.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    with contextlib.suppress(OSError):
        tcp.recv(1000)


def alert_40(tcp):
    tcp.recv(1000)
    tcp.sendall(bytes([21, 3, 3, 0, 2, 2, 40]))
    with contextlib.suppress(OSError):
        tcp.recv(1000)


@rows([
    ("hang-up in the handshake", lambda tcp: tcp.recv(1), 1, "hung up|lost"),
    ("reset in the handshake", reset, 1, "lost"),
    ("silence in the handshake", silent, 1, "took too long"),
    ("no TLS", no_tls, 4, "not a TLS|not TLS"),
    ("an alert", alert_40, 4, "alert handshake_failure"),
])
def a_bad_peer(talk, status, text):
    with Server(talk) as server:
        got = connect(server.port, "--timeout=1", "--explain", "--trace=t")
    equal((status, b""), (got.status, got.out))
    if not re.search(text, got.err):
        raise AssertionError(got.err)
    holds("ClientHello", got.err)
    holds("FAILED", got.err)
    with open("t", encoding="utf-8") as f:
        equal(["failed"], [json.loads(x)["step"] for x in f][-1:])


@test
def nobody_listens():
    got = connect(free_port())
    equal(1, got.status)
    holds("Connection refused", got.err)


@test
def a_name_that_does_not_exist():
    equal(1, connect(443, host="nowhere.invalid").status)


@test
def every_address_of_a_name_is_tried():
    with over_tls(echo) as server:      # it has no IPv6
        connect(server.port, host="localhost").is_well()


@rows([(v, v) for v in VERSIONS])
def no_common_version(version):
    other = {"1.2": "1.3", "1.3": "1.2"}[version]
    with over_tls(echo, version=version) as server:
        equal(4, connect(server.port, "--tls" + other).status)


@rows([(v, v) for v in VERSIONS])
def truncation_has_its_own_status(version):

    def talk(tcp):
        tls = context(version=version).wrap_socket(tcp, server_side=True)
        tls.recv(1)
        tls.sendall(b"half of it")
        os.close(tls.detach())      # a FIN, and no close_notify
    with Server(talk) as server:
        got = connect(server.port, data=b"x")
    equal((6, b"half of it"), (got.status, got.out))
    holds("without close_notify", got.err)


@rows([(v, v) for v in VERSIONS])
def the_server_wants_our_certificate(version):
    def talk(tcp):
        c = context(version=version)
        c.load_verify_locations("pki/ca.pem")
        c.verify_mode = ssl.CERT_REQUIRED
        with c.wrap_socket(tcp, server_side=True) as tls:
            upper_line(tls)
    with Server(talk) as server:
        got = connect(server.port, data=b"a\n")
        equal(4, got.status)
        holds("alert ", got.err)
        connect(server.port, "--cert=pki/client.pem", "--key=pki/client.key",
                data=b"a\n").is_well(b"A\n")


# --- certificates -------------------------------------------------------------

BAD = ["expired", "not-yet", "purpose", "weak", "unknown", "self", "sha1"]


@rows([(f"{name}, TLS {v}", name, v) for name in BAD for v in VERSIONS])
def a_bad_certificate(name, version):
    alerts = []

    def talk(tcp):
        c = context(version=version)
        c.set_ciphers("ALL:@SECLEVEL=0")
        c.load_cert_chain(f"pki/{name}.pem", f"pki/{name}.key")
        try:
            tls = c.wrap_socket(tcp, server_side=True)
            tls.recv(1)
        except ssl.SSLError as error:
            alerts.append(str(error))
    with Server(talk) as server:
        got = connect(server.port, "--explain", data=b"x")
        equal((3, b""), (got.status, got.out))
        holds("FAILED", got.err)
        holds(": failed", got.err)
    with Server(talk) as server:
        equal(False, connect(server.port, "--verify=none", "--timeout=1",
                             data=b"x").status == 3)
    holds("ALERT", alerts[0].upper())


@rows([("another name", ["--name=www.example.org"], 3),
       ("the right name", ["--name=localhost"], 0),
       ("the address", [], 0),
       ("another pin", ["--pin=" + "0" * 64], 3),
       ("no verification", ["--verify=none", "--name=x.example"], 0)])
def whom_we_talk_to(options, status):
    with over_tls(upper_line) as server:
        equal(status, connect(server.port, *options, data=b"a\n").status)


@test
def the_right_pin():
    der = subprocess.run("openssl x509 -in pki/localhost.pem -noout -pubkey |"
                         "openssl pkey -pubin -outform DER | sha256sum",
                         shell=True, capture_output=True, check=True).stdout
    with over_tls(upper_line) as server:
        connect(server.port, "--pin=" + der.split()[0].decode(),
                data=b"a\n").is_well(b"A\n")


# --- what is told -------------------------------------------------------------

def steps(text):
    return [json.loads(x) for x in text.splitlines()]


@rows([(v, v) for v in VERSIONS])
def json_is_json_and_names_the_steps(version):
    with over_tls(upper_line, version=version) as server:
        got = connect(server.port, "--json", data=b"a\n").is_well(b"A\n")
    names = [s["step"] for s in steps(got.err)]
    for name in ("ClientHello", "ServerHello", "Certificate", "Finished",
                 "key exchange", "done"):
        holds(name, names)
    done = [s for s in steps(got.err) if s["step"] == "done"][0]["fields"]
    equal("kernel" if KERNEL else "user", done["offload"])
    times = [s["t_us"] for s in steps(got.err)]
    equal(sorted(times), times)


@test
def json_of_a_failure_is_json():
    got = connect(free_port(), "--json")
    equal(["lost"], [s["reason"] for s in steps(got.err)])


@rows([(v, v) for v in VERSIONS])
def the_diagram_is_the_same_from_a_file(version):
    with over_tls(upper_line, version=version) as server:
        got = connect(server.port, "--explain", "-q", "--trace=trace",
                      data=b"a\n").is_well(b"A\n")
    done = subprocess.run([CONNECT, "--read=trace"], capture_output=True,
                          env=dict(os.environ, LC_ALL="C"), check=True)
    equal(got.err, done.stdout.decode())
    holds("ClientHello", got.err)
    holds("From now on", got.err)


@test
def explain_without_input():
    with over_tls(echo) as server:
        got = connect(server.port, "--explain").is_well()
    holds("From now on", got.err)


@test
def quiet_is_quiet():
    with over_tls(upper_line) as server:
        got = connect(server.port, "-q", data=b"a\n").is_well(b"A\n")
    equal("", got.err)


@rows([("a list", ["--alpn=h2,http/1.1"]),
       ("twice", ["--alpn=h2", "--alpn=http/1.1"])])
def application_protocols(options):
    def talk(tcp):
        c = context()
        c.set_alpn_protocols(["http/1.1"])
        with c.wrap_socket(tcp, server_side=True) as tls:
            upper_line(tls)
    with Server(talk) as server:
        got = connect(server.port, *options, data=b"a\n").is_well(b"A\n")
    holds("http/1.1", got.err)


CIPHERS = ["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"]


@rows([(f"{c}, TLS {v}", v, c) for v in VERSIONS for c in CIPHERS])
def a_cipher_of_our_choice(version, cipher):
    with over_tls(upper_line, version=version) as server:
        got = connect(server.port, "--cipher", cipher, data=b"a\n")
    holds(f"TLS {version}, {cipher}", got.is_well(b"A\n").err)


@rows([("X25519", "X25519", "x25519"), ("P-256", "P-256", "secp256r1"),
       ("P-384", "P-384", "secp384r1")])
def a_group_of_our_choice(option, name):
    with over_tls(upper_line) as server:
        got = connect(server.port, "--group", option, "--json", data=b"a\n")
    equal([name], [s["fields"]["group"] for s in steps(got.err)
                   if s["step"] == "key exchange"])


@test
def rsa_key_transport():
    with s_server("-quiet", "-rev", "-tls1_2", "-cipher", "AES128-GCM-SHA256",
                  name="rsa") as server:
        options = "--name=www.example.org", "--explain", "--timeout=2"
        equal(4, connect(server.port, *options, data=b"ab\n").status)
        got = connect(server.port, "--rsa", *options,
                      data=b"ab\n").is_well(b"ba\n")
    holds("kind: RSA", got.err)
    holds("forward secrecy: no", got.err)


# --- secrets ------------------------------------------------------------------

LINE = re.compile(r"(CLIENT_RANDOM|[A-Z_]+_SECRET(_0)?) [0-9a-f]{64} "
                  r"[0-9a-f]{64,96}")


@rows([(v, v) for v in VERSIONS])
def the_key_log(version):
    with contextlib.suppress(FileNotFoundError):
        os.unlink("keys")
    lengths = []
    with over_tls(upper_line, version=version) as server:
        for _ in range(2):
            connect(server.port, "--trace-keys=keys", "--trace=trace",
                    data=b"a\n").is_well(b"A\n")
            with open("keys", encoding="ascii") as f:
                lines = f.read().splitlines()
            lengths.append(len(lines))
    equal(2 * lengths[0], lengths[1])
    equal(0o600, stat.S_IMODE(os.stat("keys").st_mode))
    equal([], [x for x in lines if not LINE.fullmatch(x)])
    if version == "1.3":
        holds("CLIENT_TRAFFIC_SECRET_0", "".join(lines))
    with open("trace", encoding="ascii") as f:
        trace = f.read()
    randoms = {s["fields"]["random"] for s in steps(trace)
               if s["step"] == "ClientHello"}
    equal(set(), randoms - {x.split()[1] for x in lines})
    equal([], [x for x in lines if x.split()[2] in trace])


@test
def a_key_log_that_others_may_read_is_refused():
    with open("open-keys", "w", encoding="ascii"):
        os.chmod("open-keys", 0o644)
    got = connect(free_port(), "--trace-keys=open-keys")
    equal(2, got.status)
    holds("chmod 600", got.err)


@test
def the_environment_cannot_ask_for_secrets():
    with over_tls(upper_line) as server:
        connect(server.port, data=b"a\n",
                env={"SSLKEYLOGFILE": "leak"}).is_well(b"A\n")
    equal(False, os.path.exists("leak"))


# --- resumption ---------------------------------------------------------------

@rows([(v, v) for v in VERSIONS])
def resumption(version):
    with s_server("-quiet", "-rev", "-tls1_" + version[-1]) as server:
        got = connect(server.port, "--resume=3", "--timeout=2", "--json",
                      data=b"ab\n").is_well(b"ba\n")
        plain = connect(server.port, "--resume=1", "--timeout=2",
                        data=b"ab\n").is_well(b"ba\n")
    done = [s for s in steps(got.err) if s["step"] == "done"]
    equal(["no", "yes", "yes", "yes"], [s["fields"]["resumed"] for s in done])
    equal(["1", "2", "3", "4"], [s["connection"].split("#")[1] for s in done])
    equal(1, plain.err.count(", resumed"))


@rows([(v, v) for v in VERSIONS])
def a_server_without_tickets(version):
    def talk(tcp):
        c = context(version=version)
        c.options |= ssl.OP_NO_TICKET
        c.num_tickets = 0
        with c.wrap_socket(tcp, server_side=True) as tls:
            with contextlib.suppress(OSError):
                upper_line(tls)
    with Server(talk) as server:
        got = connect(server.port, "--resume=1", data=b"a\n").is_well(b"A\n")
    holds("the server gave no ticket", got.err)
    equal(0, got.err.count(", resumed"))


def prepare():
    subprocess.run(["bash", HERE + "/lib/pki.sh", "pki"], check=True)
    os.mkdir("www")
    os.mkdir("tmp")
    with open("www/big", "wb") as f:
        f.write(os.urandom(3 * MB))


if not CONNECT or not find("openssl"):
    skip_all("ktls-connect or openssl is not installed")
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
run(prepare)
