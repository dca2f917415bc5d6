// SPDX-License-Identifier: Apache-2.0
// ./dev model: many seeds, or one story from a file.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/model/runner.hpp"

namespace mooring::test {
namespace {

struct Arguments {
  std::uint64_t seeds = 200;
  std::uint64_t first = 1;
  int jobs = 2;
  int keep_going = 5;
  std::string story;
  bool print = false;
};

/// As it is, not shrunk: what a file says is what happens.
int replay(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  const auto story = read_story(content.str());
  if (!file || !story) {
    std::cerr << (file ? story.error().message : "cannot read " + path) << '\n';
    return 2;
  }
  const auto outcome = run_story(*story);
  for (const auto& problem : outcome.problems) std::cout << problem.check << ": " << problem.text << '\n';
  if (outcome.good()) std::cout << "all is well\n";
  return outcome.good() ? 0 : 1;
}

/// Every jobs-th seed; how many went wrong.
int run_share(const Arguments& arguments, int job) {
  int wrong = 0;
  for (auto i = static_cast<std::uint64_t>(job); i < arguments.seeds;
       i += static_cast<std::uint64_t>(arguments.jobs)) {
    const auto report = examine(make_story(arguments.first + i));
    if (report.empty()) continue;
    std::cout << report << std::endl;
    if (++wrong >= arguments.keep_going) break;
  }
  return wrong;
}

/// Each job is a process with a PostgreSQL of its own.
int run_all(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<pid_t> children;
  for (int job = 0; job < arguments.jobs; ++job) {
    const pid_t child = ::fork();
    if (child == 0) std::exit(run_share(arguments, job) == 0 ? 0 : 1);
    children.push_back(child);
  }
  bool good = true;
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << fmt::format("{} seeds from {} in {:.1f} s: {}\n", arguments.seeds, arguments.first, seconds,
                           good ? "all is well" : "see above");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace mooring::test

int main(int argc, char** argv) {
  mooring::test::Arguments arguments;
  CLI::App app("The model test: random stories against the whole server core");
  app.add_option("seeds", arguments.seeds, "how many stories");
  app.add_option("--seed", arguments.first, "the first of them");
  app.add_option("--jobs", arguments.jobs, "processes side by side")->check(CLI::Range(1, 64));
  app.add_option("--story", arguments.story, "run the story in this file instead");
  app.add_option("--stop-after", arguments.keep_going, "failures of one process before it ends");
  app.add_flag("--print", arguments.print, "print the story of --seed and do nothing");
  CLI11_PARSE(app, argc, argv);
  if (arguments.print) {
    std::cout << mooring::test::to_text(mooring::test::make_story(arguments.first));
    return 0;
  }
  return arguments.story.empty() ? mooring::test::run_all(arguments) : mooring::test::replay(arguments.story);
}
