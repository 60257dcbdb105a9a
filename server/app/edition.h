/* SPDX-License-Identifier: MIT
 * The insides of an edition, for the files of app/ that make its table. */
#ifndef CAPRICORN_APP_EDITION_H
#define CAPRICORN_APP_EDITION_H

#include "app/instance.h"
#include "app/table.h"

struct edition {
    app_set *set;
    instance **apps; /* in the order of adding; those that serve already, and new ones */
    size_t app_count, app_room;
    app_table *table; /* NULL before it is made */
    lifespan_group starting;
};

/* The app of that name, or NULL. */
instance *edition_find(const edition *self, csgi_str name);

#endif
