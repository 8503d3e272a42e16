#include "carryall/archive/index.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <set>

#include "carryall/archive/digest.h"

namespace carryall::archive {
namespace {

constexpr char kFormatKey[] = "carryall-archive";
constexpr char kGenerationKey[] = "generation";
constexpr char kDigestKey[] = "digest";

arrow::FieldVector IndexFields() {
  return {arrow::field("file", arrow::utf8(), false),
          arrow::field("bytes", arrow::int64(), false),
          arrow::field("table", arrow::uint64(), false),
          arrow::field("start", arrow::int64(), false),
          arrow::field("end", arrow::int64(), false),
          arrow::field("body_offset", arrow::int64(), false),
          arrow::field("metadata_digest", arrow::uint64(), false),
          arrow::field("gappy", arrow::list(arrow::field("item", arrow::int32(), false)),
                       false)};
}

std::string DigestOf(const Index& index) {
  Digest digest;
  digest.Add(index.generation);
  for (const SegmentInfo& segment : index.segments) {
    digest.Add(segment.file)
        .Add(segment.bytes)
        .Add(&segment.table, sizeof(segment.table));
    digest.Add(segment.start.ns()).Add(segment.end.ns()).Add(segment.body_offset);
    digest.Add(&segment.metadata_digest, sizeof(segment.metadata_digest));
    digest.Add(static_cast<int64_t>(segment.gappy.size()));
    digest.Add(segment.gappy.data(), segment.gappy.size() * sizeof(int32_t));
  }
  return fmt::format("{:016x}", digest.Value());
}

SegmentInfo SegmentOf(const arrow::RecordBatch& batch, int64_t i) {
  const auto number = [&](int column) {
    return static_cast<const arrow::Int64Array&>(*batch.column(column)).Value(i);
  };
  const auto digest = [&](int column) {
    return static_cast<const arrow::UInt64Array&>(*batch.column(column)).Value(i);
  };
  SegmentInfo out;
  out.file = static_cast<const arrow::StringArray&>(*batch.column(0)).GetView(i);
  out.bytes = number(1);
  out.table = digest(2);
  out.start = GpsTime::FromNs(number(3));
  out.end = GpsTime::FromNs(number(4));
  out.body_offset = number(5);
  out.metadata_digest = digest(6);
  const auto& lists = static_cast<const arrow::ListArray&>(*batch.column(7));
  const auto& items = static_cast<const arrow::Int32Array&>(*lists.values());
  for (int64_t k = lists.value_offset(i); k < lists.value_offset(i + 1); ++k) {
    out.gappy.push_back(items.Value(k));
  }
  return out;
}

// A name that stays inside the directory of segments.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name.size() <= 255;
}

Status CheckSegment(const SegmentInfo& segment) {
  if (!IsPlainName(segment.file)) {
    return Error(ErrorKind::kCorrupt, "not a file name: '{}'",
                 segment.file.substr(0, 64));
  }
  if (segment.start >= segment.end || segment.start.ns() < -kMaxTimeNs ||
      segment.end.ns() > kMaxTimeNs || segment.body_offset <= 0 ||
      segment.body_offset >= segment.bytes) {
    return Error(ErrorKind::kCorrupt, "segment {} has an impossible span or size",
                 segment.file);
  }
  for (size_t i = 0; i < segment.gappy.size(); ++i) {
    if (segment.gappy.size() % 2 != 0 || segment.gappy[i] < 0 ||
        (i > 0 && segment.gappy[i] <= segment.gappy[i - 1])) {
      return Error(ErrorKind::kCorrupt, "segment {} has impossible columns",
                   segment.file);
    }
  }
  return Status::OK();
}

Status CheckDirectory(const std::string& archive) {
  struct stat info = {};
  if (stat(archive.c_str(), &info) != 0) {
    if (errno == ENOENT) {
      return Error(ErrorKind::kNotFound, "no such archive directory: {}", archive);
    }
    return files::SystemError(errno, "open archive", archive);
  }
  if (!S_ISDIR(info.st_mode)) {
    return Error(ErrorKind::kNotFound, "not an archive, because not a directory: {}",
                 archive);
  }
  if (stat((archive + "/" + kIndexFile).c_str(), &info) != 0 && errno == ENOENT) {
    return Error(ErrorKind::kNotFound, "not an archive, because it has no {}: {}",
                 kIndexFile, archive);
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ToBatch(const Index& index) {
  arrow::StringBuilder files;
  arrow::Int64Builder bytes, starts, ends, offsets;
  arrow::UInt64Builder tables, digests;
  const arrow::FieldVector fields = IndexFields();
  auto items = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder gappy(arrow::default_memory_pool(), items, fields[7]->type());
  for (const SegmentInfo& segment : index.segments) {
    ARROW_RETURN_NOT_OK(files.Append(segment.file));
    ARROW_RETURN_NOT_OK(bytes.Append(segment.bytes));
    ARROW_RETURN_NOT_OK(tables.Append(segment.table));
    ARROW_RETURN_NOT_OK(starts.Append(segment.start.ns()));
    ARROW_RETURN_NOT_OK(ends.Append(segment.end.ns()));
    ARROW_RETURN_NOT_OK(offsets.Append(segment.body_offset));
    ARROW_RETURN_NOT_OK(digests.Append(segment.metadata_digest));
    ARROW_RETURN_NOT_OK(gappy.Append());
    ARROW_RETURN_NOT_OK(items->AppendValues(segment.gappy));
  }
  arrow::ArrayVector columns(fields.size());
  ARROW_RETURN_NOT_OK(files.Finish(&columns[0]));
  ARROW_RETURN_NOT_OK(bytes.Finish(&columns[1]));
  ARROW_RETURN_NOT_OK(tables.Finish(&columns[2]));
  ARROW_RETURN_NOT_OK(starts.Finish(&columns[3]));
  ARROW_RETURN_NOT_OK(ends.Finish(&columns[4]));
  ARROW_RETURN_NOT_OK(offsets.Finish(&columns[5]));
  ARROW_RETURN_NOT_OK(digests.Finish(&columns[6]));
  ARROW_RETURN_NOT_OK(gappy.Finish(&columns[7]));
  const auto metadata =
      FormatMetadata(kFormatKey, {{kGenerationKey, std::to_string(index.generation)},
                                  {kDigestKey, DigestOf(index)}});
  return arrow::RecordBatch::Make(arrow::schema(fields, metadata),
                                  static_cast<int64_t>(index.segments.size()), columns);
}

}  // namespace

std::string SegmentPath(const std::string& archive, const std::string& file) {
  return fmt::format("{}/{}/{}", archive, kSegmentDirectory, file);
}

std::string TablePath(const std::string& archive, uint64_t digest) {
  return fmt::format("{}/{}/{:016x}.arrow", archive, kTableDirectory, digest);
}

std::string SegmentFileName(int64_t generation, int64_t number) {
  return fmt::format("{:08}-{:04}.arrow", generation, number);
}

Result<Index> ReadIndex(const std::string& archive) {
  ARROW_RETURN_NOT_OK(CheckDirectory(archive));
  const std::string path = archive + "/" + kIndexFile;
  ARROW_ASSIGN_OR_RAISE(TableFile file,
                        ReadTableFile(path, *arrow::schema(IndexFields()), kFormatKey));
  Index index;
  const std::string& generation = file.metadata[kGenerationKey];
  std::from_chars(generation.data(), generation.data() + generation.size(),
                  index.generation);
  std::set<std::string_view> names;
  index.segments.reserve(file.batch->num_rows());
  for (int64_t i = 0; i < file.batch->num_rows(); ++i) {
    index.segments.push_back(SegmentOf(*file.batch, i));
    ARROW_RETURN_NOT_OK(WithContext(CheckSegment(index.segments.back()), path));
    if (!names.insert(index.segments.back().file).second) {
      return Error(ErrorKind::kCorrupt, "{}: segment is listed twice: {}", path,
                   index.segments.back().file);
    }
  }
  if (file.metadata[kDigestKey] != DigestOf(index)) {
    return Error(ErrorKind::kCorrupt,
                 "archive file is damaged: {}: its digest does not agree", path);
  }
  return index;
}

Status WriteIndex(const std::string& archive, const Index& index,
                  const files::StepHook& hook) {
  const std::string path = archive + "/" + kIndexFile;
  ARROW_ASSIGN_OR_RAISE(const auto batch, ToBatch(index));
  ARROW_ASSIGN_OR_RAISE(auto file, files::OutputFile::CreateBeside(path, hook));
  ARROW_RETURN_NOT_OK(WriteTableFile(*batch, file.get()));
  ARROW_RETURN_NOT_OK(file->Sync());
  return file->Publish();
}

}  // namespace carryall::archive
