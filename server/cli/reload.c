/* SPDX-License-Identifier: MIT
 * capricorn reload: has a running server reload, and says how that went. */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "cli/remote.h"
#include "worker/worker.h"

static int tell(const remote_answer *got)
{
    csgi_str report = remote_text(got->root, "report");

    if (got->answer.status == 200) {
        printf("Reloaded in %" PRIu64 " ms: %.*s\n", remote_number(got->root, "took_ms"),
               STR_ARG(report));
        return EXIT_SERVED;
    }
    if (got->answer.status == 422)
        fprintf(stderr, "%.*sReload failed: what served before goes on unchanged\n",
                STR_ARG(report));
    else
        fprintf(stderr, "capricorn reload: %.*s\n", STR_ARG(remote_text(got->root, "detail")));
    return EXIT_WOULD_NOT_LOAD;
}

static int run(int argc, char **argv)
{
    const remote_question question = { "POST", "/reload", 0 };
    server_options options;
    remote_answer got;
    int count, exit_status;

    if (!read_options(&reload_command, argc, argv, &options, &count, &exit_status))
        return exit_status;
    if (count > 1) {
        fprintf(stderr, "capricorn reload: found \"%s\", expected one process id, or none\n",
                argv[1]);
        return EXIT_USAGE;
    }
    if (!remote_ask(&reload_command, &options, count ? argv[0] : NULL, &question, &got,
                    &exit_status))
        return exit_status;
    exit_status = tell(&got);
    remote_end(&got);
    return exit_status;
}

const command reload_command = {
    .name = "reload",
    .summary = "have a running server reload plugins and routes",
    .synopsis = "[OPTION ...] [PID]",
    .about = "Has a server of this user's, the only one or that of the process id, reload its "
             "plugins and routes file, as SIGHUP does, and waits until that is done. Requests go "
             "on meanwhile. What serves then is printed; what is wrong is told, and changes "
             "nothing.\n"
             "\n"
             "Exit status: 0 reloaded, 1 not, or no server, 2 wrong usage.",
    .uses = OPTION_OF_CONTROL,
    .run = run,
};
