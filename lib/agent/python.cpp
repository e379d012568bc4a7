#include "agent/internal/python.hpp"

#include "agent/internal/agent.hpp"
#include "agent/internal/python_interpreter.hpp"
#include "agent/internal/python_objects.hpp"

namespace leakline::agent::python {

namespace {

// Bounds the walk over frames that are damaged.
constexpr unsigned kMaxVisited = 4096;

// ---- names

constexpr std::size_t kLongestName = 512;
char text[kLongestName];  // not on the stack, which may be small

char* put_utf8(char* to, std::uint32_t c) {
    const auto tail = [&](unsigned shift) { *to++ = static_cast<char>(0x80 | (c >> shift & 63)); };
    if (c < 0x80) {
        *to++ = static_cast<char>(c);
    } else if (c < 0x800) {
        *to++ = static_cast<char>(0xc0 | c >> 6);
        tail(0);
    } else if (c < 0x10000) {
        *to++ = static_cast<char>(0xe0 | c >> 12);
        tail(6), tail(0);
    } else {
        *to++ = static_cast<char>(0xf0 | c >> 18);
        tail(12), tail(6), tail(0);
    }
    return to;
}

// The names of code objects that were seen. One whose memory is used again by another is told by its parts.
struct KnownCode {
    const void *code, *file, *lines;
    int first_line;
    std::uint32_t file_name, function_name;
};
constexpr unsigned kKnownCodes = 4096, kTries = 8;
KnownCode known_codes[kKnownCodes];

const KnownCode& know(const void* code, StackTable& stacks) {
    KnownCode now{code,
                  at<const void*>(code, found.layout->file),
                  at<const void*>(code, found.layout->lines),
                  at<int>(code, found.layout->first_line),
                  0,
                  0};
    const auto start = static_cast<unsigned>(reinterpret_cast<std::uint64_t>(code) * 0x9e3779b97f4a7c15u >> 52);
    KnownCode* place = nullptr;
    for (unsigned i = 0; i < kTries; ++i) {
        place = &known_codes[(start + i) % kKnownCodes];
        if (place->code == code || place->code == nullptr) break;
    }
    if (place->code == code && place->file == now.file && place->lines == now.lines && place->first_line == now.first_line) return *place;
    now.file_name = stacks.find_name(text_of(now.file));
    now.function_name = stacks.find_name(text_of(at<const void*>(code, found.layout->name)));
    return *place = now;
}

std::uint64_t describe(const void* frame, const void* code, StackTable& stacks) {
    const KnownCode& known = know(code, stacks);
    const auto instruction =
        found.layout->instruction_size != 0
            ? at<int>(frame, found.layout->instruction) * std::intptr_t{found.layout->instruction_size}
            : at<std::intptr_t>(frame, found.layout->instruction) - reinterpret_cast<std::intptr_t>(code) - found.layout->instructions;
    const int line = found.line_of_instruction(const_cast<void*>(code), static_cast<int>(instruction));
    return PythonFrame{known.file_name, known.function_name, static_cast<std::uint32_t>(line > 0 ? line : known.first_line)}.packed();
}

}  // namespace

const void* innermost_frame_of(const void* thread) {
    if (thread != nullptr && found.layout->c_frame >= 0) thread = at<const void*>(thread, found.layout->c_frame);
    return thread != nullptr ? at<const void*>(thread, found.layout->current) : nullptr;
}

std::string_view text_of(const void* string) {
    if (string == nullptr) return {};
    const auto state = at<std::uint32_t>(string, kKind);
    const unsigned width = state >> 2 & 7;
    const bool compact = (state >> 5 & 1) != 0, ascii = (state >> 6 & 1) != 0;
    if (!compact || (width != 1 && width != 2 && width != 4)) return {};
    const auto length = at<std::uint64_t>(string, kLength);
    const char* const data = static_cast<const char*>(string) + (ascii ? found.layout->ascii : found.layout->compact);
    constexpr std::size_t kMax = kLongestName / 4;
    char* to = text;
    for (std::uint64_t i = length > kMax ? length - kMax : 0; i < length; ++i) {
        const char* const from = data + i * width;
        to = put_utf8(to, width == 1   ? static_cast<unsigned char>(*from)
                          : width == 2 ? at<std::uint16_t>(from, 0)
                                       : at<std::uint32_t>(from, 0));
    }
    return {text, static_cast<std::size_t>(to - text)};
}

void forget_names() {
    for (KnownCode& known : known_codes) known = {};
}

const void* innermost_frame() {
    const InUse interpreter;
    return interpreter ? innermost_frame_of(found.thread_state()) : nullptr;
}

unsigned put_functions(const void* frame, std::uint64_t* frames, unsigned depth, unsigned limit, StackTable& stacks) {
    // The caller executes a Python function: no other thread unloads the interpreter by now, unless the program is wrong.
    if (found.layout == nullptr) return depth;
    unsigned kept = 0;
    const auto is_in_evaluation = [](std::uint64_t address) { return found.evaluation_begin < address && address <= found.evaluation_end; };
    for (unsigned i = 0; i < depth && !is_in_evaluation(frames[i]); ++i)
        if (!is_interpreter(reinterpret_cast<const void*>(frames[i] - 1))) frames[kept++] = frames[i];
    unsigned visited = 0;
    for (; frame != nullptr && kept < limit && visited < kMaxVisited; frame = at<const void*>(frame, found.layout->previous), ++visited) {
        const void* const code = at<const void*>(frame, found.layout->code);
        // Calls from C have frames without a code object.
        if (code != nullptr && at<const void*>(code, kType) == found.code_type) frames[kept++] = describe(frame, code, stacks);
    }
    return kept;
}

}  // namespace leakline::agent::python
