#include <gtest/gtest.h>

#include <random>

#include "carryall/archive/archive_model.h"
#include "carryall/archive/archive_writer.h"
#include "carryall/files/temporary_directory.h"

namespace carryall::archive {
namespace {

// Random imports against a map of samples. Every sample's bytes follow from channel and
// number, so overlaps agree, unless the schedule says that they shall not.
class Schedule {
 public:
  Schedule(uint64_t seed, const std::string& directory)
      : random_(seed), directory_(directory) {
    const int64_t rates[] = {1, 3, 16, 64, 100, 1000, 4096};
    const size_t count = 1 + random_() % 6;
    for (size_t i = 0; i < count; ++i) {
      all_.push_back(MakeChannel("X1:C-" + std::to_string(i),
                                 static_cast<DataType>(random_() % kDataTypeCount),
                                 rates[random_() % std::size(rates)]));
    }
    gap_share_ = random_() % 3 == 0 ? 0 : random_() % 500;
  }

  void Run() {
    for (int import = 0; import < 6; ++import) {
      WriterOptions options;
      options.segment_bytes = 1 << (6 + random_() % 12);
      auto writer = ArchiveWriter::Open(directory_, options).ValueOrDie();
      Model staged = model_;
      Status status;
      const int blocks = 1 + random_() % 8;
      bool conflict = false;
      for (int i = 0; i < blocks && status.ok(); ++i) {
        const TestBlock block = NextBlock(random_() % 12 == 0);
        conflict = conflict || !Merge(block, &staged);
        status = writer->Write(block.block);
      }
      const auto report = status.ok() ? writer->Commit() : Result<WriteReport>(status);
      ASSERT_EQ(report.ok(), !conflict) << report.status();
      if (!conflict) model_ = std::move(staged);
      writer.reset();
      Check();
      if (::testing::Test::HasFailure()) return;
    }
  }

 private:
  std::shared_ptr<const ChannelSet> SomeChannels() {
    std::vector<Channel> chosen;
    for (const Channel& channel : all_) {
      if (random_() % 3 != 0) chosen.push_back(channel);
    }
    if (chosen.empty()) chosen.push_back(all_.front());
    std::shuffle(chosen.begin(), chosen.end(), random_);
    return ChannelSet::Make(std::move(chosen)).ValueOrDie();
  }

  // Whole seconds mostly, now and then a short edge that every rate divides.
  TestBlock NextBlock(bool differing) {
    const auto channels = SomeChannels();
    Duration unit = Duration::FromSeconds(1);
    for (int64_t parts : {16, 4, 2}) {
      const Duration part = Duration::FromNs(1'000'000'000 / parts);
      bool fits = random_() % 2 == 0;
      for (const Channel& channel : channels->channels()) {
        fits = fits && channel.sample_rate.Divides(part);
      }
      if (fits) {
        unit = part;
        break;
      }
    }
    const GpsTime time = GpsTime::FromSeconds(968654552) + unit * (random_() % 24);
    const Duration duration = unit * (1 + random_() % 6);
    const int64_t gap_from = random_() % 4096, gap = gap_share_;
    return MakeBlock(channels, time, duration,
                     [&](const Channel& channel, int64_t sample,
                         int width) -> std::optional<std::string> {
                       // Gaps follow from the number as well: equal spans have equal
                       // gaps.
                       const uint64_t hash =
                           static_cast<uint64_t>(sample / 7) * 2654435761;
                       if (static_cast<int64_t>(hash % 1000) < gap) return std::nullopt;
                       const bool other = differing && sample % 64 == gap_from % 64;
                       return SampleBytes(channel.name, sample, width, other);
                     });
  }

  // False where the block says something else than what is there. Spans that hold nothing
  // inside a block agree with anything: nothing is stored for them.
  static bool Merge(const TestBlock& block, Model* model) {
    for (const auto& [name, samples] : block.samples) {
      ModelSamples& known = (*model)[name];
      for (const auto& [sample, bytes] : samples) {
        const auto [at, fresh] = known.emplace(sample, bytes);
        if (!fresh && at->second != bytes) return false;
      }
    }
    return true;
  }

  void Check() {
    const auto archive = Archive::Open(directory_);
    Model expected;
    for (const auto& [name, samples] : model_) {
      if (!samples.empty()) expected[name] = samples;
    }
    if (!archive.ok()) {
      ASSERT_EQ(KindOf(archive.status()), ErrorKind::kNotFound) << archive.status();
      ASSERT_TRUE(expected.empty());
      return;
    }
    ASSERT_EQ(Dump(**archive), expected);
    for (const auto& [name, samples] : expected) {
      const auto bounds = (*archive)->Bounds((*archive)->Find(name).value());
      ASSERT_EQ(bounds->first, samples.begin()->first);
      ASSERT_EQ(bounds->second, samples.rbegin()->first + 1);
    }
  }

  std::mt19937_64 random_;
  const std::string directory_;
  std::vector<Channel> all_;
  int64_t gap_share_ = 0;
  Model model_;
};

TEST(ArchiveProperty, AgreesWithAMapOfSamples) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    files::TemporaryDirectory directory;
    Schedule(seed, directory.File("archive")).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace carryall::archive
