#include "replay/internal/format_haproxy.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "replay/internal/method.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

// Where "DD/Mon/YYYY:HH:MM:SS.mmm" begins in "1.2.3.4:5 [...", after syslog's prefix.
std::size_t find_stamp(std::string_view line) {
    constexpr std::string_view kForm = "[dd/xxx/dddd:dd:dd:dd.ddd] ";
    for (std::size_t at = line.find('['); at != line.npos; at = line.find('[', at + 1)) {
        const std::string_view rest = line.substr(at);
        if (rest.size() < kForm.size()) return line.npos;
        bool fits = at > 2 && line[at - 1] == ' ' && is_digit(line[at - 2]);
        for (std::size_t i = 0; fits && i < kForm.size(); ++i)
            fits = kForm[i] == 'd' ? is_digit(rest[i]) : kForm[i] == 'x' ? rest[i] >= 'A' && rest[i] <= 'z' : rest[i] == kForm[i];
        if (fits) return at + 1;
    }
    return line.npos;
}

// "#7B" -> "{"
void decode(std::string_view text, std::string& out) {
    out.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
        int byte = 0;
        const bool escape = text[i] == '#' && i + 2 < text.size() &&
                            std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3;
        out += escape ? static_cast<char>(byte) : text[i];
        if (escape) i += 2;
    }
}

constexpr std::size_t kTime = 24;  // bytes of the stamp

}  // namespace

bool looks_like_haproxy(std::string_view line) {
    const std::size_t time = find_stamp(line);
    if (time == line.npos) return false;
    line.remove_prefix(time + kTime);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line.find(" \"") != line.npos && line.find('/') != line.npos;
}

RecordStream::Step HaproxyStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    const std::size_t time = find_stamp(line);
    if (time == line.npos) return foreign_line("not a line of HAProxy's httplog: '" + printable(line.substr(0, 40)) + "'");
    const ParsedTime stamp = parse_common_time(line.substr(time, kTime));
    if (!stamp.at) return bad(stamp.reason);
    line.remove_prefix(time + kTime + 1);
    take_word(line);  // frontend
    take_word(line);  // backend/server
    const std::string_view timers = take_word(line);
    if (std::count(timers.begin(), timers.end(), '/') != 4)
        return foreign_line("a connection without a request (tcplog): '" + printable(timers) + "'");
    const std::string_view status = take_word(line);
    for (int field = 0; field < 6; ++field) take_word(line);  // bytes, two cookies, state, connections, queues
    while (line.starts_with('{')) {                           // captured headers: they may contain spaces; braces are escaped
        const std::size_t end = line.find("} ");
        if (end == line.npos) return bad("the line is truncated");
        line.remove_prefix(end + 2);
    }
    const std::size_t end = line.starts_with('"') ? line.find('"', 1) : line.npos;
    if (end == line.npos) return bad("the line is truncated: its request has no closing '\"'");
    const std::string_view request = line.substr(1, end - 1);
    if (request.rfind(" HTTP/") == request.npos) return bad("no HTTP request in it: '" + printable(request.substr(0, 40)) + "'");
    decode(request, request_);
    if (!read_request_line(request_, record)) return bad("no HTTP request in it: '" + printable(request.substr(0, 40)) + "'");
    record.at = *stamp.at;
    record.has_time = true;
    std::from_chars(status.data(), status.data() + status.size(), record.recorded_status);
    if (record.recorded_status < 100 || record.recorded_status > 999) record.recorded_status = 0;
    record.body_missing = takes_body(record.method);
    return Step::record;
}

}  // namespace leakline::replay
