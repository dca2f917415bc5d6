// SPDX-License-Identifier: Apache-2.0
#include "base/postgres/embedded.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::pg {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr auto kStartLimit = std::chrono::seconds(120);  // crash recovery may have much to replay
constexpr std::size_t kSocketPathLimit = 100;            // sun_path holds 107 characters

std::optional<fs::path> find_bin_dir(const std::string& configured) {
  std::vector<fs::path> candidates;
  if (!configured.empty()) candidates.emplace_back(configured);
  for (int version = 20; version >= 15; --version) {
    candidates.emplace_back(fmt::format("/usr/lib/postgresql/{}/bin", version));
    candidates.emplace_back(fmt::format("/usr/pgsql-{}/bin", version));
  }
  candidates.emplace_back("/usr/local/bin");
  candidates.emplace_back("/usr/bin");
  std::error_code ignored;
  for (const auto& dir : candidates) {
    if (fs::exists(dir / "initdb", ignored) && fs::exists(dir / "postgres", ignored)) return dir;
  }
  return std::nullopt;
}

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

/// Starts a child whose output goes to `log_file`; it ends with its parent. `owner`: whom it becomes.
pid_t spawn(const std::vector<std::string>& command, const fs::path& log_file,
            const std::optional<Owner>& owner) {
  std::vector<char*> argv;
  for (const auto& part : command) argv.push_back(const_cast<char*>(part.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int out = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out >= 0) {
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
  }
  const int in = ::open("/dev/null", O_RDONLY);
  if (in >= 0) ::dup2(in, STDIN_FILENO);
  if (owner && (::setgroups(0, nullptr) != 0 || ::setgid(owner->group) != 0 || ::setuid(owner->user) != 0))
    ::_exit(1);
  ::setpgid(0, 0);  // Ctrl-C in a terminal is for the server, which then stops PostgreSQL in order
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  if (::getppid() != parent) ::_exit(1);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

std::string tail_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const auto size = static_cast<std::streamoff>(in.tellg());
  in.seekg(std::max<std::streamoff>(0, size - 600));
  return {std::istreambuf_iterator<char>(in), {}};
}

Result<> initialise(const fs::path& bin, const fs::path& cluster, const fs::path& log_file,
                    const std::optional<Owner>& owner) {
  const fs::path making = cluster.string() + ".new";
  std::error_code error;
  fs::remove_all(making, error);
  const pid_t pid = spawn({(bin / "initdb").string(), "-D", making.string(), "-U", "mooring", "-A", "peer",
                           "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"},
                          log_file, owner);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (pid < 0 || status != 0) {
    return fail(Failure::internal, "postgres.initdb",
                fmt::format("initdb failed; see {}: {}", log_file.string(), tail_of(log_file)));
  }
  // The socket sits in a directory that only this user can enter: no password is needed behind it.
  std::ofstream(making / "pg_hba.conf") << "local all all trust\n";
  ::sync();
  fs::rename(making, cluster, error);
  if (error) return fail(Failure::internal, "postgres.initdb", error.message());
  return {};
}

fs::path socket_dir_for(const fs::path& data_dir) {
  if (data_dir.string().size() + 1 + 20 <= kSocketPathLimit) return data_dir / "run";
  const auto name = crypto::Uuid::derived("socket", data_dir.string()).text().substr(0, 13);
  return fs::path("/tmp") / fmt::format("mooring-{}-{}", ::getuid(), name);
}

std::optional<pid_t> running_postmaster(const fs::path& cluster) {
  std::ifstream file(cluster / "postmaster.pid");
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 0) return std::nullopt;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return std::nullopt;
  std::ifstream name(fmt::format("/proc/{}/comm", pid));
  std::string comm;
  std::getline(name, comm);
  if (comm != "postgres") return std::nullopt;  // the number was given to another program since
  return pid;
}

/// A killed server leaves its postmaster shutting down; wait for it, then insist.
Result<> end_left_behind(const fs::path& cluster, Logger& log) {
  const auto pid = running_postmaster(cluster);
  if (!pid) return {};
  log.info("waiting for the PostgreSQL of a killed server to stop", {{"pid", *pid}});
  const auto begin = steady_clock::now();
  ::kill(*pid, SIGINT);
  while (::kill(*pid, 0) == 0 && running_postmaster(cluster)) {
    if (steady_clock::now() - begin > std::chrono::seconds(30)) {
      return fail(
          Failure::conflict, "postgres.running",
          fmt::format("another PostgreSQL (pid {}) uses {} and does not stop: is a second server running?",
                      *pid, cluster.string()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

std::vector<std::string> postgres_command(const fs::path& bin, const fs::path& cluster,
                                          const fs::path& socket_dir, bool durable) {
  std::vector<std::string> command{(bin / "postgres").string(), "-D", cluster.string(), "-k",
                                   socket_dir.string()};
  for (const char* setting :
       {"listen_addresses=", "shared_buffers=256MB", "max_wal_size=2GB", "checkpoint_timeout=15min",
        "wal_compression=lz4", "random_page_cost=1.1", "autovacuum_naptime=15s",
        "max_locks_per_transaction=256", "max_connections=100", "log_min_messages=warning", "jit=off",
        "max_parallel_workers_per_gather=0"}) {
    command.insert(command.end(), {"-c", setting});
  }
  if (!durable) {
    for (const char* setting : {"fsync=off", "full_page_writes=off", "synchronous_commit=off"}) {
      command.insert(command.end(), {"-c", setting});
    }
  }
  return command;
}

bool answers(const std::string& conninfo) {
  try {
    Connection connection({.conninfo = conninfo});
    return true;
  } catch (const SqlError&) {
    return false;
  }
}

const passwd* choose_user(const fs::path& data_dir) {
  struct stat info{};
  if (::stat(data_dir.c_str(), &info) == 0 && info.st_uid != 0) return ::getpwuid(info.st_uid);
  for (const char* name : {"mooring", "postgres", "nobody"}) {
    if (const passwd* user = ::getpwnam(name)) return user;
  }
  return nullptr;
}

Result<> give_to(const fs::path& dir, const passwd& user) {
  if (::chown(dir.c_str(), user.pw_uid, user.pw_gid) != 0) {
    return fail(Failure::internal, "data_dir.owner",
                fmt::format("cannot give {} to {}: {}", dir.string(), user.pw_name, std::strerror(errno)));
  }
  return {};
}

/// PostgreSQL refuses to work as root: who shall it be, and do the directories belong to them?
Result<std::optional<Owner>> owner_for(const fs::path& data_dir, const fs::path& socket_dir) {
  if (::geteuid() != 0) return std::nullopt;
  const passwd* user = choose_user(data_dir);
  if (user == nullptr) {
    return fail(
        Failure::internal, "user.missing",
        "started by root and no user mooring, postgres or nobody for PostgreSQL: start as another user.");
  }
  const Owner owner{user->pw_uid, user->pw_gid};
  for (const auto& dir : {data_dir, socket_dir}) {
    if (auto given = give_to(dir, *user); !given) return std::unexpected(given.error());
  }
  return owner;
}

}  // namespace

Result<std::unique_ptr<EmbeddedPostgres>> EmbeddedPostgres::start(const EmbeddedOptions& options,
                                                                  Logger& log) {
  const auto bin = find_bin_dir(options.bin_dir);
  if (!bin) {
    return fail(
        Failure::unavailable, "postgres.missing",
        "PostgreSQL's server programs were not found: install the package postgresql (15 or newer), or use "
        "--database-url with a server that runs elsewhere.");
  }
  std::error_code error;
  const fs::path data_dir = fs::absolute(options.data_dir);
  const fs::path cluster = data_dir / "postgres";
  const fs::path log_file = data_dir / "postgres.log";
  const fs::path socket_dir = socket_dir_for(data_dir);
  fs::create_directories(data_dir, error);
  if (!error) fs::create_directories(socket_dir, error);
  if (error) {
    return fail(
        Failure::invalid, "data_dir.create",
        fmt::format("cannot create {}: {}. Choose another --data-dir.", data_dir.string(), error.message()));
  }
  const auto owner = owner_for(data_dir, socket_dir);
  if (!owner) return std::unexpected(owner.error());
  fs::permissions(data_dir, fs::perms::owner_all, error);
  fs::permissions(socket_dir, fs::perms::owner_all, error);
  if (!fs::exists(cluster / "PG_VERSION")) {
    log.info("making a private PostgreSQL cluster", {{"directory", cluster.string()}});
    if (auto made = initialise(*bin, cluster, log_file, *owner); !made) return std::unexpected(made.error());
  }
  if (auto ended = end_left_behind(cluster, log); !ended) return std::unexpected(ended.error());

  const pid_t pid = spawn(postgres_command(*bin, cluster, socket_dir, options.durable), log_file, *owner);
  std::unique_ptr<EmbeddedPostgres> postgres(new EmbeddedPostgres(socket_dir, pid, log));
  const auto begin = steady_clock::now();
  while (!answers(postgres->conninfo())) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      postgres->pid_ = 0;
      return fail(Failure::unavailable, "postgres.start",
                  fmt::format("PostgreSQL did not start; {} says: {}", log_file.string(), tail_of(log_file)));
    }
    if (steady_clock::now() - begin > kStartLimit) {
      return fail(Failure::timeout, "postgres.start", "PostgreSQL did not answer within two minutes.");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return postgres;
}

EmbeddedPostgres::~EmbeddedPostgres() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGINT);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  log_.debug("PostgreSQL stopped", {{"status", status}});
}

std::string EmbeddedPostgres::conninfo() const {
  return fmt::format("host={} user=mooring dbname=postgres", socket_dir_.string());
}

Result<std::string> drop_root(const fs::path& data_dir) {
  if (::geteuid() != 0) return std::string();
  std::error_code error;
  const bool existed = fs::exists(data_dir, error);
  fs::create_directories(data_dir, error);
  if (error)
    return fail(Failure::invalid, "data_dir.create",
                fmt::format("{}: {}", data_dir.string(), error.message()));
  const passwd* user = choose_user(data_dir);
  if (user == nullptr) {
    return fail(Failure::internal, "user.missing",
                "started by root and no user mooring, postgres or nobody to become: start as another user.");
  }
  const bool empty = fs::is_empty(data_dir, error);
  if (!existed || empty) {
    if (auto given = give_to(data_dir, *user); !given) return std::unexpected(given.error());
  }
  const std::string name = user->pw_name;
  if (::initgroups(user->pw_name, user->pw_gid) != 0 || ::setgid(user->pw_gid) != 0 ||
      ::setuid(user->pw_uid) != 0) {
    return fail(Failure::internal, "user.drop",
                fmt::format("cannot become {}: {}", name, std::strerror(errno)));
  }
  if (::access(data_dir.c_str(), R_OK | W_OK | X_OK) != 0) {
    return fail(Failure::invalid, "data_dir.access",
                fmt::format("{} cannot be used by {}, whom the server becomes when root starts it: choose a "
                            "--data-dir outside of closed directories such as /root, e.g. /var/lib/mooring.",
                            data_dir.string(), name));
  }
  return name;
}

}  // namespace mooring::pg
