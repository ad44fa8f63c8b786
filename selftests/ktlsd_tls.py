#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What ktlsd.conf says of TLS, as openssl s_client sees it; each row one
configuration, one client, and what both ends say of the outcome.
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
from agent import Agent, Server, expect, run  # noqa: E402

PKI = "../pki"                          # made once, for all rows
PAIRS = ("certificate = wild.pem", "key = wild.key",
         "certificate = net.pem", "key = net.key")
REQUIRE = ("client_auth = require", "ca = ca.pem")
REQUEST = ("client_auth = request", "ca = ca.pem")
TLS12 = "-tls1_2"


def cert(name):
    return f"-cert {name}.pem -key {name}.key"


# name: lines of the configuration, arguments of the client, does it get the
# server's line?, what the client says, what the log says
ROWS = {
    "SNI finds the exact name": (
        PAIRS, "-servername localhost", True, "subject=CN ?= ?localhost",
        'name "localhost", .*handed over$'),
    "SNI finds the second certificate": (
        PAIRS, "-servername a.example.org", True, "subject=CN ?= ?wild", "handed"),
    "SNI finds the third certificate": (
        PAIRS, "-servername www.example.net", True, "subject=CN ?= ?net", "handed"),
    "SNI without a match gets the first": (
        PAIRS, "-servername other.test", True, "subject=CN ?= ?localhost", "handed"),
    "no SNI gets the first": (
        PAIRS, "-noservername", True, "subject=CN ?= ?localhost", 'name "",.*handed'),
    "strict_sni refuses other names": (
        PAIRS + ("strict_sni = yes",), "-servername other.test", False,
        "alert number 112|unrecognized name",
        r"\(reason unknown_name, sent alert unrecognized_name\)$"),
    "strict_sni takes its names": (
        PAIRS + ("strict_sni = yes",), "-servername www.example.net", True,
        "subject=CN ?= ?net", "handed"),
    "ALPN: the server's preference": (
        ("alpn = h2", "alpn = http/1.1"), "-alpn http/1.1,h2", True,
        "ALPN protocol: h2", r'AES-\d+-GCM, ALPN "h2", \d+ ms: handed'),
    "ALPN: what both have": (
        ("alpn = h2 http/1.1",), "-alpn spdy/1,http/1.1", True,
        "ALPN protocol: http/1.1", 'ALPN "http/1.1"'),
    "ALPN: nothing in common": (
        ("alpn = h2 http/1.1",), "-alpn spdy/1", False,
        "alert number 120|no application protocol",
        r"\(reason no_alpn, sent alert no_application_protocol\)$"),
    "ALPN: the client has none": (
        ("alpn = h2",), "", True, "No ALPN negotiated", "handed"),
    "client certificate required and shown": (
        REQUIRE, cert("client"), True, "plaintext",
        r'peer "[^"]*CN=client[^"]*", \d+ ms: handed over$'),
    "client certificate required and shown, TLS 1.2": (
        REQUIRE, f"{TLS12} {cert('client')}", True, "plaintext",
        r'TLS 1\.2.*peer "[^"]*CN=client[^"]*", \d+ ms: handed over$'),
    "client certificate required, none shown": (
        REQUIRE, "", False, "alert number 116|certificate required",
        r"\(reason no_certificate, sent alert certificate_required\)$"),
    "client certificate required, none shown, TLS 1.2": (
        REQUIRE, TLS12, False, "alert number 40|handshake failure",
        r"\(reason no_certificate, sent alert handshake_failure\)$"),
    "client certificate of another CA": (
        REQUIRE, cert("client-unknown"), False, "alert number 48|unknown ca",
        r"\(reason unknown_ca, sent alert unknown_ca\)$"),
    "client certificate that has expired": (
        REQUIRE, cert("client-expired"), False,
        "alert number 45|certificate expired",
        r"\(reason expired, sent alert certificate_expired\)$"),
    "client certificate requested, none shown": (
        REQUEST, "", True, "plaintext", r"GCM, \d+ ms: handed over$"),
    "client certificate requested, a bad one shown": (
        REQUEST, cert("client-unknown"), False, "alert number 48|unknown ca",
        r"\(reason unknown_ca, "),
    "a client certificate that is pinned": (
        REQUIRE + ("pins = @client",), cert("client"), True, "plaintext", "handed"),
    "a client certificate that is not pinned": (
        REQUIRE + ("pins = @client",), cert("client-b"), False, "alert",
        r"\(reason wrong_pin, sent alert"),
    "min_version": (
        ("min_version = 1.3",), TLS12, False, "alert number 70|protocol version",
        r"\(reason no_version, sent alert protocol_version\)$"),
    "max_version": (
        ("max_version = 1.2",), "", True, "TLSv1.2", r"TLS 1\.2,"),
    "ciphers": (
        ("ciphers = CHACHA20-POLY1305",), "", True,
        "TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    "no cipher in common": (
        ("ciphers = CHACHA20-POLY1305",),
        "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256", False,
        "alert number 40|handshake failure",
        r"\(reason no_cipher, sent alert handshake_failure\)$"),
    "groups": (
        ("groups = P-256",), "-groups X25519:P-256", True,
        "(Server|Peer) Temp Key: ECDH, prime256v1", "handed"),
    "no group in common": (
        ("groups = P-256",), "-tls1_3 -groups X25519", False,
        "alert number 40|handshake failure",
        r"\(reason no_group, sent alert handshake_failure\)$"),
    "RSA key transport is off": (
        ("@rsa",), f"{TLS12} -cipher AES128-GCM-SHA256", False,
        "alert number 40|handshake failure", r"\(reason no_cipher, "),
    "RSA key transport is on": (
        ("@rsa", "rsa_key_transport = yes"),
        f"{TLS12} -cipher AES128-GCM-SHA256", True, "AES128-GCM-SHA256", "handed"),
    "a staple is sent": (
        ("staple = localhost.ocsp-good.der",), "-status", True,
        "OCSP Response Status: successful", "handed"),
    "no tickets": (
        ("tickets = no",), f"{TLS12}", True, r"\A(?!.*TLS session ticket:)", "handed"),
}


def pin(name):
    spki = subprocess.run(f"openssl x509 -in {name}.pem -pubkey -noout | openssl "
                          "pkey -pubin -outform der | openssl dgst -sha256 -r",
                          shell=True, check=True, capture_output=True, text=True)
    return spki.stdout.split()[0]


def prepare(lines):
    """The certificate comes first, and @ stands for what is made here."""
    name = "localhost"
    if "@rsa" in lines:
        name, lines = "rsa", lines[1:]
    first = {"certificate": f"{name}.pem", "key": f"{name}.key"}
    return first, [re.sub("@(.*)", lambda m: pin(m.group(1)), l) for l in lines]


def client(agent, arguments):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{agent.port}", "-CAfile",
         "ca.pem", "-ign_eof", *arguments.split()], check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=30)
    return done.returncode, done.stdout.decode(errors="replace")


def row(lines, arguments, served, says, logs):
    if not os.path.isdir(PKI):
        subprocess.run(["bash", os.path.join(HERE, "lib/pki.sh"), PKI],
                       check=True)
    os.chdir(PKI)
    if os.path.exists("server"):
        os.unlink("server")
    first, lines = prepare(lines)
    Server("server")
    agent = Agent(*lines, **first)
    status, text = client(agent, arguments)
    agent.wait(logs)
    expect(("plaintext from the server" in text) == served, text)
    expect(re.search(says, text, re.S), text)
    expect(served or status, f"openssl's status is {status}")
    expect(agent.end() == 0, "status")


def tests():
    """A function for each row: what run() expects."""
    for name, values in ROWS.items():
        def test(values=values):
            row(*values)
        test.__name__ = "test_" + name
        yield test.__name__, test


run(dict(tests()))
