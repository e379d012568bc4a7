#include "unwind/internal/call_frame_info.hpp"

#include <cstddef>
#include <cstring>

#include "unwind/internal/byte_cursor.hpp"
#include "unwind/internal/frame_program.hpp"

namespace leakline::unwind {

namespace {

// Pointer encodings (LSB 5, 10.5): the low half says how it is stored, the high half what it counts from.
constexpr std::uint8_t kOmitted = 0xff, kIndirect = 0x80;
enum Stored : std::uint8_t { absolute = 0, udata2 = 2, udata4 = 3, udata8 = 4, sdata2 = 10, sdata4 = 11, sdata8 = 12 };
constexpr std::uint8_t kFromHere = 0x10;

std::uint64_t encoded(ByteCursor& from, std::uint8_t encoding) {
    const auto here = reinterpret_cast<std::uintptr_t>(from.at());
    std::uint64_t value = 0;
    switch (encoding & 15) {
        case absolute:
        case udata8:
        case sdata8: value = from.number<std::uint64_t>(); break;
        case udata2: value = from.number<std::uint16_t>(); break;
        case udata4: value = from.number<std::uint32_t>(); break;
        case sdata2: value = static_cast<std::uint64_t>(std::int64_t{from.number<std::int16_t>()}); break;
        case sdata4: value = static_cast<std::uint64_t>(std::int64_t{from.number<std::int32_t>()}); break;
        default: from.spoil();
    }
    const std::uint8_t base = encoding & 0x70;
    if (base == kFromHere) return here + value;
    if (base != 0) from.spoil();  // from the text, the data or the function: not for code addresses here
    return value;
}

// One entry of .eh_frame, without its length.
ByteCursor entry_at(const ObjectImage& object, const std::uint8_t* at) {
    ByteCursor from(at, object.end);
    if (at < object.begin || at >= object.end) from.spoil();
    const auto length = from.number<std::uint32_t>();
    if (length == 0 || length == 0xffffffffu) from.spoil();  // the end; the 64-bit form, which no x86-64 tool writes
    return from.part(length);
}

struct CommonInformation {
    FrameAlignment alignment;
    std::uint8_t pointer_encoding = absolute;
    bool has_augmentation = false;
    ByteCursor program{nullptr, nullptr};
};

// False if it contains something unsupported.
bool read_common(ByteCursor entry, CommonInformation& result) {
    if (entry.number<std::uint32_t>() != 0) return false;  // a function's entry, not the common one
    const std::uint8_t version = entry.byte();
    if (version != 1 && version != 3) return false;
    char augmentation[8] = {};
    for (std::size_t i = 0;; ++i) {
        if (i == sizeof augmentation) return false;
        augmentation[i] = static_cast<char>(entry.byte());
        if (augmentation[i] == 0) break;
    }
    result.alignment.code = entry.uleb();
    result.alignment.data = entry.sleb();
    if ((version == 1 ? entry.byte() : entry.uleb()) != kReturnAddressColumn) return false;
    const char* letter = augmentation;
    if (*letter == 'z') {
        ++letter;
        result.has_augmentation = true;
        ByteCursor data = entry.part(entry.uleb());
        for (; *letter != 0; ++letter) {
            switch (*letter) {
                case 'R': result.pointer_encoding = data.byte(); break;
                case 'P': encoded(data, data.byte() & static_cast<std::uint8_t>(~(kIndirect | 0x70))); break;  // skipped
                case 'L': data.byte(); break;
                default: return false;  // mainly 'S', a signal's frame
            }
        }
        if (data.bad()) return false;
    }
    result.program = entry;
    return *letter == 0 && !entry.bad();
}

// The entry of the last function that begins at or before `pc`: null where there is none. .eh_frame_hdr is
//   version, encoding of the pointer to .eh_frame, of the count, of the table; the pointer; the count;
//   table of (function's start, its entry), ascending, both int32 from the header's start
const std::uint8_t* find_entry(const ObjectImage& object, std::uintptr_t pc) {
    ByteCursor header(object.frame_header, object.end);
    if (object.frame_header < object.begin || object.frame_header >= object.end) return nullptr;
    const std::uint8_t version = header.byte(), frames = header.byte(), counts = header.byte(), table = header.byte();
    if (version != 1 || table != (0x30 | sdata4) || counts == kOmitted) return nullptr;
    encoded(header, frames);
    const std::uint64_t count = encoded(header, counts);
    if (header.bad() || count > header.left() / 8) return nullptr;
    const auto base = reinterpret_cast<std::uintptr_t>(object.frame_header);
    const auto at = [&](std::uint64_t row, std::size_t column) {
        std::int32_t value;
        std::memcpy(&value, header.at() + row * 8 + column, sizeof value);
        return base + static_cast<std::uintptr_t>(std::intptr_t{value});
    };
    std::uint64_t low = 0, high = count;  // the rows before low begin at or before pc
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (at(middle, 0) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? nullptr : reinterpret_cast<const std::uint8_t*>(at(low - 1, 4));
}

}  // namespace

FrameRule find_rule(const ObjectImage& object, std::uintptr_t pc) {
    const std::uint8_t* const at = find_entry(object, pc);
    if (at == nullptr) return {};
    ByteCursor entry = entry_at(object, at);
    const auto back = reinterpret_cast<std::uintptr_t>(entry.at());
    const auto distance = entry.number<std::uint32_t>();  // back to the common entry, from this field
    CommonInformation common;
    if (entry.bad() || distance == 0 || !read_common(entry_at(object, reinterpret_cast<const std::uint8_t*>(back - distance)), common))
        return {};
    const std::uint64_t start = encoded(entry, common.pointer_encoding);
    const std::uint64_t length = encoded(entry, common.pointer_encoding & 15);
    if (common.has_augmentation) entry.take(entry.uleb());
    if (entry.bad() || pc < start || pc - start >= length) return {};
    return run_programs(common.program, entry, common.alignment, pc - start);
}

}  // namespace leakline::unwind
