#include <cstdlib>
#include <string_view>

#include "carryall/client/client.h"

namespace carryall::client {
namespace {

template <typename Choice>
struct Named {
  std::string_view name;
  Choice choice;
};

template <typename Choice, size_t kCount>
Result<Choice> Choose(const char* variable, const Named<Choice> (&choices)[kCount]) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return choices[0].choice;
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (value == name) return choice;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return Error(ErrorKind::kInvalidArgument, "{} must be one of {}, not '{}'", variable,
               names, value);
}

}  // namespace

Result<mux::OnGap> OnGapFromEnvironment() {
  using mux::OnGap;
  return Choose<OnGap>(
      "ARRAKIS_ONGAP",
      {{"fill", OnGap::kFill}, {"skip", OnGap::kSkip}, {"raise", OnGap::kRaise}});
}

Result<mux::OnDrop> OnDropFromEnvironment() {
  using mux::OnDrop;
  return Choose<OnDrop>(
      "ARRAKIS_ONDROP",
      {{"ignore", OnDrop::kIgnore}, {"warn", OnDrop::kWarn}, {"raise", OnDrop::kRaise}});
}

}  // namespace carryall::client
