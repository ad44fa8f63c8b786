// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "guard.h"
#include "log.h"

void guard_secrets(int status)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		log_fatal(status, "cannot turn core dumps off");
	unsetenv("SSLKEYLOGFILE");
}
