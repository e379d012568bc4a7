#include "heap/internal/interpreted_records.hpp"

#include "heap/internal/fields.hpp"

namespace leakline::heap {

bool parse_ip_record(std::string_view line, std::size_t strings, InstructionPointer& ip, std::vector<Frame>& frames) {
    Fields fields(line);
    std::uint64_t address;
    if (!fields.hex(address)) return false;
    const auto string = [&](StringId& id) {
        std::uint32_t value;
        if (!fields.hex32(value)) return false;
        id.value = value <= strings ? value : 0;
        return true;
    };
    ip = {};
    ip.address = address;
    ip.first_frame = static_cast<std::uint32_t>(frames.size());
    string(ip.module);
    Frame frame;
    while (string(frame.function)) {
        const bool whole = string(frame.file) && fields.hex32(frame.line);
        if (frame.function || frame.file) frames.push_back(frame);
        if (!whole) break;
        frame = {};
    }
    ip.frame_count = static_cast<std::uint32_t>(frames.size()) - ip.first_frame;
    return true;
}

}  // namespace leakline::heap
