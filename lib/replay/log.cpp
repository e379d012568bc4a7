#include "replay/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/did_you_mean.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "replay/internal/envelope.hpp"
#include "replay/internal/format_access.hpp"
#include "replay/internal/format_access_json.hpp"
#include "replay/internal/format_framework.hpp"
#include "replay/internal/format_gor.hpp"
#include "replay/internal/format_haproxy.hpp"
#include "replay/internal/format_har.hpp"
#include "replay/internal/format_jsonl.hpp"
#include "replay/internal/format_pattern.hpp"
#include "replay/internal/format_pcap.hpp"
#include "replay/internal/format_squid.hpp"
#include "replay/internal/format_vegeta.hpp"
#include "replay/internal/format_w3c.hpp"
#include "replay/internal/json_documents.hpp"
#include "replay/internal/line_times.hpp"
#include "replay/internal/log_recognition.hpp"
#include "replay/internal/method.hpp"
#include "replay/internal/request_host.hpp"
#include "replay/internal/unsupported_log.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kSniffed = 64 * 1024;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // the byte order mark that Windows editors put before UTF-8
constexpr Nanoseconds kFarthest{std::int64_t{1} << 62};

// Why compressed data ended early; "" if it did not.
std::string damage_of(const ByteSource& source) {
    switch (source.end()) {
        case StreamEnd::truncated:
            return fmt::format("the {} data ends early, after {} bytes", source.encoding(), format_count(source.consumed()));
        case StreamEnd::damaged:
            return fmt::format("the {} data is damaged after about {} bytes; the rest was not read", source.encoding(),
                               format_count(source.consumed()));
        case StreamEnd::open:
        case StreamEnd::clean: break;
    }
    return {};
}

template <class Stream>
std::unique_ptr<RecordStream> open_plain(ChunkBuffer chunks, const std::string&, const LogOptions&) {
    return std::make_unique<Stream>(std::move(chunks));
}

// The order matters: formats that are clearly recognizable come first.
constexpr FormatRow kFormats[] = {
    {"gor", "GoReplay (records separated by three monkey emojis)", looks_like_gor,
     [](ChunkBuffer chunks, const std::string&, const LogOptions& options) -> std::unique_ptr<RecordStream> {
         return std::make_unique<GorStream>(std::move(chunks),
                                            options.attach_responses ? GorStream::Responses::attach : GorStream::Responses::skip);
     }},
    {"jsonl", "leakline's own: one JSON object per line with ts_ns, method, url, headers, body",
     [](std::string_view prefix) { return looks_like_jsonl(first_line(prefix)); }, open_plain<JsonlStream>},
    {"har", "HAR 1.2, as browsers export it", looks_like_har, open_plain<HarStream>},
    {"vegeta-json", "vegeta's JSON targets (no times: a rate or max pace)",
     [](std::string_view prefix) { return looks_like_vegeta_json(first_line(prefix)); }, open_plain<VegetaJsonStream>},
    {"access-json", "JSON access logs: nginx, Envoy, Caddy, Traefik, Node.js (pino, winston, Kibana), Google Cloud, ECS, others by --map",
     [](std::string_view prefix) { return looks_like_access_json(first_line(prefix)); },
     [](ChunkBuffer chunks, const std::string& path, const LogOptions& options) -> std::unique_ptr<RecordStream> {
         FieldMap map;
         if (!options.map.empty()) map = parse_field_map(options.map);
         return std::make_unique<AccessJsonStream>(std::move(chunks), path, std::move(map));
     }},
    {"access", "text access logs: Apache and nginx common or combined, Envoy's default, AWS ALB, any with a quoted request and status",
     [](std::string_view prefix) { return looks_like_access_log(first_line(prefix)); }, open_plain<AccessStream>, FormatRow::Lines::text},
    {"vegeta-http", "vegeta's http targets (no times: a rate or max pace)",
     [](std::string_view prefix) { return looks_like_vegeta_http(first_line(prefix, '#')); }, open_plain<VegetaHttpStream>},
    {"haproxy", "HAProxy's option httplog", [](std::string_view prefix) { return looks_like_haproxy(first_line(prefix)); },
     open_plain<HaproxyStream>},
    {"pattern", "text logs of any form, by --log-format-string", [](std::string_view) { return false; },
     [](ChunkBuffer chunks, const std::string&, const LogOptions& options) -> std::unique_ptr<RecordStream> {
         return std::make_unique<PatternStream>(std::move(chunks), parse_log_pattern(options.pattern));
     },
     FormatRow::Lines::text},
    {"w3c", "the W3C's extended format: IIS, AWS CloudFront", looks_like_w3c, open_plain<W3cStream>},
    {"squid", "Squid's native access.log", [](std::string_view prefix) { return looks_like_squid(first_line(prefix)); },
     open_plain<SquidStream>},
    {"pcap", "captures of network traffic with plain HTTP: pcap and pcapng", looks_like_packets,
     [](ChunkBuffer chunks, const std::string&, const LogOptions& options) -> std::unique_ptr<RecordStream> {
         return std::make_unique<PcapStream>(std::move(chunks), options.attach_responses ? Responses::recorded : Responses::ignored);
     }},
    {"framework", "the request lines of web frameworks: gin, morgan, Rails, ASP.NET Core and others",
     [](std::string_view prefix) { return looks_like_framework(first_line(prefix)); },
     [](ChunkBuffer chunks, const std::string& path, const LogOptions&) { return open_framework(std::move(chunks), path); },
     FormatRow::Lines::text},
};

const FormatRow& row_named(const std::string& name) {
    std::vector<std::string> names;
    for (const FormatRow& row : log_formats()) {
        if (name == row.name) return row;
        names.emplace_back(row.name);
    }
    throw Error(ErrorKind::usage, "--log-format", "unknown log format '" + printable(name) + "'" + did_you_mean_text(name, names));
}

const FormatRow& row_of_content(const std::string& path, std::string_view prefix) {
    if (const Unsupported known = name_unsupported(prefix); !known.what.empty())
        throw Error(ErrorKind::input, path, known.what, known.hint);
    // A JSON log that needs a map. (A line longer than the prefix is not a complete object.)
    if (has_json_object(prefix) || first_line(prefix).starts_with('{')) return row_named("access-json");
    throw Error(ErrorKind::input, path + ":1", "not a request log of a known format: '" + printable(first_line(prefix).substr(0, 80)) + "'",
                hint_for_unknown(prefix));
}

}  // namespace

std::span<const FormatRow> log_formats() { return kFormats; }

struct Log::Input {
    std::string path;
    const char* format = "";
    std::string envelopes;                          // " in Docker json-file"
    std::vector<std::shared_ptr<LineTimes>> times;  // of the envelopes, from the outermost
    std::unique_ptr<RecordStream> stream;
    Record record;
    std::string target;  // of the record, where it had to be changed
    bool has_record = false, at_end = false;
    std::uint64_t records = 0, bad = 0, foreign = 0;
    std::string first_foreign;  // location and reason
};

namespace {

// False if a stop was requested before there was anything to read. while_silent is called ten times per second.
bool wait_for(int descriptor, const StopDescriptor& stop, const std::function<void()>& while_silent) {
    pollfd waits[2] = {{descriptor, POLLIN, 0}, {stop.get(), POLLIN, 0}};
    for (int patience = 0;; patience = while_silent ? 100 : -1) {
        ::poll(waits, 2, patience);
        if (waits[0].revents != 0) return true;
        if (stop.requested()) return false;
        if (while_silent) while_silent();
    }
}

// Of a log whose lines have no format: one whose first line is a part of a document, or a single document.
std::optional<int> depth_of_documents(const LogForm& form, std::string_view prefix) {
    const bool is_har = form.format != nullptr && std::string_view(form.format->name) == "har";
    if (is_har || (form.certain && !begins_json_over_lines(prefix))) return std::nullopt;
    return depth_of_json_documents(prefix);
}

// Opens a log. A pipe may be silent for long, or never be opened by its writer: it is read only when it has data,
// so that a stop is noticed meanwhile.
ChunkBuffer open_chunks(const std::string& path, const LogOptions& options, ChunkBuffer::Peek& peek) {
    std::error_code missing;
    const bool standard_input = path == "-";
    const bool silent = standard_input || std::filesystem::is_fifo(path, missing) || std::filesystem::is_character_file(path, missing);
    peek = silent ? ChunkBuffer::Peek::a_line : ChunkBuffer::Peek::full;
    if (!silent || (!options.stop.stop_possible() && !options.while_silent)) return ChunkBuffer(open_source(path));
    const int descriptor =
        standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) throw os_error(ErrorKind::input, standard_input ? "standard input" : path, "cannot open", errno);
    if (!standard_input) ::fcntl(descriptor, F_SETFL, 0);  // without a writer, only open() must not block
    return ChunkBuffer(descriptor_source(descriptor, [descriptor, stop = std::make_shared<StopDescriptor>(options.stop),
                                                      also = options.while_silent] { return wait_for(descriptor, *stop, also); }));
}

}  // namespace

Log::Log(const std::vector<std::string>& paths, const LogOptions& options) : options_(options) {
    if (paths.empty()) throw Error(ErrorKind::usage, "replay", "no log given");
    for (const std::string& path : paths) {
        auto input = std::make_unique<Input>();
        input->path = path == "-" ? "standard input" : path;
        ChunkBuffer::Peek peek{};
        ChunkBuffer chunks = open_chunks(path, options, peek);
        std::string_view prefix = chunks.peek(kSniffed, peek);
        if (prefix.starts_with(kByteOrderMark)) {
            chunks.consume(kByteOrderMark.size());
            prefix.remove_prefix(kByteOrderMark.size());
        }
        if (trim(prefix).empty()) {
            const std::string damage = damage_of(chunks.source());
            const bool stopped = prefix.empty() && chunks.source().end() == StreamEnd::open;
            throw Error(ErrorKind::input, input->path,
                        !damage.empty() ? "it cannot be read: " + damage
                        : stopped       ? "no data arrived before reading ended"
                                        : "the log is empty");
        }
        // Of a pipe, the first line of JSON over several lines says little.
        while (begins_json_over_lines(prefix) && prefix.size() < kSniffed && chunks.more()) prefix = chunks.window().substr(0, kSniffed);
        LogForm form = recognize_log(prefix, options_);
        if (const auto depth = depth_of_documents(form, prefix)) {
            chunks = ChunkBuffer(std::make_unique<JsonDocuments>(std::move(chunks), *depth));
            prefix = chunks.peek(kSniffed, peek);
            form = recognize_log(prefix, options_);
            input->envelopes = " in JSON documents";
        }
        // A container prints much before its first request, and a pipe delivers one line at a time.
        while (!form.certain && prefix.size() < kSniffed && chunks.more()) {
            prefix = chunks.window().substr(0, kSniffed);
            form = recognize_log(prefix, options_);
        }
        for (const EnvelopeRow* const envelope : form.envelopes) {
            std::unique_ptr<Unwrapper> unwrapper = envelope->make(prefix);
            if (!unwrapper) continue;
            input->times.push_back(std::make_shared<LineTimes>(system_clock().wall()));
            chunks = ChunkBuffer(std::make_unique<EnvelopeSource>(std::move(chunks), std::move(unwrapper), input->times.back()));
            prefix = chunks.peek(kSniffed, peek);
            if (*envelope->name != '\0') input->envelopes += std::string(" in ") + envelope->name;
        }
        const FormatRow& row = !options.pattern.empty()  ? row_named("pattern")
                               : !options.format.empty() ? row_named(options.format)
                               : form.format != nullptr  ? *form.format
                                                         : row_of_content(input->path, prefix);
        input->format = row.name;
        if (row.lines == FormatRow::Lines::text && has_colors(prefix))
            chunks = ChunkBuffer(std::make_unique<EnvelopeSource>(std::move(chunks), make_colors()));
        input->stream = row.open(std::move(chunks), input->path, options_);
        inputs_.push_back(std::move(input));
    }
}

Log::~Log() = default;
Log::Log(Log&&) noexcept = default;

void Log::add_bad(Input& input, std::uint64_t place, std::string reason) {
    ++input.bad;
    damage_.add(input.path + ":" + std::to_string(place), std::move(reason));
    if (damage_.count() <= options_.max_bad_lines) return;
    std::string shown;
    for (const std::string& line : damage_.lines()) shown += "\n  " + line;
    throw Error(ErrorKind::input, input.path,
                options_.max_bad_lines == 0 ? "a line cannot be read:" + shown
                                            : "more than " + std::to_string(options_.max_bad_lines) + " lines cannot be read:" + shown,
                "--max-bad-lines N skips up to N such lines");
}

void Log::add_foreign(Input& input) {
    for (const auto& times : input.times) times->forget_before(input.stream->place());
    if (input.foreign++ > 0) return;
    input.first_foreign = std::to_string(input.stream->place()) + ": " + input.stream->reason();
}

void Log::check_shares() const {
    for (const auto& input : inputs_) {
        // Frameworks print several lines per request, of which one is read.
        const std::uint64_t others = input->stream->variant().empty() ? input->foreign : 0;
        const std::uint64_t unread = input->bad + others, lines = input->records + unread;
        if (unread == 0 || static_cast<double>(unread) <= options_.max_bad_share * static_cast<double>(lines)) continue;
        std::string shown;
        for (const std::string& line : damage_.lines()) shown += "\n  " + line;
        if (others > 0) shown += "\n  " + input->path + ":" + input->first_foreign;
        throw Error(ErrorKind::input, input->path,
                    format_count(unread) + " of " + format_count(lines) + " lines cannot be read as requests:" + shown,
                    "use --max-bad-share 100% to accept what can be read, or describe the lines with --log-format-string");
    }
}

namespace {

// "http://user:secret@host/" -> "http://host/": a client sends name and password as a header, if at all.
void remove_userinfo(Record& record, std::string& buffer) {
    const std::string_view authority = authority_of_target(record.target);
    if (authority.empty() || authority.data()[-1] != '@') return;
    const auto at = static_cast<std::size_t>(authority.data() - record.target.data());
    buffer = record.target.substr(0, record.target.find("://") + 3);
    buffer += record.target.substr(at);
    record.target = buffer;
}

// The innermost envelope is nearest to the request.
void give_time(const std::vector<std::shared_ptr<LineTimes>>& times, Record& record) {
    const bool own = record.has_time;
    for (auto level = times.rbegin(); level != times.rend(); ++level) own ? (*level)->stop() : (*level)->give(record);
}

}  // namespace

bool Log::advance(Input& input) {
    while (!input.at_end) {
        switch (input.stream->next(input.record)) {
            case RecordStream::Step::record:
                // The difference of two times within these bounds (the years 1823 to 2116) fits into 64 bits.
                if (input.record.at > -kFarthest && input.record.at < kFarthest) {
                    ++input.records;
                    give_time(input.times, input.record);
                    if (!input.record.method.empty() && input.record.method.front() >= 'a')
                        input.record.method = standard_method(input.record.method);
                    if (!input.record.target.starts_with('/')) remove_userinfo(input.record, input.target);
                    return true;
                }
                add_bad(input, input.record.place, "the timestamp is out of range");
                break;
            case RecordStream::Step::skipped: break;
            case RecordStream::Step::end: input.at_end = true; break;
            case RecordStream::Step::bad:
                if (input.stream->is_foreign() && (input.stream->is_mixed() || !input.envelopes.empty()))
                    add_foreign(input);
                else
                    add_bad(input, input.stream->place(), input.stream->reason());
                break;
        }
    }
    return false;
}

// Asked now and then only: a record takes less time than the question.
bool Log::is_stopped() { return ++asked_ % 1024 == 0 && options_.stop.stop_requested(); }

bool Log::next(Record& record) {
    if (is_stopped()) return false;
    if (inputs_.size() == 1) {
        current_ = inputs_.front().get();
        if (!advance(*current_)) return check_shares(), false;
        std::swap(record, current_->record);
        last_place_ = record.place;
        return true;
    }
    if (current_ != nullptr) std::swap(record, current_->record);  // so that its buffers can be reused
    Input* earliest = nullptr;
    for (const auto& input : inputs_) {
        if (!input->has_record) input->has_record = advance(*input);
        if (!input->has_record) continue;
        // Without times, files keep the order of the command line.
        if (earliest == nullptr || (input->record.has_time && earliest->record.has_time && input->record.at < earliest->record.at))
            earliest = input.get();
    }
    current_ = earliest;
    if (earliest == nullptr) return check_shares(), false;
    earliest->has_record = false;
    std::swap(record, earliest->record);
    last_place_ = record.place;
    return true;
}

void Log::reject(std::string reason) {
    --current_->records;
    add_bad(*current_, last_place_, std::move(reason));
}

std::vector<std::string> Log::warnings() const {
    std::vector<std::string> all;
    for (const auto& input : inputs_) {
        for (const std::string& warning : input->stream->warnings()) all.push_back(input->path + ": " + warning);
        if (input->foreign > 0)
            all.push_back(input->path + ": " + format_count(input->foreign) +
                          (input->foreign == 1 ? " line is not a request" : " lines are not requests") + ", skipped (the first at " +
                          input->first_foreign + ")");
        if (const std::string damage = damage_of(input->stream->source()); !damage.empty()) all.push_back(input->path + ": " + damage);
    }
    return all;
}

const std::string& Log::path() const { return current_ == nullptr ? inputs_.front()->path : current_->path; }

double Log::part() const {
    double consumed = 0, total = 0;
    for (const auto& input : inputs_) {
        const ByteSource& source = input->stream->source();
        if (!source.total()) return 0;
        consumed += input->stream->part() * static_cast<double>(*source.total());
        total += static_cast<double>(*source.total());
    }
    return total > 0 ? consumed / total : 0;
}

std::string Log::formats() const {
    std::vector<std::string> names;
    for (const auto& input : inputs_) {
        const std::string variant = input->stream->variant();
        add_once(names, input->format + (variant.empty() ? "" : " (" + variant + ")") + input->envelopes);
    }
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

bool Log::of_client() const {
    return std::any_of(inputs_.begin(), inputs_.end(), [](const auto& input) { return std::string_view(input->format) == "har"; });
}

RecordStream::Step RecordStream::line_of_record(std::string_view& line, Record& record) {
    for (;;) {
        const std::optional<std::string_view> next = chunks_.next_line();
        if (!next) return Step::end;
        place_ = chunks_.pieces();
        if (chunks_.too_long()) return bad("the line is longer than 64 MiB");
        if (next->find_first_not_of(" \t") == next->npos) continue;
        record.clear();
        record.place = place_;
        line = *next;
        return Step::record;
    }
}

Request to_request(const Record& record) {
    Request request;
    request.at = record.at;
    request.has_time = record.has_time;
    request.resolution = record.resolution;
    request.method = record.method;
    request.target = record.target;
    for (const auto& [name, value] : record.headers) request.headers.emplace_back(name, value);
    request.body = record.body;
    request.connection = record.connection;
    request.source_line = record.place;
    if (record.recorded_status != 0) request.recorded_status = record.recorded_status;
    request.response = record.response;
    return request;
}

void fill(Record& record, const Request& request) {
    record.clear();
    record.at = request.at;
    record.has_time = request.has_time;
    record.resolution = request.resolution;
    record.method = request.method;
    record.target = request.target;
    for (const auto& [name, value] : request.headers) record.headers.emplace_back(name, value);
    record.body = request.body;
    record.connection = request.connection;
    record.place = request.source_line;
    record.recorded_status = request.recorded_status.value_or(0);
    record.response = request.response;
}

std::optional<Request> RequestLog::next() {
    if (!log_.next(record_)) return std::nullopt;
    return to_request(record_);
}

bool is_repeatable(const std::string& path) {
    std::error_code missing;  // which is reported when it is opened
    return path != "-" && !std::filesystem::is_fifo(path, missing) && !std::filesystem::is_character_file(path, missing);
}

void require_repeatable(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        if (!is_repeatable(path))
            throw Error(ErrorKind::usage, path == "-" ? "standard input" : path,
                        "the log is read several times, which is not possible with a pipe", "write it to a file first");
    }
}

RequestLog open_log(const std::vector<std::string>& paths, const LogOptions& options) { return RequestLog(Log(paths, options)); }

void LogSpan::add(std::optional<Nanoseconds> at, std::size_t body_size) {
    ++requests;
    body_bytes += body_size;
    if (!at) return;
    if (!first || *at < *first) first = at;
    if (!last || *at > *last) last = at;
}

std::optional<double> LogSpan::rate() const {
    if (!first || *last <= *first || requests < 2) return std::nullopt;
    return static_cast<double>(requests - 1) / to_seconds(*last - *first);
}

}  // namespace leakline::replay
