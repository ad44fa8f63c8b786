#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsstat doctor: each verdict it can come to, on a host that was made so; and
what it says of connections, against ss and the sockets themselves.

Files of /proc, /sys and /boot that this host has otherwise are mounted over, in
a mount namespace of the command alone.
"""
import contextlib
import ipaddress
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
# pylint: disable=wrong-import-position
import ktlssock as k
from tap import Skip, equal, eventually, find, holds, rows, test
import tap

RELEASE = os.uname().release
NOBODY = "65534"
TLS_RX_EXPECT_NO_PAD, TLS_TX_MAX_PAYLOAD_LEN = 4, 5
KPROBES = "/sys/kernel/debug/kprobes/enabled"
HELPER = "/proc/sys/kernel/modprobe"


class Lines:
    """What doctor said, by name; text and JSON say the same."""

    def __init__(self, done):
        self.status = done.returncode
        self.all = json.loads(done.stdout)
        equal("", done.stderr)
        for line in self.all:
            equal(["advice", "found", "name", "status"], sorted(line))
            equal(line["status"] == "ok", line["advice"] is None)
        fails = [line for line in self.all if line["status"] == "fail"]
        equal(1 if fails else 0, self.status)

    def find(self, name):
        found = [line for line in self.all if line["name"] == name]
        if len(found) != 1:
            raise AssertionError(f"{name}: {found or self.all}")
        return found[0]

    def says(self, name, status, found="", advice=""):
        line = self.find(name)
        if line["status"] != status:
            raise AssertionError(line)
        holds(found, line["found"])
        holds(advice, line["advice"] or "")


def doctor(*words, **more):
    return Lines(k.run("doctor", "--json", *words, **more))


def faked(files, user=None, env=None):
    """doctor on a host where these files have these texts; a name that ends
    with a slash is a directory with nothing else in it."""
    script, number = [], 0
    for name, text in files.items():
        if name.endswith("/"):
            script.append(f"mount -t tmpfs none {name}")
            continue
        number += 1
        with open(f"fake.{number}", "w", encoding="utf-8") as f:
            f.write(text)
        if os.path.dirname(name) + "/" in files:
            script.append(f"cp fake.{number} {name}")
        else:
            script.append(f"mount --bind fake.{number} {name}")
    as_user = (f"setpriv --reuid {user} --regid {user} --clear-groups"
               if user else "")
    script.append(f"exec {as_user} {shlex.quote(k.KTLSSTAT)} doctor --json")
    return Lines(subprocess.run(
        ["unshare", "--mount", "sh", "-ec", "\n".join(script)], text=True,
        capture_output=True, timeout=120, check=False,
        env=dict(os.environ, **(env or {}))))


def write(name, text):
    with open(name, "w", encoding="ascii") as f:
        f.write(text)


def read(name):
    with open(name, encoding="ascii") as f:
        return f.read()


@contextlib.contextmanager
def unloaded(*modules, helper="\n"):
    """The modules are gone, and nothing loads them unless @helper does."""
    before = read(HELPER)
    try:
        write(HELPER, "\n")
        for module in modules:
            if subprocess.run(("rmmod", module), check=False,
                              stderr=subprocess.DEVNULL).returncode:
                raise Skip(f"the module {module} is in use")
        write(HELPER, helper or before)
        yield
    finally:
        write(HELPER, before)
        k.modprobe("ktls_stats")


# --- the host -----------------------------------------------------------------

@test
def a_host_that_is_well():
    lines = doctor()
    equal(0, lines.status)
    for name in ("tls-module", "ulp", "TLS1.2 AES-128-GCM",
                 "TLS1.3 AES-256-GCM", "expect-no-pad", "ktls_stats", "missed",
                 "counters", "privilege", "gnutls", "preemption", "nic",
                 "tcp_rmem", "tcp_wmem", "ktlsd"):
        lines.says(name, "ok")
    lines.says("kernel", "ok", RELEASE)
    with open("/sys/module/ktls_stats/version", encoding="ascii") as f:
        lines.says("ktls_stats", "ok", f.read().strip() + ",")


@test
def text_says_what_json_says():
    done = k.run("doctor")
    lines = doctor()
    equal((0, ""), (done.returncode, done.stderr))
    told = done.stdout.splitlines()
    equal(len(lines.all), len(told))
    for line, text in zip(lines.all, told):
        status, name, found = re.match(r"(\w+) +(.*?)  +(.*)$", text).groups()
        equal((line["status"], line["name"]), (status, name))
        holds(line["advice"] or "", found)


@test
def ciphers_are_those_that_sockets_take():
    lines = doctor()
    for version in k.VERSIONS:
        for cipher in k.CIPHERS:
            sock, peer = k.connect()
            try:
                k.install(sock, k.TLS_TX, version, cipher)
                status = "ok"
            except OSError:
                status = "no"
            line = lines.find(f"{version} {cipher}")
            equal(status == "ok", "byte for byte" in line["found"])
            sock.close()
            peer.close()


def can(option, value):
    sock, peer = k.connect()
    with contextlib.closing(sock), contextlib.closing(peer):
        k.install(sock, k.TLS_TX)
        k.install(sock, k.TLS_RX)
        try:
            if option == k.TLS_TX:
                k.install(sock, k.TLS_TX, key=b"l")
            else:
                sock.setsockopt(k.SOL_TLS, option, value)
        except OSError:
            return False
        return True


@rows([
    ("rekey", "rekey", k.TLS_TX, b"", "6.14"),
    ("padding", "expect-no-pad", TLS_RX_EXPECT_NO_PAD, b"\1\0\0\0", "6.0"),
    ("payload", "max-payload", TLS_TX_MAX_PAYLOAD_LEN, b"\0\x10", "newer"),
])
def what_this_kernel_can(name, option, value, since):
    if can(option, value):
        doctor().says(name, "ok")
    else:
        doctor().says(name, "warn", advice=since)


@test
def the_self_test_leaves_nothing_behind():
    before = k.ask("show")
    doctor()
    after = k.ask("show")
    equal((0, before["errors"], before["missed"]),
          (after["live"], after["errors"], after["missed"]))


CONFIG = f"/boot/config-{RELEASE}"


@rows([
    ("with TLS", {"/boot/": "", CONFIG:
     "CONFIG_TLS_TOE=y\nCONFIG_TLS=m\n# CONFIG_TLS_DEVICE is not set\n"},
     "ok", "CONFIG_TLS=m, CONFIG_TLS_DEVICE=n in /boot"),
    ("with devices", {"/boot/": "", CONFIG:
     "CONFIG_TLS=y\nCONFIG_TLS_DEVICE=y\n"},
     "ok", "CONFIG_TLS=y, CONFIG_TLS_DEVICE=y"),
    ("without", {"/boot/": "", CONFIG: "# CONFIG_TLS is not set\n"},
     "fail", "CONFIG_TLS=n"),
    ("not to be found", {"/boot/": "", f"/usr/lib/modules/{RELEASE}/": ""},
     "ok", "unknown"),
])
def configuration(files, status, found):
    faked(files).says("config", status, found)


@test
def without_tls_and_nothing_loads_it():
    with unloaded("ktls_stats", "tls"):
        lines = doctor()
        lines.says("tls-module", "warn", "not loaded", "modules-load.d")
        lines.says("ulp", "fail", "the module tls is not there",
                   "modprobe -v tls")
        for name in "ciphers", "rekey", "expect-no-pad", "max-payload":
            lines.says(name, "warn", "not tried", "see ulp")
        lines.says("counters", "warn", "tls_stat")
        lines.says("ktls_stats", "warn", "not loaded:", "modprobe ktls_stats")
        lines = doctor(user=NOBODY)
        lines.says("ulp", "fail", "not there", "as root")
        lines = faked({"/proc/sys/kernel/modules_disabled": "1\n"})
        lines.says("tls-module", "fail", "modules_disabled", "reboot")


@test
def without_tls_and_asking_loads_it():
    with unloaded("ktls_stats", "tls", helper=None):
        lines = doctor()
    lines.says("tls-module", "warn", "was not loaded")
    lines.says("ulp", "ok")
    equal(0, lines.status)
    doctor().says("tls-module", "ok", "loaded")


@test
def without_our_module():
    with unloaded("ktls_stats"):
        lines = doctor()
        equal(0, lines.status)
        lines.says("ktls_stats", "warn", "not loaded:", "modprobe ktls_stats")
        dep = f"/lib/modules/{RELEASE}/modules.dep"
        lines = faked({os.path.realpath(dep): "kernel/net/tls/tls.ko:\n"})
        lines.says("ktls_stats", "warn", "not installed", "modules_install")


@test
def as_nobody():
    lines = doctor(user=NOBODY)
    equal(0, lines.status)
    lines.says("privilege", "warn", "totals only", "CAP_NET_ADMIN")
    lines.says("TLS1.3 AES-128-GCM", "ok")
    lines.says("ktls_stats", "ok")


@test
def with_kprobes_switched_off():
    if not os.path.exists(KPROBES):
        subprocess.run(("mount", "-t", "debugfs", "none",
                        "/sys/kernel/debug"), check=False)
    doctor().says("kprobes", "ok", "switched on")
    write(KPROBES, "0")
    try:
        lines = doctor()
    finally:
        write(KPROBES, "1")
    lines.says("kprobes", "fail", "switched off", "echo 1 > " + KPROBES)
    doctor(user=NOBODY).says("kprobes", "ok", "unknown")
    faked({"/sys/kernel/debug/": ""}).says("kprobes", "ok", "unknown")


@test
def with_a_realtime_kernel():
    lines = faked({"/sys/kernel/": "", "/sys/kernel/realtime": "1\n"})
    lines.says("preemption", "warn", "PREEMPT_RT")


@test
def with_more_sessions_than_are_followed():
    module = "/sys/module/ktls_stats/parameters/max_sessions"
    with unloaded("ktls_stats"):
        if not k.modprobe("ktls_stats", "max_sessions=1"):
            raise Skip("max_sessions=1 is refused")
        equal("1\n", read(module))
        pairs = [k.pair() for _ in range(2)]
        lines = doctor()
        for ends in pairs:
            for sock in ends:
                sock.close()
        subprocess.run(("rmmod", "ktls_stats"), check=True)
    lines.says("missed", "warn", " sessions are in no counter",
               "max_sessions")
    doctor().says("missed", "ok", "complete")


CRYPTO = "\n".join(f"""name : {name}
driver : {driver}
module : kernel
priority : {priority}
type : aead
""" for name, driver, priority in (
    ("gcm(aes)", "gcm_base(ctr(aes-generic),ghash-generic)", 100),
    ("rfc4106(gcm(aes))", "rfc4106-gcm-aesni", 400)))
FAST = CRYPTO + """
name : gcm(aes)
driver : generic-gcm-aesni
priority : 400
"""
HAS = "processor : 0\nflags\t\t: fpu aes avx\n"
HAS_NOT = "processor : 0\nflags\t\t: fpu vaes avx\n"


@rows([
    ("fast", FAST, HAS, "ok", "generic-gcm-aesni", ""),
    ("not loaded", CRYPTO, HAS, "warn", "has AES instructions",
     "modprobe aesni_intel"),
    ("none in an x86", CRYPTO, HAS_NOT, "warn", "has no AES", "CHACHA20"),
    ("arm64", CRYPTO, "Features : fp aes pmull\n", "warn", "has AES", "aes_ce"),
    ("nothing", "name : ghash\npriority : 1\n", HAS, "warn", "no gcm(aes)",
     "ciphers"),
])
def aes(crypto, cpuinfo, status, found, advice):
    faked({"/proc/crypto": crypto, "/proc/cpuinfo": cpuinfo}).says(
        "aes", status, found, advice)


@test
def aes_is_as_proc_crypto_has_it():
    line = doctor().find("aes")
    best = {}
    for block in read("/proc/crypto").split("\n\n"):
        entry = dict(re.findall(r"^(\w+) *: (.*)$", block, re.M))
        if entry.get("name") == "gcm(aes)":
            best[int(entry["priority"])] = entry["driver"]
    holds(best[max(best)], line["found"])


@test
def counters_that_should_be_zero():
    sock, peer = k.connect()
    k.install(peer, k.TLS_RX)
    sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    try:
        peer.recv(100)
        raise AssertionError("zeros decrypt")
    except OSError:
        pass
    lines = doctor()
    lines.says("TlsDecryptError", "warn", "1 records did not", "wrong key")
    equal(0, lines.status)
    for sock in sock, peer:
        sock.close()
    if can(k.TLS_TX, b""):
        sock, peer = k.connect()
        k.install(sock, k.TLS_TX)
        with contextlib.suppress(OSError):
            k.install(sock, k.TLS_TX, cipher="AES-256-GCM")
        doctor().says("TlsTxRekeyError", "warn", "1 own key updates")
        for sock in sock, peer:
            sock.close()


@test
def buffers_that_hold_no_record():
    for name in "tcp_rmem", "tcp_wmem":
        path = "/proc/sys/net/ipv4/" + name
        before = read(path)
        write(path, "4096 16384 20000")
        try:
            doctor().says(name, "warn", "at most 20000", "net.ipv4." + name)
        finally:
            write(path, before)


@test
def without_a_loopback():
    done = subprocess.run(("unshare", "--net", k.KTLSSTAT, "doctor", "-j"),
                          text=True, capture_output=True, check=False)
    Lines(done).says("ulp", "fail", "no loopback", "ip link set lo up")


@test
def programs():
    lib, = [line.split()[-1] for line in subprocess.run(
        ("ldconfig", "-p"), capture_output=True, text=True,
        check=True).stdout.splitlines() if "libgnutls.so.30 " in line][:1]
    faked({os.path.realpath(lib): ""}).says("gnutls", "warn", "not installed")
    os.makedirs("bin", exist_ok=True)
    env = {"PATH": os.path.abspath("bin") + ":" + os.environ["PATH"]}
    write("bin/openssl", "#!/bin/sh\necho OpenSSL 9.9 '(x)'\n")
    os.chmod("bin/openssl", 0o755)
    faked({}, env=env).says("openssl", "warn", "OpenSSL 9.9 without",
                            "enable-ktls")
    write("bin/openssl", "#!/bin/sh\nexit 127\n")
    faked({}, env=env).says("openssl", "ok", "not installed")
    doctor().says("openssl", "ok", "with kernel TLS" if find("openssl")
                  else "not installed")
    doctor().says("ktlsd", "ok", "does not run")
    shutil.copy(shutil.which("sleep"), "ktlsd")
    with subprocess.Popen(("./ktlsd", "100")) as process:
        eventually(lambda: read(f"/proc/{process.pid}/comm") == "ktlsd\n",
                   "its name")
        doctor().says("ktlsd", "ok", f"process {process.pid}")
        process.kill()


@test
def devices_are_as_ethtool_has_them():
    able = False
    for device in os.listdir("/sys/class/net"):
        done = subprocess.run(("ethtool", "-k", device), text=True,
                              capture_output=True, check=True)
        able |= bool(re.search(r"tls-hw\S+: (on|off$)", done.stdout, re.M))
    line = [x for x in doctor().all if x["name"] == "nic"][0]
    equal(able, not line["found"].startswith("none of"))


# --- one connection -----------------------------------------------------------

SS_CIPHERS = {"AES-128-GCM": "aes-gcm-128", "AES-256-GCM": "aes-gcm-256",
              "AES-128-CCM": "aes-ccm-128",
              "CHACHA20-POLY1305": "chacha20-poly1305"}


def ss(sock):
    """What ss tells of the TLS of that socket."""
    text = subprocess.run(
        ("ss", "-tieOHn", "sport", str(sock.getsockname()[1]), "dport",
         str(sock.getpeername()[1])),
        capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"(version|cipher|rxconf|txconf): (\S+)", text))


def endpoint(address):
    host, port = address[:2]
    plain = ipaddress.ip_address(host)
    if plain.version == 6 and plain.ipv4_mapped:
        plain = plain.ipv4_mapped
    return f"[{plain}]:{port}" if plain.version == 6 else f"{plain}:{port}"


def connection(sock):
    return f"{endpoint(sock.getsockname())}-{endpoint(sock.getpeername())}"


@rows([(f"{v} {c} {h}", v, c, h) for v in k.VERSIONS for c in k.CIPHERS
       for h in ("127.0.0.1", "::1")])
def a_connection(version, cipher, host):
    here, there = k.pair(version, cipher, host)
    k.install(there, k.TLS_TX, version, cipher)
    with contextlib.closing(here), contextlib.closing(there):
        for sock in here, there:
            lines = doctor("--connection", connection(sock))
            equal(lines.all, doctor(str(k.cookie(sock))).all)
            equal(0, lines.status)
            told = ss(sock)
            lines.says("kernel-tls", "ok", f"{version} {cipher}")
            equal((version[3:], SS_CIPHERS[cipher]),
                  (told["version"], told["cipher"]))
            for name, key in ("tx", "txconf"), ("rx", "rxconf"):
                lines.says(name, "ok" if told[key] == "sw" else "warn",
                           "in software" if told[key] == "sw" else "no key")
            lines.says("process", "ok", f", {os.getpid()}")
            lines.says("connection", "ok", f"cookie {k.cookie(sock)}")


@test
def a_dual_stack_connection():
    with socket.create_server(("::", 0), family=socket.AF_INET6,
                              dualstack_ipv6=True) as server:
        here = socket.create_connection(("127.0.0.1",
                                         server.getsockname()[1]))
        there = server.accept()[0]
    k.install(there, k.TLS_TX)
    doctor("--connection", connection(there)).says("kernel-tls", "ok")
    doctor("--connection", connection(here)).says("kernel-tls", "fail")
    here.close()
    there.close()


@test
def what_was_asked_of_a_connection():
    here, there = k.pair()
    lines = doctor("--connection", connection(there))
    lines.says("expect-no-pad", "ok", "no:")
    there.setsockopt(k.SOL_TLS, TLS_RX_EXPECT_NO_PAD, b"\1\0\0\0")
    lines = doctor("--connection", connection(there))
    lines.says("expect-no-pad", "ok", "without a copy")
    with contextlib.suppress(OSError):
        here.setsockopt(k.SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, b"\0\x10")
        doctor(str(k.cookie(here))).says("max-payload", "ok", "4096 bytes")
    here.close()
    there.close()


@test
def connections_that_are_not_offloaded():
    here, there = k.connect()
    lines = doctor(str(k.cookie(here)))
    lines.says("kernel-tls", "fail", "not used")
    k.attach(here)
    lines = doctor(str(k.cookie(here)))
    lines.says("kernel-tls", "fail", "no keys", "handshake")
    number = str(k.cookie(here))
    here.close()
    there.close()
    doctor(number).says("connection", "fail", "no such connection", "ss -te")
    lines = doctor("--connection", "127.0.0.1:1-127.0.0.1:2")
    lines.says("connection", "fail", "no such connection")


@test
def a_connection_as_nobody():
    here, there = k.pair()
    lines = doctor("--connection", connection(here), user=NOBODY)
    line = lines.find("kernel-tls")
    if line["status"] != "ok":
        lines.says("kernel-tls", "warn", "not to be seen", "root")
    here.close()
    there.close()


def certificate():
    subprocess.run(("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
                    "-out", "cert.pem", "-subj", "/CN=localhost", "-days",
                    "30"), check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def s_server(*options):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with subprocess.Popen(("openssl", "s_server", "-accept",
                           f"127.0.0.1:{port}", "-key", "key.pem", "-cert",
                           "cert.pem", *options), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as server:
        try:
            for line in server.stdout:
                if line.startswith(b"ACCEPT"):
                    break
            yield port
        finally:
            server.kill()


@contextlib.contextmanager
def client(port):
    """A curl in the middle of an upload: its connection is open."""
    with subprocess.Popen(("curl", "-sk", "-T", "-",
                           f"https://127.0.0.1:{port}/x"),
                          stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as curl:
        try:
            yield
        finally:
            curl.kill()


def established(port):
    """Both ends of what is connected to that port, once it is there."""
    found = []

    def look():
        text = subprocess.run(
            ("ss", "-tOHn", "state", "established", "sport", str(port)),
            capture_output=True, text=True, check=True).stdout.split()
        found[:] = text[2:4]
        return len(found) == 2

    eventually(look, "a connection")
    return found


@test
def openssl_with_and_without():
    if not find("openssl") or not find("curl"):
        raise Skip("no openssl or curl here")
    certificate()
    with s_server("-ktls") as port, client(port):
        local, peer = established(port)
        where = f"{local}-{peer}"
        eventually(lambda: any(
            line["name"] == "kernel-tls" and line["status"] == "ok"
            for line in doctor("--connection", where).all), "its keys")
        lines = doctor("--connection", where)
        text = subprocess.run(("ss", "-tieOHn", "sport", str(port), "dport",
                               peer.rsplit(":", 1)[1]), capture_output=True,
                              text=True, check=True).stdout
        version, = re.findall(r"version: (\S+)", text)
        cipher, = re.findall(r"cipher: (\S+)", text)
        lines.says("kernel-tls", "ok", f"TLS{version} " + {
            v: n for n, v in SS_CIPHERS.items()}[cipher])
        lines.says("tx", "ok", "in software")
        lines.says("process", "ok", "openssl, ")
    with s_server() as port, client(port):
        local, peer = established(port)
        doctor("--connection", f"{local}-{peer}").says(
            "kernel-tls", "fail", "not used", "SSL_OP_ENABLE_KTLS")


@rows([
    ("cookie", ["web"], "is no cookie"),
    ("sign", ["-1x"], "unknown option"),
    ("zero", ["0"], "is no cookie"),
    ("large", ["99999999999999999999"], "is no cookie"),
    ("two", ["1", "2"], "one word too many"),
    ("no peer", ["--connection", "127.0.0.1:1"], "ADDR:PORT-ADDR:PORT"),
    ("name", ["--connection", "localhost:1-127.0.0.1:2"], "ADDR:PORT-ADDR:PORT"),
    ("long", ["--connection", "1" * 500 + "-2"], "ADDR:PORT-ADDR:PORT"),
    ("both", ["1", "--connection", "127.0.0.1:1-127.0.0.1:2"], "not both"),
])
def wrong_usage(words, why):
    done = k.run("doctor", *words)
    equal((2, ""), (done.returncode, done.stdout))
    holds(why, done.stderr)
    done = k.run("doctor", "--json", *words)
    equal((2, ""), (done.returncode, done.stderr))
    holds(why, json.loads(done.stdout)["error"])


k.need()
k.own_netns()
tap.run()
