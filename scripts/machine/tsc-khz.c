/* Prints how many thousand times a second this machine's time stamp counter ticks. The emulated machine has the same
   counter; left to measure it against an emulated timer on a busy host, its kernel has been wrong by a factor of ten. */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct reading {
  double time;
  double ticks;
};

/* The one of several in which the least came between the two clocks. */
static struct reading read_both(void) {
  struct reading best = {0, 0};
  double least = 1;
  for (int i = 0; i < 50; ++i) {
    const double before = seconds();
    const double ticks = (double)__rdtsc();
    const double after = seconds();
    if (after - before < least) {
      least = after - before;
      best = (struct reading){(before + after) / 2, ticks};
    }
  }
  return best;
}

int main(void) {
  const struct timespec pause = {0, 200 * 1000 * 1000};
  const struct reading first = read_both();
  nanosleep(&pause, NULL);
  const struct reading last = read_both();
  printf("%.0f\n", (last.ticks - first.ticks) / (last.time - first.time) / 1000);
  return 0;
}
