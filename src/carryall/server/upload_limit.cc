#include "carryall/server/upload_limit.h"

#include "carryall/server/call.h"

namespace carryall::server {

namespace af = arrow::flight;

namespace {

// Lives as long as its call.
class Upload final : public af::ServerMiddleware {
 public:
  explicit Upload(std::shared_ptr<std::atomic<int64_t>> running)
      : running_(std::move(running)) {}
  ~Upload() override { running_->fetch_sub(1); }
  std::string name() const override { return "upload-limit"; }
  void SendingHeaders(af::AddCallHeaders*) override {}
  void CallCompleted(const arrow::Status&) override {}

 private:
  std::shared_ptr<std::atomic<int64_t>> running_;
};

}  // namespace

arrow::Status UploadLimit::StartCall(const af::CallInfo& info,
                                     const af::ServerCallContext& context,
                                     std::shared_ptr<af::ServerMiddleware>* middleware) {
  if (info.method != af::FlightMethod::DoPut &&
      info.method != af::FlightMethod::DoExchange) {
    return arrow::Status::OK();
  }
  const bool taken = running_->fetch_add(1) < most_;
  auto upload = std::make_shared<Upload>(running_);  // gives the place back
  if (taken) {
    *middleware = std::move(upload);
    return arrow::Status::OK();
  }
  return Call(context).Finish(
      Error(ErrorKind::kUnavailable,
            "server is at its limit of {} concurrent uploads, try again later", most_));
}

}  // namespace carryall::server
