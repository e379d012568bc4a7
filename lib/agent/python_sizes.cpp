#include "agent/internal/python_sizes.hpp"

namespace leakline::agent::python {

namespace {

std::uint64_t magnitude(std::int64_t value) {
    return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

// PyDictObject: the keys are at 32, and if they are shared, the values at 40.
std::uint64_t table_of_dict(const void* dict) {
    constexpr int kKeys = 32, kValues = 40;
    const void* const keys = at<const void*>(dict, kKeys);
    if (keys == nullptr) return 0;
    const bool old = known_layout()->minor < 11;
    const auto usable = magnitude(at<std::int64_t>(keys, old ? 24 : 16)), used = magnitude(at<std::int64_t>(keys, old ? 32 : 24));
    if (at<const void*>(dict, kValues) != nullptr) return 8 * (usable + used);
    if (old) {  // of a table for n entries, the numbers have a byte, two, four or eight each
        const auto size = at<std::uint64_t>(keys, 8);
        const std::uint64_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;
        return 40 + size * width + 24 * (usable + used);
    }
    const auto bytes_of_numbers = at<std::uint8_t>(keys, 9), kind = at<std::uint8_t>(keys, 10);  // kind 0: any keys, with their hashes
    return 32 + (std::uint64_t{1} << (bytes_of_numbers & 63)) + (kind == 0 ? 24 : 16) * (usable + used);
}

std::uint64_t table_of_set(const void* set) {
    constexpr int kMask = 32;
    const auto entries = at<std::uint64_t>(set, kMask) + 1;
    return entries > 8 ? 16 * entries : 0;
}

std::uint64_t size_of_text(const void* text) {
    const auto state = at<std::uint32_t>(text, kKind);
    const unsigned width = state >> 2 & 7;
    const bool compact = (state >> 5 & 1) != 0, ascii = (state >> 6 & 1) != 0;
    if (!compact) return 0;
    return static_cast<std::uint64_t>(ascii ? known_layout()->ascii : known_layout()->compact) +
           width * (at<std::uint64_t>(text, kLength) + 1);
}

}  // namespace

std::uint64_t size_of_object(const void* object) {
    constexpr int kAllocated = 32, kBufferSize = 24, kItemSize = 40;
    const void* const type = type_of(object);
    const unsigned long flags = type_flags(type);
    const std::uint64_t head =
        ((flags & kHasCollector) != 0 ? 16u : 0u) + ((flags & kHasValues) != 0 && known_layout()->minor >= 11 ? 16u : 0u);
    std::uint64_t size = head + magnitude(at<std::int64_t>(type, kBasicSize));
    if ((flags & kIsType) != 0) return size;  // a class: its dict and what else is its own are objects
    if ((flags & kIsLong) != 0) {
        const auto length = at<std::int64_t>(object, kLength);
        return head + 24 + 4 * (known_layout()->minor >= 12 ? static_cast<std::uint64_t>(length) >> 3 : magnitude(length));
    }
    if ((flags & kIsString) != 0) {
        const std::uint64_t text = size_of_text(object);
        return text != 0 ? head + text : size;
    }
    if ((flags & kIsList) != 0) return size + 8 * magnitude(at<std::int64_t>(object, kAllocated));
    if ((flags & kIsDict) != 0) return size + table_of_dict(object);
    if (is_set(object)) return size + table_of_set(object);
    if (type == interpreter.bytearray_type) return size + magnitude(at<std::int64_t>(object, kBufferSize));
    // Other types with items, such as frames, have no common field for their number.
    if ((flags & (kIsTuple | kIsBytes)) != 0)
        size += magnitude(at<std::int64_t>(object, kLength)) * magnitude(at<std::int64_t>(type, kItemSize));
    return size;
}

}  // namespace leakline::agent::python
