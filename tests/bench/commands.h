#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace faultd::bench {

// Starts a program with standard error going to a file; an empty name leaves it as it is.
pid_t Spawn(const std::vector<std::string>& command, const std::string& error_file = "");

// Waits for it; the status as of waitpid(2).
int Wait(pid_t pid);

// Runs a command, which must succeed.
void Run(const std::vector<std::string>& command);

}  // namespace faultd::bench
