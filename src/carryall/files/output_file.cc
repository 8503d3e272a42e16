#include "carryall/files/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

namespace carryall::files {
namespace {

constexpr int64_t kCollectedBytes = 1 << 18;

}  // namespace

Status SystemError(int error_number, std::string_view action, const std::string& path) {
  return Error(ErrorKind::kIo, "cannot {} {}: {}", action, path,
               std::generic_category().message(error_number));
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string PartialPath(const std::string& path) {
  static std::atomic<int> counter{0};
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string::npos ? 0 : slash + 1;
  return fmt::format("{}.{}.{}-{}.partial", path.substr(0, name), path.substr(name),
                     getpid(), counter++);
}

Status RenameFile(const std::string& from, const std::string& to, const StepHook& hook) {
  if (hook) ARROW_RETURN_NOT_OK(hook("rename", to));
  if (rename(from.c_str(), to.c_str()) != 0) return SystemError(errno, "rename to", to);
  return Status::OK();
}

Status SyncDirectory(const std::string& path, const StepHook& hook) {
  if (hook) ARROW_RETURN_NOT_OK(hook("sync directory", path));
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, "open directory", path);
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  // Some file systems cannot sync directories; there is nothing to wait for then.
  if (failed != 0 && failed != EINVAL && failed != ENOTSUP) {
    return SystemError(failed, "sync directory", path);
  }
  return Status::OK();
}

Result<std::shared_ptr<OutputFile>> OutputFile::Create(const std::string& path,
                                                       StepHook hook) {
  return Open(path, path, std::move(hook));
}

Result<std::shared_ptr<OutputFile>> OutputFile::CreateBeside(const std::string& path,
                                                             StepHook hook) {
  return Open(PartialPath(path), path, std::move(hook));
}

Result<std::shared_ptr<OutputFile>> OutputFile::Open(const std::string& path,
                                                     const std::string& name,
                                                     StepHook hook) {
  if (hook) ARROW_RETURN_NOT_OK(hook("open", path));
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return SystemError(errno, "create", name);
  return std::shared_ptr<OutputFile>(new OutputFile(path, name, fd, std::move(hook)));
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
  if (!kept_) unlink(path_.c_str());
}

Status OutputFile::Step(std::string_view step) const {
  return hook_ ? hook_(step, path_) : Status::OK();
}

Status OutputFile::Write(const void* data, int64_t bytes) {
  if (fd_ < 0) return Error(ErrorKind::kInternal, "write to a closed file: {}", name_);
  const auto* from = static_cast<const uint8_t*>(data);
  position_ += bytes;
  if (bytes < kCollectedBytes) {
    waiting_.insert(waiting_.end(), from, from + bytes);
    return static_cast<int64_t>(waiting_.size()) < kCollectedBytes ? Status::OK()
                                                                   : Flush();
  }
  ARROW_RETURN_NOT_OK(Flush());
  return WriteOut(from, bytes);
}

Status OutputFile::Flush() {
  if (waiting_.empty()) return Status::OK();
  const Status status = WriteOut(waiting_.data(), static_cast<int64_t>(waiting_.size()));
  waiting_.clear();
  return status;
}

Status OutputFile::WriteOut(const uint8_t* data, int64_t bytes) {
  ARROW_RETURN_NOT_OK(Step("write"));
  while (bytes > 0) {
    const ssize_t done = write(fd_, data, std::min<int64_t>(bytes, int64_t{1} << 30));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return SystemError(errno, "write to", name_);
    data += done;
    bytes -= done;
  }
  return Status::OK();
}

Status OutputFile::StartWriteback() {
  ARROW_RETURN_NOT_OK(Flush());
  if (fd_ >= 0) sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
  return Status::OK();
}

Status OutputFile::Sync() {
  ARROW_RETURN_NOT_OK(Flush());
  ARROW_RETURN_NOT_OK(Step("sync"));
  const int fd = fd_ >= 0 ? fd_ : open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, "open", name_);
  const int failed = fsync(fd) != 0 ? errno : 0;
  if (fd != fd_) close(fd);
  return failed == 0 ? Status::OK() : SystemError(failed, "write out", name_);
}

Status OutputFile::Close() {
  if (fd_ < 0) return Status::OK();
  const Status flushed = Flush();
  const int fd = fd_;
  fd_ = -1;
  const int failed = close(fd) != 0 ? errno : 0;
  ARROW_RETURN_NOT_OK(flushed);
  return failed == 0 ? Status::OK() : SystemError(failed, "close", name_);
}

Status OutputFile::Keep() {
  kept_ = true;
  return Close();
}

Status OutputFile::Publish() {
  ARROW_RETURN_NOT_OK(Close());
  ARROW_RETURN_NOT_OK(RenameFile(path_, name_, hook_));
  kept_ = true;
  return Status::OK();
}

}  // namespace carryall::files
