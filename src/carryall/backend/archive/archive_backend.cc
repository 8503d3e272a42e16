#include "carryall/backend/archive/archive_backend.h"

#include <mutex>

#include "carryall/archive/archive.h"
#include "carryall/backend/archive/archive_source.h"
#include "carryall/base/log.h"

namespace carryall::backend::archive {
namespace {

using carryall::archive::Archive;

class ArchiveBackend final : public Backend {
 public:
  explicit ArchiveBackend(ArchiveOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "archive"; }
  Retention retention() const override { return {}; }

  std::shared_ptr<const metadata::Catalogue> catalogue() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return catalogue_;
  }

  Result<std::unique_ptr<BlockSource>> Stream(StreamRequest request) override {
    std::shared_ptr<const Archive> archive;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      archive = archive_;
    }
    return MakeArchiveSource(std::move(archive), std::move(request));
  }

  Status Reload() override {
    const std::lock_guard<std::mutex> reloading(reload_mutex_);
    ARROW_ASSIGN_OR_RAISE(auto archive, Archive::Open(options_.directory, {}, archive_));
    if (archive_ != nullptr &&
        archive->index().generation == archive_->index().generation) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto catalogue, metadata::Catalogue::Make(archive->channels()));
    Log(LogLevel::kInfo, "archive {}: {} channels, {} segments, import {}",
        options_.directory, archive->channels().size(), archive->segments().size(),
        archive->index().generation);
    const std::lock_guard<std::mutex> lock(mutex_);
    archive_ = std::move(archive);
    catalogue_ = std::move(catalogue);
    return Status::OK();
  }

 private:
  const ArchiveOptions options_;
  std::mutex reload_mutex_;  // one Reload at a time; it alone changes archive_
  mutable std::mutex mutex_;
  std::shared_ptr<const Archive> archive_;
  std::shared_ptr<const metadata::Catalogue> catalogue_;
};

}  // namespace

Result<std::shared_ptr<Backend>> MakeArchiveBackend(ArchiveOptions options) {
  auto backend = std::make_shared<ArchiveBackend>(std::move(options));
  ARROW_RETURN_NOT_OK(backend->Reload());
  return backend;
}

}  // namespace carryall::backend::archive
