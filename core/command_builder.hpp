// SPDX-License-Identifier: Apache-2.0
// Any command of Apple's schema from what a person writes in JSON. Which keys there are, and of which type,
// is in schema/apple.tsv and nowhere else. Pure.
#pragma once

#include <string_view>

#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::core {

/// The Command dictionary with RequestType first and the keys of `asked` as Apple names and types them.
///
/// `asked` holds JSON's types only. By the type that the schema gives a key: data is read from base64, a date
/// from RFC 3339, a real also from a whole number. Where the schema says "any" (the configuration of an app),
/// values stay as they are.
///
/// A key may have Apple's own name (iTunesStoreID). A name of lower-case letters, digits and underscores
/// (itunes_store_id) stands for the key beside which it differs only in case and underscores; no two keys of
/// one dictionary come together that way. Below a key that takes any name, names are left alone.
///
/// Errors: command.unknown_request_type; command.invalid, whose message names every path that is wrong.
/// What only some platforms or versions have is allowed: see problems_for.
Result<plist::Dict> build_command(std::string_view request_type, const plist::Dict& asked);

}  // namespace mooring::core
