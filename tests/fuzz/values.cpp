// Reads the input as rules, a response and a request: lines with an extraction, a substitution, two fields of the response, the path and a
// field of the request; then the response's body, and behind a NUL the request's. What is sent is one request whose length is right.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "replay/internal/session_values.hpp"
#include "replay/wire.hpp"
#include "require.hpp"

namespace {

using namespace leakline;
using namespace leakline::replay;

using leakline::fuzz::require;

std::pair<std::string, std::string> field_of(std::string_view line) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    return {std::string(line.substr(0, colon)), std::string(trim(line.substr(std::min(colon + 1, line.size()))))};
}

void check_request(std::string_view sent, std::string_view recorded) {
    const std::size_t end = sent.find("\r\n\r\n");
    require(end != sent.npos);
    const std::string_view head = sent.substr(0, end + 2);
    const auto lines = [](std::string_view text) { return std::count(text.begin(), text.end(), '\n'); };
    const auto recorded_lines = lines(recorded.substr(0, recorded.find("\r\n\r\n") + 2));
    require(lines(head) >= recorded_lines - 1 && lines(head) <= recorded_lines + 1);  // the line of cookies comes or goes
    require(std::count(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(head.find("\r\n")), ' ') == 2);
    const std::size_t length = head.find("\r\nContent-Length: ");
    std::size_t size = 0;
    std::from_chars(head.data() + length + 18, head.data() + head.size(), size);
    require(length != head.npos && sent.size() - end - 4 == size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const auto line = [&] { return std::string(take_line(rest)); };
    ValueOptions options;
    const std::string extraction = line(), substitution = line();
    http::KeptResponse response;
    response.headers = {field_of(line()), field_of(line())};
    const std::string target = line(), field = line();
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    response.body = rest.substr(0, end);
    const std::string_view body = rest.substr(std::min(end + 1, rest.size()));
    try {
        options.extractions = {parse_extraction(extraction)};
        options.substitutions = {parse_substitution(substitution, options.extractions)};
        options.cookies = options.substitutions[0].target != Substitution::Target::cookie;
        options.missing = static_cast<MissingValue>(size % 3);
        check(options);
    } catch (const Error&) {
        return 0;
    }
    Record record;
    record.method = "POST";
    record.target = target;
    const auto [name, value] = field_of(field);
    record.headers = {{name, value}};
    record.body = body;
    std::string wire, sent;
    if (!append_wire(wire, record, "host")) return 0;
    std::vector<Patch> patches;
    PatchFinder(options).find(wire, patches);
    SessionValues values(options);
    values.learn(7, extractions_of(options, "POST", target), target, response);
    if (values.render(7, wire, patches, sent)) check_request(sent, wire);
    values.begin_round();
    if (values.render(7, wire, patches, sent)) check_request(sent, wire);
    return 0;
}
