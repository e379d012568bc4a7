#include "report/internal/holder_words.hpp"

#include <fmt/format.h>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "model/words.hpp"

namespace leakline::report {

std::string variable_text(const Holder& holder) {
    const std::string name = holder.path.empty() ? "" : " " + holder.path;
    switch (holder.root) {
        case Holder::Root::local:
            return fmt::format("local{}{}{}", holder.path.empty() ? " without a name" : name, holder.function.empty() ? "" : " in ",
                               short_function(holder.function));
        case Holder::Root::stack: return fmt::format("stack of thread {}{}", holder.thread, name);
        case Holder::Root::thread_data: return fmt::format("data of libraries for thread {}{}", holder.thread, name);
        case Holder::Root::mapping: return fmt::format("memory that the program has mapped itself, at{}", name);
        case Holder::Root::registers: return fmt::format("registers of thread {}", holder.thread);
        case Holder::Root::native_code: return "native code, no Python variable";
        case Holder::Root::damaged_heap: return "damaged part of the heap" + name;
        case Holder::Root::global:
            if (holder.runtime == Runtime::python) return holder.path;
            break;
        case Holder::Root::thread_local_variable: break;
    }
    return std::string(root_name(holder.root)) + name;
}

std::string contents_text(const std::string& type, const std::optional<std::uint64_t>& elements) {
    if (!elements) return type;
    const std::string count = type.starts_with("std::string") ? format_count(*elements) + " characters" : counted(*elements, "element");
    return type.empty() ? count : type + ", " + count;
}

std::string contents_text(const Holder& holder) {
    if (holder.runtime == Runtime::native) return contents_text(holder.type, holder.elements);
    if (holder.root == Holder::Root::native_code)
        return holder.elements ? counted(*holder.elements, holder.type + " object") : "memory that no Python object leads to";
    std::string contents = holder.type;
    if (holder.elements) contents += (contents.empty() ? "" : ", ") + counted(*holder.elements, "item");
    if (!holder.element_type.empty()) contents += ", " + holder.element_type + " items";
    return contents;
}

namespace {

// "app.cache (list, 83,125 items, dict items)  app.py:9".
std::string python_text(const Holder& holder) {
    std::string text = variable_text(holder);
    if (const std::string contents = contents_text(holder); !contents.empty()) text += " (" + contents + ")";
    if (holder.line != 0) text += fmt::format("  {}:{}", file_name(holder.file), holder.line);
    return text;
}

}  // namespace

std::string held_by_text(const HeldBy& held_by) {
    constexpr std::size_t kLongestType = 120;  // names of templates can be very long, and their beginning says most
    if (!held_by.holder) {
        const bool one = held_by.lost_blocks == 1;
        const std::string what = fmt::format("nothing: {} ({}) {} not reachable; ", counted(held_by.lost_blocks, "block"),
                                             format_bytes(static_cast<double>(held_by.lost_bytes)), one ? "is" : "are");
        if (!held_by.lost_type.empty())
            return what + fmt::format("reference cycles of {} objects that the garbage collector has not freed", held_by.lost_type);
        return what + (held_by.lost_in_cycles ? "objects keep each other alive" : "a free is missing");
    }
    const Holder& holder = *held_by.holder;
    if (holder.runtime == Runtime::python) return python_text(holder);
    const std::string contents = contents_text(utf8_cut(holder.type, kLongestType), holder.elements);
    std::string text = fmt::format("{} ({}{}{})", variable_text(holder), contents, contents.empty() ? "" : ", ",
                                   format_bytes(static_cast<double>(holder.bytes)));
    if (!holder.file.empty()) text += fmt::format("  {}:{}", holder.file, holder.line);
    if (holder.member_line != 0) text += fmt::format("  member {}:{}", holder.member_file, holder.member_line);
    return text;
}

}  // namespace leakline::report
