// SPDX-License-Identifier: Apache-2.0
#include "app/demo.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "app/demo_directory.hpp"
#include "app/demo_examples.hpp"
#include "app/demo_stage.hpp"
#include "app/demo_story.hpp"

namespace mooring::app {
namespace {

int give_up(const Error& error) {
  fmt::print(stderr, "mooring: {}\n", error.message);
  return 1;
}

int run(DemoStage& stage, Examples examples) {
  stage.screen().say(fmt::format("Starting a server in {}", stage.directory().path().string()));
  if (auto opened = stage.open(); !opened) return give_up(opened.error());
  DemoStory story(stage, std::move(examples));
  const bool good = story.tell();
  if (!stage.stopping()) story.summarise();
  if (!stage.stopping() && !stage.options().once) story.stay();
  stage.screen().keep_table();
  stage.screen().say("Stopping the devices and the server.");
  if (stage.broken()) return give_up(*stage.broken());
  return good || !stage.options().once ? 0 : 1;
}

}  // namespace

int demo(const DemoOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // A reader that went away ends the demo in order.
  auto examples = load_examples(options.examples);
  if (!examples) return give_up(examples.error());
  auto directory = DemoDirectory::make(options.data_dir.empty() ? default_demo_directory()
                                                                : std::filesystem::path(options.data_dir));
  if (!directory) return give_up(directory.error());
  DemoStage stage(options, std::move(*directory));
  const int status = run(stage, std::move(*examples));
  stage.close();
  return status;
}

std::string demo_help() {
  return "Options of demo:\n\n"
         "  --once                end after the last repair; exit status 0 only if everything converged\n"
         "  --devices N           simulated devices (10 to 5000; default 60)\n"
         "  --seed N              of the devices' identities and moods (default 1)\n"
         "  --data-dir DIR        emptied at the start, left behind at the end (default mooring-demo in the\n"
         "                        temporary directory)\n"
         "  --examples DIR        profiles to declare instead of those compiled in; see examples/README.md\n"
         "  --api-listen ADDR     default 127.0.0.1:8000, or a free port where that is taken or with --once\n"
         "  --device-listen ADDR  default 127.0.0.1:8443, likewise\n"
         "  --timeout SECONDS     for the whole story with --once, otherwise for each step (default 180)\n";
}

}  // namespace mooring::app
