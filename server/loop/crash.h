/* SPDX-License-Identifier: MIT
 * The crash report's view of what runs on the loop's own stack: which plugin is being loaded or
 * made, and in which step. (Tasks are known to it by their labels.) */
#ifndef CAPRICORN_LOOP_CRASH_H
#define CAPRICORN_LOOP_CRASH_H

#include <csgi/types.h>

/* From now on a crash outside of a task is reported as "crash in STEP of PLUGIN". Both are borrowed
 * until the next call; step NULL: in no plugin. [loop] */
void crash_set_step(csgi_str plugin, const char *step);

#endif
