#pragma once

#include <arrow/io/file.h>
#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>
#include <arrow/util/future.h>

#include <memory>
#include <string>

#include "carryall/base/status.h"

namespace carryall::files {

/// A file for Arrow's readers, in which every read happens in the thread that asks for
/// it. (Arrow's own file reads in a pool of threads, which may let go of a buffer after
/// the reader, and with it the memory pool of one file, is gone.) Owned and called by one
/// thread.
class InputFile final : public arrow::io::RandomAccessFile {
 public:
  static Result<std::shared_ptr<InputFile>> Open(const std::string& path,
                                                 arrow::MemoryPool* pool) {
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path, pool));
    return std::shared_ptr<InputFile>(new InputFile(std::move(file)));
  }

  Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  Result<int64_t> Tell() const override { return file_->Tell(); }
  Status Seek(int64_t position) override { return file_->Seek(position); }
  Result<int64_t> GetSize() override { return file_->GetSize(); }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    return file_->Read(bytes, out);
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    return file_->Read(bytes);
  }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    return file_->ReadAt(position, bytes, out);
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position,
                                                int64_t bytes) override {
    return file_->ReadAt(position, bytes);
  }
  using arrow::io::RandomAccessFile::ReadAsync;
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(
      const arrow::io::IOContext&, int64_t position, int64_t bytes,
      bool allow_short_read) override {
    return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(
        file_->ReadAt(position, bytes, allow_short_read));
  }
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(
      const arrow::io::IOContext& context, int64_t position, int64_t bytes) override {
    return ReadAsync(context, position, bytes, true);
  }

 private:
  explicit InputFile(std::shared_ptr<arrow::io::ReadableFile> file)
      : file_(std::move(file)) {}
  std::shared_ptr<arrow::io::ReadableFile> file_;
};

}  // namespace carryall::files
