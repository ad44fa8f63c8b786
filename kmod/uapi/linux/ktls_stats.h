/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	kmod/ktls-stats.yaml */
/* YNL-GEN uapi header */
/* To regenerate run: scripts/uapi */
/*
 * Exact counters of kernel TLS: what was encrypted and decrypted, per socket
 * and per network namespace. A session is a TCP socket with TLS keys in the
 * kernel, in one direction or in both. A request sees the network namespace of
 * the socket it was sent from, and no other. No key and no IV is ever told.
 * Times are milliseconds; integers have the byte order of the host.
 *
 * Commands and events, by the set of attributes they carry:
 *
 * session-get (session)
 *	Tell of one session, by its cookie, or dump all that are live and
 *	have each of the given attributes: uid, label, cipher, local-port,
 *	remote-port. A session that lives as long as the dump takes is told
 *	once. Needs CAP_NET_ADMIN in the user namespace that owns the
 *	network namespace (else EPERM). ENOENT: no live session has that
 *	cookie.
 *
 * totals-get (totals)
 *	Tell the totals of the network namespace. Anyone in it may ask. The
 *	reply takes up to 16 KB, if every combination has occurred.
 *
 * open-ntf (session, group "open")
 *	A session came to be. Sent once per session, soon after its first
 *	keys were installed; those of the other direction may still be
 *	missing. Its counters are zero, unless somebody asked before.
 *	Adopted sessions are not announced.
 *
 * close-ntf (session, group "close")
 *	A session ended; these are its final counters. A session too short
 *	to be announced before its end has a close event only.
 *
 * label-set (session)
 *	Call a live session something, for those who read its counters; an
 *	empty label takes it back. By fd, anyone who has the socket may; by
 *	cookie, it needs what session-get needs (else EPERM). ENOENT: no
 *	live session of this network namespace is meant; EBADF: no
 *	descriptor; ENOTSOCK: not a socket; EINVAL: not one of fd and
 *	cookie, or a label that is not UTF-8.
 *
 * Set direction:
 * One direction of a session, or the sum over many.
 *	mode (u32)
 *		Who does the cryptography. In session messages only.
 *	live (u64)
 *		Sessions open now that have keys in this direction. In
 *		totals only.
 *	closed (u64)
 *		Sessions closed so far that had keys in this direction. In
 *		totals only.
 *	bytes (u64)
 *		Plaintext bytes of finished records. Sent: encrypted, though
 *		not necessarily on the wire yet. Received: decrypted, though
 *		not necessarily read yet. The contents of control records
 *		(alerts, handshake messages) and any padding of the peer's
 *		TLS 1.3 records are in it; the inner content type byte of
 *		TLS 1.3 is not. Data held back by MSG_MORE counts once its
 *		record is finished.
 *	records (u64)
 *		Finished records, control records included, over all keys.
 *	wire (u64)
 *		TCP payload bytes since the keys were installed. Sent:
 *		handed to TCP, retransmissions not counted twice. Received:
 *		taken from TCP. Differs from the bytes by the overhead of
 *		each record, and by what is encrypted but not yet handed to
 *		TCP.
 *	control (u64)
 *		Times that a sender set a record type other than data, calls
 *		that failed then among them. Sent only: the type of a
 *		received record is not seen.
 *	rekeys (u64)
 *		Key updates after the first keys.
 *
 * Set session:
 * One session.
 *	cookie (u64)
 *		The kernel's own number for the socket, as in sock_diag and
 *		SO_COOKIE. Never reused.
 *	inode (u64)
 *		Inode of the socket, as in /proc/PID/fd, when its keys were
 *		installed. Zero if no process held it then.
 *	uid (u32)
 *		Owner of the socket, as the reader's user namespace numbers
 *		it.
 *	family (u32)
 *		AF_INET or AF_INET6.
 *	local-addr (binary)
 *		4 or 16 bytes, in network byte order.
 *	local-port (u32)
 *	remote-addr (binary)
 *		4 or 16 bytes, in network byte order.
 *	remote-port (u32)
 *	version (u32)
 *		TLS_1_2_VERSION or TLS_1_3_VERSION of <linux/tls.h>.
 *	cipher (u32)
 *		TLS_CIPHER_* of <linux/tls.h>.
 *	tx (nest of direction)
 *		What was sent.
 *	rx (nest of direction)
 *		What was received.
 *	errors (u64)
 *		Times TLS gave the connection up: a record that failed to
 *		decrypt or to encrypt, a bad record header, an overflowing
 *		sequence number, a TCP error while sending. Whoever tries
 *		again is told again, and that counts again.
 *	age (u64)
 *		Milliseconds since the keys were installed, or since the
 *		session was adopted. In a close event, how long the session
 *		lived.
 *	idle (u64)
 *		Milliseconds since TCP last sent or received data on the
 *		socket.
 *	flags (u32)
 *		A bit for each of session-flags that applies.
 *	label (string)
 *		What somebody called the session by label-set: 1 to 255
 *		bytes of UTF-8, without NUL. Untrusted text: whoever had the
 *		socket chose it. Absent if it has none.
 *	fd (u32)
 *		A descriptor of the socket, in the process that sends the
 *		request. In label-set only.
 *
 * Set breakdown:
 * The part of the totals with one version, cipher and mode.
 *	version (u32)
 *		TLS_1_2_VERSION or TLS_1_3_VERSION of <linux/tls.h>.
 *	cipher (u32)
 *		TLS_CIPHER_* of <linux/tls.h>.
 *	mode (u32)
 *		Mode of the directions that are summed up here.
 *	tx (nest of direction)
 *		Sum over the sending directions in this mode.
 *	rx (nest of direction)
 *		Sum over the receiving directions in this mode.
 *
 * Set totals:
 * Everything since the module was loaded. Live and closed sessions together,
 * each exactly once, however the request and the closing of a session fall
 * together.
 *	live (u64)
 *		Sessions open now.
 *	closed (u64)
 *		Sessions closed so far.
 *	missed (u64)
 *		Sessions that could not be followed, for want of memory or
 *		beyond the module's parameter max_sessions. As long as it is
 *		zero, and nobody switched the probes off, the totals are
 *		complete.
 *	errors (u64)
 *		Sum over the sessions.
 *	tx (nest of direction)
 *		What was sent.
 *	rx (nest of direction)
 *		What was received.
 *	breakdown (nest of breakdown, repeated)
 *		One for each combination of version, cipher and mode that
 *		has occurred; they add up to tx and rx.
 *	busy (u64)
 *		Live sessions that could not be looked at now, because
 *		somebody held the socket: what they did since the last look
 *		is missing from tx, rx and the breakdown. A request waits a
 *		tenth of a second at most, for all of them together.
 */

#ifndef _UAPI_LINUX_KTLS_STATS_H
#define _UAPI_LINUX_KTLS_STATS_H

#define KTLS_STATS_FAMILY_NAME		"ktls-stats"
#define KTLS_STATS_FAMILY_VERSION	1

/**
 * enum ktls_stats_mode - who does the cryptography of one direction of a
 *   session.
 * @KTLS_STATS_MODE_NONE: no keys installed, the bytes pass as they are.
 * @KTLS_STATS_MODE_SW: the kernel, in software.
 * @KTLS_STATS_MODE_DEVICE: the network device.
 */
enum ktls_stats_mode {
	KTLS_STATS_MODE_NONE,
	KTLS_STATS_MODE_SW,
	KTLS_STATS_MODE_DEVICE,
};

/**
 * enum ktls_stats_session_flags - what to know before trusting the counters of
 *   a session.
 * @KTLS_STATS_SESSION_FLAGS_ADOPTED: the session was older than the module; it
 *   is counted from the moment the module found it.
 * @KTLS_STATS_SESSION_FLAGS_STALE: the end of the session went unseen
 *   (somebody switched the probes off); the counters are those of the last
 *   time it was looked at.
 * @KTLS_STATS_SESSION_FLAGS_BUSY: somebody held the socket for as long as the
 *   module waits; the counters are those of the last time it was looked at. A
 *   later request may tell more.
 */
enum ktls_stats_session_flags {
	KTLS_STATS_SESSION_FLAGS_ADOPTED = 1,
	KTLS_STATS_SESSION_FLAGS_STALE = 2,
	KTLS_STATS_SESSION_FLAGS_BUSY = 4,
};

enum {
	KTLS_STATS_A_DIRECTION_PAD = 1,
	KTLS_STATS_A_DIRECTION_MODE,
	KTLS_STATS_A_DIRECTION_LIVE,
	KTLS_STATS_A_DIRECTION_CLOSED,
	KTLS_STATS_A_DIRECTION_BYTES,
	KTLS_STATS_A_DIRECTION_RECORDS,
	KTLS_STATS_A_DIRECTION_WIRE,
	KTLS_STATS_A_DIRECTION_CONTROL,
	KTLS_STATS_A_DIRECTION_REKEYS,

	__KTLS_STATS_A_DIRECTION_MAX,
	KTLS_STATS_A_DIRECTION_MAX = (__KTLS_STATS_A_DIRECTION_MAX - 1)
};

enum {
	KTLS_STATS_A_SESSION_PAD = 1,
	KTLS_STATS_A_SESSION_COOKIE,
	KTLS_STATS_A_SESSION_INODE,
	KTLS_STATS_A_SESSION_UID,
	KTLS_STATS_A_SESSION_FAMILY,
	KTLS_STATS_A_SESSION_LOCAL_ADDR,
	KTLS_STATS_A_SESSION_LOCAL_PORT,
	KTLS_STATS_A_SESSION_REMOTE_ADDR,
	KTLS_STATS_A_SESSION_REMOTE_PORT,
	KTLS_STATS_A_SESSION_VERSION,
	KTLS_STATS_A_SESSION_CIPHER,
	KTLS_STATS_A_SESSION_TX,
	KTLS_STATS_A_SESSION_RX,
	KTLS_STATS_A_SESSION_ERRORS,
	KTLS_STATS_A_SESSION_AGE,
	KTLS_STATS_A_SESSION_IDLE,
	KTLS_STATS_A_SESSION_FLAGS,
	KTLS_STATS_A_SESSION_LABEL,
	KTLS_STATS_A_SESSION_FD,

	__KTLS_STATS_A_SESSION_MAX,
	KTLS_STATS_A_SESSION_MAX = (__KTLS_STATS_A_SESSION_MAX - 1)
};

enum {
	KTLS_STATS_A_BREAKDOWN_VERSION = 1,
	KTLS_STATS_A_BREAKDOWN_CIPHER,
	KTLS_STATS_A_BREAKDOWN_MODE,
	KTLS_STATS_A_BREAKDOWN_TX,
	KTLS_STATS_A_BREAKDOWN_RX,

	__KTLS_STATS_A_BREAKDOWN_MAX,
	KTLS_STATS_A_BREAKDOWN_MAX = (__KTLS_STATS_A_BREAKDOWN_MAX - 1)
};

enum {
	KTLS_STATS_A_TOTALS_PAD = 1,
	KTLS_STATS_A_TOTALS_LIVE,
	KTLS_STATS_A_TOTALS_CLOSED,
	KTLS_STATS_A_TOTALS_MISSED,
	KTLS_STATS_A_TOTALS_ERRORS,
	KTLS_STATS_A_TOTALS_TX,
	KTLS_STATS_A_TOTALS_RX,
	KTLS_STATS_A_TOTALS_BREAKDOWN,
	KTLS_STATS_A_TOTALS_BUSY,

	__KTLS_STATS_A_TOTALS_MAX,
	KTLS_STATS_A_TOTALS_MAX = (__KTLS_STATS_A_TOTALS_MAX - 1)
};

enum {
	KTLS_STATS_CMD_SESSION_GET = 1,
	KTLS_STATS_CMD_TOTALS_GET,
	KTLS_STATS_CMD_OPEN_NTF,
	KTLS_STATS_CMD_CLOSE_NTF,
	KTLS_STATS_CMD_LABEL_SET,

	__KTLS_STATS_CMD_MAX,
	KTLS_STATS_CMD_MAX = (__KTLS_STATS_CMD_MAX - 1)
};

#define KTLS_STATS_MCGRP_OPEN	"open"
#define KTLS_STATS_MCGRP_CLOSE	"close"

#endif /* _UAPI_LINUX_KTLS_STATS_H */
