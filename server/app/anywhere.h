/* SPDX-License-Identifier: MIT
 * Functions of the host's tables belong on the loop, and the thread of a blocking endpoint may call
 * them too: ANYWHERE_2(csgi_status, on_sleep_ms, const csgi_host *, uint64_t) defines
 * on_sleep_ms_anywhere, which is on_sleep_ms, performed by the endpoint's task when it is called on
 * such a thread. On the loop that costs one branch. */
#ifndef CAPRICORN_APP_ANYWHERE_H
#define CAPRICORN_APP_ANYWHERE_H

#include "loop/bridge.h"

/* The struct holds the arguments of one call, on the thread's stack. */
#define ANYWHERE_(returned, name, result_member, store, give, members, values, params, args, ...) \
    typedef struct name##_asked {                                                                 \
        members result_member                                                                     \
    } name##_asked;                                                                               \
    static void name##_perform(void *arg)                                                         \
    {                                                                                             \
        name##_asked *asked = arg;                                                                \
                                                                                                  \
        store name values;                                                                        \
    }                                                                                             \
    static __attribute__((noinline)) returned name##_from_thread params                           \
    {                                                                                             \
        name##_asked asked = { __VA_ARGS__ };                                                     \
                                                                                                  \
        bridge_perform(name##_perform, &asked);                                                   \
        give                                                                                      \
    }                                                                                             \
    static returned name##_anywhere params                                                        \
    {                                                                                             \
        if (bridge_here()) return name##_from_thread args;                                        \
        return name args;                                                                         \
    }

#define ANYWHERE_VALUE_(returned, name, ...) \
    ANYWHERE_(returned, name, returned result;, asked->result =, return asked.result;, __VA_ARGS__)
#define ANYWHERE_NO_VALUE_(name, ...) ANYWHERE_(void, name, , , , __VA_ARGS__)

#define ANYWHERE_1(returned, name, A) \
    ANYWHERE_VALUE_(returned, name, A a;, (asked->a), (A a), (a), .a = a)
#define ANYWHERE_2(returned, name, A, B)      \
    ANYWHERE_VALUE_(returned, name, A a; B b; \
                    , (asked->a, asked->b), (A a, B b), (a, b), .a = a, .b = b)
#define ANYWHERE_3(returned, name, A, B, C)                                                   \
    ANYWHERE_VALUE_(returned, name, A a; B b; C c;, (asked->a, asked->b, asked->c),           \
                                                  (A a, B b, C c), (a, b, c), .a = a, .b = b, \
                                                  .c = c)
#define ANYWHERE_4(returned, name, A, B, C, D)                                                     \
    ANYWHERE_VALUE_(returned, name, A a; B b; C c; D d;, (asked->a, asked->b, asked->c, asked->d), \
                                                       (A a, B b, C c, D d), (a, b, c, d), .a = a, \
                                                       .b = b, .c = c, .d = d)
#define ANYWHERE_5(returned, name, A, B, C, D, E)                                               \
    ANYWHERE_VALUE_(returned, name, A a; B b; C c; D d; E e;                                    \
                    , (asked->a, asked->b, asked->c, asked->d, asked->e),                       \
                    (A a, B b, C c, D d, E e), (a, b, c, d, e), .a = a, .b = b, .c = c, .d = d, \
                    .e = e)
/* Of functions that return nothing. */
#define ANYWHERE_VOID_1(name, A) ANYWHERE_NO_VALUE_(name, A a;, (asked->a), (A a), (a), .a = a)
#define ANYWHERE_VOID_2(name, A, B) \
    ANYWHERE_NO_VALUE_(name, A a; B b;, (asked->a, asked->b), (A a, B b), (a, b), .a = a, .b = b)

#endif
