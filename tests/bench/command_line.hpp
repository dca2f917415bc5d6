// SPDX-License-Identifier: Apache-2.0
// What the command lines of all benchmarks have in common.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

namespace mooring::bench {

/// For options with `data_root`, `json`, `markdown` and `quick`, and `binary` where the real server runs.
template <class Options>
void add_common_options(CLI::App& cli, Options& options) {
  if constexpr (requires { options.binary; })
    cli.add_option("--mooring", options.binary, "The server's binary.");
  cli.add_option("--data-root", options.data_root, "Where PostgreSQL keeps its files.");
  cli.add_option("--json", options.json, "File for the figures as JSON.");
  cli.add_option("--markdown", options.markdown, "Directory for the tables as Markdown.");
  cli.add_flag("--quick", options.quick, "Little of everything: shows that the benchmark works, no more.");
}

/// The exit status of main().
template <class Run>
int report_failure(const char* benchmark, Run run) {
  try {
    run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", benchmark, error.what());
    return 1;
  }
}

}  // namespace mooring::bench
