#include "carryall/catalogue/publisher_files.h"

#include <arrow/util/utf8.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>

namespace carryall::catalogue {
namespace {

constexpr size_t kMaxFiles = 10'000;

bool IsTopicCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '.' || c == '_' || c == '-';
}

// With the bytes that are not ASCII as \xHH.
std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 128)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return out;
}

std::string At(const std::string& file, int line) {
  return fmt::format("{}:{}", file, line);
}

Status CheckTiming(const PublisherConfig& publisher, std::string_view field,
                   Duration value) {
  if (kMinTiming <= value && value <= kMaxTiming) return Status::OK();
  return Error(
      ErrorKind::kInvalidArgument, "publisher '{}': {} must be from {} to {} ns, got {}",
      publisher.publisher_id, field, kMinTiming.ns(), kMaxTiming.ns(), value.ns());
}

// The files that a path stands for.
Result<std::vector<std::string>> Expand(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector{path};
  std::vector<std::string> out;
  std::filesystem::directory_iterator entries(path, error);
  while (!error && entries != std::filesystem::directory_iterator()) {
    if (entries->path().extension() == ".toml") out.push_back(entries->path());
    if (out.size() > kMaxFiles) {
      return Error(ErrorKind::kResourceExhausted,
                   "too many publisher configurations in a directory, limit {}: {}",
                   kMaxFiles, path);
    }
    entries.increment(error);
  }
  if (error) {
    return Error(ErrorKind::kIo,
                 "cannot read directory of publisher configurations: {}: {}",
                 error.message(), path);
  }
  if (out.empty()) {
    return Error(ErrorKind::kInvalidArgument,
                 "directory holds no publisher configuration (*.toml): {}", path);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Status CheckChannel(const metadata::ChannelConfig& config) {
  const Channel& channel = config.channel;
  const std::string place = At(config.file, config.line);
  if (channel.partition_id && !IsTopicText(*channel.partition_id, kMaxPartitionIdBytes)) {
    return Error(
        ErrorKind::kInvalidArgument,
        "{}: channel '{}': partition_id cannot be part of a topic name (1 to {} of "
        "A-Z a-z 0-9 . _ -): '{}'",
        place, channel.name, kMaxPartitionIdBytes, *channel.partition_id);
  }
  if (channel.partition_index && !channel.partition_id) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}: channel '{}': partition_index without partition_id", place,
                 channel.name);
  }
  return Status::OK();
}

Result<PublisherFile> ReadPublisherFile(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(metadata::ChannelFile read, metadata::ReadChannelFile(path));
  if (!read.publisher) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}:1: not a publisher configuration: [publisher] is missing", path);
  }
  ARROW_RETURN_NOT_OK(
      WithContext(CheckPublisher(*read.publisher), At(path, read.publisher->line)));
  for (const metadata::ChannelConfig& config : read.channels) {
    ARROW_RETURN_NOT_OK(CheckChannel(config));
  }
  return PublisherFile{std::move(*read.publisher), std::move(read.channels), path};
}

Status CheckDistinct(const std::vector<PublisherFile>& files) {
  std::unordered_map<std::string_view, const PublisherFile*> publishers;
  // A name stands for its first channel; two replays may have it too.
  std::unordered_multimap<std::string_view, const metadata::ChannelConfig*> channels;
  for (const PublisherFile& file : files) {
    const PublisherConfig& publisher = file.publisher;
    const auto [first, fresh] = publishers.emplace(publisher.publisher_id, &file);
    if (!fresh) {
      return Error(ErrorKind::kInvalidArgument, "{}: publisher '{}' is already in {}",
                   At(file.file, publisher.line), publisher.publisher_id,
                   At(first->second->file, first->second->publisher.line));
    }
    for (const metadata::ChannelConfig& config : file.channels) {
      const auto [begin, end] = channels.equal_range(config.channel.name);
      for (auto it = begin; it != end; ++it) {
        if (it->second->channel.replay_id != config.channel.replay_id) continue;
        return Error(ErrorKind::kInvalidArgument, "{}: channel '{}' is already in {}",
                     At(config.file, config.line), config.channel.name,
                     At(it->second->file, it->second->line));
      }
      channels.emplace(config.channel.name, &config);
    }
  }
  return Status::OK();
}

}  // namespace

bool IsTopicText(std::string_view text, size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes &&
         std::all_of(text.begin(), text.end(), IsTopicCharacter);
}

Status CheckPublisher(const PublisherConfig& publisher) {
  if (!IsTopicText(publisher.publisher_id, kMaxPublisherIdBytes)) {
    return Error(
        ErrorKind::kInvalidArgument,
        "publisher_id cannot be part of a topic name (1 to {} of A-Z a-z 0-9 . _ "
        "-): '{}'",
        kMaxPublisherIdBytes, publisher.publisher_id.substr(0, 256));
  }
  if (publisher.replay_id && !IsTopicText(*publisher.replay_id, kMaxReplayIdBytes)) {
    return Error(
        ErrorKind::kInvalidArgument,
        "publisher '{}': replay_id cannot be part of a topic name (1 to {} of A-Z "
        "a-z 0-9 . _ -): '{}'",
        publisher.publisher_id, kMaxReplayIdBytes, publisher.replay_id->substr(0, 256));
  }
  ARROW_RETURN_NOT_OK(CheckTiming(publisher, "stride", publisher.stride));
  return CheckTiming(publisher, "max_latency", publisher.max_latency);
}

Status CheckChannelName(std::string_view name) {
  ARROW_RETURN_NOT_OK(ParseChannelName(name).status());
  // Its tables; without them everything is valid.
  static const bool ready = (arrow::util::InitializeUTF8(), true);
  if (ready && arrow::util::ValidateUTF8(name)) return Status::OK();
  return Error(ErrorKind::kInvalidArgument, "channel name is not UTF-8: '{}'",
               Escape(name));
}

Result<std::vector<PublisherFile>> ReadPublisherFiles(
    const std::vector<std::string>& paths) {
  std::vector<PublisherFile> out;
  for (const std::string& path : paths) {
    ARROW_ASSIGN_OR_RAISE(const auto files, Expand(path));
    for (const std::string& file : files) {
      ARROW_ASSIGN_OR_RAISE(PublisherFile read, ReadPublisherFile(file));
      out.push_back(std::move(read));
    }
  }
  ARROW_RETURN_NOT_OK(CheckDistinct(out));
  return out;
}

}  // namespace carryall::catalogue
