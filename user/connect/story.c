// SPDX-License-Identifier: GPL-2.0-or-later
/* The steps of one connection, in the order in which they were told. */
#include <errno.h>
#include <stdlib.h>

#include "connect.h"

int story_add(struct story *story, struct step *s, size_t line_len)
{
	if (!story->steps)
		story->steps = calloc(STORY_STEPS, sizeof(*story->steps));
	if (!story->steps) {
		step_free(s);
		return -ENOMEM;
	}
	if (story->count == STORY_STEPS ||
	    story->bytes + line_len > STORY_BYTES) {
		story->cut = true;
		step_free(s);
		return 0;
	}
	story->steps[story->count++] = *s;
	story->bytes += line_len;
	return 0;
}

void story_error(struct story *story, struct step *s)
{
	if (story->error.is_error)
		step_free(s);
	else
		story->error = *s;
}

void story_free(struct story *story)
{
	for (size_t i = 0; i < story->count; i++)
		step_free(&story->steps[i]);
	step_free(&story->error);
	free(story->steps);
	*story = (struct story){};
}
