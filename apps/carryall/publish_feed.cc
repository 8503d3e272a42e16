#include "publish_feed.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

#include "carryall/backend/mock/mock_backend.h"
#include "carryall/codec/assemble.h"
#include "carryall/files/reader.h"
#include "carryall/kernels/bitmap.h"
#include "interrupt.h"

namespace carryall::apps {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{8} << 30;

/// What makes a channel what it is, without what a file says around it.
Channel Bare(const Channel& channel) {
  Channel out;
  out.name = channel.name;
  out.data_type = channel.data_type;
  out.sample_rate = channel.sample_rate;
  return out;
}

/// Those of `channels` that are registered.
Result<std::vector<Channel>> Wanted(const std::vector<Channel>& channels,
                                    const publish::Registration& registration,
                                    bool known_only) {
  std::vector<Channel> wanted;
  for (const Channel& channel : channels) {
    if (registration.channels()->Find(channel.name)) {
      wanted.push_back(channel);
    } else if (!known_only) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel {} is not registered for this publisher: leave it out with "
                   "--known-only, or register it with --register",
                   channel.name);
    }
  }
  if (wanted.empty()) {
    return Error(ErrorKind::kInvalidArgument,
                 "none of {} channels is registered for this publisher", channels.size());
  }
  return wanted;
}

bool HasSamples(const SeriesBlock& block) {
  for (const SampleView view : block.views()) {
    if (view.values == nullptr) continue;
    if (view.validity == nullptr ||
        kernels::CountSetBits(view.validity, view.validity_offset, view.length) > 0) {
      return true;
    }
  }
  return false;
}

class FileFeed final : public Feed {
 public:
  explicit FileFeed(bool known_only) : known_only_(known_only) {}

  Status Read(const std::string& path) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, files::BlockReader::Open(path));
    for (const files::FileSeries& series : reader->series()) {
      const Channel channel = Bare(series.channel);
      const auto [place, fresh] = seen_.emplace(channel.name, channels_.size());
      if (fresh) {
        channels_.push_back(channel);
      } else if (channels_[place->second] != channel) {
        return Error(ErrorKind::kInvalidArgument,
                     "{}: channel {} is {} at {} Hz, in a file before it was {} at {} Hz",
                     path, channel.name, Name(channel.data_type),
                     channel.sample_rate.hz(), Name(channels_[place->second].data_type),
                     channels_[place->second].sample_rate.hz());
      }
    }
    for (;;) {
      ARROW_RETURN_NOT_OK(CheckInterrupt());
      ARROW_ASSIGN_OR_RAISE(auto block, reader->Next());
      if (!block) return Status::OK();
      for (const SampleView view : block->views()) {
        bytes_ += view.length * ByteWidth(view.data_type);
      }
      if (bytes_ > kMaxFileBytes) {
        return Error(ErrorKind::kResourceExhausted,
                     "{}: more than {} bytes of samples; publish fewer files at a time",
                     path, kMaxFileBytes);
      }
      blocks_.push_back(*std::move(block));
    }
  }

  const std::vector<Channel>& channels() const override { return channels_; }

  Status Begin(const publish::Registration& registration) override {
    stride_ = registration.stride();
    ARROW_ASSIGN_OR_RAISE(auto wanted, Wanted(channels_, registration, known_only_));
    ARROW_ASSIGN_OR_RAISE(const auto set, ChannelSet::Make(std::move(wanted)));
    if (blocks_.empty()) return Status::OK();
    GpsTime start = GpsTime::Max(), end = GpsTime::Min();
    for (const SeriesBlock& block : blocks_) {
      start = std::min(start, block.time());
      end = std::max(end, block.end());
    }
    start = start.Floor(stride_);
    ARROW_ASSIGN_OR_RAISE(
        const auto assembler,
        codec::SpanAssembler::Make(start, end.Ceil(stride_), set, 2 * kMaxFileBytes));
    for (SeriesBlock& block : blocks_) {
      std::vector<int32_t> positions;
      for (const Channel& channel : block.channels()->channels()) {
        const auto at = set->Find(channel.name);
        positions.push_back(at ? static_cast<int32_t>(*at) : -1);
      }
      ARROW_RETURN_NOT_OK(assembler->Place(block, positions));
      block = SeriesBlock();
    }
    blocks_.clear();
    all_ = assembler->Finish();
    next_ = start;
    return Status::OK();
  }

  Result<std::optional<SeriesBlock>> Next() override {
    for (; all_.size() > 0 && next_ < all_.end();) {
      ARROW_ASSIGN_OR_RAISE(SeriesBlock block, all_.Slice(next_, stride_));
      next_ = next_ + stride_;
      if (HasSamples(block)) return block;
    }
    return std::nullopt;
  }

 private:
  const bool known_only_;
  std::vector<Channel> channels_;
  std::map<std::string, size_t> seen_;
  std::vector<SeriesBlock> blocks_;
  int64_t bytes_ = 0;
  Duration stride_;
  SeriesBlock all_;
  GpsTime next_;
};

/// Standard input for Arrow's readers; a wait for it ends when a signal came.
class StandardInput final : public arrow::io::InputStream {
 public:
  Status Close() override { return Status::OK(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return position_; }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    int64_t done = 0;
    while (done < bytes) {
      ARROW_RETURN_NOT_OK(CheckInterrupt());
      pollfd waiting{STDIN_FILENO, POLLIN, 0};
      if (::poll(&waiting, 1, 100) <= 0) continue;
      const ssize_t got = ::read(STDIN_FILENO, static_cast<uint8_t*>(out) + done,
                                 static_cast<size_t>(bytes - done));
      if (got == 0) break;
      if (got < 0 && errno != EINTR && errno != EAGAIN) {
        return Error(ErrorKind::kIo, "standard input: {}", std::strerror(errno));
      }
      done += std::max<ssize_t>(got, 0);
    }
    position_ += done;
    return done;
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t done, Read(bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(done));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  int64_t position_ = 0;
};

class StreamFeed final : public Feed {
 public:
  explicit StreamFeed(std::unique_ptr<files::BlockReader> reader)
      : reader_(std::move(reader)) {
    for (const auto& series : reader_->series()) channels_.push_back(series.channel);
  }
  const std::vector<Channel>& channels() const override { return channels_; }
  Status Begin(const publish::Registration&) override { return Status::OK(); }
  Result<std::optional<SeriesBlock>> Next() override { return reader_->Next(); }

 private:
  std::unique_ptr<files::BlockReader> reader_;
  std::vector<Channel> channels_;
};

class MockFeed final : public Feed {
 public:
  MockFeed(std::shared_ptr<backend::Backend> backend, const MockSpan& span,
           bool known_only)
      : backend_(std::move(backend)), span_(span), known_only_(known_only) {}

  Status List() {
    return backend_->catalogue()->Find({}, [this](const Channel& channel) {
      channels_.push_back(Bare(channel));
      return true;
    });
  }
  const std::vector<Channel>& channels() const override { return channels_; }

  Status Begin(const publish::Registration& registration) override {
    ARROW_ASSIGN_OR_RAISE(auto wanted, Wanted(channels_, registration, known_only_));
    for (Channel& channel : wanted) channel.stride = registration.stride();
    backend::StreamRequest request;
    ARROW_ASSIGN_OR_RAISE(request.channels, ChannelSet::Make(std::move(wanted)));
    const Duration stride = registration.stride();
    if (span_.start) request.start = span_.start->Ceil(stride);
    if (span_.end) request.end = span_.end->Floor(stride);
    ARROW_ASSIGN_OR_RAISE(source_, backend_->Stream(std::move(request)));
    return Status::OK();
  }

  Result<std::optional<SeriesBlock>> Next() override {
    for (;;) {
      ARROW_RETURN_NOT_OK(CheckInterrupt());
      ARROW_ASSIGN_OR_RAISE(
          auto step, source_->Next({}, SteadyNow() + std::chrono::milliseconds(100)));
      if (step.kind == backend::SourceStep::Kind::kEnd) return std::nullopt;
      if (step.kind != backend::SourceStep::Kind::kBlock) continue;
      // The mock makes a block when it begins; it has happened when it ends.
      ARROW_RETURN_NOT_OK(WaitUntil(step.block.end()));
      return std::move(step.block);
    }
  }

 private:
  const std::shared_ptr<backend::Backend> backend_;
  const MockSpan span_;
  const bool known_only_;
  std::vector<Channel> channels_;
  std::unique_ptr<backend::BlockSource> source_;
};

}  // namespace

Status WaitUntil(GpsTime time) {
  for (;;) {
    ARROW_RETURN_NOT_OK(CheckInterrupt());
    const Duration left = time - Clock::System().Now();
    if (left.ns() <= 0) return Status::OK();
    std::this_thread::sleep_for(ToChrono(std::min(left, Duration::FromMs(50))));
  }
}

Result<std::unique_ptr<Feed>> OpenFiles(const std::vector<std::string>& paths,
                                        bool known_only) {
  auto feed = std::make_unique<FileFeed>(known_only);
  for (const std::string& path : paths) ARROW_RETURN_NOT_OK(feed->Read(path));
  return feed;
}

Result<std::unique_ptr<Feed>> OpenStandardInput() {
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        files::BlockReader::FromStream(std::make_shared<StandardInput>(),
                                                       "standard input"));
  return std::make_unique<StreamFeed>(std::move(reader));
}

Result<std::unique_ptr<Feed>> OpenMock(const std::vector<std::string>& files,
                                       const MockSpan& span, bool known_only) {
  backend::mock::MockOptions options;
  options.files = files;
  ARROW_ASSIGN_OR_RAISE(auto backend, backend::mock::MakeMockBackend(options));
  auto feed = std::make_unique<MockFeed>(std::move(backend), span, known_only);
  ARROW_RETURN_NOT_OK(feed->List());
  return feed;
}

}  // namespace carryall::apps
