#include "agent/internal/segment_mapping.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent/internal/populated.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr std::uint32_t kAnswer = 8u << 20, kDescriptors = 1u << 18, kThreads = 1u << 15;
// With every block sampled, there is room for 8 million live blocks; memory is used only as they are recorded.
constexpr SegmentSizes kSampledSizes{1u << 16, 1u << 13, 1u << 15, 1u << 13, 1u << 20, 1u << 11, 1u << 19, kAnswer, kDescriptors, kThreads};
constexpr SegmentSizes kExactSizes{1u << 23, 1u << 18, 1u << 18, 1u << 14, 1u << 22, 1u << 12, 1u << 20, kAnswer, kDescriptors, kThreads};
static_assert(kExactSizes.samples < SamplingState::kAllThinned && kExactSizes.names <= 1u << PythonFrame::kNameBits);

// The process ID that /proc shows, which readers use; in a PID namespace of its own, getpid() returns another.
std::int32_t own_pid() {
    char text[16];
    const long length =
        unwind::system_call(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/self"), reinterpret_cast<long>(text), sizeof text - 1);
    if (length <= 0) return static_cast<std::int32_t>(unwind::system_call(SYS_getpid));
    std::int32_t pid = 0;
    for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) pid = pid * 10 + (text[i] - '0');
    return pid;
}

char* put_number(char* at, unsigned number) {
    char digits[12];
    int size = 0;
    do digits[size++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (size > 0) *at++ = digits[--size];
    return at;
}

int create_file(const char* directory, std::int32_t pid, char* path) {
    char* const base = stpcpy(path, directory);
    constexpr unsigned kMaxExecs = 10'000;
    for (unsigned execs = 0; execs < kMaxExecs; ++execs) {
        char* at = base;
        *at++ = '/';
        at = put_number(at, static_cast<unsigned>(pid));
        *at++ = '.';
        *put_number(at, execs) = '\0';
        const long file = unwind::system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path),
                                              O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file >= 0) return static_cast<int>(file);
        if (file != -EEXIST) return -1;
    }
    return -1;
}

// A process that makes a file larger than RLIMIT_FSIZE gets SIGXFSZ.
bool may_have_size(std::uint64_t bytes) {
    rlimit limit{};
    return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

void* map_file(int file, std::uint64_t bytes) {
    if (!may_have_size(bytes) || unwind::system_call(SYS_ftruncate, file, static_cast<long>(bytes)) != 0) return MAP_FAILED;
    return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

// Allocates the pages of the header and the heads; the others are allocated when needed, or all now (before Linux 5.14).
bool make_usable(int file, void* base, const SegmentSizes& sizes, bool& all_there) {
    const SegmentLayout layout = layout_of(sizes);
    if (populate(base, layout.samples)) return true;
    constexpr std::uint64_t kMaxAtOnce = std::uint64_t{32} << 20;
    all_there = layout.bytes <= kMaxAtOnce && unwind::system_call(SYS_fallocate, file, 0, 0, static_cast<long>(layout.bytes)) == 0;
    return all_there;
}

}  // namespace

bool map_segment(int file, std::int32_t parent, std::uint64_t interval, Mapping& mapping) {
    void* base = MAP_FAILED;
    const SegmentSizes* chosen = nullptr;
    for (const SegmentSizes* sizes : {&kExactSizes, &kSampledSizes}) {
        if (sizes == &kExactSizes && interval > 1) continue;
        mapping.bytes = layout_of(*sizes).bytes;
        base = map_file(file, mapping.bytes);
        if (base == MAP_FAILED) continue;
        if (make_usable(file, base, *sizes, mapping.all_there)) {
            chosen = sizes;
            break;
        }
        ::munmap(base, mapping.bytes);
    }
    if (chosen == nullptr) return false;
    mapping.view = SegmentView::at(base, *chosen);
    SegmentHeader& header = *mapping.view.header;
    header.magic = kSegmentMagic;
    header.version = kSegmentVersion;
    header.pid = own_pid();
    header.parent = parent;
    header.exact = interval <= 1;
    header.sizes = *chosen;
    header.sampling.store(SamplingState{interval, SamplingState::kAllThinned}.packed(), kRelaxed);
    return true;
}

bool map_new_segment(const char* directory, char* path, std::int32_t parent, std::uint64_t interval, Mapping& mapping) {
    if (*directory == '\0') return false;
    const int file = create_file(directory, own_pid(), path);
    if (file < 0) return false;
    const bool mapped = map_segment(file, parent, interval, mapping);
    unwind::system_call(SYS_close, file);
    if (!mapped) unwind::system_call(SYS_unlinkat, AT_FDCWD, reinterpret_cast<long>(path), 0);
    return mapped;
}

}  // namespace leakline::agent
