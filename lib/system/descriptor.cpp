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

}  // namespace leakline
