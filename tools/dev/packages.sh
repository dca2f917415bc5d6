# SPDX-License-Identifier: Apache-2.0
# What Mooring is built, tested and run with; all from Debian 12 main. Sourced by ./dev.

packages=(
  git ca-certificates         # the checkout itself
  cmake ninja-build           # build system
  clang-19 libclang-rt-19-dev # compiler, sanitizer and fuzzer runtime (docs/decisions/0002-clang.md)
  llvm-19                     # llvm-symbolizer: file and line in sanitizer reports
  ccache mold lld-19          # a second build takes seconds; fast linking
  clang-format-19             # ./dev format
  clang-tidy-19               # ./dev check
  pkg-config                  # finds libpq and libplist
  libc6-dev libstdc++-12-dev  # C and C++ standard libraries
  libboost1.81-dev            # Asio and Beast: network, coroutines, HTTP
  libboost-url1.81-dev        # request targets
  libpq-dev                   # PostgreSQL client (docs/decisions/0004-libpq.md)
  libspdlog-dev libfmt-dev    # log, text formatting
  prometheus-cpp-dev          # metrics registry and text format
  nlohmann-json3-dev          # JSON
  libyaml-cpp-dev             # configuration file
  libcli11-dev                # command line
  libplist-dev                # property lists
  libnghttp2-dev              # HTTP/2 to the push service
  libssl-dev                  # TLS, CMS, X.509
  libldap-dev                 # enrollment asks a directory who somebody is
  libcrypt-dev                # ... or a password file
  libgtest-dev libgmock-dev   # tests
  libbenchmark-dev            # benchmarks
  postgresql                  # the embedded cluster, and the tests' database
  prometheus                  # tests: promtool, and a real scrape of the dashboard's queries
  slapd ldap-utils            # tests: a real directory
  apache2-utils               # tests: password files as htpasswd writes them
  scep certmonger             # tests: SCEP clients of micromdm and certmonger ...
  strongswan-pki              # ... and of strongSwan, with the plugins that it fetches and signs with
  libstrongswan-standard-plugins libstrongswan-extra-plugins
  openssl                     # tests: another reader and writer of certificates and signatures
  curl                        # demo and README commands
  nghttp2-server nghttp2-client # tests and benchmarks: a foreign HTTP/2 peer, and h2load
  nghttp2-proxy               # tests: a foreign HTTP/2 peer that sends GOAWAY
)

# The servers are wanted for their programs alone, so nothing of them is started: neither now nor at boot.
install_missing() {
  local installed missing=() package
  installed=$(dpkg-query -W -f ' ${Package}:${db:Status-Status} ' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    [[ $installed == *" $package:installed "* ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return

  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "these packages are missing, and installing them needs root: ${missing[*]}"
    as_root=(sudo)
  fi
  say "install: ${missing[*]}"
  "${as_root[@]}" bash tools/dev/install.sh "${missing[@]}"
}
