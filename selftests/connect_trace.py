#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktls-connect: what it tells, to people and programs; what it keeps secret."""
import contextlib
import json
import os
import re
import resource
import shutil
import ssl
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
from servers import (  # noqa: E402
    CONNECT, KERNEL, VERSIONS, Program, Server, command, connect,
    context, echo, free_port, over_tls, pin_of, prepare, s_server,
    upper_line)
from tap import (Skip, equal, eventually, find, holds, rows,  # noqa: E402
                 run, test)


# --- what is told -------------------------------------------------------------

def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


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


@rows([("for people", []), ("for programs", ["--json"])])
def a_trace_that_cannot_be_written(options):
    with over_tls(upper_line) as server:
        got = connect(server.port, "--trace=/dev/full", *options,
                      data=b"a\n")
    equal((5, b"A\n"), (got.status, got.out))
    equal(1, got.err.count("trace /dev/full: No space left on device"))
    if options:
        equal(["internal"], [s["reason"] for s in steps(got.err)
                             if "error" in s])
        holds("done", [s.get("step") for s in steps(got.err)])


@test
def a_failure_counts_more_than_its_trace():
    with Server(lambda tcp: tcp.recv(1)) as server:
        got = connect(server.port, "--trace=/dev/full")
    equal(1, got.status)
    holds("trace /dev/full: ", got.err)


@rows([("full", "2>/dev/full"), ("closed", "2>&-")])
def standard_error_that_takes_no_json(redirection):
    with over_tls(upper_line) as server:
        done = subprocess.run(
            ["sh", "-c", '"$@" ' + redirection, "-",
             *command(server.port, "--json")],
            input=b"a\n", stdout=subprocess.PIPE, timeout=20, check=False)
    equal((5, b"A\n"), (done.returncode, done.stdout))


@rows([("TLS 1.2", "1.2", []),
       ("TLS 1.3", "1.3", ["NewSessionTicket", "NewSessionTicket"])])
def what_follows_the_handshake(version, tickets):
    with over_tls(upper_line, version=version) as server:
        got = connect(server.port, "--explain", "--trace=trace",
                      data=b"a\n").is_well(b"A\n")
    told = steps(read("trace"))
    names = [s["step"] for s in told]
    late = told[names.index("done") + 1:]
    equal(tickets + ["alert"], [s["step"] for s in late])
    equal({"server"}, {s["from"] for s in late})
    equal({"alert": "close_notify", "level": "warning"}, late[-1]["fields"])
    for ticket in late[:-1]:
        equal(True, int(ticket["fields"]["lifetime"]) > 0)
        equal(True, int(ticket["fields"]["size"]) > 100)
    after = got.err.split("Done after")[1]
    equal(len(tickets), after.count("= NewSessionTicket, "))
    holds("= alert: close_notify =", after)
    equal(0, got.err.count("FAILED"))


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


CIPHERS = [("AES-128-GCM", "AES-128-GCM"), ("AES-256-GCM", "AES-256-GCM"),
           ("CHACHA20-POLY1305", "CHACHA20-POLY1305"),
           ("TLS_AES_256_GCM_SHA384", "AES-256-GCM"),
           ("TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305")]


@rows([(f"{o}, TLS {v}", v, o, c) for v in VERSIONS for o, c in CIPHERS])
def a_cipher_of_our_choice(version, option, cipher):
    with over_tls(upper_line, version=version) as server:
        got = connect(server.port, "--cipher", option, data=b"a\n")
    holds(f"TLS {version}, {cipher}", got.is_well(b"A\n").err)


@rows([("X25519", "X25519", "x25519"), ("P-256", "P-256", "secp256r1"),
       ("P-384", "P-384", "secp384r1"),
       ("secp256r1", "secp256r1", "secp256r1"),
       ("secp384r1", "secp384r1", "secp384r1")])
def a_group_of_our_choice(option, name):
    with over_tls(upper_line) as server:
        got = connect(server.port, "--group", option, "--json", data=b"a\n")
    equal([name], [s["fields"]["group"] for s in steps(got.err)
                   if s["step"] == "key exchange"])


@test
def rsa_key_transport():
    with s_server("-quiet", "-rev", "-tls1_2", "-cipher", "AES128-GCM-SHA256",
                  name="rsa") as server:
        options = "--name=www.example.org", "--explain", "--timeout=1"
        equal(4, connect(server.port, *options, data=b"ab\n").status)
        got = connect(server.port, "--rsa", *options,
                      data=b"ab\n").is_well(b"ba\n")
    holds("kind: RSA", got.err)
    holds("forward secrecy: no", got.err)


CONF = """[service web]
listen = 127.0.0.1:{port}
certificate = {place}/pki/localhost.pem
key = {place}/pki/localhost.key
handoff = {place}/handoff
trace = {place}/agent.trace
"""


@test
def an_agent_tells_the_same():
    httpd, ktlsd = find("ktls-httpd"), find("ktlsd")
    if not KERNEL or not httpd or not ktlsd:
        raise Skip("needs kernel TLS, ktls-httpd and ktlsd")
    port = free_port()
    with open("agent.conf", "w", encoding="ascii") as f:
        f.write(CONF.format(port=port, place=os.getcwd()))
    server = subprocess.Popen([httpd, "--root", ".", "--handoff", "handoff"],
                              stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: os.path.exists("handoff"), "the server listens")
        with Program(ktlsd, "-c", "agent.conf", port=port):
            for _ in range(2):
                equal(0, connect(port, "--trace=ours",
                                 data=b"GET / HTTP/1.0\r\n\r\n").status)
            eventually(lambda: read("agent.trace").count('"done"') == 2,
                       "the agent has told both")
    finally:
        server.terminate()
        server.wait(20)
    theirs = steps(read("agent.trace"))
    names = sorted({s["connection"] for s in theirs},
                   key=lambda n: int(n.split("#")[1]))
    equal(2, len(names))
    wire = [(s["step"], s["from"]) for s in theirs
            if s["connection"] == names[1] and s["from"] != "here"]
    for one in wire:
        if one[0] != "NewSessionTicket":
            holds(one, [(s["step"], s["from"]) for s in steps(read("ours"))])
    done = subprocess.run([CONNECT, "--read=agent.trace",
                           "--connection", names[1]], capture_output=True,
                          env=dict(os.environ, LC_ALL="C"), check=True)
    holds(f"Connection {names[1]}\n", done.stdout.decode())
    holds("From now on", done.stdout.decode())


# --- checks -------------------------------------------------------------------

def checks(text):
    """Of a --json: what of the certificate was checked, and how it went."""
    return {s["fields"]["check"]: s["fields"] for s in steps(text)
            if s.get("step") == "check"}


CHAINS = [
    ("alone", ["localhost"], "ca", "ca"),
    ("with the root", ["localhost", "ca"], "ca", "ca"),
    ("one in between", ["chain"], "ca",
     "ca, with 1 certificate in between"),
    ("one in between and the root", ["chain", "ca"], "ca",
     "ca, with 1 certificate in between"),
    ("who is in between is trusted", ["chain", "ca"], "mid", "mid"),
    ("a root that nobody trusts", ["unknown", "other-ca"], "ca", "other-ca"),
    ("one that has nothing to do with it", ["localhost", "net"], "ca", "ca"),
]


@rows(CHAINS)
def the_issuer_of(names, ca, issuer):
    with open("pki/sent.pem", "wb") as out:
        for name in names:
            with open(f"pki/{name}.pem", "rb") as one:
                out.write(one.read())
    shutil.copy(f"pki/{names[0]}.key", "pki/sent.key")
    with over_tls(upper_line, name="sent") as server:
        got = connect(server.port, "--json", f"--ca=pki/{ca}.pem",
                      f"--name={names[0]}.example.org", data=b"a\n")
    equal("issued by CN=ktls test " + issuer,
          checks(got.err)["chain"]["detail"])


@rows([("full", "localhost", [], "yes"),
       ("nothing", "self", ["--verify=none"], "no"),
       ("nothing, and its own key", "self",
        ["--verify=none", "--cert=pki/client.pem", "--key=pki/client.key"],
        "no"),
       ("a pin alone", "self", ["--verify=none", "--pin"], "yes")])
def whether_the_peer_was_verified(name, options, verified):
    if options[-1:] == ["--pin"]:
        options = options[:-1] + ["--pin=" + pin_of(name)]
    with over_tls(upper_line, name=name) as server:
        got = connect(server.port, "--explain", "--trace=trace", *options,
                      data=b"a\n").is_well(b"A\n")
    equal([verified], [s["fields"]["verified"] for s in steps(read("trace"))
                       if s["step"] == "done"])
    text = " ".join(got.err.split())
    equal(verified == "yes", "sees who talks to whom" in text)
    equal(verified == "no", "peer NOT verified." in text)
    equal(verified == "no", "he reads everything" in text)
    holds("; peer verified;" if verified == "yes" else
          "; peer NOT verified;", got.err)


@rows([("without a response", [], "localhost", "skipped", "no OCSP"),
       ("good", ["localhost.ocsp-good.der"], "localhost", "ok", "good"),
       ("expired", ["localhost.ocsp-expired.der"], "localhost", "failed",
        "good, until"),
       ("must-staple", [], "must-staple", "failed", "no OCSP")])
def revocation(staple, name, result, detail):
    options = [x for s in staple for x in ("-status_file", "pki/" + s)]
    options += ["-cert_chain", "pki/ca.pem"]
    with s_server("-quiet", "-rev", *options, name=name) as server:
        got = connect(server.port, "--json", "--timeout=1", data=b"a\n")
    check = checks(got.err)["revocation"]
    equal(result, check["result"])
    holds(detail, check["detail"])


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


def make(name, mode=0o600):
    with open(name, "w", encoding="ascii") as f:
        os.fchmod(f.fileno(), mode)


def make_link(name):
    make("target")
    os.symlink("target", name)


def make_two_names(name):
    make(name)
    os.link(name, "another-name")


@rows([("others may read it", lambda n: make(n, 0o644), "chmod 600"),
       ("a symbolic link", make_link, "it must not be a symbolic link"),
       ("a link to nothing", lambda n: os.symlink("nowhere", n),
        "it must not be a symbolic link"),
       ("another name for it", make_two_names, "it has other names")])
def a_key_log_that_is_refused(prepare_it, text):
    with contextlib.suppress(FileNotFoundError):
        os.unlink("bad-keys")
    prepare_it("bad-keys")
    got = connect(free_port(), "--trace-keys=bad-keys")
    equal(2, got.status)
    holds("key log bad-keys: ", got.err)
    holds(text, got.err)
    equal(False, os.path.exists("nowhere"))


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@rows([("a key log", "trace-keys", "key log", "No space left on device"),
       ("a trace", "trace", "trace", "File too large")])
def a_file_that_reaches_its_limit(option, name, text):
    with over_tls(upper_line) as server:
        got = connect(server.port, f"--{option}=short", "-q", data=b"a\n",
                      preexec_fn=limit_files)
    equal((5, b"A\n"), (got.status, got.out))
    equal(f"ktls-connect: {name} short: {text}\n", got.err)
    equal(100, os.path.getsize("short"))
    os.unlink("short")


@test
def memory_is_for_nobody_to_read():
    if os.getuid():
        raise Skip("needs root, to become another")
    with over_tls(upper_line) as server:
        process = subprocess.Popen(
            [CONNECT, "--verify=none", f"127.0.0.1:{server.port}"], user=65534,
            group=65534, extra_groups=[], cwd="/", stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        holds(b"TLS 1.", process.stderr.readline())
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as f:
            core = [x.split() for x in f if x.startswith("Max core")][0]
        # Of a process that is not dumpable the files in /proc are root's.
        owner = os.stat(f"/proc/{process.pid}/mem").st_uid
        equal(b"A\n", process.communicate(b"a\n", timeout=20)[0])
    equal((0, ["0", "0"]), (owner, core[4:6]))


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
        got = connect(server.port, "--resume=3", "--timeout=1", "--json",
                      data=b"ab\n").is_well(b"ba\n")
        plain = connect(server.port, "--resume=1", "--timeout=1",
                        data=b"ab\n").is_well(b"ba\n")
    done = [s for s in steps(got.err) if s["step"] == "done"]
    equal(["no", "yes", "yes", "yes"], [s["fields"]["resumed"] for s in done])
    equal(["1", "2", "3", "4"], [s["connection"].split("#")[1] for s in done])
    equal(1, plain.err.count(", resumed"))


def traced():
    """Under strace a sanitizer cannot look for leaks, and takes that for one."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {**os.environ, "ASAN_OPTIONS": options + ":detect_leaks=0"}


@rows([(f"TLS {v}, {offload}", v, offload) for v in VERSIONS
       for offload in ("require", "never")])
def a_ticket_that_is_there_is_not_waited_for(version, offload):
    if offload == "require" and not KERNEL:
        raise Skip("needs kernel TLS")
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    with s_server("-quiet", "-rev", "-tls1_" + version[-1]) as server:
        subprocess.run(["strace", "-o", "calls", "-e", "trace=poll",
                        *command(server.port, "--resume=3", "--offload",
                                 offload)],
                       stdin=subprocess.DEVNULL, check=True, env=traced())
    calls = read("calls")
    holds("poll(", calls)
    equal(0, calls.count("(Timeout)"))


@rows([(v, v) for v in VERSIONS])
def whose_certificate_is_judged_again(version):
    with s_server("-quiet", "-rev", "-tls1_" + version[-1]) as server:
        got = connect(server.port, "--resume=1", "--timeout=1", "--explain",
                      data=b"ab\n").is_well(b"ba\n")
    first, second = got.err.replace("|", "").split("Connection ")[1:]
    said = "No certificate was sent this time:"
    equal((0, 1), (first.count(said), second.count(said)))
    holds("check of chain: ok", second.split(said)[0])


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
    if version == "1.3":    # TLS 1.2 has session numbers, too
        holds("the server gave no ticket", got.err)
    equal(0, got.err.count(", resumed"))


run(prepare)
