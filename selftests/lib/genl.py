# SPDX-License-Identifier: GPL-2.0-only
"""What ktls_stats.ko says, from the words of its header alone."""
import socket
import struct

NETLINK_GENERIC, SOL_NETLINK, ADD_MEMBERSHIP = 16, 270, 1
GENL_ID_CTRL, GETFAMILY = 16, 3
REQUEST, ACK, DUMP = 1, 4, 0x300
ERROR, DONE = 2, 3
SESSION_GET, TOTALS_GET, OPEN_NTF, CLOSE_NTF, LABEL_SET = 1, 2, 3, 4, 5
MODES = "none", "sw", "device"
DIRECTION = {2: "mode", 3: "live", 4: "closed", 5: "bytes", 6: "records",
             7: "wire", 8: "control", 9: "rekeys"}
SESSION = {2: "cookie", 3: "inode", 4: "uid", 5: "family", 7: "local_port",
           9: "remote_port", 10: "version", 11: "cipher", 12: DIRECTION,
           13: DIRECTION, 14: "errors", 17: "flags"}
NESTS = {12: "tx", 13: "rx"}


def attributes(data):
    while len(data) >= 4:
        size, kind = struct.unpack("=HH", data[:4])
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def number(data):
    return int.from_bytes(data, "little")


def named(data, names):
    out = {}
    for kind, value in attributes(data):
        name = names.get(kind)
        if isinstance(name, dict):
            out[NESTS[kind]] = named(value, name)
        elif name:
            out[name] = number(value)
    return out


class Stats:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                  NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.settimeout(20)
        self.events = []
        reply = dict(attributes(next(iter(self.ask(
            GENL_ID_CTRL, GETFAMILY, 0, struct.pack("=HH11sx", 15, 2,
                                                    b"ktls-stats"))))))
        self.family = number(reply[1])
        self.groups = {}
        for _, group in attributes(reply[7]):
            group = dict(attributes(group))
            self.groups[group[1].rstrip(b"\0").decode()] = number(group[2])

    def messages(self):
        data = self.sock.recv(1 << 20)
        while len(data) >= 16:
            size, kind = struct.unpack("=IH", data[:6])
            yield kind, data[16:size]
            data = data[(size + 3) & ~3:]

    def ask(self, family, command, flags, data=b""):
        self.sock.send(struct.pack("=IHHII BBH", 20 + len(data), family,
                                   REQUEST | ACK | flags, 1, 0, command, 1, 0)
                       + data)
        out = []
        while True:
            for kind, payload in self.messages():
                if kind in (ERROR, DONE):
                    error = struct.unpack("=i", payload[:4])[0]
                    if error:
                        raise OSError(-error, "netlink")
                    return out
                if payload[0] in (OPEN_NTF, CLOSE_NTF):
                    self.events.append(payload)
                else:
                    out.append(payload[4:])

    def join(self, group):
        self.sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, self.groups[group])

    def sessions(self):
        return [named(s, SESSION)
                for s in self.ask(self.family, SESSION_GET, DUMP)]

    def with_port(self, port):
        """The session of the server whose client has this port, or None."""
        found = [s for s in self.sessions() if s["remote_port"] == port]
        return found[0] if found else None

    def closed(self, port):
        """Its close event."""
        while True:
            while self.events:
                event = self.events.pop(0)
                session = named(event[4:], SESSION)
                if event[0] == CLOSE_NTF and session["remote_port"] == port:
                    return session
            self.events += [payload for _, payload in self.messages()]
