#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsstat list: columns, order, filters, groups; here and elsewhere.

What a filter lets pass is held against the same question asked of all
sessions in Python.
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import tap                              # pylint: disable=wrong-import-position
from tap import rows, test
from sessions import TLS_TX, Sender, ask, equal, install, ktlsstat, prepare

SIZES = (1, 16384, 40000, 1 << 20)
MADE = []


def make_sessions():
    prepare()
    for number, size in enumerate(SIZES):
        os.seteuid(65534 if number == 3 else 0)
        sender = Sender("TLS1.%d" % (2 + number % 2),
                        ("AES-128-GCM", "AES-256-GCM")[number // 2],
                        ("127.0.0.1", "::1")[number % 2])
        sender.send(size)
        sender.oracle.wait(size)
        MADE.append(sender)
    os.seteuid(0)


def told(*words):
    return [s["cookie"] for s in ask("list", *words)]


def fails(status, words, *culprits):
    for form in ((), ("-j",)):
        run = subprocess.run(("ktlsstat",) + form + tuple(words), check=False,
                             capture_output=True)
        equal(status, run.returncode, words)
        text = run.stderr.decode()
        if form:
            equal(b"", run.stderr, words)
            text = json.loads(run.stdout)["error"]
        else:
            equal(b"", run.stdout, words)
            equal(1, len(text.splitlines()), "lines of complaint:")
        for culprit in culprits:
            tap.holds(culprit, text)


# --- columns ----------------------------------------------------------------

@test
def columns_are_those_asked_for():
    lines = [l.split() for l in
             ktlsstat("list", "-o", "cookie,TX-Bytes,rport", "--bytes")
             .splitlines()]
    equal(["COOKIE", "TX-BYTES", "RPORT"], lines[0])
    equal(sorted([s.cookie(), str(s.sent), str(s.sock.getpeername()[1])]
                 for s in MADE), sorted(lines[1:]))


@test
def columns_may_be_added():
    plain = ktlsstat("list").splitlines()[0].split()
    more = ktlsstat("list", "-o", "+cookie,tx-wire").splitlines()[0].split()
    equal(plain + ["COOKIE", "TX-WIRE"], more)


@test
def columns_are_explained_and_all_work():
    names = [l.split()[0] for l in
             ktlsstat("list", "-o", "help").splitlines()]
    for name in names:
        lines = ktlsstat("list", "-o", name).splitlines()
        equal([name.upper()], lines[0].split())
        equal(len(MADE), len(lines) - 1, name)


@test
def json_has_the_columns_asked_for_and_no_others():
    for session in ask("list", "-o", "cookie,lport,tx-recs,local"):
        equal({"cookie", "local_port", "tx", "local"}, set(session))
        equal({"records"}, set(session["tx"]))


@test
def json_is_the_same_indented():
    want = ask("list", "-o", "cookie,tx-bytes,process,flags")
    pretty = ktlsstat("list", "-p", "-o", "cookie,tx-bytes,process,flags")
    equal(want, json.loads(pretty))
    equal(json.dumps(want, indent=2), pretty.rstrip("\n"))


# --- order ------------------------------------------------------------------

@rows([("smallest first", "tx-bytes", False), ("largest first", "-tx-bytes",
                                               True)])
def sessions_are_sorted(column, down):
    want = [s.cookie() for s in sorted(MADE, key=lambda s: s.sent,
                                       reverse=down)]
    equal(want, told("-s", column))
    text = ktlsstat("list", "-H", "-s", column, "-o", "cookie")
    equal(want, text.split())


@test
def names_are_sorted_and_equals_keep_their_order():
    plain = ask("list")
    want = sorted(plain, key=lambda s: s["local_address"])
    equal([s["cookie"] for s in want], told("-s", "laddr"))


# --- filters ----------------------------------------------------------------

def port(number):
    return MADE[number].sock.getsockname()[1]


FILTERS = [
    ("everything", "tx-bytes>=0", lambda s: True),
    ("nothing", "tx-bytes<0", lambda s: False),
    ("a number", "tx-bytes=40000", lambda s: s["tx"]["bytes"] == 40000),
    ("a unit", "tx-bytes=1M", lambda s: s["tx"]["bytes"] == 1 << 20),
    ("a fraction", "tx-bytes>15.9KiB", lambda s: s["tx"]["bytes"] > 16281),
    ("at most", "tx-bytes<=16384", lambda s: s["tx"]["bytes"] <= 16384),
    ("another number", "tx-bytes!=1", lambda s: s["tx"]["bytes"] != 1),
    ("spaces", "tx-bytes > 1k", lambda s: s["tx"]["bytes"] > 1024),
    ("a count", "tx-recs>=0.003k", lambda s: s["tx"]["records"] >= 3),
    ("a time", "age<1d2h", lambda s: s["age_ms"] < 93600000),
    ("a cipher", "cipher=AES-128-GCM", lambda s: s["cipher"] ==
     "AES-128-GCM"),
    ("a cipher, small", "cipher=aes-256-gcm", lambda s: s["cipher"] ==
     "AES-256-GCM"),
    ("another cipher", "cipher!=AES-128-GCM", lambda s: s["cipher"] !=
     "AES-128-GCM"),
    ("ciphers like", "cipher~AES-*-GCM", lambda s: True),
    ("ciphers unlike", "cipher!~*-128-*", lambda s: "-128-" not in
     s["cipher"]),
    ("a version", "version=TLS1.3", lambda s: s["version"] == "TLS1.3"),
    ("versions", "version<TLS1.3", lambda s: s["version"] == "TLS1.2"),
    ("an address", "laddr=::1", lambda s: s["local_address"] == "::1"),
    ("an endpoint", "local~127.*:*", lambda s: s["local_address"] ==
     "127.0.0.1"),
    ("a user", "uid=root", lambda s: s["uid"] == 0),
    ("a user's number", "uid=65534", lambda s: s["uid"] == 65534),
    ("a user's name", "user!=root", lambda s: s["user"] != "root"),
    ("a mode", "tx-mode=sw", lambda s: s["tx"]["mode"] == "sw"),
    ("modes", "tx/rx=sw/none", lambda s: s["rx"]["mode"] == "none"),
    ("a process", "process~*", lambda s: True),
    ("no process", "process=nonsense", lambda s: False),
    ("a flag", "flags=adopted", lambda s: "adopted" in s["flags"]),
    ("no flag", "flags!=adopted", lambda s: "adopted" not in s["flags"]),
    ("no label", "label=", lambda s: s["label"] is None),
    ("a label", "label=nonsense", lambda s: s["label"] == "nonsense"),
]


@rows(FILTERS)
def a_filter_lets_pass(words, predicate):
    equal([s["cookie"] for s in ask("list") if predicate(s)], told(words))


@test
def ports_and_processes_are_filters():
    for number, sender in enumerate(MADE):
        equal([sender.cookie()], told(f"lport={port(number)}"))
        equal([sender.cookie()],
              told(f"rport={sender.sock.getpeername()[1]}"))
        equal([sender.cookie()], told(f"cookie={sender.cookie()}"))
    equal(len(MADE), len(told(f"pid={os.getpid()}")))
    equal([], told(f"pid!={os.getpid()}"))
    equal([], told("lport=70000"))


@test
def all_filters_have_to_be_true():
    want = [s["cookie"] for s in ask("list") if s["version"] == "TLS1.3" and
            s["cipher"] == "AES-256-GCM"]
    equal(1, len(want))
    equal(want, told("version=TLS1.3", "cipher=AES-256-GCM"))
    equal([], told("lport=1", f"lport={port(0)}"))
    lines = ktlsstat("dump", "version=TLS1.3", "cipher=AES-256-GCM")
    equal(want, [l.split("\t")[0] for l in lines.splitlines()[1:]])


def received(*words):
    """How much the kernel told, to answer that."""
    run = subprocess.run(("strace", "-qq", "-e", "trace=recvmsg,recvfrom",
                          "ktlsstat", "list") + words, check=True,
                         capture_output=True)
    return sum(int(line.rsplit("= ", 1)[1].split()[0])
               for line in run.stderr.decode().splitlines())


@test
def the_kernel_is_asked_for_no_more_than_needed():
    if not tap.find("strace"):
        raise tap.Skip("strace is not installed")
    everything = received()
    for words in f"lport={port(0)}", "cipher=SM4-GCM", "uid=65534", "label=no":
        if received(words) >= everything - 200:
            raise AssertionError(f"{words}: {received(words)} of {everything}")


@rows([
    ("no such column", ("nonsense=1",), "nonsense", "tx-bytes"),
    ("no operator", ("tx-bytes",), "'tx-bytes'", ">="),
    ("no column", ("=3",), "'=3'"),
    ("no number", ("tx-bytes>x",), "'tx-bytes>x'"),
    ("no unit", ("tx-bytes>1Q",), "'tx-bytes>1Q'"),
    ("a negative number", ("tx-bytes>-1",), "'tx-bytes>-1'"),
    ("too large", ("tx-bytes>99999999999999999999",), "tx-bytes"),
    ("no cipher", ("cipher=ROT13",), "'cipher=ROT13'"),
    ("text has no order", ("local<a",), "'local<a'"),
    ("no columns", ("-o", ""), "--columns"),
    ("columns", ("-o", "local,nonsense"), "'nonsense'", "tx-bytes"),
    ("sort", ("-s", "-nonsense"), "'nonsense'", "tx-bytes"),
    ("tree", ("--tree", "cipher"), "'cipher'", "label"),
    ("an escape", ("\x1b[31m=1",), "\\x1b[31m=1"),
])
def wrong(words, *culprits):
    fails(2, ("list",) + words, *culprits)


@test
def options_that_lack_a_value_are_refused():
    for option in "-s", "--sort", "-o", "-N", "--tree":
        fails(2, ("list", option), "wants a value")


# --- groups -----------------------------------------------------------------

@test
def groups_have_sums():
    groups = ask("list", "--tree", "user")
    equal(["nobody", "root"], [g["user"] for g in groups])
    equal([1, 3], [g["count"] for g in groups])
    equal([SIZES[3], sum(SIZES[:3])], [g["tx"]["bytes"] for g in groups])
    equal(told("user=root"), [s["cookie"] for s in groups[1]["sessions"]])
    equal([{"nobody"}, {"root"}],
          [{s["user"] for s in g["sessions"]} for g in groups])


@test
def groups_are_sorted_by_their_sums():
    for column, want in ("tx-bytes", ["root", "nobody"]), \
                        ("-tx-bytes", ["nobody", "root"]):
        groups = ask("list", "--tree", "user", "-s", column)
        equal(want, [g["user"] for g in groups])
        for group in groups:
            sizes = [s["tx"]["bytes"] for s in group["sessions"]]
            equal(sorted(sizes, reverse=column[0] == "-"), sizes)


@test
def groups_are_shown_with_their_sessions_below():
    lines = ktlsstat("list", "--tree", "process", "--bytes", "-s", "-tx-bytes",
                     "-o", "cookie,tx-bytes,cipher").splitlines()
    equal(["PROCESS", "COOKIE", "TX-BYTES", "CIPHER"], lines[0].split())
    equal(["(4)", "*", str(sum(SIZES)), "*"], lines[1].split()[-4:])
    want = sorted(MADE, key=lambda s: -s.sent)
    equal([[s.cookie(), str(s.sent), s.cipher] for s in want],
          [l.split() for l in lines[2:]])
    for line in lines[2:]:
        equal(" ", line[0])


# --- labels -----------------------------------------------------------------

LABELS = ["web-1", "web 2\x1b[1m\\", "\u043a\u0442\u043b\u0441", "x" * 255]
SHOWN = ["web-1", "web 2\\x1b[1m\\x5c",
         "\\xd0\\xba\\xd1\\x82\\xd0\\xbb\\xd1\\x81", "x" * 255]


def label(number, text):
    equal("", ktlsstat("label", MADE[number].cookie(), "--", text))


def label_of(number):
    return ask("list", f"cookie={MADE[number].cookie()}")[0]["label"]


@test
def labels_are_given_and_shown_harmless():
    for number, text in enumerate(LABELS):
        label(number, text)
        equal(text, label_of(number))
        name = MADE[number].cookie()
        equal([name], told("label=" + text))
        dump = [l.split("\t") for l in ktlsstat("dump").splitlines()]
        equal(["label", "busy"], dump[0][-2:])
        equal([[SHOWN[number], "0"]], [l[-2:] for l in dump if l[0] == name])
        shown = ktlsstat("list", "-Ho", "label", "cookie=" + name)
        equal(SHOWN[number][:250], shown.rstrip("\n")[:250])


@test
def labels_are_filters():
    equal({MADE[0].cookie(), MADE[1].cookie()}, set(told("label~web*")))
    equal(2, len(told("label!~web*")))
    equal([], told("label="))
    equal([], told("label=web"))
    equal(3, len(told("label!=web-1")))


@test
def labels_are_groups():
    label(1, "web-1")
    groups = ask("list", "--tree", "label")
    equal(sorted(["web-1"] + LABELS[2:], key=str.encode),
          [g["label"] for g in groups])
    web = [g for g in groups if g["label"] == "web-1"][0]
    equal((2, SIZES[0] + SIZES[1]), (web["count"], web["tx"]["bytes"]))


@test
def labels_are_taken_back():
    for number, _ in enumerate(LABELS):
        label(number, "")
        equal(None, label_of(number))
    equal(["-"] * 4, ktlsstat("list", "-Ho", "label").split())
    equal([None], [g["label"] for g in ask("list", "--tree", "label")])


@test
def cookies_may_be_those_of_ss():
    ktlsstat("label", hex(int(MADE[0].cookie())), "ss")
    equal("ss", label_of(0))
    label(0, "")


@test
def labels_may_be_refused():
    name = MADE[0].cookie()
    fails(2, ("label", "x", "y"), "'x'")
    fails(2, ("label", "-1", "y"), "-1")
    fails(2, ("label", name), "COOKIE TEXT")
    fails(2, ("label", name, "a", "b"), "'b'")
    fails(2, ("label", name, "x" * 256), "255")
    fails(1, ("label", name, b"\xff"), "UTF-8")
    fails(1, ("label", "1", "y"), "1")
    nobody = subprocess.run(("setpriv", "--reuid", "65534", "--clear-groups",
                             "ktlsstat", "label", name, "y"), check=False,
                            capture_output=True)
    equal(1, nobody.returncode)
    tap.holds(b"CAP_NET_ADMIN", nobody.stderr)
    equal(None, label_of(0))


# --- elsewhere --------------------------------------------------------------

@test
def another_namespace_is_looked_into():
    subprocess.run(("ip", "netns", "add", "ktls-test"), check=True)
    try:
        pid = str(os.getpid())
        for name in "ktls-test", "/run/netns/ktls-test":
            equal([], told("-N", name))
            equal(0, ask("show", "-N", name)["live"])
        equal(told(), told("-N", pid))
        equal(told(), told("--netns", f"/proc/{pid}/ns/net"))
        run = subprocess.run(("ip", "netns", "exec", "ktls-test", "ktlsstat",
                              "list", "-H", "-N", pid), check=True,
                             capture_output=True)
        equal(len(MADE), len(run.stdout.splitlines()))
    finally:
        subprocess.run(("ip", "netns", "delete", "ktls-test"), check=True)
    fails(1, ("list", "-N", "ktls-test"), "ktls-test", "No such file")
    fails(1, ("list", "-N", "/proc/self/ns/uts"), "Invalid argument")


# --- without the module -----------------------------------------------------

@test
def without_the_module_sock_diag_is_asked():
    exact = {s["cookie"]: s for s in ask("list")}
    subprocess.run(("modprobe", "tcp_diag"), check=True)
    with open("/proc/sys/kernel/modprobe", encoding="ascii") as helper:
        path = helper.read().strip()
    subprocess.run(("sysctl", "-qw", "kernel.modprobe="), check=True)
    subprocess.run(("rmmod", "ktls_stats"), check=True)
    try:
        run = subprocess.run(("ktlsstat", "list", "-j"), check=True,
                             capture_output=True)
        text = subprocess.run(("ktlsstat", "list", "lport>0", "-s", "lport",
                               "-o", "tx-bytes,age,lport"), check=True,
                              capture_output=True)
        nobody = subprocess.run(
            ("setpriv", "--reuid", "65534", "--clear-groups", "ktlsstat",
             "list"), check=False, capture_output=True)
        fails(1, ("monitor",), "modprobe ktls_stats")
    finally:
        subprocess.run(("sysctl", "-qw", "kernel.modprobe=" + path),
                       check=True)
        subprocess.run(("modprobe", "ktls_stats"), check=True)
    tap.holds(b"modprobe ktls_stats", run.stderr)
    equal((1, b""), (nobody.returncode, nobody.stdout))
    tap.holds(b"CAP_NET_ADMIN", nobody.stderr)
    sessions = json.loads(run.stdout)
    equal(set(exact), {s["cookie"] for s in sessions})
    for session in sessions:
        want = exact[session["cookie"]]
        for key in ("inode", "uid", "local_address", "local_port",
                    "peer_address", "peer_port", "version", "cipher",
                    "processes", "user"):
            equal(want[key], session[key], key)
        for way in "tx", "rx":
            equal(want[way]["mode"], session[way]["mode"])
            equal({None}, {session[way][k] for k in session[way]
                           if k != "mode"})
        # TCP counts its SYN, too, at the end that sent it.
        equal(want["tx"]["wire"], session["tcp"]["tx"] - 1)
        equal(0, session["tcp"]["rx"])
        for key in "errors", "age_ms", "flags":
            equal(None, session[key], key)
    ports = sorted(s.sock.getsockname()[1] for s in MADE)
    equal([["-", "-", str(p)] for p in ports],
          [l.split() for l in text.stdout.decode().splitlines()[1:]])


tap.run(make_sessions)
