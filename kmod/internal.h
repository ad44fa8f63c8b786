/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the module counts without touching the data path: TLS numbers its
 * records and TCP numbers its bytes, both for their own purposes. Subtract
 * what the numbers were when the keys were installed, and the difference is
 * what went through since. Hence probes are needed only where keys come and
 * go; everything else happens when somebody asks.
 *
 *	probe.c    keys installed, keys gone, errors: tells session.c
 *	measure.c  reads the two numbers of one socket, and does the arithmetic
 *	key.c      what a direction is counted from, key after key
 *	session.c  the sessions, and the sums over them
 *	look.c     measures a session now, if its socket is free
 *	label.c    what somebody called a session
 *	adopt.c    finds the sessions that are older than the module
 *	event.c    what probes may not do themselves: multicast, letting go
 *	netlink.c  understands questions
 *	message.c  words the answers
 *
 * Locks, outermost first: the lock of the socket, under which a session is
 * measured; sessions_lock, under which it is found, summed up and finished.
 * Probes run with preemption off, most of them with the socket locked.
 *
 * Nobody waits for the lock of a socket without a bound: its user may hold it
 * for as long as he likes, by sending from memory that is slow to appear. And
 * nobody else takes ownership of it: to look, the spin lock is enough as long
 * as no user is inside.
 */
#ifndef KTLS_INTERNAL_H
#define KTLS_INTERNAL_H

#include <linux/in6.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tls.h>
#include "uapi/linux/ktls_stats.h"

enum { TX, RX, DIRECTIONS };

struct counters {
	u64 bytes;
	u64 records;
	u64 wire;
	u64 control;
	u64 rekeys;
};

/* Over many sessions: what KTLS_STATS_A_DIRECTION_* tells in totals. */
struct sum {
	u64 live;
	u64 closed;
	struct counters counters;
};

/* One direction of one session. Written with the socket locked. */
struct direction {
	bool keyed;			/* the next four are set */
	u64 seq;			/* record number under this key, then */
	u64 wire;			/* TCP position when first keyed */
	u64 ahead;			/* encrypted then, and not yet there */
	u64 kept;			/* records under earlier keys */
	u64 control;
	u64 rekeys;

	/* As last summed up, under sessions_lock. */
	u32 mode;
	struct sum *sum;
	struct counters counters;
};

struct session {
	struct hlist_node by_sock;	/* RCU */
	struct llist_node in_events;
	unsigned long events;		/* EVENT_* still to be sent */
	struct rcu_head rcu;
	refcount_t refs;
	struct sock *sk;		/* held */

	/* Never changes. */
	u64 cookie;
	u64 inode;
	kuid_t uid;
	u16 family;
	u16 version;
	u16 cipher;
	u16 local_port;
	u16 remote_port;
	struct in6_addr local;
	struct in6_addr remote;
	u64 born;			/* jiffies */

	u32 flags;			/* KTLS_STATS_SESSION_FLAGS_* */
	bool fin;			/* our FIN took a sequence number */
	bool closing;			/* tls_sk_proto_close() was entered */
	u64 closing_seq;		/* for TX, before closing is set */
	struct direction dir[DIRECTIONS];

	struct label __rcu *label;

	/* Under sessions_lock. */
	bool finished;			/* not to be measured any more */
	u64 errors;
	u64 age;
	u64 idle;
};

struct label {
	struct rcu_head rcu;
	char text[];
};

/* A session at one moment, for a message. */
struct view {
	struct counters counters[DIRECTIONS];
	u32 mode[DIRECTIONS];
	u64 errors;
	u64 age;
	u64 idle;
	u32 flags;
};

#define VERSIONS	2		/* TLS 1.2, TLS 1.3 */
#define CIPHERS		10		/* from TLS_CIPHER_AES_GCM_128 */
#define MODES		2		/* sw, device */

struct totals {
	u64 live;
	u64 closed;
	u64 missed;
	u64 errors;
	u64 busy;			/* in an answer only */
	struct sum sums[VERSIONS][CIPHERS][MODES][DIRECTIONS];
};

/* measure.c: all with the socket locked, but for the first two: under RCU */
struct tls_context *measure_context(const struct sock *sk);
u32 measure_mode(const struct tls_context *ctx, int dir);
u64 measure_seq(const struct tls_context *ctx, int dir);
u64 measure_wire(const struct session *s, int dir);
s64 measure_unsent(struct sock *sk);
bool measure_leaving(const struct tls_context *ctx);
bool measure(const struct session *s, int dir, u64 seq, struct counters *c);
u64 measure_idle(const struct sock *sk);

/* session.c */
struct session *session_find(const struct sock *sk);
struct session *session_get(const struct sock *sk);
struct session *session_create(struct sock *sk, u32 flags);
void session_enter(struct session *s);
void session_sum(struct session *s, int dir, const struct counters *c);
void session_finish(struct session *s, u32 flags);
void session_error(struct session *s);
void session_missed(struct sock *sk);
void session_untracked(struct sock *sk, bool counts);
void session_stored(struct session *s, struct view *v);
void session_totals(struct net *net, struct totals *t);
bool session_walk_begin(struct net *net, long *wait);
void session_walk_end(struct net *net);
struct session *session_next(struct net *net, u64 *cookie, u64 last);
u64 session_last(struct net *net);
struct session *session_by_cookie(struct net *net, u64 cookie);
void session_collect(void);
void session_put(struct session *s);
int session_init(void);
void session_exit(void);

/* key.c: with the socket locked */
void key_first(struct session *s, int dir, u64 seq, u64 ahead);
void key_leaving(struct session *s, int dir);
void key_new(struct session *s, int dir);
bool key_catch_up(struct session *s, int dir, u64 seq);

/* look.c: @wait is how long to wait, in jiffies; what is left of it */
#define WAIT_REQUEST	(HZ / 10)	/* for all that one message asks for */
#define WAIT_DUMP	HZ		/* for all messages of a dump */

bool look(struct session *s, long *wait);
void look_view(struct session *s, struct view *v, long *wait);
void look_totals(struct net *net, struct totals *t, long *wait);
void look_init(void);
void look_exit(void);

/* label.c */
#define LABEL_MAX	255	/* bytes */

struct label *label_make(const struct nlattr *attr);
int label_set(struct session *s, struct label *label);
bool label_is(const struct session *s, const struct nlattr *attr);

/* adopt.c */
void adopt_all(void);
extern bool adoption_done;

/* probe.c */
int probe_init(void);
void probe_exit(void);

/* event.c */
enum { EVENT_OPEN, EVENT_CLOSE, EVENT_QUEUED };
void event_queue(struct session *s, int event);
void event_flush(void);
void event_stop(void);

/* message.c: -EMSGSIZE if there is no room */
#define MESSAGE_SESSION_SIZE	SZ_4K
/* A breakdown for every combination there is. */
#define MESSAGE_TOTALS_SIZE	(SZ_8K + VERSIONS * CIPHERS * MODES * 256)

int message_session(struct sk_buff *skb, struct session *s,
		    const struct view *v, struct user_namespace *ns);
int message_totals(struct sk_buff *skb, const struct totals *t);

/* netlink.c */
void netlink_notify(struct session *s, int event);
int netlink_init(void);
void netlink_exit(void);

#endif
