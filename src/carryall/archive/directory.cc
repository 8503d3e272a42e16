#include "carryall/archive/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <vector>

namespace carryall::archive {
namespace {

Result<std::vector<std::string>> ListNames(const std::string& directory) {
  DIR* open = opendir(directory.c_str());
  if (open == nullptr) return files::SystemError(errno, "list", directory);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(open)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(open);
  return names;
}

bool IsPartialIndex(const std::string& name) {
  const std::string prefix = std::string(".") + kIndexFile + ".";
  return name.rfind(prefix, 0) == 0 && name.size() > 8 &&
         name.compare(name.size() - 8, 8, ".partial") == 0;
}

// `length` characters of `alphabet`, "-" where `dash` says, then ".arrow".
bool Matches(const std::string& name, size_t length, std::string_view alphabet) {
  return name.size() == length + 6 && name.compare(length, 6, ".arrow") == 0 &&
         std::all_of(name.begin(), name.begin() + length,
                     [&](char c) { return alphabet.find(c) != std::string_view::npos; });
}

bool IsSegmentName(const std::string& name) {
  const size_t dash = name.find('-');
  if (dash == std::string::npos || dash < 8 || name.size() < dash + 5) return false;
  return Matches(name, name.size() - 6, "0123456789-") && name.rfind('-') == dash;
}

bool IsTableName(const std::string& name) {
  return Matches(name, 16, "0123456789abcdef");
}

Status Remove(const std::string& path, const files::StepHook& hook) {
  if (hook) ARROW_RETURN_NOT_OK(hook("unlink", path));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return files::SystemError(errno, "remove", path);
  }
  return Status::OK();
}

Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return Status::OK();
  return files::SystemError(errno, "create directory", path);
}

}  // namespace

Status PrepareDirectory(const std::string& archive) {
  std::error_code failed;
  std::filesystem::create_directories(archive, failed);
  if (failed) return files::SystemError(failed.value(), "create directory", archive);
  ARROW_ASSIGN_OR_RAISE(const auto names, ListNames(archive));
  const std::set<std::string> ours{kIndexFile, kLockFile, kSegmentDirectory,
                                   kTableDirectory};
  const bool is_archive =
      std::find(names.begin(), names.end(), kIndexFile) != names.end();
  for (const std::string& name : names) {
    if (is_archive || ours.count(name) != 0 || IsPartialIndex(name)) continue;
    return Error(ErrorKind::kInvalidArgument,
                 "directory is neither empty nor an archive, it holds {}: {}", name,
                 archive);
  }
  ARROW_RETURN_NOT_OK(MakeDirectory(archive + "/" + kSegmentDirectory));
  return MakeDirectory(archive + "/" + kTableDirectory);
}

Result<int> LockArchive(const std::string& archive) {
  const std::string path = archive + "/" + kLockFile;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return files::SystemError(errno, "open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    const std::string owner = std::to_string(getpid()) + "\n";
    // Only for the message below: a disk too full for it does not matter.
    if (ftruncate(fd, 0) != 0 || pwrite(fd, owner.data(), owner.size(), 0) < 0) return fd;
    return fd;
  }
  const int refused = errno;
  char owner[32] = {};
  if (pread(fd, owner, sizeof(owner) - 1, 0) < 0) owner[0] = '\0';
  close(fd);
  if (refused != EWOULDBLOCK) return files::SystemError(refused, "lock", path);
  const std::string process(owner, std::find(owner, owner + sizeof(owner) - 1, '\n'));
  return Error(ErrorKind::kUnavailable,
               "another import into this archive is running, process {}: {}", process,
               archive);
}

Status RemoveLeftovers(const std::string& archive, const Index& index,
                       const files::StepHook& hook) {
  std::set<std::string> segments, tables;
  for (const SegmentInfo& segment : index.segments) {
    segments.insert(segment.file);
    tables.insert(fmt::format("{:016x}.arrow", segment.table));
  }
  const auto clean = [&](const std::string& directory,
                         const auto& is_leftover) -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto names, ListNames(directory));
    for (const std::string& name : names) {
      if (is_leftover(name)) ARROW_RETURN_NOT_OK(Remove(directory + "/" + name, hook));
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(clean(archive, IsPartialIndex));
  ARROW_RETURN_NOT_OK(
      clean(archive + "/" + kSegmentDirectory, [&](const std::string& name) {
        return IsSegmentName(name) && segments.count(name) == 0;
      }));
  return clean(archive + "/" + kTableDirectory, [&](const std::string& name) {
    return IsTableName(name) && tables.count(name) == 0;
  });
}

}  // namespace carryall::archive
