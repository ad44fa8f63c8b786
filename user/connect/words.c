// SPDX-License-Identifier: GPL-2.0-or-later
/* What a step means: RFC 8446 and RFC 5246, as told to somebody new to them. */
#include <string.h>

#include "connect.h"

/* All rows that fit are said, in this order. */
static const struct saying {
	enum ktls_step step;
	unsigned int when;
	const char *field, *value;	/* NULL: any; without @value: has it */
	const char *text;
} sayings[] = {
#define SAY(step, when, field, value, text) \
	{ KTLS_STEP_##step, when, field, value, text }
	SAY(CLIENT_HELLO, WHEN_FIRST, NULL, NULL,
	    "The client begins. It lists what it can do, best first, and "
	    "adds a fresh random number, so that no recorded talk can be "
	    "played again."),
	SAY(CLIENT_HELLO, WHEN_FIRST, "sni", NULL,
	    "The server's name travels readable."),
	SAY(CLIENT_HELLO, WHEN_FIRST, "key_shares", NULL,
	    "It guesses which groups the server likes, makes a key pair for "
	    "each, and sends the public halves."),
	SAY(CLIENT_HELLO, WHEN_FIRST, "psk", "yes",
	    "It also shows the ticket of an earlier connection, to make "
	    "this one shorter."),
	SAY(CLIENT_HELLO, WHEN_AGAIN, NULL, NULL,
	    "The client asks again, with a public key of the group that the "
	    "server wants."),
	SAY(HELLO_RETRY_REQUEST, 0, NULL, NULL,
	    "The server has no public key of a group that it likes, names "
	    "one, and lets the client try again. It costs a trip there and "
	    "back."),
	SAY(SERVER_HELLO, 0, NULL, NULL,
	    "The server chooses one version and one cipher, and adds its "
	    "own random number."),
	SAY(SERVER_HELLO, WHEN_13, "group", NULL,
	    "With it comes its public key. Each side combines its own "
	    "private key with the other's public one: both get the same "
	    "secret, which itself is never sent."),
	SAY(SERVER_HELLO, WHEN_13, NULL, NULL,
	    "From here on all is encrypted."),
	SAY(SERVER_HELLO, WHEN_RESUMED, NULL, NULL,
	    "It accepts the ticket: only the two that made the earlier "
	    "connection know what it stands for, so nobody has to show a "
	    "certificate again."),
	SAY(SERVER_HELLO, WHEN_12, NULL, NULL,
	    "Nothing is encrypted yet."),
	SAY(ENCRYPTED_EXTENSIONS, 0, NULL, NULL,
	    "The rest of the server's choices, which nobody on the way "
	    "needs to see."),
	SAY(CERTIFICATE_REQUEST, 0, NULL, NULL,
	    "The server wants to know who the client is, too."),
	SAY(CERTIFICATE, WHEN_SERVER, NULL, NULL,
	    "The server says who it is: a certificate ties a public key to "
	    "names, and an authority has signed it."),
	SAY(CERTIFICATE, WHEN_12 | WHEN_SERVER, NULL, NULL,
	    "In TLS 1.2 everybody on the way can read it."),
	SAY(CERTIFICATE, WHEN_CLIENT, "subject", NULL,
	    "The client says who it is."),
	SAY(CERTIFICATE, WHEN_CLIENT, "count", "0",
	    "The client has no certificate to show."),
	SAY(CERTIFICATE_STATUS, 0, NULL, NULL,
	    "A fresh word of the authority (OCSP) about this certificate: "
	    "is it revoked?"),
	SAY(CERTIFICATE_VERIFY, WHEN_SERVER, NULL, NULL,
	    "Anybody can copy a certificate. This signature over all that "
	    "was said so far proves that the server has the private key of "
	    "it."),
	SAY(CERTIFICATE_VERIFY, WHEN_CLIENT, NULL, NULL,
	    "This signature over all that was said so far proves that the "
	    "client has the private key of its certificate."),
	SAY(SERVER_KEY_EXCHANGE, 0, NULL, NULL,
	    "The server makes a key pair for this connection only, and "
	    "sends the public half. It is signed with the key of the "
	    "certificate, so that nobody on the way can put in another."),
	SAY(SERVER_HELLO_DONE, 0, NULL, NULL,
	    "The server has said its part, and waits."),
	SAY(CLIENT_KEY_EXCHANGE, WHEN_ECDHE, NULL, NULL,
	    "The client's public key for this connection. Each side "
	    "combines its own private key with the other's public one: both "
	    "get the same secret, which itself is never sent."),
	SAY(CLIENT_KEY_EXCHANGE, WHEN_RSA, NULL, NULL,
	    "The client makes up a secret, encrypts it with the public key "
	    "of the certificate, and sends it. Only who has the private key "
	    "can read it."),
	SAY(CHANGE_CIPHER_SPEC, WHEN_12, NULL, NULL,
	    "From here on this side encrypts."),
	SAY(CHANGE_CIPHER_SPEC, WHEN_13, NULL, NULL,
	    "It means nothing in TLS 1.3: it calms old equipment on the way."),
	SAY(FINISHED, WHEN_12, NULL, NULL,
	    "The first message that this side encrypts."),
	SAY(FINISHED, 0, NULL, NULL,
	    "A checksum, made with the secret, over all that was said. It "
	    "fits only if nobody has changed a byte on the way."),
	SAY(NEW_SESSION_TICKET, 0, NULL, NULL,
	    "A ticket for the next connection, which then needs no "
	    "certificate. Only the server can read what is in it."),
	SAY(CHECK, WHEN_RESUMED | WHEN_FIRST, NULL, NULL,
	    "No certificate was sent this time: the one of the first "
	    "connection is judged again."),
	SAY(CHECK, 0, "check", "chain",
	    "Has an authority that we trust signed this certificate, if "
	    "need be through others?"),
	SAY(CHECK, 0, "check", "validity",
	    "Is today between its two dates?"),
	SAY(CHECK, 0, "check", "name",
	    "Is it for the name that was asked for?"),
	SAY(CHECK, 0, "check", "purpose",
	    "Was it issued for this side of a connection?"),
	SAY(CHECK, 0, "check", "strength",
	    "Are keys and signatures too strong to be forged?"),
	SAY(CHECK, 0, "check", "revocation",
	    "Has the authority taken it back?"),
	SAY(CHECK, 0, "check", "pin",
	    "Is its key one of those that were named beforehand?"),
	SAY(CHECK, 0, "result", "failed",
	    "The peer is not who it should be, or it cannot be known. Here "
	    "it ends."),
	SAY(CHECK, 0, "result", "skipped",
	    "This was not looked at."),
	SAY(KEY_EXCHANGE, 0, "forward_secrecy", "yes",
	    "The private keys that led to it are thrown away: who records "
	    "this talk, and steals the key of the certificate later, cannot "
	    "decrypt it."),
	SAY(KEY_EXCHANGE, 0, "kind", "RSA",
	    "Who records this talk, and steals the key of the certificate "
	    "later, can decrypt all of it."),
	SAY(KEY_EXCHANGE, 0, "kind", "PSK",
	    "It comes from the earlier connection alone: who steals the "
	    "server's key for tickets can decrypt this talk, too."),
	SAY(KEY_EXCHANGE, 0, "kind", "resumption",
	    "It comes from the earlier connection and the two random "
	    "numbers: who steals the server's key for tickets can decrypt "
	    "this talk, too."),
	SAY(INSTALL, 0, "direction", "rx",
	    "With these keys is decrypted what this host receives."),
	SAY(INSTALL, 0, "direction", "tx",
	    "With these keys is encrypted what this host sends."),
	SAY(ALERT, 0, "alert", "close_notify",
	    "This side has said all. Without it a cut wire would look the "
	    "same."),
	SAY(ALERT, 0, "level", "fatal",
	    "This side gives up, and names the reason."),
	SAY(DONE, WHEN_13 | WHEN_DIRECT, NULL, NULL,
	    "The handshake cost one trip there and back."),
	SAY(DONE, WHEN_13 | WHEN_RETRIED, NULL, NULL,
	    "The handshake cost two trips there and back, one of them for "
	    "the HelloRetryRequest."),
	SAY(DONE, WHEN_12 | WHEN_FULL, NULL, NULL,
	    "The handshake cost two trips there and back."),
	SAY(DONE, WHEN_12 | WHEN_RESUMED, NULL, NULL,
	    "Resumed, the handshake cost one trip there and back."),
	SAY(DONE, 0, "offload", "kernel",
	    "From now on each byte is encrypted with {cipher}. At this end "
	    "the program reads and writes plain text;"),
	SAY(DONE, WHEN_DEVICE, "offload", "kernel",
	    "the kernel and the network card of this host encrypt what it "
	    "sends and decrypt what it receives."),
	SAY(DONE, WHEN_SOFTWARE, "offload", "kernel",
	    "the kernel of this host encrypts what it sends and decrypts "
	    "what it receives."),
	SAY(DONE, 0, "offload", "user",
	    "From now on each byte is encrypted with {cipher}. At this end "
	    "GnuTLS does it, in this process; the kernel sees only what is "
	    "encrypted."),
	SAY(DONE, 0, NULL, NULL,
	    "At the other end the peer does the same with the same keys."),
	SAY(DONE, 0, "verified", "yes",
	    "This end has verified who the peer is. "
	    "Who is on the way sees who talks to whom, when and how much; "
	    "no more."),
	SAY(DONE, 0, "verified", "no",
	    "But this end has NOT verified who the peer is. It may be "
	    "somebody on the way, who passes all on to the right one: then "
	    "he reads everything, and can change it."),
	SAY(DONE, 0, "verified", "none",
	    "The peer has shown no certificate, so this end does not know "
	    "who it is. If the peer has verified this end, who is on the way "
	    "sees who talks to whom, when and how much; no more."),
#undef SAY
};

static bool fits(const struct saying *row, const struct step *s,
		 unsigned int context)
{
	if (row->step != s->step || row->when & ~context)
		return false;
	if (!row->field)
		return true;
	return row->value ? step_is(s, row->field, row->value) :
			    !!step_field(s, row->field);
}

void words_say(char *out, size_t size, const struct step *s,
	       unsigned int context)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(sayings) && used + 1 < size; i++) {
		if (!fits(&sayings[i], s, context))
			continue;
		if (used)
			out[used++] = ' ';
		words_fill(out + used, size - used, sayings[i].text, s);
		used += strlen(out + used);
	}
}
