// A bucket that is salvaged: what the store refuses to give for good is lost, like what is gone. A
// store that gives nothing is another matter, which ends the salvage.
#pragma once

#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "cloud/bucket.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Thread-safe.
class DamagedBucket final {
 public:
  explicit DamagedBucket(Bucket bucket) : bucket_(std::move(bucket)) {}

  /// To ask it for listings.
  const Bucket& bucket() const noexcept { return bucket_; }
  const std::string& location() const noexcept { return bucket_.location(); }

  /// As Bucket::get(). kAbsent too when the store does not give this
  /// object though it answers when it is asked for a listing: refusal_of() says so then.
  CloudGetResult get(const std::string& key, const CloudGetOptions& options);
  /// As Bucket::head(); from a listing when the store does not tell of
  /// this object otherwise.
  std::optional<CloudObjectMetadata> head(const std::string& key);
  /// What the store says of an object that it does not give; empty: nothing was refused.
  std::string refusal_of(const std::string& key) const;
  /// Throws the first refusal when not a single object was given: rights or credentials are wrong
  /// then, or everything was archived.
  void expect_any_given() const;

  /// So many objects are waited for in vain, one after the other, before the store is asked for one
  /// that it gave before. When it does not give that either, or gave none yet, it is taken for one
  /// that gives nothing. More than are asked for at the same time.
  static constexpr unsigned kMaxWaitsForNothing = 16;
  /// Each object that was waited for in vain halves the time for the next, so many times; one that
  /// came by waiting makes it whole again. A store that stutters is waited for, one of which a part
  /// is gone is not for each object anew.
  static constexpr unsigned kMaxHalvings = 3;

 private:
  struct Failure {
    std::exception_ptr error;
    std::string what;
    bool may_be_of_object = true;  ///< else of the way to the store
    bool was_patient = false;      ///< it was tried again until time was up
  };

  template <typename Request>
  auto attempt(const Request& request, Failure& failure) -> std::optional<decltype(request())>;
  std::optional<CloudGetResult> try_get(const std::string& key, const CloudGetOptions& options,
                                        Failure& failure);
  std::optional<CloudObjectMetadata> find_listed(const std::string& key) const;
  CloudGetResult refuse(const std::string& key, const Failure& failure);
  void expect_given_again();
  void expect_answers(const Failure& failure);
  RetryParts patience() const;
  void note_waiting(bool has_helped);

  const Bucket bucket_;
  mutable std::mutex mutex_;
  std::string given_key_;    ///< of the object that was given last
  bool has_given_ = false;   ///< any object
  unsigned halvings_ = 0;    ///< of the time for one object
  unsigned vain_waits_ = 0;  ///< objects, since one was given
  std::exception_ptr end_;   ///< why nothing more is asked for
  std::exception_ptr first_refusal_;
  std::map<std::string, std::string> refusals_;
  std::set<std::string> heads_refused_;
};

}  // namespace protobase::cloud
