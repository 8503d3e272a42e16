#include "carryall/flight/upload.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/writer.h>

namespace carryall::flight {

Result<std::vector<arrow::flight::FlightPayload>> MakeUpload(
    const std::string& command, const std::shared_ptr<arrow::Schema>& schema,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  const auto options = arrow::ipc::IpcWriteOptions::Defaults();
  std::vector<arrow::flight::FlightPayload> upload(1 + batches.size());
  ARROW_ASSIGN_OR_RAISE(
      std::string descriptor,
      arrow::flight::FlightDescriptor::Command(command).SerializeToString());
  upload[0].descriptor = arrow::Buffer::FromString(std::move(descriptor));
  ARROW_RETURN_NOT_OK(arrow::ipc::GetSchemaPayload(
      *schema, options, arrow::ipc::DictionaryFieldMapper(*schema),
      &upload[0].ipc_message));
  for (size_t i = 0; i < batches.size(); ++i) {
    ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(*batches[i], options,
                                                          &upload[i + 1].ipc_message));
  }
  return upload;
}

}  // namespace carryall::flight
