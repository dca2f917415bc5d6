// SPDX-License-Identifier: Apache-2.0
#include "api/compat/mdmdirector/mdmdirector.hpp"

#include "api/auth.hpp"
#include "api/compat/mdmdirector/device_records.hpp"
#include "base/encoding.hpp"

namespace mooring::api::mdmdirector {
namespace {

constexpr int kDevicesAtOnce = 200;
constexpr int kIndent = 4;
constexpr const char* kJson = "application/json";

/// Basic with the user mdmdirector; nullopt where it is not.
std::optional<std::string> password_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "Basic ";
  constexpr std::string_view kUser = "mdmdirector:";
  if (!authorization.starts_with(kScheme)) return std::nullopt;
  const auto credentials = from_base64(authorization.substr(kScheme.size()));
  if (!credentials || !credentials->starts_with(kUser)) return std::nullopt;
  return credentials->substr(kUser.size());
}

http::Response unauthorized() {
  auto response = http::Response::text(401, "Unauthorised.\n");
  response.headers.set("WWW-Authenticate",
                       R"(Basic realm="Please enter your username and password for this site")");
  return response;
}

std::string write(const detail::Json& json) {
  return json.dump(kIndent, ' ', false, detail::Json::error_handler_t::replace);
}

bool is_limited(const http::Request& request) { return request.query_param("info") == "limited"; }

http::Response device_response(const std::optional<DeviceRecord>& device, const http::Request& request) {
  if (!device) return http::Response::text(404, "");
  return http::Response::text(
      200, write(device_json(*device, is_limited(request) ? Nested::none : Nested::all)), kJson);
}

}  // namespace

struct MdmDirector::Impl {
  explicit Impl(MdmDirectorDependencies dependencies) : d(dependencies), authenticator(d.pool, d.clock) {}

  using Handler = Task<http::Response> (Impl::*)(const http::Request& request);

  Task<http::Response> serve(Handler handler, http::Request request) {
    const auto password = password_of(request.headers.get("Authorization"));
    if (!password) co_return unauthorized();
    const auto known = co_await authenticator.check("Bearer " + *password);
    if (!known && known.error().failure == Failure::unauthorized) co_return unauthorized();
    if (!known) co_return http::problem(known.error(), request.id);
    auto response = co_await (this->*handler)(request);
    d.log.info("mdmdirector api request", {{"method", request.method},
                                           {"path", request.path()},
                                           {"status", response.status},
                                           {"request_id", request.id}});
    co_return response;
  }

  Task<http::Response> one(const http::Request& request, pg::Pool::Body<std::optional<DeviceRecord>> read) {
    const auto device = co_await d.pool.run<std::optional<DeviceRecord>>(std::move(read));
    if (!device) co_return http::problem(device.error(), request.id);
    co_return device_response(*device, request);
  }
  Task<http::Response> by_udid(const http::Request& request) {
    pg::Pool::Body<std::optional<DeviceRecord>> read =
        [udid =
             std::string(request.param("udid"))](pg::Connection& c) -> Result<std::optional<DeviceRecord>> {
      return read_device_of_udid(c, udid);
    };
    return one(request, std::move(read));
  }
  Task<http::Response> by_serial(const http::Request& request) {
    pg::Pool::Body<std::optional<DeviceRecord>> read =
        [serial =
             std::string(request.param("serial"))](pg::Connection& c) -> Result<std::optional<DeviceRecord>> {
      return read_device_of_serial(c, serial);
    };
    return one(request, std::move(read));
  }

  /// The whole fleet, as it is read: it may be large, and is never in memory as a whole.
  Task<http::Response> all(const http::Request& request) {
    http::Response response;
    response.headers.set("Content-Type", kJson);
    const bool limited = is_limited(request);
    response.stream = [this, limited](http::BodyWriter& writer) { return write_all(limited, writer); };
    co_return response;
  }

  Task<std::vector<DeviceRecord>> page(std::int64_t after, bool limited) {
    pg::Pool::Body<std::vector<DeviceRecord>> read =
        [after, limited](pg::Connection& c) -> Result<std::vector<DeviceRecord>> {
      return read_devices(c, after, kDevicesAtOnce, !limited);
    };
    auto devices = co_await d.pool.run<std::vector<DeviceRecord>>(std::move(read));
    if (!devices) throw std::runtime_error(devices.error().message);  // cuts the connection
    co_return std::move(*devices);
  }

  Task<void> write_all(bool limited, http::BodyWriter& writer) {
    std::int64_t after = 0;
    std::string piece = "[";
    bool is_first = true;
    while (true) {
      const auto devices = co_await page(after, limited);
      for (const auto& device : devices) {
        piece += is_first ? "\n" : ",\n";
        piece += write(device_json(device, limited ? Nested::settings : Nested::all));
        is_first = false;
        after = device.id;
      }
      if (devices.size() < static_cast<std::size_t>(kDevicesAtOnce)) break;
      if (!co_await writer.write(std::exchange(piece, {}))) co_return;
    }
    co_await writer.write(piece + (is_first ? "]" : "\n]"));
  }

  MdmDirectorDependencies d;
  Authenticator authenticator;
};

MdmDirector::MdmDirector(MdmDirectorDependencies dependencies)
    : impl_(std::make_unique<Impl>(dependencies)) {}

MdmDirector::~MdmDirector() = default;

std::vector<http::Route> MdmDirector::routes() {
  const auto route = [impl = impl_.get()](const char* pattern, Impl::Handler handler) {
    return http::Route{"GET", pattern, [impl, handler](http::Request request) {
                         return impl->serve(handler, std::move(request));
                       }};
  };
  return {route("/mdmdirector/device", &Impl::all), route("/mdmdirector/device/{udid}", &Impl::by_udid),
          route("/mdmdirector/device/serial/{serial}", &Impl::by_serial)};
}

}  // namespace mooring::api::mdmdirector
