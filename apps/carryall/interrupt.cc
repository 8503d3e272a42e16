#include "interrupt.h"

#include <csignal>

namespace carryall::apps {
namespace {

volatile std::sig_atomic_t g_signal = 0;

void Remember(int number) { g_signal = number; }

}  // namespace

void RememberInterrupts() {
  struct sigaction action {};
  action.sa_handler = &Remember;
  // No SA_RESTART: a write that blocks ends. Back to the default after the first.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
}

int InterruptSignal() { return g_signal; }

Status CheckInterrupt() {
  return g_signal == 0 ? Status::OK() : Error(ErrorKind::kCancelled, "interrupted");
}

}  // namespace carryall::apps
