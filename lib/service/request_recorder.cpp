#include "service/request_recorder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "http/request_log.hpp"

namespace leakline::service {

RequestRecorder::RequestRecorder(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) throw os_error(ErrorKind::input, path_, "cannot record requests", errno);
}

RequestRecorder::~RequestRecorder() { ::close(descriptor_); }

void RequestRecorder::record(const http::ServerRequest& request, Nanoseconds at) {
    const std::lock_guard lock(mutex_);
    line_.clear();
    http::append_log_line(line_, at, request.method, request.target, request.headers, request.body);
    std::size_t written = 0;
    while (written < line_.size()) {
        const ssize_t n = ::write(descriptor_, line_.data() + written, line_.size() - written);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            ++failures_;
            return;
        }
        written += static_cast<std::size_t>(n);
    }
}

}  // namespace leakline::service
