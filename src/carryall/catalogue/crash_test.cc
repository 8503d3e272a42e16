#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "carryall/catalogue/catalogue.h"
#include "carryall/catalogue/test_directory.h"
#include "carryall/catalogue/test_site.h"

namespace carryall::catalogue {
namespace {

// Where the child is killed: before the step of this number, counting the steps of the
// store and what SQLite does to its files. A write it is killed in is done by half.
int64_t kill_at = -1, steps_taken = 0;
bool KillNow() { return steps_taken++ == kill_at; }
void Die() { kill(getpid(), SIGKILL); }

ssize_t WriteOn(int fd, const void* data, size_t bytes) {
  if (KillNow()) {
    (void)!write(fd, data, bytes / 2);
    Die();
  }
  return write(fd, data, bytes);
}
ssize_t WriteAt(int fd, const void* data, size_t bytes, off64_t offset) {
  if (KillNow()) {
    (void)!pwrite64(fd, data, bytes / 2, offset);
    Die();
  }
  return pwrite64(fd, data, bytes, offset);
}
int Truncate(int fd, off_t bytes) {
  if (KillNow()) Die();
  return ftruncate(fd, bytes);
}
int Unlink(const char* path) {
  if (KillNow()) Die();
  return unlink(path);
}

template <typename Function>
void Override(const char* name, Function* function) {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  const auto pointer = reinterpret_cast<sqlite3_syscall_ptr>(function);
  if (vfs->xSetSystemCall(vfs, name, pointer) != SQLITE_OK) _exit(3);
}

// One thing after the other that a site does; each either counts as a whole or not at
// all.
using Operation = std::function<Status(Catalogue*)>;

std::vector<Channel> Channels(int begin, int end, DataType type = DataType::kFloat32) {
  std::vector<Channel> out;
  for (int i = begin; i < end; ++i) {
    out.push_back(MakeChannel(fmt::format("H1:S{}-{:03}", i % 3, i), type));
  }
  return out;
}

std::vector<Operation> Operations() {
  const auto configure = [](std::vector<Channel> fixed) {
    return [fixed](Catalogue* catalogue) {
      return catalogue->Configure({MakeFile("D", true), MakeFile("F", false, fixed)})
          .status();
    };
  };
  const auto enroll = [](std::vector<Channel> channels) {
    return [channels](Catalogue* catalogue) {
      return catalogue->Register("D", {}, channels).status();
    };
  };
  std::vector<Channel> fixed = {MakeChannel("L1:F-1"), MakeChannel("L1:F-2")};
  std::vector<Operation> out = {configure(fixed)};
  for (int i = 0; i < 4; ++i) out.push_back(enroll(Channels(i * 5, i * 5 + 5)));
  out.push_back(enroll(Channels(3, 6, DataType::kInt32)));
  out.push_back(configure({fixed[1], MakeChannel("L1:F-3")}));
  out.push_back(enroll(Channels(100, 220)));
  out.push_back([](Catalogue* catalogue) {
    PublisherFile slower = MakeFile("D", true);
    slower.publisher.stride = Duration::FromSeconds(1);
    return catalogue->Configure({slower}).status();
  });
  out.push_back([](Catalogue* catalogue) { return catalogue->Remove("F").status(); });
  return out;
}

// What a catalogue holds, to be compared.
std::string Show(const Catalogue& catalogue) {
  std::string out;
  for (const auto& [id, publisher] : *catalogue.publishers()) {
    out += fmt::format("{} {} {}\n", id, publisher.stride.ns(), publisher.dynamic);
  }
  for (const Partition& partition : catalogue.Partitions().ValueOrDie()) {
    out += fmt::format("{} {} {} {}\n", partition.id, partition.next_index,
                       partition.channels, partition.bytes);
  }
  for (const Channel& c : AllChannels(catalogue)) {
    out += fmt::format("{} {} {} {} {} {}\n", c.name, Name(c.data_type), *c.publisher,
                       c.stride->ns(), *c.partition_id, *c.partition_index);
  }
  return out;
}

class CrashTest : public DirectoryTest {
 protected:
  // Runs the operations in a child that is killed at a step. Returns how many were
  // acknowledged to it, and whether it was killed.
  std::pair<size_t, bool> RunKilledAt(int64_t step) {
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipe_ends[0]);
      Child(step, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    size_t acknowledged = 0;
    char byte = 0;
    while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
    close(pipe_ends[0]);
    int result = 0;
    EXPECT_EQ(waitpid(child, &result, 0), child);
    EXPECT_TRUE(WIFSIGNALED(result) || WEXITSTATUS(result) == 0)
        << "step " << step << " exit " << WEXITSTATUS(result);
    return {acknowledged, WIFSIGNALED(result)};
  }

  [[noreturn]] void Child(int64_t step, int acknowledge) {
    kill_at = step;
    steps_taken = 0;
    Override("write", &WriteOn);
    Override("pwrite", &WriteAt);
    Override("pwrite64", &WriteAt);
    Override("ftruncate", &Truncate);
    Override("unlink", &Unlink);
    CatalogueOptions options;
    options.hook = [](std::string_view) {
      if (KillNow()) Die();
    };
    auto catalogue = Catalogue::Open(File("db"), options);
    if (!catalogue.ok()) _exit(1);
    for (const Operation& operation : Operations()) {
      if (!operation(catalogue->get()).ok()) _exit(2);
      if (write(acknowledge, "+", 1) != 1) _exit(4);
    }
    catalogue->reset();
    _exit(0);
  }

  // Opens the file and runs the operations from `first` on.
  void GoOn(size_t first) {
    const auto catalogue = Catalogue::Open(File("db")).ValueOrDie();
    const std::vector<Operation> operations = Operations();
    // Which publishers are configured here is not kept: a server reads its files again.
    for (const size_t configuration : {8, 6, 0}) {
      if (configuration >= first) continue;
      ASSERT_TRUE(operations[configuration](catalogue.get()).ok());
      break;
    }
    for (size_t i = first; i < operations.size(); ++i) {
      ASSERT_TRUE(operations[i](catalogue.get()).ok()) << i;
    }
  }

  std::string Found() {
    const auto catalogue = Catalogue::Open(File("db"));
    EXPECT_TRUE(catalogue.ok()) << catalogue.status();
    return catalogue.ok() ? Show(**catalogue) : "";
  }
};

TEST_F(CrashTest, KilledAtAnyStepEveryAcknowledgedRegistrationIsThere) {
  const std::vector<Operation> operations = Operations();
  std::vector<std::string> states;  // after each number of operations
  {
    const auto catalogue = Catalogue::Open(File("model")).ValueOrDie();
    states.push_back(Show(*catalogue));
    for (const Operation& operation : operations) {
      ASSERT_TRUE(operation(catalogue.get()).ok());
      states.push_back(Show(*catalogue));
    }
  }
  int64_t kills = 0, unacknowledged = 0;
  for (int64_t step = 0;; ++step) {
    for (const char* tail : {"", "-wal", "-shm", "-lock"}) {
      std::filesystem::remove(File("db") + tail);
    }
    const auto [acknowledged, killed] = RunKilledAt(step);
    const std::string found = Found();
    const bool next =
        acknowledged < operations.size() && found == states[acknowledged + 1];
    ASSERT_TRUE(found == states[acknowledged] || next)
        << "killed at step " << step << " after " << acknowledged << " operations";
    if (!killed) break;
    ++kills;
    if (step % 10 == 0) {
      // What comes after a crash is as if there had been none.
      GoOn(found == states[acknowledged] ? acknowledged : acknowledged + 1);
      ASSERT_TRUE(Found() == states.back()) << "killed at step " << step;
    }
    if (next && found != states[acknowledged]) ++unacknowledged;
  }
  EXPECT_GT(kills, 300);
  EXPECT_GE(unacknowledged, static_cast<int64_t>(operations.size()) - 1);
}

}  // namespace
}  // namespace carryall::catalogue
