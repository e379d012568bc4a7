#include "heap/internal/module_tables.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace leakline::heap {

std::uint64_t ModuleTables::translate(const Code& code, std::uint64_t address) {
    const auto same = [&](const Code& known) { return known.path == code.path && known.end - known.begin == code.end - code.begin; };
    auto place = std::find_if(current_.begin(), current_.end(), same);
    if (place == current_.end()) {
        Code moved = code;
        const auto overlaps = [&](const Code& known) { return known.begin < moved.end && moved.begin < known.end; };
        // The address range is in use: move this code, because heaptrack's interpreter names each address once. A program that is
        // not position-independent (base 0) replaces the other code instead.
        if (std::any_of(current_.begin(), current_.end(), overlaps) && code.base != 0) {
            const std::uint64_t distance = free_ - code.begin;
            moved.begin += distance;
            moved.end += distance;
            moved.base += distance;
            free_ += (code.end - code.begin + kGap) / kGap * kGap;
        }
        std::erase_if(current_, overlaps);
        current_.push_back(std::move(moved));
        changed_ = true;
        place = current_.end() - 1;
    }
    return address - code.begin + place->begin;
}

void ModuleTables::put_table() {
    if (!changed_) return;
    changed_ = false;
    std::string lines;
    for (const Code& code : current_)
        lines += fmt::format("m {:x} {} {:x} {:x} {:x}\n", code.path.size(), code.path, code.base, code.begin - code.base,
                             code.end - code.begin);
    feed_.modules.push_back({static_cast<std::uint32_t>(feed_.addresses.size()), std::move(lines)});
}

}  // namespace leakline::heap
