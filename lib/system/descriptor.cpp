#include "system/descriptor.hpp"

#include <cerrno>

namespace leakline {

std::size_t write_all(int descriptor, std::string_view bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::write(descriptor, bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        if (count == 0) {
            errno = EIO;
            break;
        }
        done += static_cast<std::size_t>(count);
    }
    return done;
}

std::size_t read_at(int descriptor, void* to, std::size_t size, std::uint64_t place) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t count = ::pread(descriptor, static_cast<char*>(to) + done, size - done, static_cast<off_t>(place + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

}  // namespace leakline
