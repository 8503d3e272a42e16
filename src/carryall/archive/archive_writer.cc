#include "carryall/archive/archive_writer.h"

#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include "carryall/archive/directory.h"
#include "carryall/files/block_pieces.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/model/sample_grid.h"

namespace carryall::archive {
namespace {

constexpr int64_t kMaxSegmentBytes = int64_t{1} << 30;  // Arrow's lists count in 32 bits
constexpr int64_t kLongestGap = int64_t{1} << 20;       // samples, and not over a second

bool NothingIn(const SampleView& view) {
  return view.length == 0 || view.all_missing() ||
         (view.validity != nullptr &&
          kernels::CountSetBits(view.validity, view.validity_offset, view.length) == 0);
}

}  // namespace

ArchiveWriter::~ArchiveWriter() {
  staged_.clear();
  table_files_.clear();
  if (lock_ >= 0) close(lock_);
}

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Open(const std::string& directory,
                                                           WriterOptions options) {
  options.segment_bytes = std::clamp<int64_t>(options.segment_bytes, 1, kMaxSegmentBytes);
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(directory, std::move(options)));
  ARROW_RETURN_NOT_OK(PrepareDirectory(directory));
  ARROW_ASSIGN_OR_RAISE(writer->lock_, LockArchive(directory));
  auto archive = Archive::Open(directory);
  if (!archive.ok() && KindOf(archive.status()) == ErrorKind::kNotFound) {
    writer->archive_ = Archive::Empty(directory);
  } else {
    ARROW_ASSIGN_OR_RAISE(writer->archive_, std::move(archive));
  }
  ARROW_RETURN_NOT_OK(
      RemoveLeftovers(directory, writer->archive_->index(), writer->options_.hook));
  return writer;
}

Status ArchiveWriter::Declare(const Channel& channel, const std::string& unit) {
  ARROW_RETURN_NOT_OK(ParseChannelName(channel.name).status());
  if (channel.sample_rate.hz() > 1'000'000'000) {
    return Error(ErrorKind::kUnsupported, "channel {} has more than 1 GHz: {} Hz",
                 channel.name, channel.sample_rate.hz());
  }
  Channel known;
  known.name = channel.name;
  known.data_type = channel.data_type;
  known.sample_rate = channel.sample_rate;
  const bool usable = channel.stride && channel.stride->ns() > 0 &&
                      channel.sample_rate.Divides(*channel.stride);
  known.stride = usable ? *channel.stride : DefaultStride(channel.sample_rate);
  const auto stored = archive_->Find(channel.name);
  if (stored) known = archive_->channels()[*stored];
  const auto at = input_of_name_.find(channel.name);
  if (at != input_of_name_.end()) known = inputs_[at->second].channel;
  if (known.data_type != channel.data_type || known.sample_rate != channel.sample_rate) {
    return Error(ErrorKind::kInvalidArgument,
                 "channel {} is {} at {} Hz here, but {} at {} Hz {}", channel.name,
                 Name(channel.data_type), channel.sample_rate.hz(), Name(known.data_type),
                 known.sample_rate.hz(), stored ? "in the archive" : "before");
  }
  if (at != input_of_name_.end()) {
    if (!unit.empty()) inputs_[at->second].unit = unit;
    return Status::OK();
  }
  const std::string known_unit = stored ? archive_->unit(*stored) : "";
  input_of_name_[channel.name] = inputs_.size();
  inputs_.push_back({known,
                     unit.empty() ? known_unit : unit,
                     stored,
                     RunBuilder(known.data_type),
                     {},
                     false});
  return Status::OK();
}

Result<std::vector<size_t>> ArchiveWriter::InputsOf(const ChannelSet& channels) {
  std::vector<size_t> out;
  out.reserve(channels.size());
  for (const Channel& channel : channels.channels()) {
    ARROW_RETURN_NOT_OK(Declare(channel, ""));
    out.push_back(input_of_name_.at(channel.name));
  }
  return out;
}

Status ArchiveWriter::Write(const SeriesBlock& block) {
  ARROW_RETURN_NOT_OK(failed_);
  failed_ = TryWrite(block);
  return failed_;
}

Status ArchiveWriter::TryWrite(const SeriesBlock& block) {
  ARROW_RETURN_NOT_OK(block.Validate());
  if (block.time().ns() < -kMaxTimeNs || block.end().ns() > kMaxTimeNs) {
    return Error(ErrorKind::kInvalidArgument, "block at {} is too far from GPS 0",
                 ToString(block.time()));
  }
  if (block.channels() != last_channels_) {
    ARROW_ASSIGN_OR_RAISE(last_inputs_, InputsOf(*block.channels()));
    last_channels_ = block.channels();
  }
  return files::ForEachPiece(
      block, options_.segment_bytes,
      [this](const SeriesBlock& piece) { return WritePiece(piece); });
}

Status ArchiveWriter::WritePiece(const SeriesBlock& block) {
  for (size_t i = 0; i < block.size(); ++i) {
    if (block.view(i).data_type != inputs_[last_inputs_[i]].channel.data_type) {
      return Error(ErrorKind::kInvalidArgument, "samples of channel {} are {}, not {}",
                   (*block.channels())[i].name, Name(block.view(i).data_type),
                   Name(inputs_[last_inputs_[i]].channel.data_type));
    }
    ARROW_RETURN_NOT_OK(Append(last_inputs_[i], block.time(), block.view(i)));
  }
  // Segments that end on whole seconds spare readers the strides that straddle two of
  // them.
  const bool whole = block.end().IsMultipleOf(Duration::FromSeconds(1));
  if (collected_bytes_ >= options_.segment_bytes * (whole ? 1 : 2)) return Flush();
  return Status::OK();
}

Status ArchiveWriter::Append(size_t number, GpsTime time, const SampleView& view) {
  const SampleRate rate = inputs_[number].channel.sample_rate;
  const int64_t first = SampleNear(rate, time).value_or(FirstSampleAt(rate, time));
  RunBuilder& builder = inputs_[number].builder;
  if (NothingIn(view)) return AppendGap(number, first, view.length);
  if (!builder.empty() && first < builder.end()) ARROW_RETURN_NOT_OK(Flush());
  if (!builder.empty() && first > builder.end()) ARROW_RETURN_NOT_OK(Finish(number));
  if (builder.empty()) builder.Begin(first);
  inputs_[number].written = true;
  ARROW_RETURN_NOT_OK(builder.Append(view));
  collected_bytes_ += view.length * ByteWidth(view.data_type);
  return Status::OK();
}

// Short stretches that are said to be missing become gaps inside a segment; for long ones
// nothing is stored, as for stretches about which nothing is said.
Status ArchiveWriter::AppendGap(size_t number, int64_t first, int64_t count) {
  RunBuilder& builder = inputs_[number].builder;
  if (builder.empty() || first != builder.end()) return Status::OK();
  const int64_t longest =
      std::min<int64_t>(inputs_[number].channel.sample_rate.hz(), kLongestGap);
  if (builder.trailing_missing() + count > longest) return Finish(number);
  ARROW_RETURN_NOT_OK(builder.AppendMissing(count));
  collected_bytes_ += count * ByteWidth(inputs_[number].channel.data_type);
  return Status::OK();
}

Status ArchiveWriter::Finish(size_t number) {
  if (inputs_[number].builder.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(Run run, inputs_[number].builder.Take());
  if (run.samples > 0) finished_.push_back({number, std::move(run)});
  return Status::OK();
}

Status ArchiveWriter::Flush() {
  for (size_t i = 0; i < inputs_.size(); ++i) ARROW_RETURN_NOT_OK(Finish(i));
  std::map<Span, std::vector<Piece>> pieces;
  for (const Finished& finished : finished_) {
    ARROW_RETURN_NOT_OK(CollectNew(finished, &pieces));
  }
  for (auto& [span, columns] : pieces)
    ARROW_RETURN_NOT_OK(Stage(span, std::move(columns)));
  finished_.clear();
  collected_bytes_ = 0;
  return Status::OK();
}

// The parts of a run that are not stored yet; the others must agree with what is.
Status ArchiveWriter::CollectNew(const Finished& finished,
                                 std::map<Span, std::vector<Piece>>* pieces) {
  const Input& input = inputs_[finished.input];
  const Run& run = finished.run;
  const int64_t run_end = run.first_sample + run.samples;
  for (int64_t at = run.first_sample; at < run_end;) {
    const Extent extent = ExtentAt(input, at);
    const int64_t end = std::min(extent.end, run_end);
    if (extent.segment != nullptr) {
      ARROW_RETURN_NOT_OK(CheckEqual(input, run, extent, at, end));
      report_.known_samples += end - at;
    } else {
      ARROW_ASSIGN_OR_RAISE(ColumnData column,
                            run.Column(input.channel.data_type, at, end - at));
      const Span span{TimeOfSample(input.channel.sample_rate, at),
                      TimeOfSample(input.channel.sample_rate, end)};
      (*pieces)[span].push_back({finished.input, std::move(column)});
    }
    at = end;
  }
  return Status::OK();
}

Extent ArchiveWriter::ExtentAt(const Input& input, int64_t sample) const {
  Extent out{nullptr, -1, INT64_MIN, INT64_MAX};
  if (input.stored) out = archive_->ExtentAt(*input.stored, sample);
  if (out.segment != nullptr) return out;
  const auto at = std::partition_point(input.staged.begin(), input.staged.end(),
                                       [&](const Extent& e) { return e.end <= sample; });
  if (at == input.staged.end()) return out;
  if (at->begin <= sample) return *at;
  out.end = std::min(out.end, at->begin);
  return out;
}

Status ArchiveWriter::CheckEqual(const Input& input, const Run& run, const Extent& extent,
                                 int64_t begin, int64_t end) const {
  ARROW_ASSIGN_OR_RAISE(const auto data, extent.segment->Data());
  const SampleView stored = data->View(extent.column, begin, end - begin);
  const SampleView given = run.View(input.channel.data_type, begin, end - begin);
  const auto different = FirstDifference(stored, given);
  if (!different) return Status::OK();
  const SampleRate rate = input.channel.sample_rate;
  const bool was = IsPresent(stored, *different), is = IsPresent(given, *different);
  const char* why = was && is ? "" : was ? " (a gap here)" : " (a gap there)";
  return Error(ErrorKind::kInvalidArgument,
               "archive holds other samples of channel {} in [{}, {}), the first at {}{}",
               input.channel.name, ToString(TimeOfSample(rate, begin)),
               ToString(TimeOfSample(rate, end)),
               ToString(TimeOfSample(rate, begin + *different)), why);
}

Status ArchiveWriter::Stage(const Span& span, std::vector<Piece> pieces) {
  std::sort(pieces.begin(), pieces.end(), [&](const Piece& a, const Piece& b) {
    return inputs_[a.input].channel.name < inputs_[b.input].channel.name;
  });
  std::vector<ChannelTable::Row> rows;
  std::vector<ColumnData> columns;
  for (Piece& piece : pieces) {
    rows.push_back({inputs_[piece.input].channel, inputs_[piece.input].unit});
    report_.added_bytes +=
        piece.column.samples * ByteWidth(rows.back().channel.data_type);
    columns.push_back(std::move(piece.column));
  }
  ARROW_ASSIGN_OR_RAISE(auto table, ChannelTable::Make(std::move(rows)));
  const auto& known = tables_.emplace(table->digest(), std::move(table)).first->second;
  const std::string name = SegmentFileName(archive_->index().generation + 1,
                                           static_cast<int64_t>(staged_.size()));
  ARROW_ASSIGN_OR_RAISE(auto staged, WriteSegment(directory_, name, *known, span.first,
                                                  span.second, columns, options_.hook));
  auto segment = std::make_shared<const Segment>(directory_, staged.info, known);
  staged_.push_back({segment, std::move(staged.file)});
  for (size_t i = 0; i < pieces.size(); ++i) {
    Input& input = inputs_[pieces[i].input];
    const SampleRate rate = input.channel.sample_rate;
    const Extent extent{segment, static_cast<int32_t>(i), FirstSampleAt(rate, span.first),
                        FirstSampleAt(rate, span.second)};
    report_.added_samples += extent.end - extent.begin;
    input.staged.insert(std::upper_bound(input.staged.begin(), input.staged.end(), extent,
                                         [](const Extent& a, const Extent& b) {
                                           return a.begin < b.begin;
                                         }),
                        extent);
  }
  return Status::OK();
}

Status ArchiveWriter::WriteTables() {
  std::vector<uint64_t> present;
  for (const auto& table : archive_->tables()) present.push_back(table->digest());
  for (const auto& [digest, known] : tables_) {
    if (std::find(present.begin(), present.end(), digest) != present.end()) continue;
    ARROW_ASSIGN_OR_RAISE(auto file, files::OutputFile::Create(
                                         TablePath(directory_, digest), options_.hook));
    ARROW_RETURN_NOT_OK(known->Write(file.get()));
    ARROW_RETURN_NOT_OK(file->Sync());
    ARROW_RETURN_NOT_OK(file->Close());
    table_files_.push_back(std::move(file));
  }
  return Status::OK();
}

Result<WriteReport> ArchiveWriter::Commit() {
  ARROW_RETURN_NOT_OK(failed_);
  ARROW_RETURN_NOT_OK(Flush());
  for (const Input& input : inputs_) report_.channels += input.written;
  report_.added_segments = static_cast<int64_t>(staged_.size());
  if (staged_.empty()) return report_;
  for (const Staged& staged : staged_) ARROW_RETURN_NOT_OK(staged.file->Sync());
  ARROW_RETURN_NOT_OK(WriteTables());
  for (const char* part : {kSegmentDirectory, kTableDirectory}) {
    ARROW_RETURN_NOT_OK(files::SyncDirectory(directory_ + "/" + part, options_.hook));
  }
  Index index = archive_->index();
  ++index.generation;
  for (const Staged& staged : staged_) index.segments.push_back(staged.segment->info());
  ARROW_RETURN_NOT_OK(WriteIndex(directory_, index, options_.hook));
  // From here on the index names these files.
  for (const Staged& staged : staged_) ARROW_RETURN_NOT_OK(staged.file->Keep());
  for (const auto& file : table_files_) ARROW_RETURN_NOT_OK(file->Keep());
  ARROW_RETURN_NOT_OK(files::SyncDirectory(directory_, options_.hook));
  return report_;
}

}  // namespace carryall::archive
