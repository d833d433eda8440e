#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd {

// Loads a kernel module with its dependencies through libkmod, which is looked up at run time. OK
// when it is there already or built in; NOT_FOUND when there is no such module for the running
// kernel; UNAVAILABLE without libkmod; PERMISSION_DENIED also when modprobe.d(5) has a command in
// its place; DEADLINE_EXCEEDED when the disk does not answer within 2 s, and then it may be loaded
// later; RESOURCE_EXHAUSTED when no thread is to be had. `options` are parameters as in
// modprobe.d(5).
Status LoadModule(std::string_view name, const std::string& options = "");

// The same for a module that the kernel has just shown to lack. Whatever goes wrong becomes a
// PreconditionError "MODULE", `name` with the advice of ModulePackageHint:
// "kernel module sch_netem is missing: install …"; or that nobody could look.
Status LoadMissingModule(std::string_view name);

// What an operator has to install to get a module on this distribution (os-release(5) of `root`),
// e.g. "install kernel-modules-extra-5.14.0-427.el9.x86_64 (dnf)" on RHEL-likes, "install
// linux-modules-extra-6.8.0-1010-aws (apt)" on Ubuntu. Less when the disk does not answer.
std::string ModulePackageHint(std::string_view module, const std::string& root = "/");

}  // namespace faultd
