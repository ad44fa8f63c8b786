#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktls-connect: bytes go through, whoever the server is and whoever encrypts."""
import contextlib
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
from servers import (  # noqa: E402
    CONNECT, KERNEL, MB, VERSIONS, Program, connect, command, echo,
    free_port, goodbye, over_tls, prepare, s_server, start,
    upper_line)
from tap import Skip, equal, find, holds, rows, run, test  # noqa: E402


HTTPD = os.environ.get("KTLS_HTTPD") or find("ktls-httpd")


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
def a_slow_reader_is_waited_for():
    def answer(tls):
        tls.recv(1)
        tls.sendall(bytes(32 * MB))
        goodbye(tls)
    with over_tls(answer) as server:
        process = start(server.port, "-q", "--timeout=1")
        process.stdin.write(b"x")
        process.stdin.close()
        time.sleep(4)               # more than the timeout, twice
        got = len(process.stdout.read())
        equal((0, 32 * MB, b""),
              (process.wait(20), got, process.stderr.read()))
        process.stdout.close()
        process.stderr.close()
        equal([], server.errors)


def ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return sum(map(int, f.read().rsplit(")")[1].split()[11:13]))


@test
def waiting_costs_no_cpu():
    with over_tls(lambda tls: tls.recv(1)) as server:
        process = start(server.port)
        while b"encrypted by" not in process.stderr.readline():
            pass
        before = ticks(process.pid)
        time.sleep(2)
        spent = ticks(process.pid) - before
        process.stdin.write(b"x")
        process.communicate()
    if spent > 0.5 * os.sysconf("SC_CLK_TCK"):
        raise AssertionError(f"{spent} ticks of CPU for two idle seconds")


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
        got = connect(server.port, data=bytes(64 * MB))
    equal(1, got.status)
    holds("lost", got.err)


@test
def a_server_that_ends_before_it_has_all():
    def end(tls):
        tls.recv(1)
        time.sleep(1)               # until all buffers on the way are full
        goodbye(tls)
    with over_tls(end) as server:
        got = connect(server.port, data=bytes(64 * MB))
    equal(1, got.status)


@rows([("some was left", bytes(64 * MB), 1, "input was not sent"),
       ("nothing was left", b"x", 0, "")])
def a_server_that_ends_first_says_so(data, status, text):
    def end(tls):
        tls.recv(1)
        time.sleep(1)
        goodbye(tls)
        time.sleep(1)           # else a reset could be seen before the end
    with over_tls(end) as server:
        process = start(server.port, "-q")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(data)
            process.stdin.flush()
        # Standard input is open: who still could type is not waited for.
        equal(status, process.wait(20))
        holds(text, process.stderr.read().decode())
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.stderr.close()


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


@rows([("an answer", ["127.0.0.1:{port}"]), ("help", ["--help"]),
       ("a diagram", ["--read={here}/data/connect.trace"])])
def standard_output_that_is_closed(args):
    with over_tls(upper_line) as server:
        args = [a.format(port=server.port, here=HERE) for a in args]
        done = subprocess.run(
            ["sh", "-c", '"$@" >&-', "-", CONNECT, "--ca=pki/ca.pem", *args],
            input=b"a\n", stderr=subprocess.PIPE, timeout=20, check=False)
    equal(5, done.returncode)
    holds(b"standard output: Bad file descriptor\n", done.stderr)


@rows([("help", ["--help"], 0), ("version", ["--version"], 0),
       ("a diagram", ["--read=" + HERE + "/data/connect.trace"], 0),
       ("no trace", ["--read=/dev/zero"], 2)])
def a_reader_that_left(args, status):
    out, other = os.pipe()
    os.close(out)
    done = subprocess.run([CONNECT, *args], stdout=other,
                          stderr=subprocess.PIPE, timeout=20, check=False)
    os.close(other)
    equal(status, done.returncode)
    equal(False, b"standard output" in done.stderr)


@test
def a_full_disk_is_no_reader_that_left():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CONNECT, "--help"], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    equal(5, done.returncode)
    holds(b"No space left", done.stderr)


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
        connect(server.port, "--timeout=1",
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
        connect(server.port, "--timeout=1",
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

def tls_stat(name):
    with open("/proc/net/tls_stat", encoding="ascii") as f:
        return int(dict(x.split() for x in f)[name])


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


def scene():
    prepare()
    os.mkdir("www")
    os.mkdir("tmp")
    with open("www/big", "wb") as f:
        f.write(os.urandom(3 * MB))


run(scene)
