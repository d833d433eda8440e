// libstdc++'s std::random_device takes arc4random from glibc 2.36. Distributions with older ones
// (2.34) are served by the same binary, so it gets this one, over getrandom(2).
#include <sys/random.h>

#include <cstdint>

extern "C" uint32_t arc4random() {
  uint32_t value = 0;
  while (getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) {
  }
  return value;
}
