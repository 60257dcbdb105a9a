/* SPDX-License-Identifier: MIT
 * Putting a filter between a stream and its owner. */
#include "net/stream_filter.h"

#include "base/check.h"
#include "net/stream_inside.h"

void stream_set_filter(stream *self, stream_filter *filter,
                       const stream_filter_functions *functions)
{
    CHECK(!self->filter && !self->closing);
    *filter = (stream_filter){
        .functions = functions,
        .stream = self,
        .events = self->events,
        .owner = self->owner,
    };
    self->events = &functions->events;
    self->owner = filter;
    self->filter = filter;
}

stream_filter *stream_get_filter(const stream *self, const stream_filter_functions *functions)
{
    return self->filter && self->filter->functions == functions ? self->filter : NULL;
}

const char *stream_broken_reason(const stream *self)
{
    return self->filter ? self->filter->functions->broken_reason(self->filter) : NULL;
}
