#include "holders/internal/memory_image.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/tracing.hpp"

namespace leakline::holders {

namespace {

constexpr Nanoseconds kPatience = std::chrono::seconds(2);

bool is_copied(const Mapping& mapping) {
    if (!mapping.readable || !mapping.writable || mapping.shared || mapping.path.starts_with("/dev/")) return false;
    return !mapping.path.starts_with("[v");  // [vvar], [vdso], [vsyscall]
}

// Pages that the process has written, by /proc/PID/pagemap (Linux, admin-guide/mm/pagemap.rst): in memory or swapped out, and no longer
// those of a file.
std::vector<MemoryImage::Run> written_pages(ProcFile& pagemap, const Mapping& mapping) {
    constexpr std::uint64_t kPresent = std::uint64_t{1} << 63, kSwapped = std::uint64_t{1} << 62, kOfFile = std::uint64_t{1} << 61;
    constexpr std::uint64_t kAtOnce = 1 << 16;
    const Bytes system_page = page_size();
    std::vector<MemoryImage::Run> runs;
    std::vector<std::uint64_t> entries(kAtOnce);
    for (std::uint64_t page = mapping.begin / system_page, last = mapping.end / system_page; page < last;) {
        const std::uint64_t count = std::min(kAtOnce, last - page);
        // Unreadable: everything counts as written.
        if (!pagemap.is_open() || !pagemap.read_at(page * sizeof entries[0], entries.data(), count * sizeof entries[0]))
            std::fill(entries.begin(), entries.end(), kPresent);
        for (std::uint64_t i = 0; i < count; ++i, ++page) {
            const bool written = (entries[i] & (kPresent | kSwapped)) != 0 && ((entries[i] & kSwapped) != 0 || (entries[i] & kOfFile) == 0);
            if (!written) continue;
            const std::uint64_t begin = page * system_page;
            if (!runs.empty() && runs.back().end == begin)
                runs.back().end += system_page;
            else
                runs.push_back({begin, begin + system_page});
        }
    }
    return runs;
}

Bytes size_of(const std::vector<MemoryImage::Run>& runs) {
    Bytes sum = 0;
    for (const auto& run : runs) sum += run.end - run.begin;
    return sum;
}

// In pieces, so that a page that cannot be read (it was unmapped meanwhile) costs its piece and not the rest.
void copy_runs(int pid, MemoryImage::Region& region, const std::stop_token& stop) {
    constexpr std::uint64_t kPiece = 8 << 20;
    for (MemoryImage::Run& run : region.runs)
        for (std::uint64_t at = run.begin; at < run.end && !stop.stop_requested();) {
            const std::uint64_t size = std::min(kPiece, run.end - at);
            const iovec local{region.bytes.data() + (at - region.mapping.begin), size};
            const iovec remote{reinterpret_cast<void*>(at), size};
            const ssize_t count = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
            if (count < 0 && errno == ESRCH) return;
            at += count > 0 ? static_cast<std::uint64_t>(count) : kPage;
        }
}

class Copying {
  public:
    Copying(int pid, const std::stop_token& stop, const SystemRoots& roots) : pid_(pid), stop_(stop), roots_(roots) {}

    MemoryImage run() {
        add_regions();
        require_available(image_.copied, fmt::format("process {}", pid_), "its memory is copied", roots_);
        copy_all();  // our pages come into being before the process stops
        std::vector<MemoryImage::Region> before = std::exchange(image_.regions, {});
        if (!stop_.stop_requested()) {
            const StoppedProcess stopped(pid_, kPatience, roots_);
            image_.threads = stopped.threads();
            image_.running_threads = stopped.running();
            add_regions(&before);
            copy_all();
            image_.paused = system_clock().monotonic() - stopped.since();
        }
        describe();
        return std::move(image_);
    }

  private:
    std::string folder() const { return roots_.proc + "/" + std::to_string(pid_); }

    void describe() {
        image_.process = pid_;
        image_.executable = executable_of(pid_);
        std::stable_partition(image_.threads.begin(), image_.threads.end(), [&](const StoppedThread& thread) { return thread.id == pid_; });
        for (const StoppedThread& thread : image_.threads) {
            const auto name = read_small_file(fmt::format("{}/task/{}/comm", folder(), thread.id));
            image_.thread_names.emplace_back(name ? trim(*name) : std::string_view{});
        }
    }

    // before: regions whose pages are used again where the mapping is the same.
    void add_regions(std::vector<MemoryImage::Region>* before = nullptr) {
        const auto maps = read_small_file(folder() + "/maps");
        if (!maps) refuse_tracing(pid_, read_stat(pid_, roots_) ? EACCES : ESRCH, roots_);
        ProcFile pagemap(folder() + "/pagemap");
        image_.mappings = parse_mappings(*maps);
        image_.copied = image_.left_out = 0;
        std::size_t next = 0;
        for (const Mapping& mapping : whole_mappings(image_.mappings)) {
            if (mapping.size() > kLargestMapping) {
                image_.left_out += mapping.size();
                continue;
            }
            while (before != nullptr && next < before->size() && (*before)[next].mapping.begin < mapping.begin) ++next;
            const bool same = before != nullptr && next < before->size() && (*before)[next].mapping.begin == mapping.begin &&
                              (*before)[next].mapping.end == mapping.end;
            image_.regions.push_back(
                {mapping, same ? std::move((*before)[next].bytes) : Pages(mapping.size()), written_pages(pagemap, mapping)});
            image_.copied += size_of(image_.regions.back().runs);
        }
    }

    void copy_all() {
        for (MemoryImage::Region& region : image_.regions) copy_runs(pid_, region, stop_);
    }

    int pid_;
    const std::stop_token& stop_;
    const SystemRoots& roots_;
    MemoryImage image_;
};

}  // namespace

std::vector<Mapping> whole_mappings(const std::vector<Mapping>& mappings) {
    std::vector<Mapping> whole;
    const Mapping* before = nullptr;
    bool joinable = false;
    for (const Mapping& mapping : mappings) {
        const bool adjacent = before != nullptr && before->end == mapping.begin;
        const bool join = adjacent && joinable && mapping.path == before->path && is_copied(mapping);
        joinable = join || (is_copied(mapping) && !mapping.is_file() && !(adjacent && before->is_file()));
        before = &mapping;
        if (join)
            whole.back().end = mapping.end;
        else if (is_copied(mapping))
            whole.push_back(mapping);
    }
    return whole;
}

void require_available(Bytes bytes, const std::string& location, std::string_view why, const SystemRoots& roots) {
    const Bytes available = available_memory(roots).value_or(~Bytes{0});
    if (bytes > available / 4 * 3)
        throw Error(ErrorKind::system, location,
                    fmt::format("{}, which takes {}; {} are available", why, format_bytes(static_cast<double>(bytes)),
                                format_bytes(static_cast<double>(available))),
                    "run it on a machine, or in a container, with more memory");
}

Pages::Pages(std::uint64_t size) : size_(size) {
    if (size == 0) return;
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        throw os_error(ErrorKind::system, "", fmt::format("cannot reserve {} for a copy", format_bytes(static_cast<double>(size))), errno);
    data_ = static_cast<char*>(at);
}

Pages::~Pages() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

Pages::Pages(Pages&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

const MemoryImage::Region* MemoryImage::region_at(std::uint64_t address) const {
    auto after = std::upper_bound(regions.begin(), regions.end(), address,
                                  [](std::uint64_t at, const Region& region) { return at < region.mapping.begin; });
    if (after == regions.begin()) return nullptr;
    --after;
    return address < after->mapping.end ? &*after : nullptr;
}

bool MemoryImage::read(std::uint64_t address, void* to, std::size_t size) const {
    const Region* const region = region_at(address);
    if (region == nullptr || size > region->mapping.end - address) return false;
    std::memcpy(to, region->bytes.data() + (address - region->mapping.begin), size);
    return true;
}

std::optional<std::uint64_t> MemoryImage::word(std::uint64_t address) const {
    std::uint64_t value = 0;
    return read(address, &value, sizeof value) ? std::optional(value) : std::nullopt;
}

MemoryImage copy_process(int pid, const std::stop_token& stop, const SystemRoots& roots) {
    // In a thread of its own: a thread of the process that did not stop in time is let go when the thread that asked it ends.
    MemoryImage image;
    std::exception_ptr failure;
    std::thread([&] {
        try {
            image = Copying(pid, stop, roots).run();
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
    return image;
}

}  // namespace leakline::holders
