#include "service/internal/request_recorder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "http/close_field.hpp"
#include "model/request_jsonl.hpp"
#include "system/descriptor.hpp"

namespace leakline::service {

namespace {

// Fields of the connection and not of the request: a replay sets its own.
bool hop_header(std::string_view name) {
    for (const std::string_view known : {"Host", "Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding", "Expect"})
        if (equal_ignoring_case(name, known)) return true;
    return false;
}

// Whether a file ends inside a line, as after a full disk.
bool ends_torn(const std::string& path) {
    struct stat status {};
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    char last = '\n';
    if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        if (::pread(file, &last, 1, status.st_size - 1) != 1) last = '\n';
    ::close(file);
    return last != '\n';
}

}  // namespace

RequestRecorder::RequestRecorder(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor_ < 0) throw os_error(ErrorKind::input, path_, "cannot record requests", errno);
    torn_ = ends_torn(path_);
}

RequestRecorder::~RequestRecorder() { ::close(descriptor_); }

void RequestRecorder::record(const http::ServerRequest& request, Nanoseconds at) {
    const std::lock_guard lock(mutex_);
    request_.at = at;
    request_.method = request.method;
    request_.target = request.target;
    request_.body = request.body;
    request_.headers.clear();
    bool closes = false;  // a replay closes connections where the client did
    for (const http::Header& header : request.headers) {
        closes = closes || http::is_connection_close(header.name, header.value);
        if (!hop_header(header.name)) request_.headers.emplace_back(header.name, header.value);
    }
    if (closes) request_.headers.emplace_back("Connection", "close");
    redaction_.apply(request_);
    // Only the torn line is lost, not the one after it.
    line_ = torn_ ? "\n" : "";
    append_jsonl(line_, request_);
    const std::size_t written = write_all(descriptor_, line_);
    if (written == line_.size()) {
        torn_ = false;
    } else {
        ++failures_;
        torn_ = torn_ || written > 0;
    }
}

}  // namespace leakline::service
