// How many threads this process has.
#pragma once

#include <sys/stat.h>

#include <cstddef>

namespace leakline::agent {

// A main thread that has ended counts for as long as others run. 0: not known.
inline std::size_t count_threads() {
    constexpr nlink_t kOthers = 2;  // . and ..
    struct stat folder {};
    return ::stat("/proc/self/task", &folder) == 0 ? folder.st_nlink - kOthers : 0;
}

}  // namespace leakline::agent
