// SPDX-License-Identifier: Apache-2.0
#include "core/push_certificate_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/gauges.hpp"
#include "tests/support/push_certificate.hpp"
#include "tests/support/world.hpp"

namespace mooring::core {
namespace {

using namespace std::chrono_literals;
using test::make_push_certificate;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PushCertificates : public ::testing::Test {
 protected:
  test::PushCertificateSpec spec(std::string topic = test::kPushTopic) const {
    return {.topic = std::move(topic), .not_before = now() - 24h, .not_after = now() + 24h * 365};
  }
  Time now() const { return world.clock.now(); }
  std::string error(const std::string& pem, const std::string& password = {}) const {
    const auto read = read_push_bundle(pem, password, now());
    return read ? "none" : read.error().code;
  }
  StoredPushCertificate put(const std::string& topic = test::kPushTopic) {
    const auto bundle = read_push_bundle(make_push_certificate(spec(topic)), "", now());
    EXPECT_TRUE(bundle) << bundle.error().message;
    return put_push_certificate(world.db.connection(), secrets, *bundle, now());
  }

  test::World world;
  crypto::SecretBox secrets{crypto::SecretBox::Key{7}};
};

// covers: mdm.P05
TEST_F(PushCertificates, AGoodOneTellsItsTopicAndDates) {
  const auto bundle = read_push_bundle(make_push_certificate(spec()), "", now());
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->topic, test::kPushTopic);
  EXPECT_EQ(bundle->not_after, std::chrono::floor<std::chrono::seconds>(now() + 24h * 365));
}

TEST_F(PushCertificates, KeyFirstOrGluedWithoutALineBreakIsReadToo) {
  const auto pem = make_push_certificate(spec());
  const auto key = pem.substr(pem.find("-----BEGIN PRIVATE"));
  auto certificate = pem.substr(0, pem.size() - key.size());
  EXPECT_EQ(error(key + certificate), "none");
  certificate.pop_back();
  EXPECT_EQ(error(certificate + key), "none");
  EXPECT_EQ(error("Bag Attributes\n  friendlyName: push\n" + pem + "trailing words"), "none");
}

// covers: mdm.P05
TEST_F(PushCertificates, WhatCannotWorkIsRefusedWithItsReason) {
  const auto pem = make_push_certificate(spec());
  const auto key_at = pem.find("-----BEGIN PRIVATE");
  const auto other = make_push_certificate(spec());
  EXPECT_EQ(error(""), "push_certificate.malformed");
  EXPECT_EQ(error("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"),
            "push_certificate.malformed");
  EXPECT_EQ(error(pem.substr(0, key_at)), "push_certificate.no_key");
  EXPECT_EQ(error(pem.substr(0, key_at) + other.substr(other.find("-----BEGIN PRIVATE"))),
            "push_certificate.mismatch");
  EXPECT_EQ(error(make_push_certificate(spec("com.example.app"))), "push_certificate.topic");
  EXPECT_EQ(error(make_push_certificate(spec(""))), "push_certificate.topic");
  auto old = spec();
  old.not_after = now() - 1s;
  EXPECT_EQ(error(make_push_certificate(old)), "push_certificate.expired");
  auto early = spec();
  early.not_before = now() + 1h;
  EXPECT_EQ(error(make_push_certificate(early)), "push_certificate.not_yet_valid");
}

// covers: seed.27
TEST_F(PushCertificates, TheKeyIsSealedAtRest) {
  const auto pem = make_push_certificate(spec());
  const auto bundle = read_push_bundle(pem, "", now());
  put_push_certificate(world.db.connection(), secrets, *bundle, now());
  EXPECT_EQ(world.text("select count(*) from push_certificates where position('PRIVATE KEY' in "
                       "encode(private_key, 'escape')) > 0 or certificate like '%PRIVATE%'"),
            "0");
  const auto credential = load_push_credential(world.db.connection(), secrets, test::kPushTopic);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->identity.private_key, bundle->identity.private_key);
  const crypto::SecretBox stranger(crypto::SecretBox::Key{8});
  EXPECT_EQ(load_push_credential(world.db.connection(), stranger, test::kPushTopic).error().code,
            "secret.damaged");
}

TEST_F(PushCertificates, ARenewedOneTakesThePlaceOfTheOldAndMovesTheRevision) {
  const auto first = put();
  EXPECT_FALSE(first.replaced);
  note_push_failure(world.db.connection(), test::kPushTopic, first.certificate.revision, "403 BadCertificate",
                    now());
  EXPECT_EQ(find_push_certificate(world.db.connection(), test::kPushTopic)->failure, "403 BadCertificate");
  const auto second = put();
  EXPECT_TRUE(second.replaced);
  EXPECT_GT(second.certificate.revision, first.certificate.revision);
  EXPECT_EQ(second.certificate.failure, "") << "what was held against the old one is not the new one's fault";
  note_push_failure(world.db.connection(), test::kPushTopic, first.certificate.revision, "late news", now());
  EXPECT_EQ(find_push_certificate(world.db.connection(), test::kPushTopic)->failure, "");
  EXPECT_THAT(list_push_certificates(world.db.connection()), SizeIs(1));
}

// covers: mdm.P05
TEST_F(PushCertificates, MetricsSayWhenEachEndsAndWhetherItIsRefused) {
  const auto stored = put();
  const auto shown = [&](const std::string& name) {
    reconciler::refresh_gauges(world.db.connection(), world.db.metrics, now());
    const auto page = world.db.metrics.text();
    const auto at = page.find("\n" + name + "{topic=\"" + test::kPushTopic + "\"} ");
    return at == std::string::npos ? -1.0 : std::stod(page.substr(page.find("} ", at) + 2));
  };
  const std::string ends = "mooring_push_certificate_expiry_timestamp_seconds";
  const auto not_after = std::chrono::floor<std::chrono::seconds>(stored.certificate.not_after);
  EXPECT_EQ(shown(ends), static_cast<double>(not_after.time_since_epoch().count()));
  EXPECT_EQ(shown("mooring_push_certificate_refused"), 0);
  note_push_failure(world.db.connection(), test::kPushTopic, stored.certificate.revision, "403", now());
  EXPECT_EQ(shown("mooring_push_certificate_refused"), 1);
  delete_push_certificate(world.db.connection(), test::kPushTopic);
  EXPECT_EQ(shown(ends), -1.0) << "a certificate that is gone raises no alarm";
}

// covers: mdm.P05
TEST_F(PushCertificates, DevicesOfAnotherTopicAreAWarning) {
  const auto device = world.make_device();
  world.enroll(*device);
  EXPECT_THAT(put().warnings, IsEmpty());
  const auto other = put("com.apple.mgmt.External.other");
  ASSERT_THAT(other.warnings, SizeIs(1));
  EXPECT_THAT(other.warnings[0], HasSubstr("their own topic"));
  EXPECT_TRUE(delete_push_certificate(world.db.connection(), test::kPushTopic));
  EXPECT_FALSE(delete_push_certificate(world.db.connection(), test::kPushTopic));
  const auto again = put("com.apple.mgmt.External.other");
  ASSERT_THAT(again.warnings, SizeIs(1));
  EXPECT_THAT(again.warnings[0],
              HasSubstr("1 enrolled channels belong to the topic com.apple.mgmt.External.simulator"));
  EXPECT_THAT(again.warnings[0], HasSubstr("enroll again"));
}

// covers: seed.27
TEST_F(PushCertificates, ComeFromFilesOrFromTheEnvironmentItself) {
  auto& db = world.db.connection();
  const auto pem = make_push_certificate(spec());
  const auto key = pem.find("-----BEGIN PRIVATE");
  // The options hold what the environment gave: PEM, where it is not a path.
  const PushCertificateSource source{
      .certificate = pem.substr(0, key), .key = pem.substr(key), .key_password_file = ""};
  ASSERT_TRUE(store_push_source(db, secrets, source, now(), world.db.log));
  const auto first = find_push_certificate(db, test::kPushTopic);
  ASSERT_TRUE(first);
  ASSERT_TRUE(store_push_source(db, secrets, source, now(), world.db.log));
  EXPECT_EQ(find_push_certificate(db, test::kPushTopic)->revision, first->revision)
      << "the same changes nothing";
}

TEST_F(PushCertificates, AnOlderFileDoesNotReplaceWhatWasUploadedSince) {
  auto& db = world.db.connection();
  auto older = spec();
  older.not_after = now() + 24h * 30;
  const PushCertificateSource file{
      .certificate = make_push_certificate(older), .key = "", .key_password_file = ""};
  const auto uploaded = put();
  ASSERT_TRUE(store_push_source(db, secrets, file, now(), world.db.log));
  EXPECT_EQ(find_push_certificate(db, test::kPushTopic)->revision, uploaded.certificate.revision);
}

TEST_F(PushCertificates, AnExpiredFileIsNoReasonNotToStartAndAMissingOneIs) {
  auto& db = world.db.connection();
  auto expired = spec();
  expired.not_after = now() - 1h;
  const PushCertificateSource old{
      .certificate = make_push_certificate(expired), .key = "", .key_password_file = ""};
  EXPECT_TRUE(store_push_source(db, secrets, old, now(), world.db.log));
  EXPECT_FALSE(find_push_certificate(db, test::kPushTopic));
  const PushCertificateSource missing{.certificate = "/nowhere/push.pem", .key = "", .key_password_file = ""};
  const auto stored = store_push_source(db, secrets, missing, now(), world.db.log);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, "push_certificate.file");
  EXPECT_THAT(stored.error().message, HasSubstr("/nowhere/push.pem"));
}

}  // namespace
}  // namespace mooring::core
