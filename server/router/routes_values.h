/* SPDX-License-Identifier: MIT
 * What the files that read a routes file share: its values, each by itself, its objects and apps,
 * and complaining of them all. */
#ifndef CAPRICORN_ROUTER_ROUTES_VALUES_H
#define CAPRICORN_ROUTER_ROUTES_VALUES_H

#include "router/routes_file.h"
#include "router/routes_keys.h"

typedef struct routes_reader {
    routes_file *file;
    server_options *options;
    buffer *problem;
    arena scratch; /* until the file is read */
    buffer apps;   /* routes_app, as many as there are yet */
    bool has_mistakes, has_no_memory;
    bool has_lost_app; /* one under "apps" is wrong, and left out */
    bool is_lost;      /* where the plugins are, or which apps there are, is not known */
} routes_reader;

/* A line more of *problem: the position, and the sentence made fit for one line. */
void routes_complain(routes_reader *self, file_position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* '"timeout": found an array, expected a duration ...'. */
void routes_refuse(routes_reader *self, const json_value *it, const char *key,
                   const char *expected);
/* Does the member repeat a key? The complaint is made. */
bool routes_is_repeated(routes_reader *self, const json_value *member);

/* A copy in the file's memory; an empty string when there is no memory, which is noted. */
csgi_str routes_copy(routes_reader *self, csgi_str text);
/* The path, which starts at the file's directory unless it is absolute. */
csgi_str routes_absolute(routes_reader *self, csgi_str path);
/* Takes "APP" or "APP:ENDPOINT" apart. False: it is neither, and the complaint is made. */
bool routes_read_use(routes_reader *self, const json_value *it, const char *key, routes_use *out);
/* Reads a value that has no other values of ours inside, and whose type is right, into a field of
 * its kind's type. What is wrong with it is complained of. */
void routes_read_value(routes_reader *self, const json_value *it, const routes_key *key,
                       void *field);
/* Room for so many items in the file's memory; NULL: there is none, which is noted. */
void *routes_alloc(routes_reader *self, size_t count, size_t size);

/* Reads an object into the struct of its shape. What is wrong with it is complained of. */
void routes_read_object(routes_reader *self, const json_value *object, const routes_shape *shape,
                        void *out);
/* Adds the apps under "apps". */
void routes_read_apps(routes_reader *self, const json_value *apps);
/* Adds the app that stands in the place of a middleware. False: the complaint is made. */
bool routes_read_app_in_place(routes_reader *self, const json_value *it, routes_use *out);
/* Makes apps of the plugins that are used and are not among the declared ("apps"; may be NULL), and
 * gives all apps to the file, of which everything else was read. */
void routes_keep_apps(routes_reader *self, const json_value *declared);
/* Sets the options that "server" has. */
void routes_read_server(routes_reader *self, const json_value *server);

#endif
