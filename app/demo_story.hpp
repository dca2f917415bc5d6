// SPDX-License-Identifier: Apache-2.0
// What happens in a demo: everything is declared and converges; users remove profiles; a profile changes; an
// exception ends. Each step is judged by the devices' own stores and by the server's numbers.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/demo_examples.hpp"
#include "app/demo_stage.hpp"

namespace mooring::app {

class DemoStory {
 public:
  DemoStory(DemoStage& stage, Examples examples);

  /// True where every step converged and no profile was installed twice for one reason.
  bool tell();
  void summarise();
  /// Lives on until the demo is to end; on SIGUSR1 some users remove a profile.
  void stay();

 private:
  using Instant = std::chrono::steady_clock::time_point;

  struct Step {
    std::string title;
    bool converged = false;
    double seconds = 0;
  };

  bool step(const std::string& title, Result<> (DemoStory::*act)());
  Result<> declare_and_enroll();
  Result<> declare_shared();
  Result<> declare_some();
  Result<> declare_single();
  Result<> users_remove();
  Result<> change_profile();
  Result<> end_exception();

  Result<std::string> declare(const Example& example);
  const Holdings& expected(std::size_t index) const;
  bool converged();
  void explain();
  std::vector<std::size_t> every(std::size_t nth, std::size_t from) const;

  DemoStage& stage_;
  Examples examples_;
  Instant deadline_{};
  Holdings shared_;                             ///< What a device without exceptions shall hold.
  std::map<std::size_t, Holdings> exceptions_;  ///< The difference, by device.
  std::map<std::size_t, Holdings> special_;     ///< shared_ with the exceptions of that device.
  std::int64_t single_assignment_ = 0;
  std::vector<Step> steps_;
};

}  // namespace mooring::app
