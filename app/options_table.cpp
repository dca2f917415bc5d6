// SPDX-License-Identifier: Apache-2.0
#include "app/options_table.hpp"

#include <fmt/format.h>

#include <array>

namespace mooring::app {

std::span<const OptionSpec> serve_options() {
  static const std::array specs{
      OptionSpec{"data-dir", OptionType::text, "./mooring-data",
                 "Directory of the embedded PostgreSQL, the master key and the pid file."},
      OptionSpec{"database-url",
                 OptionType::text,
                 "",
                 "PostgreSQL to use instead of the embedded one, e.g. postgresql://user@host/mooring.",
                 {},
                 true},
      OptionSpec{
          "master-key-file", OptionType::text, "",
          "Key that seals secrets in the database, 64 hexadecimal digits; empty: master.key in the data "
          "directory, made at the first start. Servers that share a database need the same one."},
      OptionSpec{"postgres-bin-dir", OptionType::text, "",
                 "Where initdb and postgres are; empty looks in the usual places."},
      OptionSpec{"database-connections", OptionType::integer, "4",
                 "Connections for API requests and rare statements."},
      OptionSpec{"device-listen", OptionType::text, "0.0.0.0:8443",
                 "Address for devices: /mdm, /mdm/checkin, /mdm/connect, /enroll, /ota."},
      OptionSpec{
          "device-url", OptionType::text, "",
          "Public base URL under which devices reach device-listen, e.g. https://mdm.example.com; goes into "
          "enrollment profiles. Empty: the address of the listener."},
      OptionSpec{"device-tls",
                 OptionType::choice,
                 "on",
                 "Whether the device listener speaks TLS (1.2 and 1.3). off only behind a proxy that does.",
                 {"on", "off"}},
      OptionSpec{"device-tls-cert", OptionType::text, "",
                 "PEM file with the certificate of the device listener and its chain, leaf first; read again "
                 "when it "
                 "changes and on SIGHUP. Empty: a certificate of the device authority, for development."},
      OptionSpec{"device-tls-key", OptionType::text, "", "PEM file with the private key of device-tls-cert."},
      OptionSpec{"device-identity",
                 OptionType::choice,
                 "on",
                 "Whether devices must prove who they are. Off: whoever reaches the device listener can "
                 "speak for any "
                 "device.",
                 {"on", "off"}},
      OptionSpec{"scep-ca-key",
                 OptionType::choice,
                 "rsa-2048",
                 "Key of the device authority, where the first start makes one. With ec-p256 an RSA "
                 "certificate of its "
                 "own speaks SCEP for it.",
                 {"rsa-2048", "rsa-3072", "rsa-4096", "ec-p256"}},
      OptionSpec{"scep-ca-cert", OptionType::text, "",
                 "PEM file of an authority to import: its certificate, then those above it. Kept in the "
                 "database: the "
                 "file is not needed again."},
      OptionSpec{"scep-ca-key-file", OptionType::text, "",
                 "Private key of scep-ca-cert, PEM or DER; RSA or EC."},
      OptionSpec{"scep-ca-key-password-file", OptionType::text, "",
                 "File whose first line opens scep-ca-key-file, where that is encrypted."},
      OptionSpec{
          "enroll-password-file", OptionType::text, "",
          "Who may enroll with access basic or digest: lines of name:hash (htpasswd -B) or name:realm:HA1 "
          "(htdigest). Read again when it changes."},
      OptionSpec{"enroll-realm", OptionType::text, "Mooring",
                 "What people are told when they are asked for name and password; part of HA1 hashes."},
      OptionSpec{"enroll-challenge-lifetime", OptionType::duration, "1h",
                 "How long after its download an enrollment profile can be installed."},
      OptionSpec{"enroll-ldap-url", OptionType::text, "",
                 "Directory that knows passwords too, e.g. ldaps://ldap.example.com; asked for whom the "
                 "password file "
                 "does not have."},
      OptionSpec{"enroll-ldap-start-tls", OptionType::boolean, "false",
                 "Whether TLS is started on an ldap:// connection before anything is said."},
      OptionSpec{
          "enroll-ldap-trust-file", OptionType::text, "",
          "PEM of the authorities that the directory's certificate may come from; empty: the system's."},
      OptionSpec{"enroll-ldap-bind-dn", OptionType::text, "",
                 "Whom a password is tried for, e.g. uid={user},ou=people,dc=example,dc=com."},
      OptionSpec{"enroll-ldap-search-base", OptionType::text, "",
                 "Where to look for the entry whose password is tried, instead of enroll-ldap-bind-dn."},
      OptionSpec{"enroll-ldap-filter", OptionType::text, "(uid={user})",
                 "Filter that finds exactly that entry."},
      OptionSpec{"enroll-ldap-service-dn", OptionType::text, "", "Who may search; empty: anybody."},
      OptionSpec{"enroll-ldap-service-password-file", OptionType::text, "",
                 "File whose first line is the password of enroll-ldap-service-dn."},
      OptionSpec{"enroll-ldap-timeout", OptionType::duration, "5s",
                 "How long each step of the directory may take."},
      OptionSpec{"ota-device-ca", OptionType::text, "",
                 "PEM of Apple's device authorities: over-the-air enrollment then begins only with their "
                 "certificates. "
                 "Empty: with any, as the one-time challenge came from here."},
      OptionSpec{"user-authenticate",
                 OptionType::choice,
                 "refuse",
                 "What a Mac is told when a network or mobile user logs in (UserAuthenticate): refuse leaves "
                 "the user unmanaged for that session, allow brings the user's channel up without asking for "
                 "a password: Mooring checks none here, the Mac's own login is what counts.",
                 {"refuse", "allow"}},
      OptionSpec{"scep-challenge",
                 OptionType::text,
                 "",
                 "A challenge that any device may use at any time; empty: none. One-time challenges for each "
                 "device are safer: enrollment profiles have them, and POST /v1/scep/challenges makes them.",
                 {},
                 true},
      OptionSpec{"scep-legacy-algorithms", OptionType::boolean, "false",
                 "Accept single DES, 3DES, SHA-1 and RSA keys below 2048 bits from old SCEP clients. Whoever "
                 "records such a message can find its challenge by breaking DES, and forge what SHA-1 signs. "
                 "Apple's devices do not need it."},
      OptionSpec{"scep-validity", OptionType::duration, "365d",
                 "How long the certificates of devices are valid."},
      OptionSpec{"scep-renewal-grace", OptionType::duration, "0s",
                 "How long after its end a certificate may still renew itself by SCEP's RenewalReq."},
      OptionSpec{
          "device-identity-chain",
          OptionType::choice,
          "on",
          "Whether identities must come from an authority that is trusted. Off, for tests with self-signed "
          "identities: anybody can enroll, and then speaks only for what they enrolled.",
          {"on", "off"}},
      OptionSpec{"device-ca", OptionType::text, "",
                 "Files of authorities, in PEM form, whose identities are trusted besides our own; separated "
                 "by commas."},
      OptionSpec{
          "identity-header", OptionType::text, "",
          "Header in which a trusted proxy names the client certificate that it verified, e.g. Client-Cert, "
          "X-Forwarded-Client-Cert, X-Amzn-Mtls-Clientcert."},
      OptionSpec{
          "trusted-proxy", OptionType::text, "",
          "Addresses and blocks of the proxies whose identity-header is believed, separated by commas, e.g. "
          "10.0.0.7, 192.168.0.0/16."},
      OptionSpec{"identity-skew", OptionType::duration, "24h",
                 "How far the validity of an identity may be off, at both ends: clocks are wrong."},
      OptionSpec{
          "identity-expired-grace", OptionType::duration, "0s",
          "How long, beyond that, an expired identity is still good, so that its device can renew it."},
      OptionSpec{"identity-renewal-grace", OptionType::duration, "30d",
                 "How long an identity stays good after its device used a newer one."},
      OptionSpec{"identity-retro", OptionType::boolean, "off",
                 "Take over enrollments that have no identity yet by whichever trusted one speaks first: for "
                 "devices "
                 "that were enrolled elsewhere or without identities. Off again when all have spoken."},
      OptionSpec{"unknown-device",
                 OptionType::choice,
                 "ignore",
                 "What a device hears that is not managed here, or no longer: ignore says 400 and leaves it "
                 "enrolled, "
                 "unenroll makes it remove its enrollment.",
                 {"ignore", "unenroll"}},
      OptionSpec{"auth-proxy-url", OptionType::text, "",
                 "Server that gets the requests under /authproxy/ of the device listener whose sender is "
                 "proven, with "
                 "X-Enrollment-ID; empty: there is no such path."},
      OptionSpec{"api-listen", OptionType::text, "127.0.0.1:8000",
                 "Address for administrators: /v1, /metrics, /healthz, /readyz."},
      OptionSpec{"api-tls-cert", OptionType::text, "",
                 "PEM file with a certificate chain: the API listener speaks TLS with it. Read again when it "
                 "changes "
                 "and on SIGHUP. Empty: plain HTTP."},
      OptionSpec{"api-tls-key", OptionType::text, "", "PEM file with the private key of api-tls-cert."},
      OptionSpec{"escrow-key-unlock-url", OptionType::text,
                 "https://deviceservices-external.apple.com/deviceservicesworkers/escrowKeyUnlock",
                 "Where /nanomdm/v1/escrowkeyunlock passes escrow keys on to."},
      OptionSpec{
          "push-url", OptionType::text, "https://api.push.apple.com",
          "Push service, HTTP/2; :2197 in place of the usual port where a firewall wants it; off: devices "
          "are not woken and come by themselves."},
      OptionSpec{
          "push-trust", OptionType::text, "",
          "File with the roots (PEM) that the push service's certificate must lead to; empty: the system's."},
      OptionSpec{
          "push-rate", OptionType::integer, "2000",
          "Pushes in a second at most that this server makes by itself; 0: no limit. Each server on one "
          "database counts its own."},
      OptionSpec{"push-cert",
                 OptionType::text,
                 "",
                 "File with the MDM push certificate (PEM), or the PEM itself; read again when it changes. "
                 "Certificates "
                 "can also be uploaded by the API, which is what several servers want.",
                 {},
                 true},
      OptionSpec{"push-key",
                 OptionType::text,
                 "",
                 "File with its private key (PEM), or the PEM itself; empty: it is in --push-cert.",
                 {},
                 true},
      OptionSpec{"push-key-password-file", OptionType::text, "", "File with the password of --push-key."},
      OptionSpec{"log-level",
                 OptionType::choice,
                 "info",
                 "Least level that is written.",
                 {"debug", "info", "warning", "error", "off"}},
      OptionSpec{"log-format",
                 OptionType::choice,
                 "logfmt",
                 "One line each, on standard error.",
                 {"logfmt", "json"}},
      OptionSpec{"inventory-interval", OptionType::duration, "6h",
                 "Between two readings of a device's own lists, plus or minus a tenth."},
      OptionSpec{"information-interval", OptionType::duration, "0s",
                 "The same for DeviceInformation; 0s: as --inventory-interval."},
      OptionSpec{"security-interval", OptionType::duration, "0s",
                 "The same for SecurityInfo; 0s: as --inventory-interval."},
      OptionSpec{"certificates-interval", OptionType::duration, "0s",
                 "The same for CertificateList; 0s: as --inventory-interval."},
      OptionSpec{"retry-base", OptionType::duration, "1m",
                 "Wait before the second attempt at an item; each further wait is four times as long."},
      OptionSpec{"retry-max", OptionType::duration, "6h", "Longest wait between attempts."},
      OptionSpec{"retry-attempts", OptionType::integer, "5",
                 "Attempts at one version of an item on a device before it counts as failed."},
      OptionSpec{"repair-limit", OptionType::integer, "5",
                 "Repairs of one item on a device within a day before it is quarantined."},
      OptionSpec{
          "repush-on-new-build",
          OptionType::choice,
          "on",
          "Whether a device that reports a higher build of its system gets all its profiles again, once.",
          {"on", "off"}},
      OptionSpec{"reinstall-interval", OptionType::duration, "0s",
                 "Since its last proof a profile is sent again, plus or minus a tenth; 0s: never."},
      OptionSpec{"push-retry-base", OptionType::duration, "10m",
                 "Wait before a silent device with open commands is pushed again; grows fourfold."},
      OptionSpec{"push-retry-max", OptionType::duration, "12h", "Longest wait between such pushes."},
      OptionSpec{
          "certificate-rate", OptionType::integer, "0",
          "Devices in a minute that get one and the same profile with a SCEP, ACME or Active Directory "
          "certificate, so that a new version for the fleet does not overrun the authority; devices that "
          "enrolled within the hour do not wait; 0: no limit."},
      OptionSpec{"verify-patience", OptionType::duration, "10m",
                 "How long a list that would prove repairs waits for commands that are still unanswered."},
      OptionSpec{"reconcile-batch", OptionType::integer, "500", "Devices of one pass."},
      OptionSpec{"reconcile-poll", OptionType::duration, "1s",
                 "Between looks for due devices when nothing rings."},
      OptionSpec{
          "removal-guard", OptionType::integer, "10",
          "A change that would remove profiles from more than so many percent of the enrolled devices has to "
          "be confirmed; 100: none has to."},
      OptionSpec{"removal-guard-devices", OptionType::integer, "10",
                 "From fewer devices than this a change may always remove profiles."},
      OptionSpec{"gauge-interval", OptionType::duration, "5s",
                 "Between updates of the fleet's gauges in /metrics."},
      OptionSpec{"retention-results", OptionType::duration, "30d",
                 "How long answered commands are kept, and the history of items on devices."},
      OptionSpec{"retention-facts", OptionType::duration, "365d", "How long changes of facts are kept."},
      OptionSpec{"retention-events", OptionType::duration, "90d",
                 "How long events are kept; those that a consumer has still to get are kept longer."},
      OptionSpec{"retention-events-limit", OptionType::duration, "180d",
                 "How long events are kept that a consumer has still to get; then it has lost them."},
      OptionSpec{"event-bodies",
                 OptionType::choice,
                 "auto",
                 "Whether events keep the message they came from, sealed: auto where a webhook or another "
                 "consumer wants it, on always (an archive), off never.",
                 {"auto", "on", "off"}},
      OptionSpec{"event-poll", OptionType::duration, "250ms",
                 "Between looks for events that other servers stored, while a webhook waits for them."},
      OptionSpec{"webhook-timeout", OptionType::duration, "30s", "How long a webhook may take to answer."},
      OptionSpec{"webhook-parallel", OptionType::integer, "8",
                 "Deliveries to one webhook at a time, each of another enrollment."},
      OptionSpec{"webhook-attempts", OptionType::integer, "20",
                 "Refusals of one event before it becomes a dead letter. An outage of the receiver does not "
                 "count."},
      OptionSpec{"webhook-retry-base", OptionType::duration, "2s",
                 "Wait before the second attempt at an event; each further wait is twice as long."},
      OptionSpec{"webhook-retry-max", OptionType::duration, "30m", "Longest wait between attempts."},
      OptionSpec{"drain-timeout", OptionType::duration, "10s",
                 "How long running requests may take to finish after SIGTERM."},
  };
  return specs;
}

Result<> check_ranges(const Options& options) {
  struct Range {
    const char* option;
    std::int64_t most;
  };
  for (const auto& [option, most] :
       {Range{"database-connections", 64}, Range{"reconcile-batch", 5000}, Range{"retry-attempts", 100},
        Range{"repair-limit", 1000}, Range{"webhook-parallel", 256}, Range{"webhook-attempts", 1000}}) {
    const auto value = options.integer(option);
    if (value < 1 || value > most) {
      return fail(Failure::invalid, "options.range",
                  fmt::format("{} is {}: it must be between 1 and {}", option, value, most));
    }
  }
  return {};
}

}  // namespace mooring::app
