#include "carryall/backend/kafka/follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/catalogue/test_directory.h"

namespace carryall::backend::kafka {
namespace {

using carryall::catalogue::Catalogue;
using carryall::catalogue::PublisherConfig;
using testing::ElementsAre;
using testing::IsEmpty;

PublisherConfig Publisher(std::string id) {
  PublisherConfig out;
  out.publisher_id = std::move(id);
  out.stride = Duration::FromMs(62) + Duration::FromNs(500'000);
  out.max_latency = Duration::FromSeconds(1);
  return out;
}

Channel Of(const PublisherConfig& publisher, std::string name, uint32_t index) {
  Channel out;
  out.name = std::move(name);
  out.data_type = DataType::kFloat32;
  out.sample_rate = *SampleRate::Make(16);
  out.publisher = publisher.publisher_id;
  out.partition_id = publisher.publisher_id + "_ABC_1";
  out.partition_index = index;
  out.stride = publisher.stride;
  out.max_latency = publisher.max_latency;
  return out;
}

class FollowedPublisherTest : public carryall::catalogue::DirectoryTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    catalogue_ = Catalogue::Open(File("catalogue.db")).ValueOrDie();
  }
  void TearDown() override {
    catalogue_.reset();
    DirectoryTest::TearDown();
  }

  // What a topic says of the publisher P: it, its channels, and their digest.
  void Say(const std::vector<Channel>& channels) {
    std::vector<const Channel*> all;
    for (const Channel& channel : channels) {
      EXPECT_TRUE(followed_.Take(channel.name, ChannelRecord(channel)).ok());
      all.push_back(&channel);
    }
    EXPECT_TRUE(followed_.Take(kPublisherKey, PublisherRecord(publisher_)).ok());
    EXPECT_TRUE(followed_.Take(kDigestKey, DigestRecord(DigestOf(all))).ok());
  }
  std::vector<std::string> Names(const std::string& publisher = "P") {
    std::vector<std::string> out;
    metadata::ChannelQuery query;
    query.publishers = {publisher};
    EXPECT_TRUE(catalogue_->snapshot()
                    ->Find(query,
                           [&](const Channel& channel) {
                             out.push_back(channel.name);
                             return true;
                           })
                    .ok());
    return out;
  }

  std::unique_ptr<Catalogue> catalogue_;
  const PublisherConfig publisher_ = Publisher("P");
  FollowedPublisher followed_{"P"};
};

TEST_F(FollowedPublisherTest, WhatATopicSaysIsTakenOver) {
  const Channel a = Of(publisher_, "H1:ABC-A", 4), b = Of(publisher_, "H1:ABC-B", 9);
  Say({a, b});
  EXPECT_THAT(Names(), IsEmpty());  // nothing before the end of the topic
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_TRUE(followed_.Agrees());
  EXPECT_EQ(*catalogue_->snapshot()->Get("H1:ABC-A", {}), a);
  EXPECT_EQ(*catalogue_->snapshot()->Get("H1:ABC-B", {}), b);

  // Later changes, one by one.
  Channel faster = a;
  faster.sample_rate = *SampleRate::Make(32);
  ASSERT_TRUE(followed_.Take("H1:ABC-A", ChannelRecord(faster)).ok());
  ASSERT_TRUE(followed_.Take("H1:ABC-B", std::nullopt).ok());
  ASSERT_TRUE(followed_.Take("H1:ABC-NONE", std::nullopt).ok());
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-A"));
  EXPECT_EQ(*catalogue_->snapshot()->Get("H1:ABC-A", {}), faster);
}

TEST_F(FollowedPublisherTest, WhatWentWhileNobodyReadIsRemoved) {
  Say({Of(publisher_, "H1:ABC-A", 0), Of(publisher_, "H1:ABC-B", 1)});
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  // A compacted topic no longer says that B is gone.
  followed_ = FollowedPublisher("P");
  Say({Of(publisher_, "H1:ABC-A", 0)});
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-A"));
}

TEST_F(FollowedPublisherTest, OtherDigestsAreNoticedOnce) {
  const Channel a = Of(publisher_, "H1:ABC-A", 0), b = Of(publisher_, "H1:ABC-B", 1);
  EXPECT_TRUE(followed_.Agrees());
  Say({a});
  ASSERT_TRUE(followed_.Take(kDigestKey, DigestRecord(DigestOf({&a, &b}))).ok());
  EXPECT_FALSE(followed_.Agrees());
  EXPECT_TRUE(followed_.Agrees());
  followed_.Restart();
  Say({a, b});
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_TRUE(followed_.Agrees());
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-A", "H1:ABC-B"));
}

TEST_F(FollowedPublisherTest, NothingIsTakenOverBeforeThePublisherIsKnown) {
  const Channel a = Of(publisher_, "H1:ABC-A", 0);
  ASSERT_TRUE(followed_.Take(a.name, ChannelRecord(a)).ok());
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_THAT(Names(), IsEmpty());
  ASSERT_TRUE(followed_.Take(kPublisherKey, PublisherRecord(publisher_)).ok());
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-A"));
}

TEST_F(FollowedPublisherTest, NamesOfOthersAreLeftToThem) {
  const PublisherConfig other = Publisher("Q");
  const Channel theirs = Of(other, "H1:ABC-A", 0);
  ASSERT_TRUE(catalogue_->Adopt(other, {theirs}, {}).ok());
  Say({Of(publisher_, "H1:ABC-A", 0), Of(publisher_, "H1:ABC-B", 1)});
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-B"));
  EXPECT_EQ(*catalogue_->snapshot()->Get("H1:ABC-A", {}), theirs);
}

TEST_F(FollowedPublisherTest, RecordsThatAreNoneArePassedOver) {
  const Channel a = Of(publisher_, "H1:ABC-A", 0);
  Say({a});
  Channel lost = a;
  lost.partition_id.reset();
  EXPECT_FALSE(followed_.Take(a.name, ChannelRecord(lost)).ok());
  lost = a;
  lost.partition_id = "../etc";
  EXPECT_FALSE(followed_.Take(a.name, ChannelRecord(lost)).ok());
  EXPECT_FALSE(followed_.Take("H1:ABC-B", "{").ok());
  EXPECT_FALSE(followed_.Take(kPublisherKey, PublisherRecord(Publisher("Q"))).ok());
  EXPECT_FALSE(followed_.Take(kPublisherKey, "{}").ok());
  EXPECT_FALSE(followed_.Take(kDigestKey, "").ok());
  ASSERT_TRUE(followed_.Adopt(catalogue_.get()).ok());
  EXPECT_EQ(*catalogue_->snapshot()->Get("H1:ABC-A", {}), a);
}

}  // namespace
}  // namespace carryall::backend::kafka
