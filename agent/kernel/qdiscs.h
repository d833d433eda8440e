#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

#include "base/status.h"

namespace faultd {

enum class DelayDistribution : uint8_t { kUniform, kNormal, kPareto, kParetonormal };

// Two-state loss (Gilbert-Elliott), as probabilities 0 to 1.
struct BurstLoss {
  double good_to_bad = 0;
  double bad_to_good = 0;
  double loss_in_bad = 1;
  double loss_in_good = 0;
  friend bool operator==(const BurstLoss&, const BurstLoss&) = default;
};

// What a netem qdisc does. Probabilities and correlations are 0 to 1.
struct Netem {
  std::chrono::nanoseconds delay{0};
  std::chrono::nanoseconds jitter{0};
  double delay_correlation = 0;
  DelayDistribution distribution = DelayDistribution::kUniform;
  double loss = 0;
  double loss_correlation = 0;
  std::optional<BurstLoss> burst_loss;  // instead of `loss`
  uint32_t limit = 1000;                // packets held back at most
  friend bool operator==(const Netem&, const Netem&) = default;
};

struct NetemState {
  Netem
      netem;  // as the kernel has it, rounded to its units, but the distribution: it does not tell
  uint64_t packets_sent = 0;
  uint64_t packets_dropped = 0;  // by loss or by the limit
  uint64_t packets_overlimit = 0;
  uint32_t packets_queued = 0;
};

// Whether the kernel shows `seen` for what was set as `set`: it keeps probabilities as 32-bit
// fractions and may round times to ticks of 64 ns.
bool SameWithinRounding(const Netem& seen, const Netem& set);

// Queueing disciplines of links of ours. Used from one thread.
class Qdiscs {
 public:
  virtual ~Qdiscs() = default;

  // Makes netem with exactly these parameters the link's root qdisc. Every attribute is sent every
  // time: netem keeps what is not sent again. FAILED_PRECONDITION (PreconditionError "MODULE",
  // "sch_netem") when the kernel has no netem and it cannot be loaded.
  virtual Status SetNetem(int ifindex, const Netem& netem) = 0;
  // Of all links whose root qdisc is netem, ours or not, by ifindex.
  virtual StatusOr<std::map<int, NetemState>> ListNetem() = 0;
};

}  // namespace faultd
