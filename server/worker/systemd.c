/* SPDX-License-Identifier: MIT
 * Socket activation, notification and watchdog, without systemd's library. */
#include "worker/systemd.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"

#define FIRST_FD 3u

static bool read_number(const char *name, uint64_t *number)
{
    const char *text = getenv(name);

    return text && str_parse_u64(str_from(text), number);
}

static bool has_sockets(void)
{
    uint64_t pid;

    return getenv("LISTEN_FDS") && read_number("LISTEN_PID", &pid) && pid == (uint64_t)getpid();
}

void systemd_forget_sockets(void)
{
    if (!has_sockets()) return;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

csgi_status systemd_find_sockets(bind_list *out, buffer *problem)
{
    uint64_t count;

    out->count = 0;
    if (!has_sockets()) return CSGI_OK;
    if (!read_number("LISTEN_FDS", &count) || count > BIND_MAX) {
        buffer_printf(problem, "LISTEN_FDS: found \"%s\", expected 0 to %u", getenv("LISTEN_FDS"),
                      BIND_MAX);
        return CSGI_EINVAL;
    }
    for (uint32_t i = 0; i < count; i++)
        out->specs[out->count++] = (bind_spec){ .kind = BIND_FD, .fd = FIRST_FD + i };
    systemd_forget_sockets();
    return CSGI_OK;
}

/* A path, or "@" and an abstract name. */
static bool find_notify_socket(struct sockaddr_un *to, socklen_t *len)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t name_len = name ? strlen(name) : 0;

    if (name_len < 2 || name_len > sizeof to->sun_path || (name[0] != '/' && name[0] != '@'))
        return false;
    memset(to, 0, sizeof *to);
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, name, name_len);
    if (name[0] == '@') to->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len);
    return true;
}

void systemd_tell(const char *format, ...)
{
    struct sockaddr_un to;
    socklen_t len;
    buffer text = { 0 };
    va_list args;
    int fd;

    if (!find_notify_socket(&to, &len)) return;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        sendto(fd, text.bytes, text.len, MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
        close(fd);
    }
    buffer_fini(&text);
}

static void on_beat(timer *due)
{
    systemd *self = CONTAINER_OF(due, systemd, beat);

    systemd_tell("WATCHDOG=1");
    timer_start(self->loop, &self->beat, self->beat_ms);
}

void systemd_open(systemd *self, loop *runner)
{
    uint64_t usec, pid;

    *self = (systemd){ .loop = runner };
    timer_init(&self->beat, on_beat);
    if (!read_number("WATCHDOG_USEC", &usec) || usec == 0) return;
    if (getenv("WATCHDOG_PID") && (!read_number("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
        return;
    self->beat_ms = usec / 2000 ? usec / 2000 : 1;
    on_beat(&self->beat);
}

void systemd_close(systemd *self)
{
    if (self->loop) timer_stop(self->loop, &self->beat);
    self->loop = NULL;
}
