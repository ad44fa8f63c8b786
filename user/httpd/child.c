// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stand-alone: a private ktlsd does the handshakes. It lives and dies with us
 * and shares nothing with us but one socket; the key stays on its side.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "httpd.h"
#include "log.h"

#define PATIENCE_MS 5000

/* A memfd: no file to name, to protect, or to leave behind. */
static int write_config(const struct child_options *o, int handoff)
{
	int fd = memfd_create("ktlsd.conf", MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = dprintf(fd, "[service httpd]\nlisten = %s\ncertificate = %s\n"
		      "key = %s\nhandoff = fd:%d\n",
		      o->listen, o->certificate, o->key, handoff);
	for (unsigned int i = 0; i < o->lines_count && ret >= 0; i++)
		ret = dprintf(fd, "%s\n", o->lines[i]);
	if (ret >= 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* "--tls OPTION"; what is behind it may be a PIN. */
static const char *name_of(const char *line)
{
	char *name;

	if (asprintf(&name, "--tls %.*s", (int)strcspn(line, " \t="), line) < 0)
		return "--tls";
	return name;
}

/* Which of our options each line of write_config() is, for its messages. */
static void add_names(const char **argv, const struct child_options *o)
{
	static const char *const first[] = {
		"--tls", "--listen", "--certificate", "--key", "--tls",
	};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		*argv++ = "-n";
		*argv++ = first[i];
	}
	for (unsigned int i = 0; i < o->lines_count; i++) {
		*argv++ = "-n";
		*argv++ = name_of(o->lines[i]);
	}
	*argv = NULL;
}

/* The ktlsd of our own build, as it lies beside us; else the installed one. */
static const char *find_agent(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		snprintf(slash + 1, size - (slash + 1 - path), "ktlsd");
		if (!access(path, X_OK))
			return path;
	}
	return KTLSD_PATH;
}

/*
 * Two descriptors go along, and no signal setting of ours but one: a SIGHUP
 * that comes early waits until it can be obeyed.
 */
static _Noreturn void become_agent(pid_t parent, int config, int handoff,
				   const struct child_options *o)
{
	char path[PATH_MAX], file[32];
	const char *agent = find_agent(path, sizeof(path));
	const char *argv[3 + 2 * (5 + CHILD_LINES_MAX) + 1] = {
		"ktlsd", "-c", file,
	};
	sigset_t blocked;

	add_names(argv + 3, o);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", config);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);		/* too late to be told of its end */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	fcntl(config, F_SETFD, 0);
	fcntl(handoff, F_SETFD, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	execv(agent, (char *const *)argv);
	log_warn("%s", agent);
	_exit(1);
}

int child_start(pid_t *pid, const struct child_options *o)
{
	pid_t parent = getpid();
	int pair[2], config;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair))
		return -errno;
	config = write_config(o, pair[1]);
	*pid = config < 0 ? -1 : fork();
	if (!*pid)
		become_agent(parent, config, pair[1], o);
	if (config >= 0)
		close(config);
	close(pair[1]);
	if (*pid > 0)
		return pair[0];
	close(pair[0]);
	return config < 0 ? config : -EAGAIN;
}

void child_stop(pid_t pid)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };

	kill(pid, SIGTERM);
	if (poll(&ended, 1, PATIENCE_MS) == 0)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ended.fd);
}
