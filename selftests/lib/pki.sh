#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Usage: lib/pki.sh DIR
#
# Certificates for the tests, good ones and bad ones, with openssl only; some
# three seconds. All keys are P-256 where nothing else is said. NAME.pem is the
# chain (without the root), NAME.key its key in PEM.
#
#	ca other-ca	two roots, which do not know of each other
#	mid		an intermediate CA, of ca
#
# Server certificates, of ca:
#	localhost	DNS:localhost, IP:127.0.0.1, IP:::1
#	ec rsa		both: DNS:www.example.org, DNS:example.org; rsa is
#			RSA-2048, and good for RSA key transport too
#	rsa-sign	as rsa, without keyEncipherment
#	wild		DNS:*.example.org
#	net		DNS:www.example.net
#	cn		CN=cn.example.org and no SAN at all
#	chain		DNS:chain.example.org, by mid; two certificates
#	crossed		as localhost, with a certificate of ca by other-ca that
#			has expired
#	must-staple	DNS:localhost, with the TLS feature status_request
#	revoked		DNS:localhost; see revoked.ocsp-revoked.der
#	expired not-yet	DNS:localhost, out of their time
#	purpose		DNS:localhost, clientAuth only
#	weak		DNS:localhost, RSA-1024
#	sha1		DNS:localhost, signed with SHA-1
#	unknown		DNS:localhost, by other-ca
#	self		DNS:localhost, by itself
#
# Client certificates, of ca, CN=NAME and email:NAME@example.org:
#	client client-b	good ones
#	client-rsa	RSA-2048
#	client-expired client-not-yet
#	client-brief	good for an hour
#	client-purpose	serverAuth only
#	client-unknown	by other-ca
#	client-self	by itself
#
# OCSP responses, signed by ca itself, for localhost, ec, rsa, must-staple,
# revoked and client: NAME.ocsp-STATUS.der, with STATUS
#	good		from an hour ago, for a day; also .pem
#	revoked		an hour ago
#	expired		good, until an hour ago
#	forged		good, but the signature is not
# and ec.ocsp-early.der, which is good in an hour, and
# revoked.ocsp-second.der, with "good" for localhost before "revoked"
set -euo pipefail
umask 022
mkdir -p "$1"
cd "$1"

die() { echo "pki.sh: $*" >&2; exit 1; }

# openssl chats on standard error; only a failure is worth reading.
quietly() {
	local said
	said=$("$@" 2>&1) || die "$said"
}

when() { date -u -d "$1" +%Y%m%d%H%M%SZ; }

new_key() {	# NAME EC|RSA:BITS
	local how=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
	[ "$2" = EC ] || how=(-algorithm RSA
		-pkeyopt "rsa_keygen_bits:${2#RSA:}")
	(umask 077 && quietly openssl genpkey -quiet "${how[@]}" -out "$1.key")
}

new_ca() {	# NAME [ISSUER]
	local by=()
	[ $# = 1 ] || by=(-CA "$2.pem" -CAkey "$2.key")
	new_key "$1" EC
	quietly openssl req -x509 -key "$1.key" -out "$1.pem" -days 30 \
		-subj "/CN=ktls test $1" "${by[@]}" \
		-addext keyUsage=critical,keyCertSign,digitalSignature
}

# Valid from an hour ago, for a month, unless FROM and TO say otherwise.
issue() {	# NAME SUBJECT KIND ISSUER FROM TO EXTENSION...
	local name=$1 subject=$2 kind=$3 issuer=$4 by=() ext=() e
	local from=${5:-1 hour ago} to=${6:-30 days}
	shift 6
	[ "$issuer" = self ] || by=(-CA "$issuer.pem" -CAkey "$issuer.key")
	for e; do ext+=(-addext "$e"); done
	new_key "$name" "$kind"
	quietly openssl req -x509 -key "$name.key" -out "$name.pem" \
		-not_before "$(when "$from")" -not_after "$(when "$to")" \
		-subj "$subject" "${by[@]}" "${sign[@]}" "${ext[@]}" \
		-addext basicConstraints=critical,CA:FALSE
}

sign=(-sha256)
server=('keyUsage=critical,digitalSignature' extendedKeyUsage=serverAuth)
wrap=('keyUsage=critical,digitalSignature,keyEncipherment'
	extendedKeyUsage=serverAuth)
client=('keyUsage=critical,digitalSignature' extendedKeyUsage=clientAuth)
here=subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1
www=subjectAltName=DNS:www.example.org,DNS:example.org

server_for() {	# NAME SAN
	issue "$1" "/CN=$1" EC ca '' '' "subjectAltName=$2" "${server[@]}"
}

client_of() {	# NAME [KIND [ISSUER [FROM [TO [PURPOSE]]]]]
	local use=("${client[0]}" "extendedKeyUsage=${6:-clientAuth}")
	issue "$1" "/O=ktls/CN=$1" "${2:-EC}" "${3:-ca}" "${4-}" "${5-}" \
		"subjectAltName=email:$1@example.org" "${use[@]}"
}

new_ca ca
new_ca other-ca
new_ca mid ca

server_for localhost DNS:localhost,IP:127.0.0.1,IP:::1
server_for ec "${www#*=}"
issue rsa /CN=rsa RSA:2048 ca '' '' "$www" "${wrap[@]}"
issue rsa-sign /CN=rsa-sign RSA:2048 ca '' '' "$www" "${server[@]}"
server_for wild 'DNS:*.example.org'
server_for net DNS:www.example.net
issue cn /CN=cn.example.org EC ca '' '' "${server[@]}"
issue chain /CN=chain EC mid '' '' subjectAltName=DNS:chain.example.org \
	"${server[@]}"
cat mid.pem >> chain.pem
server_for crossed "${here#*=}"
quietly openssl req -x509 -key ca.key -subj "/CN=ktls test ca" \
	-CA other-ca.pem -CAkey other-ca.key -out .cross.pem \
	-not_before "$(when '2 days ago')" -not_after "$(when '1 day ago')" \
	-addext keyUsage=critical,keyCertSign
cat .cross.pem >> crossed.pem
rm .cross.pem
issue must-staple /CN=must-staple EC ca '' '' "$here" "${server[@]}" \
	tlsfeature=status_request
server_for revoked DNS:localhost
issue expired /CN=expired EC ca '2 days ago' '1 day ago' "$here" "${server[@]}"
issue not-yet /CN=not-yet EC ca '1 day' '2 days' "$here" "${server[@]}"
issue purpose /CN=purpose EC ca '' '' "$here" "${client[@]}"
issue weak /CN=weak RSA:1024 ca '' '' "$here" "${server[@]}"
issue unknown /CN=unknown EC other-ca '' '' "$here" "${server[@]}"
issue self /CN=self EC self '' '' "$here" "${server[@]}"
sign=(-sha1)
issue sha1 /CN=sha1 EC ca '' '' "$here" "${server[@]}"
sign=(-sha256)

client_of client
client_of client-b
client_of client-rsa RSA:2048
client_of client-expired EC ca '2 days ago' '1 day ago'
client_of client-brief EC ca '' '1 hour'
client_of client-not-yet EC ca '1 day' '2 days'
client_of client-purpose EC ca '' '' serverAuth
client_of client-unknown EC other-ca
client_of client-self EC self

# --- OCSP responses: openssl ocsp signs none that has expired -------------

# The fields of RFC 6960's CertID, out of a request for the same.
cert_id() {	# NAME Name|Key|Serial
	openssl ocsp -issuer ca.pem -cert "$1.pem" -no_nonce -req_text |
		sed -n "s/^ *\(Issuer \)\?$2 \(Hash\|Number\): *//p"
}

der() { openssl asn1parse -noout -genconf - -out "$1" > "$1.log"; rm "$1.log"; }
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }

# What the response says of one certificate, in the section NUMBER.
answer() {	# NUMBER NAME STATUS THIS-UPDATE NEXT-UPDATE
	local status=IMP:0,NULL:
	[ "$3" != revoked ] || status=IMP:1,SEQUENCE:revoked
	cat <<-END
	[$1]
	id = SEQUENCE:id_$1
	status = $status
	this = GENTIME:$(when "$4")
	next = EXP:0,GENTIME:$(when "$5")
	[id_$1]
	algorithm = SEQUENCE:sha1
	name = FORMAT:HEX,OCT:$(cert_id "$2" Name)
	key = FORMAT:HEX,OCT:$(cert_id "$2" Key)
	serial = INTEGER:0x$(cert_id "$2" Serial)
	END
}

to_be_signed() {	# NAME STATUS NEXT-UPDATE
	local status=$2 this='2 hours ago' before=
	[ "$2" != early ] || this='1 hour'
	[ "$2" != second ] || status=revoked before='before = SEQUENCE:one'
	cat <<-END
	asn1 = SEQUENCE:data
	[data]
	responder = EXP:2,FORMAT:HEX,OCT:$(cert_id "$1" Key)
	produced = GENTIME:$(when '2 hours ago')
	responses = SEQUENCE:responses
	[responses]
	$before
	own = SEQUENCE:two
	[revoked]
	time = GENTIME:$(when '3 hours ago')
	[sha1]
	oid = OID:sha1
	null = NULL:
	END
	[ -z "$before" ] || answer one localhost good "$this" "$3"
	answer two "$1" "$status" "$this" "$3"
}

# asn1parse cannot include what it made before: put one around the other.
wrapped() {	# TAG FILE...
	local tag=$1 n
	shift
	n=$(cat "$@" | wc -c)
	# shellcheck disable=SC2059  # the format is made of escapes
	printf "\\x$tag\\x82\\x$(printf %02x $((n >> 8)))\\x$(
		printf %02x $((n & 255)))"
	cat "$@"
}

respond() {	# NAME STATUS NEXT-UPDATE
	local t=.ocsp
	to_be_signed "$1" "$2" "$3" | der $t.data
	openssl dgst -sha256 -sign ca.key -out $t.sig $t.data
	# Another signature of another text is well-formed, and wrong.
	[ "$2" != forged ] || openssl dgst -sha256 -sign ca.key -out $t.sig ca.pem
	{
		cat <<-END
		asn1 = SEQUENCE:algorithm
		[algorithm]
		oid = OID:ecdsa-with-SHA256
		END
	} | der $t.alg
	echo "asn1 = FORMAT:HEX,BITSTR:$(hex $t.sig)" | der $t.bits
	echo "asn1 = OID:basicOCSPResponse" | der $t.oid
	echo "asn1 = ENUM:0" | der $t.ok
	wrapped 30 $t.data $t.alg $t.bits > $t.basic
	wrapped 04 $t.basic > $t.octets
	wrapped 30 $t.oid $t.octets > $t.bytes
	wrapped a0 $t.bytes > $t.explicit
	wrapped 30 $t.ok $t.explicit > "$1.ocsp-$2.der"
	rm $t.*
}

for name in localhost ec rsa must-staple revoked client; do
	respond $name good '1 day'
	respond $name revoked '1 day'
	respond $name expired '1 hour ago'
	respond $name forged '1 day'
	{
		echo '-----BEGIN OCSP RESPONSE-----'
		base64 -w 64 $name.ocsp-good.der
		echo '-----END OCSP RESPONSE-----'
	} > $name.ocsp-good.pem
done
respond ec early '1 day'
respond revoked second '1 day'
