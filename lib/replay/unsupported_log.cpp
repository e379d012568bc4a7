#include "replay/internal/unsupported_log.hpp"

#include <algorithm>
#include <optional>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "replay/internal/method.hpp"
#include "replay/log.hpp"

namespace leakline::replay {

namespace {

using namespace std::string_view_literals;

struct KnownFile {
    std::string_view start, also;  // the file begins with the one, and has the other in its first bytes
    const char *what, *hint;
};

constexpr KnownFile kKnownFiles[] = {
    {"\xfd"
     "7zXZ"sv,
     "", "compressed with xz, which is not read", "xz -dc FILE | leakline replay - ..."},
    {"BZh"sv, "", "compressed with bzip2, which is not read", "bzip2 -dc FILE | leakline replay - ..."},
    {"\x04\x22\x4d\x18"sv, "", "compressed with lz4, which is not read", "lz4 -dc FILE | leakline replay - ..."},
    {"PK\x03\x04"sv, "", "a zip archive (Fiddler's .saz is one, too)",
     "unzip -p FILE NAME | leakline replay - ...; of Fiddler, export the sessions as HAR 1.2"},
    {"7z\xbc\xaf"sv, "", "a 7-Zip archive", "7z e -so FILE NAME | leakline replay - ..."},
    {"LPKSHHRH"sv, "", "a binary file of the systemd journal", "journalctl --file FILE -o export | leakline replay - ..."},
    {"ElfFile\0"sv, "", "a Windows event log", "IIS writes its log of requests to C:\\inetpub\\logs\\LogFiles"},
    {"SQLite format 3"sv, "", "an SQLite database", "export its table of requests as CSV with a header line"},
    {"\x7f"
     "ELF"sv,
     "", "a program", "name the log first, and the service's command after --"},
    {"<?xml"sv, "<jmeterTestPlan", "a test plan of JMeter, not a log of requests",
     "run it with 'jmeter -n -t PLAN -l requests.csv', or record its traffic with 'leakline capture'"},
    {"<?xml"sv, "<testResults", "results of JMeter as XML",
     "record them as CSV: jmeter -Jjmeter.save.saveservice.output_format=csv -Jjmeter.save.saveservice.url=true"},
    {"<"sv, "<html", "an HTML page", "name the log itself"},
    {"<"sv, "", "XML, which no supported log format uses", "export the requests as HAR, JSON lines or CSV with a header line"},
    {"RUN\t"sv, "", "a log of Gatling, which has names of requests and no URLs", "record the traffic with 'leakline capture'"},
    {"Type,Name,Request Count"sv, "", "statistics of Locust, which have no single requests", "record the traffic with 'leakline capture'"},
    {"#!"sv, "curl ", "a script of curl commands, not a log of requests",
     "run it through 'leakline capture', or write 'METHOD URL' lines for --log-format vegeta-http"},
    {"curl "sv, "", "commands of curl, not a log of requests",
     "write 'METHOD URL' lines for --log-format vegeta-http, or record the traffic with 'leakline capture'"},
    {"{"sv, "\"openapi\"", "an OpenAPI description, not a log of requests", "record traffic with 'leakline capture'"},
    {"{"sv, "\"swagger\"", "an OpenAPI description, not a log of requests", "record traffic with 'leakline capture'"},
    {"openapi:"sv, "", "an OpenAPI description, not a log of requests", "record traffic with 'leakline capture'"},
    {"{"sv, "schema.getpostman.com", "a Postman collection, whose requests have no times, but variables for hosts and tokens",
     "run it with 'newman run FILE --reporters har', or through 'leakline capture', which records what is sent"},
};

// "GET" or another method as a word, and a path or URL as the next word: where they begin.
struct Place {
    std::size_t method, url;
};

std::optional<Place> find_method(std::string_view line) {
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (!is_upper(line[at]) || (at > 0 && is_word_part(line[at - 1]))) continue;
        std::size_t end = at;
        while (end < line.size() && is_upper(line[end])) ++end;
        const std::size_t url = line.find_first_not_of(" \t\"'|:-=,", end);
        if (is_known_method(line.substr(at, end - at)) && url != line.npos && url > end &&
            (line[url] == '/' || line.substr(url).starts_with("http://") || line.substr(url).starts_with("https://")))
            return Place{at, url};
    }
    return std::nullopt;
}

// '... LOG [HTTP] $method $url $status' for "[Nest] 7 - 10:15 LOG [HTTP] GET /items 200 15": what stands between the variables,
// and the word before them.
std::string pattern_for(std::string_view line) {
    const auto place = find_method(line);
    if (!place) return {};
    std::size_t before = place->method;
    while (before > 0 && line[before - 1] == ' ') --before;
    while (before > 0 && line[before - 1] != ' ' && !is_digit(line[before - 1])) --before;
    std::size_t method_end = place->method;
    while (is_upper(line[method_end])) ++method_end;
    const std::size_t url_end = std::min(line.find_first_of(" \t\"'|,;])", place->url), line.size());
    std::string pattern = "..." + std::string(line.substr(before, place->method - before)) + "$method" +
                          std::string(line.substr(method_end, place->url - method_end)) + "$url";
    // The first word of three digits behind it is likely to be the status.
    std::size_t at = url_end;
    while (at < line.size() && !is_digit(line[at])) ++at;
    const bool status = at + 3 <= line.size() && std::all_of(&line[at], &line[at] + 3, is_digit) &&
                        (at + 3 == line.size() || !is_word_part(line[at + 3])) && line[at] >= '1' && line[at] <= '5';
    pattern += line.substr(url_end, status ? at - url_end : std::min<std::size_t>(1, line.size() - url_end));
    if (status) pattern += "$status ";
    for (std::size_t tab = pattern.find('\t'); tab != pattern.npos; tab = pattern.find('\t', tab)) pattern.replace(tab, 1, "\\t");
    return std::string(trim(pattern));
}

}  // namespace

Unsupported name_unsupported(std::string_view prefix) {
    const std::string_view text = trim(prefix);
    for (const KnownFile& row : kKnownFiles)
        if (text.starts_with(row.start) && text.find(row.also) != text.npos) return {row.what, row.hint};
    if (prefix.starts_with("\xff\xfe") || prefix.starts_with("\xfe\xff"))
        return {"UTF-16 text, as PowerShell 5 writes it", "iconv -f UTF-16 -t UTF-8 FILE | leakline replay - ..."};
    return {};
}

std::string hint_for_unknown(std::string_view prefix) {
    for (const std::string_view line : split(prefix, '\n'))
        if (const std::string pattern = pattern_for(trim(line)); !pattern.empty())
            return "a line has the request '" + printable(line.substr(find_method(line)->method, 40)) + "': --log-format-string '" +
                   printable(pattern) + "' may read it (check with --dry-run)";
    std::string names;
    for (const FormatRow& row : log_formats()) names += (names.empty() ? "" : ", ") + std::string(row.name);
    return "--log-format names the format (" + names +
           "); --log-format-string takes a log_format of nginx or a LogFormat of Apache; --map names the members of JSON";
}

}  // namespace leakline::replay
