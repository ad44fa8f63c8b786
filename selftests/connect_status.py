#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktls-connect: each way to fail has its exit status, and is explained."""
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
from servers import (  # noqa: E402
    CONNECT, VERSIONS, Server, command, connect, context, echo,
    free_port, over_tls, pin_of, prepare, upper_line)
from tap import equal, find, holds, rows, run, test  # noqa: E402


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
    ("URL", ["https://a.invalid:1443/b?c"], 'write "a.invalid:1443"'),
    ("URL without a path", ["https://a.invalid"], 'write "a.invalid"'),
    ("URL of an address", ["https://[::1]:1/"], 'write "[::1]:1"'),
    ("host with a path", ["a.invalid/b"], 'write "a.invalid"'),
    ("URL without a host", ["https:///b"], 'write "HOST"'),
    ("long URL", ["https://" + "a" * 9999], 'write "aaa'),
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


@rows([("another name", 3, "wrong_name", ["--name=www.example.org"],
        lambda: over_tls(upper_line)),
       ("no TLS", 4, "not_tls", [], lambda: Server(no_tls)),
       ("silence", 1, "timeout", [], lambda: Server(silent)),
       ("a cut", 6, "truncated", [],
        lambda: over_tls(end_without_close_notify))])
def a_failure_is_told_to_programs_once(status, reason, options, serve):
    with serve() as server:
        got = connect(server.port, "--json", "--trace=t", "--timeout=1",
                      *options, data=b"x")
    lines = [json.loads(x) for x in got.err.splitlines()]
    failed = [x for x in lines if x.get("step") == "failed" or "error" in x]
    equal((status, 1), (got.status, len(failed)))
    equal(reason, failed[0].get("fields", {}).get("reason"))
    with open("t", encoding="utf-8") as f:
        equal(lines, [json.loads(x) for x in f])


@test
def nobody_listens():
    got = connect(free_port())
    equal(1, got.status)
    holds("Connection refused", got.err)


@rows([("--trace", ["--trace=t"]), ("--json", ["--json", "--trace=t"])])
def a_failure_without_a_step_is_in_the_trace(options):
    got = connect(free_port(), *options)
    equal(1, got.status)
    with open("t", encoding="utf-8") as f:
        text = f.read()
    holds("Connection refused", json.loads(text)["error"])
    if "--json" in options:
        equal(text, got.err)


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


def wants_certificate(version):
    def talk(tcp):
        c = context(version=version)
        c.load_verify_locations("pki/ca.pem")
        c.verify_mode = ssl.CERT_REQUIRED
        # A close with something unread is a reset, which eats the alert.
        with tcp.dup() as rest:
            try:
                with c.wrap_socket(tcp, server_side=True) as tls:
                    upper_line(tls)
            except ssl.SSLError:
                rest.settimeout(1)
                with contextlib.suppress(OSError):
                    while rest.recv(1000):
                        pass
    return Server(talk)


@rows([(v, v) for v in VERSIONS])
def the_server_wants_our_certificate(version):
    with wants_certificate(version) as server:
        got = connect(server.port, data=b"a\n")
        equal(4, got.status)
        holds("alert ", got.err)
        connect(server.port, "--cert=pki/client.pem", "--key=pki/client.key",
                data=b"a\n").is_well(b"A\n")


def end_without_close_notify(tls):
    tls.recv(1)
    tls.sendall(b"x")


@rows([("it ends well", echo, [], 5, "Is a directory"),
       ("--json", echo, ["--json"], 5, '"reason":"internal"'),
       ("the server fails, too", end_without_close_notify, [], 6,
        "without close_notify")])
def standard_input_that_cannot_be_read(talk, options, status, text):
    with over_tls(talk) as server:
        done = subprocess.run(
            ["sh", "-c", '"$@" < /', "-", *command(server.port, *options)],
            capture_output=True, timeout=20, check=False)
    equal(status, done.returncode)
    err = done.stderr.decode()
    holds("standard input: Is a directory", err)
    holds(text, err)
    if "--json" in options:
        for line in err.splitlines():
            json.loads(line)


@rows([(f"{v}, {what}", v, data, options) for v in VERSIONS
       for what, data, options in
       [("with data", b"a\n", []), ("without", b"", []),
        ("the first of two", b"a\n", ["--resume=1"])]])
def a_refused_certificate_is_the_end_of_the_trace(version, data, options):
    with wants_certificate(version) as server:
        got = connect(server.port, "--explain", "--trace=t", *options,
                      data=data)
    equal(4, got.status)
    with open("t", encoding="utf-8") as f:
        steps = [json.loads(x) for x in f]
    names = [s["connection"].split("#")[1] for s in steps]
    for number in set(names):
        mine = [s for s, n in zip(steps, names) if n == number]
        equal(["alert", "failed"], [s["step"] for s in mine[-2:]])
        equal("server", mine[-2]["from"])
        equal("fatal", mine[-2]["fields"]["level"])
        equal("alert", mine[-1]["fields"]["reason"])
        equal(sorted(s["t_us"] for s in mine), [s["t_us"] for s in mine])
    holds("FAILED: alert", got.err)
    done = subprocess.run([CONNECT, "--read=t"], capture_output=True,
                          check=True)
    holds(b"FAILED: alert", done.stdout)


# --- certificates -------------------------------------------------------------

BAD = ["expired", "not-yet", "purpose", "weak", "unknown", "self", "sha1"]


@rows([(f"{name}, TLS {v}", name, v) for name in BAD for v in VERSIONS])
def a_bad_certificate(name, version):
    alerts = []

    def talk(tcp):
        c = context(name, version, "ALL:@SECLEVEL=0")
        try:
            with c.wrap_socket(tcp, server_side=True) as tls:
                upper_line(tls)
        except ssl.SSLError as error:
            alerts.append(str(error).upper())
            raise
    with Server(talk) as server:
        got = connect(server.port, "--explain", data=b"x\n")
        equal((3, b""), (got.status, got.out))
        holds("FAILED", got.err)
        holds(": failed", got.err)
        # The diagram ends with what has failed.
        equal(-1, got.err.find("Done"))
        connect(server.port, "--verify=none", data=b"x\n").is_well(b"X\n")
    equal(1, len(alerts))
    holds("ALERT", alerts[0])


@rows([("another name", ["--name=www.example.org"], 3),
       ("the right name", ["--name=localhost"], 0),
       ("the address", [], 0),
       ("another pin", ["--pin=" + "0" * 64], 3),
       ("no verification", ["--verify=none", "--name=x.example"], 0)])
def whom_we_talk_to(options, status):
    with over_tls(upper_line) as server:
        equal(status, connect(server.port, *options, data=b"a\n").status)


@rows([("in addition", "localhost", "localhost", [], 0),
       ("does not replace an authority", "self", "self", [], 3),
       ("alone", "self", "self", ["--verify=none"], 0),
       ("alone, for another name", "net", "net", ["--verify=none"], 0),
       ("alone, of another", "self", "localhost", ["--verify=none"], 3)])
def a_pin(name, pinned, options, status):
    with over_tls(upper_line, name=name) as server:
        got = connect(server.port, *options, "--pin=" + pin_of(pinned),
                      data=b"a\n")
    equal((status, b"" if status else b"A\n"), (got.status, got.out))


run(prepare)
