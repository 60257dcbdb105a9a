/* SPDX-License-Identifier: MIT
 * CHECK: for our own bugs, in release builds too. Bad input and plugins' faults are errors, never a
 * CHECK. */
#ifndef CAPRICORN_BASE_CHECK_H
#define CAPRICORN_BASE_CHECK_H

/* Ends the process with the claim, file and line when the claim is false. [any-thread] */
#define CHECK(claim) \
    (__builtin_expect(!!(claim), 1) ? (void)0 : check_failed(#claim, __FILE__, __LINE__))

/* What CHECK calls. */
_Noreturn void check_failed(const char *claim, const char *file, int line);

/* The struct that holds this member. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
