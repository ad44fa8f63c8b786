/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUARD_H
#define GUARD_H

/*
 * For a program with keys in its memory: no core, no ptrace, and no file where
 * GnuTLS would note the session keys. Ends it with @status if that fails.
 */
void guard_secrets(int status);

#endif
