#include "ctl/fault_options.h"

#include "ctl/stress_options.h"
#include <CLI/CLI.hpp>

namespace faultd::ctl {
namespace {

// An option that may be given more than once. By default CLI11 would take all words behind it, and
// would take "[::1]" for a list.
CLI::Option* AddRepeated(CLI::App& app, const std::string& name, std::vector<std::string>& values,
                         const std::string& help) {
  return app.add_option(name, values, help)->allow_extra_args(false);
}

void AddTarget(CLI::App& app, FaultTexts& texts) {
  const std::string group = "Target";
  AddRepeated(app, "--to", texts.to,
              "Packets to hit, by their far end: address, CIDR, host name, or on EC2 availability "
              "zone, S3 or DYNAMODB, then :PORT or :FIRST-LAST, then /tcp, /udp, /icmp; repeat for "
              "several. E.g. 10.0.0.0/8:5432/tcp, db.example.com:5432, [2001:db8::5]:443, :5432, "
              "us-east-1a")
      ->type_name("ENDPOINT")
      ->group(group);
  app.add_flag("--all-traffic", texts.all_traffic, "Hit every packet")->group(group);
  AddRepeated(app, "--except", texts.except, "Packets to leave alone; written like --to")
      ->type_name("ENDPOINT")
      ->group(group);
  AddRepeated(app, "--interface", texts.interfaces,
              "Interfaces to work on; repeat or separate with commas. Default: those of the "
              "default routes")
      ->delimiter(',')
      ->type_name("NAME")
      ->group(group);
  app.add_option("--direction", texts.direction,
                 "egress (default), ingress or both; both delays a round trip twice")
      ->type_name("DIRECTION")
      ->group(group);
  app.add_option("--protocol", texts.protocol,
                 "tcp, udp, icmp or any, for each --to that names none. Default: any")
      ->type_name("PROTOCOL")
      ->group(group);
  app.add_option("--local-port", texts.local_port,
                 "Ports of this host, for faults on a service it offers")
      ->type_name("PORT[-PORT]")
      ->group(group);
  app.add_option("--flows-percent", texts.flows_percent,
                 "Share of the connections to hit, 1 to 100; each wholly or not at all")
      ->type_name("PERCENT")
      ->group(group);
}

void AddLease(CLI::App& app, InjectTexts& texts) {
  const std::string group = "Lease";
  app.add_option("--for", texts.fault.duration,
                 "How long, e.g. 90s, 1h30m, PT5M; then the host is put back. Required except "
                 "with --dry-run")
      ->type_name("DURATION")
      ->group(group);
  app.add_flag("--hold", texts.hold,
               "Stay in the foreground; the fault ends when this command ends, however it ends")
      ->group(group);
  app.add_option(
         "--grace", texts.grace,
         "With --hold: how long the fault outlives this command. Default: not at all on a unix "
         "socket, 5s over TCP")
      ->type_name("DURATION")
      ->group(group);
  AddRepeated(app, "--stop-if", texts.fault.stop_if,
              "End the fault early when this comes about; repeat for more. "
              "probe:NAME[:N] or probe-up:NAME[:N] (a probe fails or succeeds N times in a row, "
              "default 3), cpu-pressure:PERCENT, memory-pressure:PERCENT[:full], "
              "io-pressure:PERCENT[:full], memory-below:SIZE or PERCENT%, alarm:NAME (CloudWatch), "
              "file:PATH")
      ->type_name("GUARD")
      ->group(group);
  app.add_flag("--not-renewable", texts.fault.not_renewable, "Refuse to renew the lease")
      ->group(group);
  app.add_flag("--dry-run", texts.dry_run, "Only say what would change")->group(group);
  app.add_option("--id", texts.fault.id,
                 "Id of the fault, so that the command can be repeated: same id and same fault is "
                 "the same fault. Default: chosen by the daemon")
      ->type_name("ID")
      ->group(group);
  AddRepeated(app, "--label", texts.fault.labels, "Label to show with the fault; repeat for more")
      ->type_name("KEY=VALUE")
      ->group(group);
}

CLI::App* AddKind(CLI::App& app, InjectTexts& texts, const std::string& kind,
                  const std::string& help) {
  CLI::App* command = app.add_subcommand(kind, help)->group("Faults");
  command->callback([&texts, kind] { texts.fault.kind = kind; });
  return command;
}

}  // namespace

void AddFaultCommands(CLI::App& app, InjectTexts& texts) {
  FaultTexts& fault = texts.fault;

  CLI::App* latency = AddKind(app, texts, "latency", "Delay packets");
  latency->add_option("--delay", fault.delay, "Added to each packet, 1us to 1m")
      ->type_name("DURATION");
  latency->add_option("--jitter", fault.jitter, "Random variation around the delay")
      ->type_name("DURATION");
  latency
      ->add_option("--correlation", fault.correlation,
                   "How much each packet's variation depends on the one before, 0 to 100")
      ->type_name("PERCENT");
  latency
      ->add_option("--distribution", fault.distribution,
                   "Shape of the variation: uniform (default), normal, pareto or paretonormal")
      ->type_name("SHAPE");

  CLI::App* loss = AddKind(app, texts, "loss", "Drop a share of the packets");
  loss->add_option("--percent", fault.percent, "Share to drop, above 0 to 100")
      ->type_name("PERCENT");
  loss->add_option("--correlation", fault.correlation,
                   "How much each packet's chance depends on the one before, 0 to 100")
      ->type_name("PERCENT");
  loss->add_option("--gilbert-elliott", fault.gilbert_elliott,
                   "Instead of --percent, loss in bursts: chance to go from the good state to the "
                   "bad one, chance to go back, loss in the bad state (default 100), loss in the "
                   "good state (default 0), all in per cent")
      ->type_name("P,R[,BAD[,GOOD]]");

  CLI::App* blackhole =
      AddKind(app, texts, "blackhole", "Swallow packets; their senders are told nothing");

  const auto add = [&](const std::string& kind, const std::string& help) {
    return AddKind(app, texts, kind, help);
  };
  CLI::App* noop = AddKind(app, texts, "noop", "Do nothing, to try out leases");
  noop->add_option("--note", fault.note, "Free text")->type_name("TEXT");

  CLI::App* ecs_drain = AddKind(app, texts, "ecs-drain",
                                "Drain this host's ECS container instance: its tasks move away");
  ecs_drain
      ->add_option("--wait-drained", texts.wait_drained,
                   "Stay until no task that draining moves is left, this long at most")
      ->type_name("DURATION")
      ->group("Lease");

  for (CLI::App* network : {latency, loss, blackhole}) AddTarget(*network, fault);
  for (CLI::App* command : {latency, loss, blackhole, ecs_drain, noop}) AddLease(*command, texts);
  for (CLI::App* stress : AddStressCommands(add, fault.stress)) AddLease(*stress, texts);
}

}  // namespace faultd::ctl
