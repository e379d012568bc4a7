// Heap profiles of V8: two of one process, the input cut at its first zero byte.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "heap/internal/v8_profile.hpp"
#include "heap_profile_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = std::min(input.find('\0'), input.size());
    heap::V8Profiles profiles;
    profiles.add(input.substr(0, cut), {});
    profiles.add(input.substr(cut), std::chrono::seconds(1));
    fuzz::check_profile(profiles.take());
    return 0;
}
