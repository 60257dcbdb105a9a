/* SPDX-License-Identifier: MIT
 * The table of the commands. */
#include "cli/command.h"

#include "base/check.h"

const command *const command_table[] = {
    &run_command,  &dev_command,    &check_command,      &routes_command,
    &call_command, &reload_command, &status_command,     &health_command,
    &new_command,  &schema_command, &completion_command,
};
const size_t command_count = COUNT_OF(command_table);
