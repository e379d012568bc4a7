#include "agent/internal/python_answer.hpp"

#include <stdio.h>

#include "agent/internal/python_graph.hpp"

namespace leakline::agent::python {

namespace {

SegmentView segment;
std::size_t used;  // more than there is room for: the answer does not fit

void put_byte(char c) {
    if (used < segment.header->sizes.answer) segment.answer[used] = c;
    ++used;
}

}  // namespace

void begin_answers(const SegmentView& to) {
    segment = to;
    used = 0;
}

void put(std::string_view text) {
    for (const char c : text) put_byte(static_cast<unsigned char>(c) < ' ' ? '?' : c);
}
void put_mark(std::string_view text) {
    for (const char c : text) put_byte(c);
}
void put_count(double value) {
    char digits[24];
    const int size = snprintf(digits, sizeof digits, "%llu", static_cast<unsigned long long>(value > 0 ? value + 0.5 : 0));
    put({digits, static_cast<std::size_t>(size)});
}
void tab() { put_mark("\t"); }
void new_line() { put_mark("\n"); }

// A class made by Python has its module beside its name; types of native code have both in the name.
void put_type(const void* type) {
    const std::string_view name = type_name(type);
    const void* const dict = at<const void*>(type, kTypeDict);
    if ((type_flags(type) & kMadeAtRunTime) != 0 && name.find('.') == name.npos && dict != nullptr && has_flag(dict, kIsDict))
        if (const std::string_view module = text_in(dict, "__module__"); !module.empty() && module != "builtins") {
            put(module);
            put_mark(".");
        }
    put(name);
}

void end_answer() {
    put_mark("end\n");
    std::atomic<std::uint32_t>& complete = segment.header->answer_size;
    if (used > segment.header->sizes.answer)
        used = complete.load(std::memory_order_relaxed);
    else
        complete.store(static_cast<std::uint32_t>(used), std::memory_order_release);
}

}  // namespace leakline::agent::python
