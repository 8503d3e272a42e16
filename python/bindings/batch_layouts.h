#pragma once

#include <arrow/record_batch.h>

#include "bindings/layout.h"
#include "carryall/codec/decoder.h"

namespace carryall::python {

/// How the batches of a stream map to channels. Working that out costs microseconds a
/// channel, so it is remembered for the last few streams and recognised by the identity
/// of the Channels and the bytes of the batch, in nanoseconds a channel. Channels are
/// frozen, and what is remembered keeps them alive, so identity is enough.

/// For the channels that a row-form batch has, in the order of their rows.
struct RowLayout {
  Ref layout;
  std::unique_ptr<codec::RowBatchReader> reader;  ///< null: no row is wanted
};
/// Null with an exception set. Valid until the next call.
RowLayout* FindRowLayout(const arrow::RecordBatch& batch, PyObject* index_to_channel);

/// For the columns of a column-form batch, in their order; borrowed, null with an
/// exception set.
PyObject* FindColumnLayout(const arrow::RecordBatch& batch, PyObject* channels);

}  // namespace carryall::python
