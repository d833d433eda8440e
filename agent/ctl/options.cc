#include "ctl/options.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "ctl/address.h"
#include "ctl/fault_options.h"
#include "ctl/option_values.h"
#include <CLI/CLI.hpp>

namespace faultd::ctl {
namespace {

// Everything that CLI11 fills.
struct Texts {
  Options options;
  InjectTexts inject;
  FleetTexts fleet;
  std::optional<std::string> address;
  std::optional<std::string> timeout;
  std::optional<std::string> duration;
  std::optional<std::string> interval;
  std::string lever_action;
  std::optional<std::string> reason;
};

CLI::App* AddCommand(CLI::App& app, Texts& texts, const std::string& name, Command command,
                     const std::string& help) {
  CLI::App* added = app.add_subcommand(name, help)->group("Commands");
  added->callback([&texts, command] { texts.options.command = command; });
  return added;
}

void AddGlobals(CLI::App& app, Texts& texts) {
  app.add_option("--address", texts.address,
                 "Where the daemon listens: its unix socket, or a host over TCP. Default: that of "
                 "FAULTD_ADDRESS, else " +
                     texts.options.address)
      ->type_name("unix:PATH|HOST[:PORT]");
  app.add_flag("--json", texts.options.json, "One JSON object, or one line per item");
  app.add_flag("--brief", texts.options.brief,
               "Faults and errors as short lines of JSON, for logs that keep little; with --hold "
               "only at the start and the end");
  app.add_option("--timeout", texts.timeout,
                 "How long to wait for the daemon's answer. Default: 30s; without end for --hold, "
                 "watch and --watch")
      ->type_name("DURATION");

  TlsFiles& tls = texts.options.tls;
  const auto add = [&](const std::string& name, std::string& value, const char* variable,
                       const std::string& help) {
    app.add_option(name, value, help)->envname(variable)->type_name("FILE")->group("Over TCP");
  };
  add("--tls-ca", tls.ca, "FAULTD_TLS_CA", "Authorities of the daemons' certificates, in PEM");
  add("--tls-cert", tls.certificate, "FAULTD_TLS_CERT", "Your certificate, in PEM");
  add("--tls-key", tls.key, "FAULTD_TLS_KEY", "Its private key, in PEM");
  app.add_option("--tls-name", tls.name,
                 "The name in the daemons' certificates, when it is not that of the host")
      ->type_name("NAME")
      ->group("Over TCP");
  AddFleetOptions(app, texts.fleet);
}

void AddCommands(CLI::App& app, Texts& texts) {
  Options& options = texts.options;
  AddFaultCommands(app, texts.inject);

  CLI::App* list = AddCommand(app, texts, "list", Command::kList, "List the faults there are");
  list->add_flag("--all", options.all, "Those that are over too");

  CLI::App* get = AddCommand(app, texts, "get", Command::kGet, "Show all about faults");
  get->add_option("ID", options.ids, "Ids of the faults")->required();

  CLI::App* watch = AddCommand(app, texts, "watch", Command::kWatch,
                               "Print each change of a fault, or of all; with an ID, until it is "
                               "over");
  watch->add_option("ID", options.ids, "Id of the fault")->expected(0, 1);
  watch
      ->add_option("--interval", texts.interval,
                   "Print effects this often. Default: only changes of state")
      ->type_name("DURATION");

  CLI::App* renew = AddCommand(app, texts, "renew", Command::kRenew, "Give a fault a new lease");
  renew->add_option("ID", options.ids, "Id of the fault")->required()->expected(1);
  renew->add_option("--for", texts.duration, "New remaining time; may be shorter than the old one")
      ->required()
      ->type_name("DURATION");

  CLI::App* revert = AddCommand(app, texts, "revert", Command::kRevert, "End faults now");
  revert->add_option("ID", options.ids, "Ids of the faults");
  revert->add_flag("--all", options.all, "Every fault");

  CLI::App* probes = AddCommand(app, texts, "probes", Command::kProbes,
                                "Show the probes of this host and their last results");
  probes->add_flag("--watch", options.watch, "Stay, and show each new result");

  CLI::App* lever =
      AddCommand(app, texts, "lever", Command::kLever,
                 "Engage or release the safety lever: end all faults and refuse new ones");
  lever->add_option("ACTION", texts.lever_action, "engage, release or status. Default: status");
  lever->add_option("--reason", texts.reason, "With engage: why, for those who are refused")
      ->type_name("TEXT");

  CLI::App* audit = AddCommand(app, texts, "audit", Command::kAudit,
                               "Show who changed what on this host; needs no daemon");
  audit->add_flag("--verify", options.verify,
                  "Check instead that no line was changed, removed or moved");
  audit->add_option("--file", options.file, "The audit log. Default: " + options.file)
      ->type_name("PATH");

  CLI::App* doctor = AddCommand(app, texts, "doctor", Command::kDoctor,
                                "Say what this host can run, and what is left of faults");
  doctor->add_flag("--strict", options.strict,
                   "Fail also when a kind of fault is unavailable, no guardian runs or the safety "
                   "lever is engaged");

  AddCommand(app, texts, "version", Command::kVersion, "Version of this program and the daemon");
  AddCommand(app, texts, "ids", Command::kIds, "")->group("");
}

Status UsageError(const CLI::App& app, std::string_view message) {
  const auto selected = app.get_subcommands();
  return absl::InvalidArgumentError(StrCat(
      message, "; see faultctl ", selected.empty() ? "" : selected[0]->get_name() + " ", "--help"));
}

Status DescribeError(const CLI::App& app, const CLI::ParseError& error) {
  if (const auto unknown = app.remaining(/*recurse=*/true);
      dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !unknown.empty()) {
    const std::string& first = unknown.front();
    if (first.starts_with('-')) return UsageError(app, first + ": there is no such option here");
    if (app.get_subcommands().empty())
      return UsageError(app, StrCat("there is no command \"", first, "\""));
    return UsageError(app, StrCat("\"", first, "\" is one argument too many"));
  }
  std::string message = error.what();
  // CLI11 says "--delay: At Most 1 required but received 2" and "--to: 1 required ENDPOINT
  // missing".
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const bool many = message.find("At Most") != std::string::npos;
    message.resize(std::min(message.size(), message.find(':')));
    message += many ? ": is given more than once" : ": needs a value behind it";
  }
  return UsageError(app, message);
}

// Breaks long descriptions, which CLI11 does not.
void WrapDescriptions(CLI::App& app) {
  constexpr size_t kWidth = 68;
  for (CLI::Option* option : app.get_options()) {
    std::string text;
    size_t column = 0;
    for (absl::string_view word : absl::StrSplit(option->get_description(), ' ')) {
      const bool wrap = column + word.size() > kWidth;
      StrAppend(&text, text.empty() ? "" : wrap ? "\n" : " ", word);
      column = (wrap ? 0 : column + 1) + word.size();
    }
    option->description(text);
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    WrapDescriptions(*command);
}

// Where the command goes to.
Status FinishTarget(const Texts& texts, Options& options) {
  ASSIGN_OR_RETURN(options.fleet, ToFleet(texts.fleet));
  const bool fleet = !options.fleet.hosts.empty();
  const char* variable = std::getenv("FAULTD_ADDRESS");
  if (texts.address || (!fleet && variable != nullptr && *variable != '\0')) {
    auto address = ParseAddress(texts.address ? *texts.address : variable);
    if (!address.ok())
      return Annotate(address.status(), texts.address ? "--address" : "FAULTD_ADDRESS");
    options.address = *std::move(address);
  }
  if (fleet && texts.address)
    return OptionError("--address", "does not go with --host and --hosts-file; leave it out");
  if (fleet && (options.command == Command::kWatch || options.command == Command::kProbes ||
                options.command == Command::kIds)) {
    return OptionError("--host", "does not go with this command; ask one host, with --address");
  }
  if (options.fleet.all_or_nothing && options.command != Command::kInject &&
      options.command != Command::kHold) {
    return OptionError("--all-or-nothing", "only goes with a fault; leave it out");
  }
  if (!NeedsTls(options)) return absl::OkStatus();
  const std::pair<const char*, const std::string&> files[] = {
      {"--tls-ca", options.tls.ca},
      {"--tls-cert", options.tls.certificate},
      {"--tls-key", options.tls.key}};
  for (const auto& [option, file] : files) {
    if (!file.empty()) continue;
    return OptionError(option,
                       "is missing: over TCP it takes --tls-ca, --tls-cert and --tls-key, or "
                       "FAULTD_TLS_CA, FAULTD_TLS_CERT and FAULTD_TLS_KEY");
  }
  return absl::OkStatus();
}

Status TakeLever(Texts& texts) {
  Options& options = texts.options;
  const std::string& action = texts.lever_action;
  using enum Options::LeverAction;
  if (action == "engage") {
    options.lever = kEngage;
  } else if (action == "release") {
    options.lever = kRelease;
  } else if (!action.empty() && action != "status") {
    return absl::InvalidArgumentError(
        StrCat("lever: \"", action, "\" is no action; write engage, release or status"));
  }
  if (texts.reason.has_value() != (options.lever == kEngage)) {
    return absl::InvalidArgumentError(
        texts.reason ? "--reason: only goes with lever engage; leave it out"
                     : "--reason: is missing: say why nothing may be injected");
  }
  options.reason = texts.reason.value_or("");
  return absl::OkStatus();
}

// Checks what CLI11 does not, and turns texts into values.
StatusOr<Options> Finish(Texts texts) {
  Options& options = texts.options;
  if (texts.timeout) {
    ASSIGN_OR_RETURN(options.timeout, DurationOption("--timeout", *texts.timeout));
  }
  if (texts.interval) {
    ASSIGN_OR_RETURN(options.interval, DurationOption("--interval", *texts.interval));
  }
  if (texts.duration) {
    ASSIGN_OR_RETURN(options.duration, DurationOption("--for", *texts.duration));
  }
  RETURN_IF_ERROR(FinishTarget(texts, options));
  if (options.command == Command::kLever) RETURN_IF_ERROR(TakeLever(texts));
  if (options.command == Command::kRevert && options.all != options.ids.empty()) {
    return absl::InvalidArgumentError(options.all ? "revert: give ids or --all, not both"
                                                  : "revert: say which faults: ids, or --all");
  }
  return std::move(options);
}

StatusOr<Options> FinishInject(Texts texts) {
  const InjectTexts& inject = texts.inject;
  Options& options = texts.options;
  if (inject.hold && inject.dry_run)
    return absl::InvalidArgumentError("--hold: there is nothing to hold in a --dry-run");
  options.command = inject.hold      ? Command::kHold
                    : inject.dry_run ? Command::kPlan
                                     : Command::kInject;
  ASSIGN_OR_RETURN(options.inject, ToRequest(inject.fault));
  if (!options.inject.has_duration() && !inject.dry_run) {
    return absl::InvalidArgumentError(
        "--for: is missing: every fault has an end; write e.g. --for 5m");
  }
  if (inject.grace) {
    if (!inject.hold)
      return absl::InvalidArgumentError("--grace: only goes with --hold; leave it out");
    ASSIGN_OR_RETURN(options.grace, DurationOption("--grace", *inject.grace));
  }
  if (inject.wait_drained) {
    if (inject.hold || inject.dry_run) {
      return absl::InvalidArgumentError(
          "--wait-drained: does not go with --hold or --dry-run; leave it out");
    }
    ASSIGN_OR_RETURN(options.wait_drained, DurationOption("--wait-drained", *inject.wait_drained));
  }
  return Finish(std::move(texts));
}

}  // namespace

bool NeedsTls(const Options& options) {
  const auto& hosts = options.fleet.hosts;
  if (hosts.empty()) return !IsUnix(options.address);
  return !std::all_of(hosts.begin(), hosts.end(),
                      [](const Host& host) { return IsUnix(host.address); });
}

StatusOr<Options> ParseOptions(int argc, const char* const* argv) {
  Texts texts;
  CLI::App app("Makes faults on this host on purpose, and ends them in time.", "faultctl");
  app.fallthrough();  // global options may also follow the command
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "faultctl " FAULTD_VERSION);
  AddGlobals(app, texts);
  AddCommands(app, texts);
  WrapDescriptions(app);
  app.footer(
      "Exit codes: 0 done, 1 the fault failed or ended early, 2 usage or invalid argument,\n"
      "3 daemon unreachable, 4 refused, 5 revert incomplete.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {
    std::ostringstream text;
    app.exit(request, text, text);
    texts.options.command = Command::kHelp;
    texts.options.help = text.str();
    return texts.options;
  } catch (const CLI::ParseError& error) {
    return DescribeError(app, error);
  }
  if (app.get_subcommands().empty()) return UsageError(app, "say what to do: give a command");
  return texts.inject.fault.kind.empty() ? Finish(std::move(texts))
                                         : FinishInject(std::move(texts));
}

}  // namespace faultd::ctl
