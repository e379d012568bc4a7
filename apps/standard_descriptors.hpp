// Descriptors 0 to 2, where we were started without them.
#pragma once

#include <fcntl.h>

#include <cerrno>

namespace leakline {

// Files that we open would get these numbers, and our messages would be written into them. Standard output is opened such that
// writing fails: what is to be printed there must not be lost in silence.
inline void hold_standard_descriptors() {
    for (const int descriptor : {0, 1, 2}) {
        if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
        [[maybe_unused]] const int lowest = ::open("/dev/null", descriptor == 2 ? O_WRONLY : O_RDONLY);
    }
}

}  // namespace leakline
