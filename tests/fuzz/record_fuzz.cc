// Files in the journal, beside the record of a fault that is really there. An input is a letter and
// what the file has: f as it is, r and R (text) a record with a good checksum.
#include "engine/journal.h"
#include "fuzz/check.h"
#include "fuzz/messages.h"
#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {
namespace {

constexpr char kLatency[] =
    R"(latency { target { to { host: "10.0.0.0/8" } } delay { nanos: 100000000 } })";

// Recovery must not be kept from its work by whatever else is there.
void RecoverBeside(const std::string& name, const std::string& content) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  host.engine().Inject(RequestFor("real", kLatency), {}, [](const StatusOr<v1::Fault>&) {});
  host.loop.RunReady();
  Check(host.directory.files().size() == 1, "there is a fault to be reverted");
  host.directory.files().insert({name, content});
  host.Restart();
  const auto lines = host.RunRecovery();
  if (!lines.ok()) CheckError(lines.status());
  Check(host.kernel.state() == before.kernel, "recovery puts the host back");
  Check(!host.directory.files().contains("real.record"), "the record goes with the fault");
  Check(host.ecs.state == before.ecs, "an instance that was not drained is left alone");
  const FakeDirectory::Files after = host.directory.files();
  Check(after.size() <= 1, "nothing is left but what cannot be read");
  Check(after.empty() || after.contains(name) || after.contains(name + ".aside"),
        "what cannot be read stays findable", after.empty() ? "" : after.begin()->first);
  host.Restart();
  host.RunRecovery().status().IgnoreError();
  Check(host.directory.files() == after, "a second recovery changes nothing");
}

void CheckFile(std::string_view content) {
  const auto record = DecodeRecord(content);
  if (!record.ok()) {
    CheckError(record.status());
    Check(absl::IsDataLoss(record.status()), "a damaged file is DATA_LOSS",
          record.status().ToString());
  }
  RecoverBeside("a.record", std::string(content));
}

void CheckRecord(const v1::JournalRecord& record) {
  const std::string file = EncodeRecord(record);
  const auto again = DecodeRecord(file);
  // Compared as text: labels have no order on the wire.
  Check(again.ok() && again->DebugString() == record.DebugString(), "a record reads back",
        record.DebugString());
  Check(!DecodeRecord(file.substr(0, file.size() - 1)).ok(), "a truncated record is refused");
  if (record.id() != "real") RecoverBeside(record.id() + ".record", file);
}

}  // namespace
}  // namespace faultd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultd;
  std::string_view input = TextOf(data, size);
  const char letter = TakeLetter(input);
  v1::JournalRecord record;
  if (letter == 'f') {
    CheckFile(input);
  } else if ((letter == 'r' || letter == 'R') && ReadMessage(letter == 'R', input, record)) {
    CheckRecord(record);
  }
  return 0;
}
