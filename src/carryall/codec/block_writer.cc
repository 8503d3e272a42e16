#include "carryall/codec/block_writer.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/kernels/gather.h"

namespace carryall::codec {
namespace {

Status TooLong(const Channel& channel, int64_t samples) {
  return Error(ErrorKind::kInvalidArgument,
               "block is too long for one message: {} samples of channel {}", samples,
               channel.name);
}

int64_t BytesOf(const SampleView& view) {
  return view.length * ByteWidth(view.data_type);
}

/// What the samples of a view need of the arena.
int64_t ArenaBytesForSamples(const SampleView& view, int64_t missing) {
  const int64_t bytes = BytesOf(view);
  if (missing == 0 || missing == view.length) return BodyWriter::ArenaBytesForRun(bytes);
  return BodyWriter::ArenaBytes(bytes);
}

void AppendSamples(const SampleView& view, int64_t missing, BodyWriter* body) {
  const int64_t bytes = BytesOf(view);
  if (missing == 0) {
    body->AppendRun(view.values, bytes);
  } else if (missing == view.length) {
    body->AppendZeros(bytes);
  } else {
    kernels::CopyPresent(view.values, ByteWidth(view.data_type), view.validity,
                         view.validity_offset, view.length, body->Append(bytes));
    CountCopy(bytes);
  }
}

/// Sets `length` bits from `at` on as the view's samples are there or not.
void PutValidity(const SampleView& view, int64_t missing, uint8_t* bits, int64_t at) {
  if (missing == 0 || missing == view.length) {
    kernels::SetBits(bits, at, view.length, missing == 0);
  } else {
    kernels::CopyBits(view.validity, view.validity_offset, view.length, bits, at);
  }
}

/// A bitmap of `length` bits: the last byte's other bits are zero.
uint8_t* AppendBitmap(int64_t length, BodyWriter* body) {
  const int64_t bytes = BitmapBytes(length);
  uint8_t* bits = body->Append(bytes);
  if (bytes > 0) bits[bytes - 1] = 0;
  return bits;
}

/// Tells the metadata where a buffer that just ended lies.
void EndBuffer(int64_t begin, BodyWriter* body, MetaWriter* meta) {
  meta->AddPlace(begin, body->position() - begin);
  body->Pad();
}

void NoBuffer(const BodyWriter& body, MetaWriter* meta) {
  meta->AddPlace(body.position(), 0);
}

std::vector<int64_t> CountAllMissing(const SeriesBlock& block) {
  std::vector<int64_t> missing(block.size());
  for (size_t i = 0; i < block.size(); ++i) missing[i] = CountMissing(block.view(i));
  return missing;
}

BlockOwners ShareOwners(const SeriesBlock& block) {
  return std::make_shared<const std::vector<MemoryOwner>>(block.owners());
}

/// Lets a body be prepared from the one that is written.
class Watch {
 public:
  Watch(const SeriesBlock& block, PreparedBody* prepared, BodyWriter* body)
      : block_(block), prepared_(prepared) {
    std::vector<BodyWriter::Copied>* const copied =
        prepared == nullptr ? nullptr : prepared->Watch(block);
    watching_ = copied != nullptr;
    body->Record(copied);
  }
  void Finished(const BodyWriter& body, PreparedBody::Times times,
                const Result<arrow::ipc::IpcPayload>& payload) const {
    if (watching_ && payload.ok()) prepared_->Remember(block_, body, times, *payload);
  }

 private:
  const SeriesBlock& block_;
  PreparedBody* const prepared_;
  bool watching_;
};

Result<arrow::ipc::IpcPayload> Finish(BodyWriter* body, MetaWriter* meta,
                                      arrow::MemoryPool* pool) {
  arrow::ipc::IpcPayload payload;
  payload.type = arrow::ipc::MessageType::RECORD_BATCH;
  body->Finish(&payload);
  ARROW_ASSIGN_OR_RAISE(payload.metadata, meta->Finish(payload.body_length, pool));
  return payload;
}

/// Writes the list offsets of one channel: where each stride begins.
void PutStrideOffsets(SampleRate rate, Duration stride, int64_t rows, int64_t samples,
                      uint8_t* offsets) {
  Store<int32_t>(offsets, 0);
  for (int64_t row = 1; row < rows; ++row) {
    const int64_t begin = std::min(rate.SamplesIn(stride * row), samples);
    Store(offsets + 4 * row, static_cast<int32_t>(begin));
  }
  Store(offsets + 4 * rows, static_cast<int32_t>(samples));
}

}  // namespace

int64_t CountMissing(const SampleView& view) {
  if (view.values == nullptr) return view.length;
  if (view.validity == nullptr) return 0;
  return view.length -
         kernels::CountSetBits(view.validity, view.validity_offset, view.length);
}

Result<arrow::ipc::IpcPayload> WriteColumns(const SeriesBlock& block, Duration stride,
                                            MetaWriter* meta, arrow::MemoryPool* pool,
                                            PreparedBody* prepared) {
  const int64_t rows =
      std::max<int64_t>(1, (block.duration().ns() + stride.ns() - 1) / stride.ns());
  const int64_t offset_bytes = 4 * (rows + 1);
  const std::vector<int64_t> missing = CountAllMissing(block);
  int64_t arena = BodyWriter::ArenaBytes(8 * rows);
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView view = block.view(i);
    if (view.length > std::numeric_limits<int32_t>::max()) {
      return TooLong((*block.channels())[i], view.length);
    }
    arena +=
        BodyWriter::ArenaBytes(offset_bytes) + ArenaBytesForSamples(view, missing[i]);
    if (missing[i] > 0) arena += BodyWriter::ArenaBytes(BitmapBytes(view.length));
  }
  ARROW_ASSIGN_OR_RAISE(BodyWriter body,
                        BodyWriter::Make(arena, ShareOwners(block), pool));
  const Watch watch(block, prepared, &body);

  meta->Begin(rows);
  meta->AddNode(rows, 0);
  NoBuffer(body, meta);
  uint8_t* times = body.Append(8 * rows);
  for (int64_t row = 0; row < rows; ++row) {
    Store(times + 8 * row, (block.time() + stride * row).ns());
  }
  EndBuffer(0, &body, meta);
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView view = block.view(i);
    meta->AddNode(rows, 0);
    meta->AddNode(view.length, missing[i]);
    NoBuffer(body, meta);
    int64_t begin = body.position();
    PutStrideOffsets((*block.channels())[i].sample_rate, stride, rows, view.length,
                     body.Append(offset_bytes));
    EndBuffer(begin, &body, meta);
    begin = body.position();
    if (missing[i] > 0) {
      PutValidity(view, missing[i], AppendBitmap(view.length, &body), 0);
    }
    EndBuffer(begin, &body, meta);
    begin = body.position();
    AppendSamples(view, missing[i], &body);
    EndBuffer(begin, &body, meta);
  }
  auto payload = Finish(&body, meta, pool);
  watch.Finished(body, {rows, stride}, payload);
  return payload;
}

namespace {

/// One list column of a row-form message: the rows whose channels have its type.
Status WriteRowList(const SeriesBlock& block, std::span<const RowId> rows, DataType type,
                    std::span<const int64_t> missing, BodyWriter* body,
                    MetaWriter* meta) {
  const auto count = static_cast<int64_t>(rows.size());
  const auto mine = [&](const RowId& row) -> std::optional<SampleView> {
    const SampleView view = block.view(static_cast<size_t>(row.channel));
    return view.data_type == type ? std::optional(view) : std::nullopt;
  };
  int64_t nulls = 0, samples = 0, begin = body->position();
  uint8_t* offsets = body->Append(4 * (count + 1));
  Store<int32_t>(offsets, 0);
  for (int64_t row = 0; row < count; ++row) {
    if (const auto view = mine(rows[static_cast<size_t>(row)])) {
      samples += view->length;
      nulls += missing[static_cast<size_t>(rows[static_cast<size_t>(row)].channel)];
      if (samples > std::numeric_limits<int32_t>::max()) {
        return TooLong((*block.channels())[static_cast<size_t>(
                           rows[static_cast<size_t>(row)].channel)],
                       view->length);
      }
    }
    Store(offsets + 4 * (row + 1), static_cast<int32_t>(samples));
  }
  meta->AddNode(count, 0);
  meta->AddNode(samples, nulls);
  NoBuffer(*body, meta);
  EndBuffer(begin, body, meta);

  begin = body->position();
  if (nulls > 0) {
    uint8_t* bits = AppendBitmap(samples, body);
    int64_t at = 0;
    for (const RowId& row : rows) {
      const auto view = mine(row);
      if (!view) continue;
      PutValidity(*view, missing[static_cast<size_t>(row.channel)], bits, at);
      at += view->length;
    }
  }
  EndBuffer(begin, body, meta);

  begin = body->position();
  for (const RowId& row : rows) {
    const auto view = mine(row);
    if (!view) continue;
    AppendSamples(*view, missing[static_cast<size_t>(row.channel)], body);
  }
  EndBuffer(begin, body, meta);
  return Status::OK();
}

}  // namespace

Result<arrow::ipc::IpcPayload> WriteRows(const SeriesBlock& block,
                                         std::span<const RowId> rows,
                                         std::span<const DataType> types,
                                         MetaWriter* meta, arrow::MemoryPool* pool,
                                         PreparedBody* prepared) {
  const auto count = static_cast<int64_t>(rows.size());
  const std::vector<int64_t> missing = CountAllMissing(block);
  int64_t arena =
      BodyWriter::ArenaBytes(8 * count) + BodyWriter::ArenaBytes(4 * count) +
      static_cast<int64_t>(types.size()) *
          (BodyWriter::ArenaBytes(4 * (count + 1)) + BodyWriter::ArenaBytes(8));
  for (const RowId& row : rows) {
    const SampleView view = block.view(static_cast<size_t>(row.channel));
    arena += ArenaBytesForSamples(view, missing[static_cast<size_t>(row.channel)]) +
             BitmapBytes(view.length);
  }
  ARROW_ASSIGN_OR_RAISE(BodyWriter body,
                        BodyWriter::Make(arena, ShareOwners(block), pool));
  const Watch watch(block, prepared, &body);

  meta->Begin(count);
  meta->AddNode(count, 0);
  NoBuffer(body, meta);
  const int64_t time = block.time().ns();
  kernels::Fill(body.Append(8 * count), &time, 8, count);
  EndBuffer(0, &body, meta);

  meta->AddNode(count, 0);
  NoBuffer(body, meta);
  const int64_t begin = body.position();
  uint8_t* ids = body.Append(4 * count);
  for (int64_t row = 0; row < count; ++row) {
    Store(ids + 4 * row, rows[static_cast<size_t>(row)].id);
  }
  EndBuffer(begin, &body, meta);

  for (DataType type : types) {
    RETURN_NOT_OK(WriteRowList(block, rows, type, missing, &body, meta));
  }
  auto payload = Finish(&body, meta, pool);
  watch.Finished(body, {count, Duration()}, payload);
  return payload;
}

Result<std::shared_ptr<arrow::Buffer>> JoinBody(const arrow::ipc::IpcPayload& payload,
                                                arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> body,
                        arrow::AllocateBuffer(payload.body_length, pool));
  uint8_t* at = body->mutable_data();
  for (const auto& piece : payload.body_buffers) {
    if (piece == nullptr || piece->size() == 0) continue;
    const int64_t padded = RoundUp8(piece->size());
    std::memcpy(at, piece->data(), static_cast<size_t>(piece->size()));
    std::memset(at + piece->size(), 0, static_cast<size_t>(padded - piece->size()));
    at += padded;
  }
  return body;
}

}  // namespace carryall::codec
