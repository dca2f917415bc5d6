// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "app/demo.hpp"
#include "app/options_table.hpp"
#include "app/profiles_verb.hpp"
#include "app/push_cert.hpp"
#include "app/serve.hpp"
#include "app/server.hpp"

namespace mooring::app {
namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// Flags as text; their values are checked by load_options together with those of file and environment.
struct ServeFlags {
  std::map<std::string, std::string> values;
  std::string config_file;
};

void add_serve_flags(CLI::App& verb, ServeFlags& flags) {
  for (const auto& spec : serve_options()) {
    const std::string name(spec.name);
    verb.add_option_function<std::string>(
        "--" + name, [&flags, name](const std::string& value) { flags.values[name] = value; });
  }
  verb.add_option("--config", flags.config_file);
}

int run_serve(const ServeFlags& flags) {
  const auto options = load_options(serve_options(), flags.values, environment, flags.config_file);
  if (!options) {
    fmt::print(stderr, "mooring: {}\n", options.error().message);
    return 2;
  }
  if (const auto sane = check_ranges(*options); !sane) {
    fmt::print(stderr, "mooring: {}\n", sane.error().message);
    return 2;
  }
  return serve(*options);
}

std::string help() {
  return fmt::format(
      "Mooring {} holds Apple devices to their declared state.\n\n"
      "usage: mooring VERB [OPTIONS]\n\n"
      "  serve               run the server\n"
      "  demo                run a server with a simulated fleet and watch it converge\n"
      "  profiles            declare, list, show and delete profiles of a running server\n"
      "  push-cert           get, upload and look at the certificate for Apple's push service\n"
      "  docs configuration  print docs/configuration.md\n"
      "  version             print the version\n\n"
      "Options of serve (each also as MOORING_... in the environment, or in the YAML file given by "
      "--config):\n\n{}\n{}\n{}\n{}",
      kVersion, options_help(serve_options()), demo_help(), profiles_help(), push_cert_help());
}

using PushCertVerb = int (*)(const PushCertOptions&);

/// `chosen` becomes the function of the verb that is named.
void add_push_cert_verbs(CLI::App& cli, PushCertOptions& options, PushCertVerb& chosen) {
  auto* group = cli.add_subcommand("push-cert");
  group->require_subcommand(1);
  const auto verb = [&](const char* name, PushCertVerb run) {
    auto* made = group->add_subcommand(name);
    made->callback([&chosen, run] { chosen = run; });
    return made;
  };
  auto* csr = verb("csr", push_cert_csr);
  csr->add_option("--cn", options.common_name)->required();
  csr->add_option("--email", options.email)->required();
  csr->add_option("--country", options.country);
  auto* vendor = verb("vendor-request", push_cert_vendor_request);
  vendor->add_option("--vendor-cert", options.vendor_certificate)->required();
  vendor->add_option("--vendor-key", options.vendor_key)->required();
  vendor->add_option("--vendor-key-password-file", options.vendor_key_password_file);
  vendor->add_option("--vendor-chain", options.vendor_chain);
  vendor->add_option("--out", options.output);
  auto* upload = verb("upload", push_cert_upload);
  upload->add_option("--cert", options.certificate)->required();
  auto* show = verb("show", push_cert_show);
  show->add_option("--topic", options.topic);
  for (auto* with_csr : {csr, vendor}) with_csr->add_option("--csr", options.csr);
  csr->add_option("--key", options.key);
  upload->add_option("--key", options.certificate_key);
  for (auto* with_key : {csr, upload}) {
    with_key->add_option("--key-password-file", options.key_password_file);
  }
  for (auto* with_api : {upload, show}) {
    with_api->add_option("--api", options.api.url);
    with_api->add_option("--token-file", options.api.token_file);
    with_api->add_option("--api-trust", options.api.trust_file);
  }
}

using ProfilesVerb = int (*)(const ProfilesOptions&);

/// `chosen` becomes the function of the verb that is named.
void add_profiles_verbs(CLI::App& cli, ProfilesOptions& options, ProfilesVerb& chosen) {
  auto* group = cli.add_subcommand("profiles");
  group->require_subcommand(1);
  const auto verb = [&](const char* name, ProfilesVerb run) {
    auto* made = group->add_subcommand(name);
    made->callback([&chosen, run] { chosen = run; });
    made->add_option("--api", options.api.url);
    made->add_option("--token-file", options.api.token_file);
    made->add_option("--api-trust", options.api.trust_file);
    return made;
  };
  auto* put = verb("put", profiles_put);
  put->add_option("file", options.file)->required();
  put->add_option("--name", options.name);
  put->add_option("--scope", options.scope);
  verb("list", profiles_list);
  auto* show = verb("show", profiles_show);
  show->add_flag("--content", options.content);
  auto* remove = verb("delete", profiles_delete);
  remove->add_option("--confirm", options.confirm);
  for (auto* named : {show, remove}) named->add_option("name", options.name)->required();
}

int run(int argc, char** argv) {
  CLI::App cli("Mooring");
  cli.set_help_flag();
  bool wants_help = false;
  cli.add_flag("-h,--help", wants_help);
  ServeFlags flags;
  auto* serve_verb = cli.add_subcommand("serve");
  serve_verb->set_help_flag();
  serve_verb->add_flag("-h,--help", wants_help);
  add_serve_flags(*serve_verb, flags);
  DemoOptions demo_options;
  auto* demo_verb = cli.add_subcommand("demo");
  demo_verb->set_help_flag();
  demo_verb->add_flag("-h,--help", wants_help);
  demo_verb->add_flag("--once", demo_options.once);
  demo_verb->add_option("--devices", demo_options.devices)->check(CLI::Range(10, 5000));
  demo_verb->add_option("--seed", demo_options.seed);
  demo_verb->add_option("--data-dir", demo_options.data_dir);
  demo_verb->add_option("--examples", demo_options.examples);
  demo_verb->add_option("--device-listen", demo_options.device_listen);
  demo_verb->add_option("--api-listen", demo_options.api_listen);
  demo_verb->add_option("--timeout", demo_options.timeout_seconds)->check(CLI::Range(10, 3600));
  auto* docs_verb = cli.add_subcommand("docs");
  docs_verb->add_subcommand("configuration");
  PushCertOptions push_cert_options;
  PushCertVerb push_cert_verb = nullptr;
  add_push_cert_verbs(cli, push_cert_options, push_cert_verb);
  ProfilesOptions profiles_options;
  ProfilesVerb profiles_verb = nullptr;
  add_profiles_verbs(cli, profiles_options, profiles_verb);
  auto* version_verb = cli.add_subcommand("version");
  auto* help_verb = cli.add_subcommand("help");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "mooring: {}\nTry mooring --help.\n", error.what());
    return 2;
  }
  if (version_verb->parsed()) {
    fmt::print("mooring {}\n", kVersion);
    return 0;
  }
  if (docs_verb->parsed()) {
    fmt::print("{}", options_markdown(serve_options()));
    return 0;
  }
  if (wants_help || help_verb->parsed()) {
    fmt::print("{}", help());
    return 0;
  }
  if (profiles_verb != nullptr) return profiles_verb(profiles_options);
  if (push_cert_verb != nullptr) return push_cert_verb(push_cert_options);
  if (serve_verb->parsed()) return run_serve(flags);
  if (demo_verb->parsed()) return demo(demo_options);
  fmt::print("{}", help());
  return 2;
}

}  // namespace
}  // namespace mooring::app

int main(int argc, char** argv) { return mooring::app::run(argc, argv); }
