# SPDX-License-Identifier: GPL-2.0-only
"""Kernel TLS sockets with known keys, and what ktlsstat says of them."""
import ctypes
import json
import os
import socket
import struct
import subprocess

from tap import find, skip_all

SOL_TLS, TLS_TX, TLS_RX, TCP_ULP, SO_COOKIE = 282, 1, 2, 31, 57
TLS_SET_RECORD_TYPE = 1
CLONE_NEWNET = 0x40000000
VERSIONS = {"TLS1.2": 0x303, "TLS1.3": 0x304}
# number, key, salt; the iv fills 12 bytes
CIPHERS = {
    "AES-128-GCM": (51, 16, 4),
    "AES-256-GCM": (52, 32, 4),
    "AES-128-CCM": (53, 16, 4),
    "CHACHA20-POLY1305": (54, 32, 0),
}
KTLSSTAT = find("ktlsstat")


def connect(host="127.0.0.1"):
    with socket.create_server((host, 0), family=socket.AF_INET6
                              if ":" in host else socket.AF_INET) as server:
        here = socket.create_connection(server.getsockname()[:2])
        return here, server.accept()[0]


def attach(sock):
    try:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    except FileExistsError:
        pass


def install(sock, direction, version="TLS1.3", cipher="AES-128-GCM",
            key=b"k"):
    number, size, salt = CIPHERS[cipher]
    attach(sock)
    sock.setsockopt(SOL_TLS, direction,
                    struct.pack("=HH", VERSIONS[version], number) +
                    b"i" * (12 - salt) + key * size + b"s" * salt + bytes(8))


def pair(version="TLS1.3", cipher="AES-128-GCM", host="127.0.0.1"):
    """Both ends in the kernel: what one sends, the other receives."""
    here, there = connect(host)
    install(here, TLS_TX, version, cipher)
    install(there, TLS_RX, version, cipher)
    return here, there


def send(ends, size):
    here, there = ends
    for at in range(0, size, 16384):
        chunk = min(16384, size - at)
        here.sendall(os.urandom(chunk))
        while chunk:
            chunk -= len(there.recv(chunk))


def cookie(sock):
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE,
                                              8))[0]


def run(*words, user=None, **more):
    """ktlsstat with these words, as that user."""
    as_user = ["setpriv", "--reuid", user, "--regid", user,
               "--clear-groups"] if user else []
    return subprocess.run([*as_user, KTLSSTAT, *words], text=True,
                          capture_output=True, timeout=120, check=False,
                          **more)


def ask(*words):
    done = run("--json", *words)
    if done.returncode or done.stderr:
        raise AssertionError(f"{words}: {done}")
    return json.loads(done.stdout)


def own_netns():
    """So that the totals are ours alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)


def modprobe(*words):
    return not subprocess.run(("modprobe", "-q", *words), check=False,
                              stderr=subprocess.DEVNULL).returncode


def need():
    if os.geteuid():
        skip_all("needs root")
    if not KTLSSTAT:
        skip_all("ktlsstat is not installed")
    if not modprobe("ktls_stats"):
        skip_all("no module ktls_stats here")
