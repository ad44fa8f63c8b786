// SPDX-License-Identifier: GPL-2.0-or-later
/* Curses is given whole lines, and never a format. */
#include <curses.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "watch.h"

static const struct {
	int curses, ours;
} keys[] = {
	{ KEY_UP, WATCH_UP },
	{ KEY_DOWN, WATCH_DOWN },
	{ KEY_LEFT, WATCH_LEFT },
	{ KEY_RIGHT, WATCH_RIGHT },
	{ KEY_PPAGE, WATCH_PAGE_UP },
	{ KEY_NPAGE, WATCH_PAGE_DOWN },
	{ KEY_HOME, WATCH_HOME },
	{ KEY_END, WATCH_END },
	{ KEY_BACKSPACE, WATCH_BACKSPACE },
	{ KEY_ENTER, '\n' },
};

static const attr_t looks[] = {
	[LOOK_PLAIN] = A_NORMAL,
	[LOOK_TITLE] = A_REVERSE,
	[LOOK_STRONG] = A_BOLD,
	[LOOK_DIM] = A_DIM,
};

static SCREEN *screen;

int screen_open(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENODEV;
	set_escdelay(25);
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	return 0;
}

void screen_close(void)
{
	endwin();
	delscreen(screen);
}

/* Asked each time: a signal tells of it late if the program was stopped. */
void screen_size(unsigned int *rows, unsigned int *columns)
{
	struct winsize w;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row && w.ws_col &&
	    (w.ws_row != LINES || w.ws_col != COLS))
		resizeterm(w.ws_row, w.ws_col);
	*rows = LINES;
	*columns = COLS;
}

void screen_put(const struct page *p)
{
	erase();
	for (unsigned int i = 0; i < p->rows; i++) {
		attrset(looks[p->line[i].look]);
		mvaddstr(i, 0, p->line[i].text);
	}
	attrset(A_NORMAL);
	refresh();
}

int screen_key(void)
{
	int key = getch();

	if (key == ERR)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].curses == key)
			return keys[i].ours;
	return key < KEY_MIN ? key : 0;
}
