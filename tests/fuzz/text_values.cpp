// Values as people, logs and tables write them, in any bytes: quantities, times, paths within JSON, addresses, command lines with
// secrets. What is read is within bounds, and what is written can be read.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json_path.hpp"
#include "base/quantities.hpp"
#include "base/redact.hpp"
#include "base/time_text.hpp"
#include "http/connect_options.hpp"
#include "http/url.hpp"
#include "require.hpp"

namespace {

using namespace leakline;

using leakline::fuzz::require;

void check_quantities(std::string_view text) {
    if (const auto bytes = parse_size(text)) require(!format_bytes(static_cast<double>(*bytes)).empty());
    if (const auto duration = parse_duration(text)) {
        require(duration->count() >= 0);
        require(parse_duration(format_duration(*duration)).has_value());
    }
    if (const auto rate = parse_rate(text)) require(std::isfinite(*rate) && *rate >= 0 && !format_per_second(*rate).empty());
    if (const auto fraction = parse_fraction(text)) require(std::isfinite(*fraction) && *fraction >= 0);
    if (const auto growth = parse_growth(text)) require(std::isfinite(growth->bytes) && growth->bytes >= 0);
}

void check_times(std::string_view text) {
    for (const auto parse :
         {parse_common_time, parse_iso_time, parse_unix_time, parse_kibana_time, parse_slash_time, parse_short_time, parse_any_time}) {
        const ParsedTime time = parse(text);
        require(time.at.has_value() == time.reason.empty());
        if (!time.at) continue;
        format_mail_date(*time.at);
        require(parse_iso_time(format_utc_time(*time.at)).at.has_value());
    }
    const ParsedTime syslog = parse_syslog_time(text, std::chrono::seconds(1'700'000'000));
    require(syslog.at.has_value() == syslog.reason.empty());
    if (const std::string_view found = find_time(text); !found.empty()) {
        require(found.data() >= text.data() && found.data() + found.size() <= text.data() + text.size());
        require(parse_any_time(found).at.has_value());
    }
    parse_decimal_seconds(text);
    for (const auto parse : {parse_table_time, parse_date_words, parse_compact_date, parse_epoch, parse_clock_time})
        if (const auto seconds = parse(text)) require(std::isfinite(*seconds));
    for (const DateOrder order : {DateOrder::month_first, DateOrder::day_first})
        if (const auto seconds = parse_slash_date(text, order)) require(std::isfinite(*seconds));
}

// The first line is the path.
void check_json_path(std::string_view text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto path = parse_json_path(text.substr(0, end));
    if (!path) return;
    const std::string_view json = text.substr(end);
    Scratch scratch;
    scratch.reset(json.size());
    const auto found = find_json_value(json, *path, scratch);
    if (!found) return;
    require(found->data() >= json.data() && found->data() + found->size() <= json.data() + json.size());
    json_scalar_text(*found, scratch);
}

void check_addresses(std::string_view text) {
    try {
        const http::ListenAddress address = http::parse_listen(text);
        require(http::parse_listen(address.text()).port == address.port);
    } catch (const Error&) {
    }
    try {
        require(!http::parse_host_address(text).address.empty());
    } catch (const Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_quantities(text);
    check_times(text);
    check_json_path(text);
    check_addresses(text);
    const std::string redacted = redact_secrets(text);
    require(redact_secrets(redacted) == redacted);
    http::redact_userinfo(text);
    return 0;
}
