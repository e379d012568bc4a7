#include "base/error.hpp"
#include "heap/internal/heaptrack_file.hpp"
#include "heap_profile_check.hpp"
#include "system/byte_source.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    heap::ReadOptions options;
    options.mark_interval = std::chrono::milliseconds(10);
    options.max_marks = 8;
    options.threads = 1;
    try {
        const auto source = memory_source({reinterpret_cast<const char*>(data), size});
        fuzz::check_profile(heap::read_interpreted(*source, "input", options));
    } catch (const Error&) {  // a format that is not known
    }
    return 0;
}
