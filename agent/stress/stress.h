#pragma once

#include <sys/types.h>

#include "base/status.h"

namespace faultd {

// The life of a stress process: takes the order from the socket, starts the load, reports once a
// second, until it is killed or the socket is closed. Dies with `parent`, the process that started
// it. The threads of the load may still run when it returns: to be followed by _exit.
Status RunStress(int socket, pid_t parent);

}  // namespace faultd
