#include "kernel/modules.h"

#include <dlfcn.h>
#include <libkmod.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/threads.h"

namespace faultd {
namespace {

struct LibraryCloser {
  void operator()(void* library) const { dlclose(library); }
};

// The functions of libkmod that are used. It is opened when it is needed: hosts whose kernel has
// everything need not have it, and the guardian never does.
struct Libkmod {
  std::unique_ptr<void, LibraryCloser> library;
  decltype(&kmod_new) create = nullptr;
  decltype(&kmod_unref) release = nullptr;
  decltype(&kmod_set_log_priority) set_log_priority = nullptr;
  decltype(&kmod_module_new_from_lookup) look_up = nullptr;
  decltype(&kmod_module_get_module) module_of = nullptr;
  decltype(&kmod_module_unref) release_module = nullptr;
  decltype(&kmod_module_unref_list) release_list = nullptr;
  decltype(&kmod_module_probe_insert_module) insert = nullptr;
};

template <typename Function>
bool Find(const Libkmod& kmod, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(kmod.library.get(), name));
  return function != nullptr;
}

StatusOr<Libkmod> OpenLibkmod() {
  Libkmod kmod;
  kmod.library.reset(dlopen("libkmod.so.2", RTLD_NOW | RTLD_LOCAL));
  if (kmod.library == nullptr) {
    return absl::UnavailableError("libkmod.so.2 is not installed (package libkmod2 or kmod-libs)");
  }
  if (!Find(kmod, "kmod_new", kmod.create) || !Find(kmod, "kmod_unref", kmod.release) ||
      !Find(kmod, "kmod_set_log_priority", kmod.set_log_priority) ||
      !Find(kmod, "kmod_module_new_from_lookup", kmod.look_up) ||
      !Find(kmod, "kmod_module_get_module", kmod.module_of) ||
      !Find(kmod, "kmod_module_unref", kmod.release_module) ||
      !Find(kmod, "kmod_module_unref_list", kmod.release_list) ||
      !Find(kmod, "kmod_module_probe_insert_module", kmod.insert)) {
    return absl::UnavailableError("libkmod.so.2 lacks a function that is needed");
  }
  return kmod;
}

// Called instead of running a command that modprobe.d(5) has in place of a module. Administrators
// forbid modules that way ("install sctp /bin/false").
int RefuseCommand(kmod_module*, const char*, void*) { return -EACCES; }

// What reads from a disk that may not answer.
const PatientAsker& AskDisk() {
  static const PatientAsker ask(/*most=*/2, std::chrono::seconds(2));
  return ask;
}

std::string KernelRelease() {
  utsname name{};
  uname(&name);
  return name.release;
}

std::map<std::string, std::string> ReadOsRelease(const std::string& root) {
  std::map<std::string, std::string> values;
  auto text = ReadSmallFile(root + "/etc/os-release");
  if (!text.ok()) text = ReadSmallFile(root + "/usr/lib/os-release");
  if (!text.ok()) return values;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    absl::string_view value = pair.second;
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
      value = value.substr(1, value.size() - 2);
    }
    values[std::string(pair.first)] = std::string(value);
  }
  return values;
}

Status LoadNow(const std::string& name, const std::string& options) {
  const std::string attempt = StrCat("load module ", name);
  auto kmod = OpenLibkmod();
  if (!kmod.ok()) return Annotate(kmod.status(), attempt);
  const std::unique_ptr<kmod_ctx, decltype(&kmod_unref)> context(kmod->create(nullptr, nullptr),
                                                                 kmod->release);
  if (context == nullptr) return ErrnoStatus(ENOMEM, attempt);
  kmod->set_log_priority(context.get(), LOG_EMERG);  // it would write to stderr
  kmod_list* found = nullptr;
  const int error = kmod->look_up(context.get(), name.c_str(), &found);
  const std::unique_ptr<kmod_list, decltype(&kmod_module_unref_list)> list(found,
                                                                           kmod->release_list);
  if (error == -ENOENT || (error == 0 && list == nullptr)) {
    return absl::NotFoundError(StrCat(attempt, ": no such module for kernel ", KernelRelease()));
  }
  if (error < 0) return ErrnoStatus(-error, attempt);
  const std::unique_ptr<kmod_module, decltype(&kmod_module_unref)> module(
      kmod->module_of(list.get()), kmod->release_module);
  const int inserted = kmod->insert(module.get(), 0, options.empty() ? nullptr : options.c_str(),
                                    RefuseCommand, nullptr, nullptr);
  if (inserted == -EPERM) return Annotate(ErrnoStatus(EPERM, "needs CAP_SYS_MODULE"), attempt);
  if (inserted == -EACCES) {
    return absl::PermissionDeniedError(StrCat(attempt, ": forbidden by /etc/modprobe.d"));
  }
  return inserted < 0 ? ErrnoStatus(-inserted, attempt) : absl::OkStatus();
}

std::string FindPackageHint(const std::string& module, const std::string& root) {
  const std::string release = KernelRelease();
  // True as well in a container that was not given the host's modules.
  if (access(StrCat(root, "/lib/modules/", release).c_str(), F_OK) != 0) {
    return StrCat("there are no modules for the running kernel in /lib/modules/", release,
                  "; boot a kernel of the distribution");
  }
  auto os = ReadOsRelease(root);
  const auto is_like = [&](std::string_view id) {
    const std::vector<std::string> like = absl::StrSplit(os["ID_LIKE"], ' ');
    return os["ID"] == id || std::find(like.begin(), like.end(), id) != like.end();
  };
  if (is_like("ubuntu")) return StrCat("install linux-modules-extra-", release, " (apt)");
  if (is_like("debian")) return StrCat("install linux-image-", release, " (apt)");
  if (is_like("rhel") || is_like("fedora")) {
    return StrCat("install kernel-modules-extra-", release, " (dnf)");
  }
  return StrCat("install the package that has ", module, " for kernel ", release);
}

}  // namespace

Status LoadModule(std::string_view name, const std::string& options) {
  return AskDisk()(
      [name = std::string(name), options] { return LoadNow(name, options); },
      absl::DeadlineExceededError(
          StrCat("load module ", name, ": the disk does not answer; try again once it does")));
}

Status LoadMissingModule(std::string_view name) {
  Status loaded = LoadModule(name);
  if (loaded.ok()) return loaded;
  if (absl::IsDeadlineExceeded(loaded) || absl::IsResourceExhausted(loaded))
    return PreconditionError("MODULE", name, ToStd(loaded.message()));
  std::string message = StrCat("kernel module ", name, " is missing: ", ModulePackageHint(name));
  if (!absl::IsNotFound(loaded)) StrAppend(&message, " (", loaded.message(), ")");
  return PreconditionError("MODULE", name, message);
}

std::string ModulePackageHint(std::string_view module, const std::string& root) {
  const StatusOr<std::string> hint =
      AskDisk()([module = std::string(module),
                 root]() -> StatusOr<std::string> { return FindPackageHint(module, root); },
                absl::DeadlineExceededError("the disk does not answer"));
  return hint.value_or(StrCat("install the package that has ", module));
}

}  // namespace faultd
