// SPDX-License-Identifier: Apache-2.0
#include "reconciler/reason.hpp"

#include <fmt/format.h>

#include <array>

namespace mooring::reconciler {
namespace {

// By number.
constexpr std::array<std::string_view, static_cast<std::size_t>(kLastReason) + 1> kReasonTexts{
    "",
    "a command is queued or being worked on",
    "waiting for the device's first list",
    "acknowledged; waiting for the device's own list to show it",
    "acknowledged, but the device's own list does not show it",
    "a profile with this identifier is on the device, but Mooring did not install it: it is not touched",
    "the device answered NotNow; it will be asked again",
    "the device refused it",
    "the device says that the content is wrong",
    "the device took the command and never answered",
    "lost again after a repair; waiting before the next one",
    "no longer declared",
    "repaired again and again, and lost each time: left alone until a new version or a re-push",
    "paused: nothing is sent",
    "outside its maintenance window",
    "waiting for another item",
    "a fact that decides about it is not known yet",
    "a value that its content needs is not known",
    "the device has no channel of a user",
    "its content cannot be made for this device",
    "signed by another certificate than the active one",
    "sent again for a new build of the system",
    "sent again because it was asked for",
    "waits for its turn: so many devices at a time ask for the certificate in this profile",
    "the device does not know how to do this",
};

}  // namespace

std::string_view text_of(Reason reason) {
  const auto number = static_cast<std::size_t>(reason);
  return number < kReasonTexts.size() ? kReasonTexts.at(number) : kReasonTexts.front();
}

std::string sentence_of(Reason reason, std::string_view detail) {
  const auto text = text_of(reason);
  if (detail.empty()) return std::string(text);
  return text.empty() ? std::string(detail) : fmt::format("{}: {}", text, detail);
}

}  // namespace mooring::reconciler
