#include "heap/internal/command_record.hpp"

#include "heap/internal/fields.hpp"

namespace leakline::heap {

namespace {

constexpr std::size_t kLongest = 4096;  // heaptrack reads no more of /proc/self/cmdline

// A letter and nothing but numbers after it, or a string with the length that it says.
bool can_be_record(std::string_view line, std::uint64_t format) {
    if (line.empty()) return false;
    Fields fields(line);
    std::uint64_t number;
    switch (line[0]) {
        case 'm': {
            const auto name = format >= 3 ? fields.sized_string() : fields.word();
            return name && (*name == "-" || fields.hex(number));
        }
        case 's': return format < 3 || (fields.sized_string() && fields.at_end());
        case 'I':
        case 't':
        case 'c':
        case 'R':
        case 'i':
        case 'a':
        case '+':
        case '-':
            do {
                if (!fields.hex(number)) return false;
            } while (!fields.at_end());
            return true;
        default: return false;
    }
}

}  // namespace

bool CommandRecord::takes(std::string_view line, std::uint64_t format) {
    if (!open_) return false;
    open_ = text_.size() + 1 + line.size() <= kLongest && !can_be_record(line, format);
    if (open_) text_.append("\n").append(line);
    return open_;
}

}  // namespace leakline::heap
