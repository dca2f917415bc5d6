// SPDX-License-Identifier: Apache-2.0
// mooring_pushes_total and what belongs to it, created at zero.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/metrics.hpp"
#include "core/push_answer.hpp"

namespace mooring::core {

class PushMetrics {
 public:
  explicit PushMetrics(Metrics& metrics);

  void judged(const PushJudgement& judgement) { count(name_of(judgement.verdict), judgement.reason); }
  /// `code` of an http2 error.
  void unreachable(std::string_view code);
  void no_certificate(std::size_t pushes) { count("no_certificate", "", pushes); }
  void unpushable(std::size_t pushes) { count("unpushable", "", pushes); }
  void dropped(std::size_t pushes) { count("dropped", "", pushes); }
  void waiting(double more) { waiting_.Increment(more); }
  void connected() { connections_.Increment(); }

 private:
  void create(std::string_view result, std::string_view reason);
  void count(std::string_view result, std::string_view reason, std::size_t pushes = 1);

  Metrics& metrics_;
  std::map<std::pair<std::string, std::string>, prometheus::Counter*> counters_;
  prometheus::Gauge& waiting_;
  prometheus::Counter& connections_;
};

}  // namespace mooring::core
