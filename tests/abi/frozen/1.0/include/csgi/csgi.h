/* SPDX-License-Identifier: MIT
 * csgi.h: CSGI, the C Server Gateway Interface. What a server and an application in a .so say to
 * each other. Nothing else is ABI but ext/. It carries ASGI 3.0 to C: an application is called with
 * (scope, receive, send).
 *
 *   types.h   versions, strings, fields, error codes
 *   event.h   what is received and sent
 *   scope.h   what a call is about; receive, send and inner
 *   host.h    what the server offers a plugin
 *   plugin.h  what a plugin offers the server
 *
 * Growth: a struct that begins with its uint32_t size may get fields at its end; all others are
 * frozen for ever. Reserved fields and bits are 0. Neither exceptions nor longjmp cross the
 * boundary. Each side frees its own memory. */
#ifndef CSGI_H
#define CSGI_H

#include <csgi/event.h>
#include <csgi/host.h>
#include <csgi/plugin.h>
#include <csgi/scope.h>
#include <csgi/types.h>

#endif
