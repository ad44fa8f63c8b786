#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktls-connect --read: traces as diagrams, and what is no trace refused."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
from tap import equal, find, holds, rows, run, skip_all, test  # noqa: E402

CONNECT = os.environ.get("KTLS_CONNECT") or find("ktls-connect")
TRACE = HERE + "/data/connect.trace"
DIAGRAM = HERE + "/data/connect.diagram"
LINE_MAX = 16384 + 256


def read(data, *options, locale="C"):
    """Status, diagram and complaints for a trace on standard input."""
    done = subprocess.run([CONNECT, "--read=-", *options], input=data,
                          capture_output=True, timeout=20,
                          env=dict(os.environ, LC_ALL=locale))
    return done.returncode, done.stdout, done.stderr.decode()


def step(name="ClientHello", side="client", t=1.0, fields=None, **more):
    return dict({"t_us": t, "step": name, "from": side,
                 "fields": fields or {}}, **more)


def lines(*steps):
    return "".join(json.dumps(s) + "\n" for s in steps).encode()


def content(path):
    with open(path, "rb") as f:
        return f.read()


@test
def the_fixture_is_drawn_as_it_always_was():
    equal((0, content(DIAGRAM), ""), read(content(TRACE)))


@test
def a_file_is_read_as_standard_input_is():
    done = subprocess.run([CONNECT, "--read", TRACE], capture_output=True,
                          env=dict(os.environ, LC_ALL="C"))
    equal(content(DIAGRAM), done.stdout)


@test
def no_line_is_wider_than_80_columns():
    for locale in "C", "C.UTF-8":
        text = read(content(TRACE), locale=locale)[1].decode()
        equal([], [x for x in text.split("\n") if len(x) > 80])


@test
def letters_are_ascii_unless_the_locale_is_utf8():
    read(content(TRACE))[1].decode("ascii")
    text = read(content(TRACE), locale="C.UTF-8")[1].decode()
    for sign in "\u2502\u2500\u2550\u25c0\u25b6":
        holds(sign, text)


@test
def what_is_encrypted_has_another_arrow():
    text = read(content(TRACE))[1].decode()
    before, after = text.split(" ServerHello, ", 1)
    equal([], [x for x in before.split("\n")[3:] if "==" in x])
    equal([], [x for x in after.split("\n")[1:] if "--" in x])


@test
def in_tls12_only_what_follows_change_cipher_spec_is_encrypted():
    hello = {"version": "TLS1.2"}
    text = read(lines(
        step(), step("ServerHello", "server", fields=hello),
        step("Certificate", "server"), step("ChangeCipherSpec"),
        step("Finished"), step("NewSessionTicket", "server"),
        step("ChangeCipherSpec", "server"), step("Finished", "server"),
        step("alert", "server", fields={"alert": "close_notify"})))[1].decode()
    secret = [x for x in text.split("\n") if "|<=" in x or "|==" in x]
    equal(["Finished", "Finished", "alert"],
          [x.strip("0123456789.|=<> ").split()[0].rstrip(":")
           for x in secret])


@test
def text_from_the_network_does_nothing_to_a_terminal():
    evil = "\x1b[2J\u202e\u00e9\n\t\x7f"
    status, out, _ = read(lines(
        step(fields={"sni": evil, "size": evil, "alpn": "\\x1b"},
             connection=evil),
        step("failed", "here", fields={"reason": evil, "text": evil})))
    equal(0, status)
    equal(set(), {c for c in out if c != 10 and not 32 <= c <= 126})


CUT = content(TRACE)[:-20]
GOOD = step()

PROMISE = b"no more."


@rows([("verified", "yes", True, False),
       ("not verified", "no", False, True),
       ("nobody showed anything", "none", True, False),
       ("a trace that does not say", "", False, False)])
def what_is_promised(verified, promised, warned):
    out = read(lines(step(), step("done", "here", fields={
        "version": "TLS1.3", "verified": verified})))[1]
    equal((promised, warned), (PROMISE in out, b"NOT verified" in out))


BROKEN = [
    ("empty", b"", "no step in it"),
    ("blank lines", b"\n  \n\r\n", "no step in it"),
    ("cut in its last line", CUT, ":20: not a JSON object"),
    ("text", b"hello\n", ":1: not a JSON object"),
    ("zero bytes", b"\0" * 100, ":1: not a JSON object"),
    ("a line that does not end", b" " * 10000000, ":1: the line is longer"),
    ("a line too long by one", b" " * (LINE_MAX + 1) + b"\n",
     ":1: the line is longer"),
    ("brackets without end", b"[" * 16000 + b"\n", ":1: not a JSON object"),
    ("objects without end", b'{"a":' * 3000 + b"\n", ":1: not a JSON object"),
    ("an array", b"[]\n", ":1: not a JSON object"),
    ("a number", b"1\n", ":1: not a JSON object"),
    ("two on one line", lines(GOOD).strip() * 2 + b"\n", "not a JSON object"),
    ("invalid UTF-8", b'{"step": "\xff"}\n', ":1: not a JSON object"),
    ("a member twice", b'{"t_us":1,"t_us":1,"step":"done","from":"here",'
     b'"fields":{}}\n', ":1: not a JSON object"),
    ("an object without anything", b"{}\n", "no known \"step\""),
    ("an unknown step", lines(step("Farewell")), "no known \"step\""),
    ("a step that is a number", lines(step(7)), "no known \"step\""),
    ("an unknown side", lines(step(side="there")), "\"from\" is none"),
    ("no side", lines(step(side=None)), "\"from\" is none"),
    ("a time that is text", lines(step(t="1")), "\"t_us\" is no time"),
    ("a time before", lines(step(t=-1)), "\"t_us\" is no time"),
    ("a time without end", lines(step(t=1e300)), "\"t_us\" is no time"),
    ("no time", lines(step(t=None)), "\"t_us\" is no time"),
    ("fields that are a list", lines(step(fields=[1])), "\"fields\" is no"),
    ("a field that is a number", lines(step(fields={"size": 1})),
     "\"fields\" is no"),
    ("a field with a zero", lines(step(fields={"sni": "a\0b"})),
     "not a JSON object"),
    ("25 fields", lines(step(fields={str(i): "" for i in range(25)})),
     "too many fields"),
    ("a connection that is a number", lines(step(connection=1)),
     "\"connection\" is no"),
    ("a connection with a long name", lines(step(connection="x" * 128)),
     "\"connection\" is no"),
    ("a third line", lines(GOOD, GOOD) + b"x\n", ":3: not a JSON object"),
]


@rows(BROKEN)
def refused(data, text):
    status, _, said = read(data)
    equal(2, status)
    holds(text, said)
    equal(1, said.count("\n"))


@test
def what_comes_before_the_fault_is_drawn():
    out = read(CUT)[1]
    equal(True, content(DIAGRAM).startswith(out) and len(out) > 3000)


@rows([
    ("24 fields", step(fields={str(i): "x" for i in range(24)})),
    ("members that are new", step(colour={"red": [1]})),
    ("a time without a fraction", step(t=3)),
    ("a failure without a step", {"error": "cannot", "reason": "lost"}),
    ("a connection of 127 bytes", step(connection="x" * 127)),
])
def accepted(one):
    equal((0, ""), read(lines(one, step(connection=one.get("connection", "")))
                        )[::2])


REFUSED = {"error": "cannot connect to \x1b[2J: refused", "reason": "lost"}
SHOWN = b"FAILED: lost: cannot connect to \\x1b[2J: refused\n"


@rows([("alone", [REFUSED], [], 0, True),
       ("the first of two", [REFUSED, {"error": "later"}], [], 0, True),
       ("of no known connection", [REFUSED, step(connection="a#1")],
        ["--connection=a#1"], 0, False),
       ("alone, of no known connection", [REFUSED], ["--connection=a#1"], 2,
        False),
       ("after steps", [step(connection="a#1"), REFUSED], [], 0, True)])
def a_failure_that_is_no_step(trace, options, status, shown):
    got, out, said = read(lines(*trace), *options)
    equal((status, shown), (got, out.endswith(SHOWN)))
    equal(shown, b"FAILED" in out)
    equal("" if not status else 'ktls-connect: -: no connection "a#1"\n', said)
    if trace[:1] == [REFUSED] and not options:
        equal(SHOWN, out)


@test
def a_line_of_the_longest_length_is_read():
    line = lines(step(fields={"sni": ""}))[:-1]
    line = line.replace(b'"sni": ""', b'"sni": "' +
                        b"x" * (LINE_MAX - len(line)) + b'"')
    equal(LINE_MAX, len(line))
    equal(0, read(line + b"\n")[0])
    equal(0, read(line)[0])


def woven():
    """Two connections, as an agent writes them."""
    one = content(TRACE).decode().splitlines()
    out = []
    for line in one:
        out += [line.replace("7:443#1", "7:1111#1"),
                line.replace("7:443#1", "9:2222#2")]
    return "\n".join(out).encode()


@rows([("the first", None, "7:1111#1", "9:2222#2"),
       ("the second", "192.0.2.9:2222#2", "9:2222#2", None)])
def one_connection_of_many(want, name, other):
    options = [] if want is None else ["--connection", want]
    status, out, said = read(woven(), *options)
    equal(0, status)
    equal(content(DIAGRAM), out.replace(name.encode(), b"7:443#1"))
    if other:
        holds(f'--connection="192.0.2.{other}"', said)


@test
def a_connection_that_is_not_there():
    status, out, said = read(woven(), "--connection=nobody")
    equal((2, b""), (status, out))
    holds('no connection "nobody"', said)


@test
def many_connections_are_named_up_to_a_bound():
    said = read(lines(*[step(connection=str(i)) for i in range(100)]))[2]
    equal(8, said.count("--connection="))
    holds("and more", said)


@test
def more_steps_than_a_handshake_has_are_left_out():
    status, out, said = read(lines(*[step()] * 1000))
    equal(0, status)
    equal(256, out.count(b"ClientHello"))
    holds("only the first 256", said)


@test
def a_trace_that_does_not_exist():
    done = subprocess.run([CONNECT, "--read", "nowhere"], capture_output=True)
    equal(2, done.returncode)
    holds(b"nowhere: No such file", done.stderr)


if not CONNECT:
    skip_all("ktls-connect is not installed")
run()
