#include "carryall/proxy/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>

namespace carryall::proxy {
namespace {

using testing::HasSubstr;

constexpr Duration kLong = Duration::FromSeconds(20);
constexpr Duration kShort = Duration::FromMs(100);

std::vector<std::string> Shell(const std::string& script) { return {"sh", "-c", script}; }

TEST(RunProgram, GivesOutputAndStatus) {
  const auto done = RunProgram(Shell("cat; echo out; echo err >&2; exit 7"), kLong, {});
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  EXPECT_EQ(done->status, 7);
  EXPECT_EQ(done->out, "out\n");
  EXPECT_EQ(done->err, "err\n");
}

TEST(RunProgram, WordsArriveAsTheyAre) {
  const auto done =
      RunProgram({"printf", "%s|", "a b", "$HOME", "'", "", "-x"}, kLong, {});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out, "a b|$HOME|'||-x|");
}

TEST(RunProgram, ASignalIsAStatus) {
  EXPECT_EQ(RunProgram(Shell("kill -TERM $$"), kLong, {})->status, 128 + SIGTERM);
}

TEST(RunProgram, AProgramThatIsNotThereEndsWith127) {
  const auto done = RunProgram({"carryall-no-such-program"}, kLong, {});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->status, 127);
  EXPECT_THAT(done->err, HasSubstr("carryall-no-such-program"));
}

TEST(RunProgram, DoesNotWaitBeyondTheDeadline) {
  // Deaf to SIGTERM, with the pipes in the hands of what it started.
  const auto done =
      RunProgram(Shell("trap '' TERM; while :; do sleep 1; done"), kShort, {});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(KindOf(done.status()), ErrorKind::kTimeout);
  EXPECT_THAT(done.status().message(), HasSubstr("sh did not end within"));
}

TEST(RunProgram, CanBeInterrupted) {
  const flight::Interrupt interrupt{
      {}, [] { return Error(ErrorKind::kCancelled, "enough"); }};
  EXPECT_EQ(KindOf(RunProgram(Shell("sleep 60"), kLong, interrupt).status()),
            ErrorKind::kCancelled);
}

TEST(RunProgram, OutputHasALimitAndIsReadToItsEnd) {
  const auto done =
      RunProgram(Shell("head -c 3000000 /dev/zero; echo end >&2"), kLong, {});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out.size(), size_t{1} << 20);
  EXPECT_EQ(done->err, "end\n");
}

TEST(ChildProcess, TellsWhenALineHasCome) {
  const auto child = *ChildProcess::Start(Shell("echo noise ready; echo ready; cat"));
  ASSERT_TRUE(child->ReadUntil("ready", SteadyNow() + ToChrono(kLong), {}).ok());
  EXPECT_EQ(child->out(), "noise ready\nready\n");
  // Its input is open: it is still there.
  EXPECT_EQ(KindOf(child->Wait(SteadyNow(), {}).status()), ErrorKind::kTimeout);
  child->CloseInput();
  EXPECT_EQ(*child->Wait(SteadyNow() + ToChrono(kLong), {}), 0);
}

TEST(ChildProcess, IsDeafToCtrlC) {
  const auto child = *ChildProcess::Start(Shell("kill -INT $$; echo alive; cat"));
  ASSERT_TRUE(child->ReadUntil("alive", SteadyNow() + ToChrono(kLong), {}).ok());
  EXPECT_EQ(child->out(), "alive\n");
}

TEST(ChildProcess, EndsWithItsObject) {
  auto child = *ChildProcess::Start(Shell("echo $$; echo ready; cat"));
  ASSERT_TRUE(child->ReadUntil("ready", SteadyNow() + ToChrono(kLong), {}).ok());
  const pid_t pid = std::stoi(child->out());
  child.reset();
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace carryall::proxy
