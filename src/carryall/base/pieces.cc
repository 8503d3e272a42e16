#include "carryall/base/pieces.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

namespace carryall {
namespace {

// More would wait for memory, not for each other.
constexpr size_t kMaxPieces = 4;

}  // namespace

size_t PieceCount(size_t count, size_t least) {
  static const size_t cores = std::max<size_t>(std::thread::hardware_concurrency(), 1);
  return std::max<size_t>(
      std::min({cores, kMaxPieces, count / std::max<size_t>(least, 1)}), 1);
}

Status InPieces(size_t count, size_t pieces,
                const std::function<Status(size_t, size_t, size_t)>& work) {
  std::vector<Status> done(pieces);
  const auto run = [&](size_t k) {
    done[k] = work(k, count * k / pieces, count * (k + 1) / pieces);
  };
  std::vector<std::thread> threads;
  size_t started = 1;
  try {
    for (; started < pieces; ++started) threads.emplace_back(run, started);
  } catch (const std::system_error&) {  // no thread to be had
  }
  if (pieces > 0) run(0);
  for (size_t k = started; k < pieces; ++k) run(k);
  for (std::thread& thread : threads) thread.join();
  for (const Status& status : done) ARROW_RETURN_NOT_OK(status);
  return Status::OK();
}

}  // namespace carryall
