#include "replay/capture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "model/request_jsonl.hpp"
#include "replay/wire.hpp"
#include "system/descriptor.hpp"

namespace leakline::replay {

CaptureLog::CaptureLog(const std::string& path, CaptureOptions options)
    : path_(path == "-" ? "standard output" : path), options_(std::move(options)) {
    descriptor_ = path == "-" ? ::dup(STDOUT_FILENO) : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor_ < 0) throw os_error(ErrorKind::input, path_, "cannot be written", errno);
    try {
        if (path != "-") resume_after(path);
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

// An existing file must be a native log. Its last line may be cut by a full disk; end it.
void CaptureLog::resume_after(const std::string& path) {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return;
    const int there = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (there < 0) return;  // the file can be appended to but not read: the owner's choice
    char first = '{', last = '\n';
    const bool read = ::pread(there, &first, 1, 0) == 1 && ::pread(there, &last, 1, status.st_size - 1) == 1;
    ::close(there);
    if (read && first != '{')
        throw Error(ErrorKind::input, path_, "is not a log of requests as capture writes it, so nothing is appended to it",
                    "name another file");
    if (read && last != '\n' && ::write(descriptor_, "\n", 1) != 1) throw os_error(ErrorKind::input, path_, "cannot be written", errno);
}

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Takes out the fields that describe the connection and not the message.
void erase_hop_fields(Headers& headers) {
    std::vector<std::string> hops = {"Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Expect"};
    for (const auto& [name, value] : headers)
        if (equal_ignoring_case(name, "Connection"))
            for (const std::string_view named : split(value, ','))
                if (!equal_ignoring_case(trim(named), "Host")) hops.emplace_back(trim(named));
    std::erase_if(headers, [&](const auto& header) {
        return std::any_of(hops.begin(), hops.end(), [&](const std::string& name) { return equal_ignoring_case(name, header.first); });
    });
}

}  // namespace

CaptureLog::~CaptureLog() { ::close(descriptor_); }

void CaptureLog::write(http::ProxiedRequest&& request) {
    if (request.body_too_large) {
        ++too_large_;
        return;
    }
    if (request.body_over_budget) {
        ++over_budget_;
        return;
    }
    if (request.body_cut) {
        ++cut_;
        return;
    }
    Request record;
    record.at = request.at;
    record.method = std::move(request.method);
    record.target = std::move(request.target);
    record.headers = std::move(request.headers);
    record.body = std::move(request.body);
    if (request.status != 0) record.recorded_status = request.status;
    record.connection = "c" + std::to_string(request.connection);
    if (options_.responses && request.response) attach(*request.response, record);
    put(record);
}

void CaptureLog::attach(RecordedResponse& response, Request& record) {
    erase_hop_fields(response.headers);
    options_.redaction.apply(response);
    record.response.clear();
    append_json(record.response, response);
    ++responses_;
}

void CaptureLog::write(Request&& request) {
    if (request.body.size() > options_.max_body) {
        ++too_large_;
        return;
    }
    std::optional<RecordedResponse> response;
    if (options_.responses) response = parse_recorded_response(request.response);
    if (response)
        attach(*response, request);
    else
        request.response.clear();
    put(request);
}

void CaptureLog::put(Request& record) {
    if (!options_.sessions) record.connection.clear();
    // Fields of the connection to the proxy, not of the request; but closing connections is part of a client's traffic.
    const bool closes = std::any_of(record.headers.begin(), record.headers.end(),
                                    [](const auto& header) { return is_connection_close(header.first, header.second); });
    erase_hop_fields(record.headers);
    if (closes) record.headers.emplace_back("Connection", "close");
    options_.redaction.apply(record);
    line_.clear();
    append_jsonl(line_, record);
    // One write per line, so that readers see only complete lines, also after a crash.
    if (write_all(descriptor_, line_) != line_.size()) throw os_error(ErrorKind::system, path_, "the log cannot be written", errno);
    ++written_;
}

}  // namespace leakline::replay
