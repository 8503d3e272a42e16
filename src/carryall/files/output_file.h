#pragma once

#include <arrow/io/interfaces.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/base/status.h"

namespace carryall::files {

/// Called before every step that changes the file system, with its name ("open", "write",
/// "sync", "rename", "sync directory", "unlink") and the path. A status that is not OK is
/// taken as the failure of that step. For tests of crashes and full disks.
using StepHook = std::function<Status(std::string_view step, const std::string& path)>;

/// A file that is being written, small writes collected. Owned and called by one thread.
/// Failures of the operating system are kIo naming the file and its words ("No space left
/// on device").
class OutputFile final : public arrow::io::OutputStream {
 public:
  /// Creates `path` anew; kIo if something of that name exists.
  static Result<std::shared_ptr<OutputFile>> Create(const std::string& path,
                                                    StepHook hook = nullptr);
  /// Creates a file that grows beside `path` under PartialPath until Publish.
  static Result<std::shared_ptr<OutputFile>> CreateBeside(const std::string& path,
                                                          StepHook hook = nullptr);
  /// Closes and removes the file unless Keep or Publish succeeded.
  ~OutputFile() override;

  Status Write(const void* data, int64_t bytes) override;
  using arrow::io::OutputStream::Write;
  Result<int64_t> Tell() const override { return position_; }
  bool closed() const override { return fd_ < 0; }
  /// Writes out what was collected.
  Status Flush() override;
  /// Flushes and closes without keeping: the destructor removes the file.
  Status Close() override;

  /// Where it stands on disk now.
  const std::string& path() const { return path_; }
  /// Flushes and asks the kernel to begin writing to the disk; does not wait.
  Status StartWriteback();
  /// Waits until the bytes are on the disk; also after Close.
  Status Sync();
  /// Closes; the file stays as it is, whatever comes.
  Status Keep();
  /// Closes a file of CreateBeside and puts it under its name at once: whoever opens that
  /// name sees the old file or the whole new one. To survive a power cut as well, call
  /// Sync before and SyncDirectory after.
  Status Publish();

 private:
  OutputFile(std::string path, std::string name, int fd, StepHook hook)
      : path_(std::move(path)), name_(std::move(name)), fd_(fd), hook_(std::move(hook)) {
    set_mode(arrow::io::FileMode::WRITE);
  }
  static Result<std::shared_ptr<OutputFile>> Open(const std::string& path,
                                                  const std::string& name, StepHook hook);
  Status Step(std::string_view step) const;
  Status WriteOut(const uint8_t* data, int64_t bytes);

  const std::string path_;
  const std::string name_;  // the final one, for messages
  int fd_ = -1;
  bool kept_ = false;
  std::vector<uint8_t> waiting_;
  int64_t position_ = 0;  // with what waits
  StepHook hook_;
};

/// kIo "cannot <action> <path>: <words of errno>".
Status SystemError(int error_number, std::string_view action, const std::string& path);

/// rename(2) as a step.
Status RenameFile(const std::string& from, const std::string& to,
                  const StepHook& hook = nullptr);

/// Makes renames and new names in a directory durable.
Status SyncDirectory(const std::string& path, const StepHook& hook = nullptr);

/// The directory part of a path, "." if there is none.
std::string DirectoryOf(const std::string& path);

/// `.NAME.PID-N.partial` beside `path`: where a file grows until it is complete. Never
/// the same twice in one process.
std::string PartialPath(const std::string& path);

}  // namespace carryall::files
