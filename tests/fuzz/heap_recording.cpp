#include "base/error.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap_profile_check.hpp"
#include "system/byte_source.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    const auto source = memory_source({reinterpret_cast<const char*>(data), size});
    fuzz::check_profile(heap::read_recording(*source, "input"));
    return 0;
}
