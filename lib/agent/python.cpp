#include "agent/internal/python.hpp"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/python_graph.hpp"
#include "agent/internal/sampled_calls.hpp"

namespace leakline::agent::python {

namespace {

constexpr Layout kLayouts[] = {
    {8, -1, 24, 32, 24, 104, 1, 104, 112, 40, 120, -1, 48, 72, 152}, {9, -1, 24, 32, 24, 104, 1, 104, 112, 40, 120, -1, 48, 72, 152},
    {10, -1, 24, 32, 24, 96, 2, 104, 112, 40, 120, -1, 48, 72, 152}, {11, 56, 8, 32, 48, 56, 0, 112, 128, 72, 136, 184, 48, 72, 128},
    {12, 56, 0, 0, 8, 56, 0, 112, 128, 68, 136, 192, 40, 56, 112},   {13, -1, 72, 0, 8, 56, 0, 112, 128, 68, 136, 200, 40, 56, 128},
};
const Layout* layout;  // null: not CPython, or a version that is not known
void* (*thread_state_of_python)();
int (*line_of_instruction)(void* code, int offset);
const void* code_type;
std::uint64_t interpreter_begin, interpreter_end;  // where its code is loaded
std::uint64_t evaluation_begin, evaluation_end;    // the function that executes Python functions

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
    KnownCode now{code, at<const void*>(code, layout->file), at<const void*>(code, layout->lines), at<int>(code, layout->first_line), 0, 0};
    const auto start = static_cast<unsigned>(reinterpret_cast<std::uint64_t>(code) * 0x9e3779b97f4a7c15u >> 52);
    KnownCode* place = nullptr;
    for (unsigned i = 0; i < kTries; ++i) {
        place = &known_codes[(start + i) % kKnownCodes];
        if (place->code == code || place->code == nullptr) break;
    }
    if (place->code == code && place->file == now.file && place->lines == now.lines && place->first_line == now.first_line) return *place;
    now.file_name = stacks.find_name(text_of(now.file));
    now.function_name = stacks.find_name(text_of(at<const void*>(code, layout->name)));
    return *place = now;
}

std::uint64_t describe(const void* frame, const void* code, StackTable& stacks) {
    const KnownCode& known = know(code, stacks);
    const auto instruction = layout->instruction_size != 0 ? at<int>(frame, layout->instruction) * std::intptr_t{layout->instruction_size}
                                                           : at<std::intptr_t>(frame, layout->instruction) -
                                                                 reinterpret_cast<std::intptr_t>(code) - layout->instructions;
    const int line = line_of_instruction(const_cast<void*>(code), static_cast<int>(instruction));
    return PythonFrame{known.file_name, known.function_name, static_cast<std::uint32_t>(line > 0 ? line : known.first_line)}.packed();
}

// ---- pymalloc

// PyMemAllocatorEx, and the domains of PyMemAllocatorDomain that pymalloc serves.
struct Allocator {
    void* context;
    void* (*malloc)(void*, std::size_t);
    void* (*calloc)(void*, std::size_t, std::size_t);
    void* (*realloc)(void*, void*, std::size_t);
    void (*free)(void*, void*);
};
enum Domain { kMemory = 1, kObjects = 2 };

Allocator real_allocators[3];
// Larger blocks come from malloc, which has hooks of its own.
constexpr std::size_t kLargestSmall = 512;

template <Domain D>
struct Hooks {
    static Allocator& real() { return real_allocators[D]; }
    LEAKLINE_SLOW static void* slow_malloc(void* context, std::size_t size) {
        return allocated(size, LEAKLINE_FRAME, [&] { return real().malloc(context, size); });
    }
    LEAKLINE_SLOW static void* slow_calloc(void* context, std::size_t number, std::size_t size) {
        return allocated(number * size, LEAKLINE_FRAME, [&] { return real().calloc(context, number, size); });
    }
    LEAKLINE_SLOW static void* slow_realloc(void* context, void* old, std::size_t size) {
        return reallocated(old, size, size <= kLargestSmall, LEAKLINE_FRAME, [&] { return real().realloc(context, old, size); });
    }
    LEAKLINE_SLOW static void slow_free(void* context, void* block) {
        SampledBlock was;
        forget(block, was);
        real().free(context, block);
    }
    static void* malloc(void* context, std::size_t size) {
        if (size <= kLargestSmall && is_due(size)) return slow_malloc(context, size);
        return real().malloc(context, size);
    }
    static void* calloc(void* context, std::size_t number, std::size_t size) {
        std::size_t bytes;
        if (!__builtin_mul_overflow(number, size, &bytes) && bytes <= kLargestSmall && is_due(bytes))
            return slow_calloc(context, number, size);
        return real().calloc(context, number, size);
    }
    static void* realloc(void* context, void* old, std::size_t size) {
        if (may_be_sample(old) || (size <= kLargestSmall && is_due(size))) return slow_realloc(context, old, size);
        return real().realloc(context, old, size);
    }
    static void free(void* context, void* block) {
        if (may_be_sample(block)) return slow_free(context, block);
        real().free(context, block);
    }
    // The contexts stay, so that a call which meets half of the change is right.
    static Allocator hooked() { return {real().context, &malloc, &calloc, &realloc, &free}; }
};

bool in_place;  // our hooks, perhaps behind those of another (tracemalloc)

bool put_hooks() {
    void (*get)(int, Allocator*);
    void (*set)(int, Allocator*);
    if (!look_up(get, "PyMem_GetAllocator") || !look_up(set, "PyMem_SetAllocator")) return false;
    if (in_place) return true;
    get(kMemory, &real_allocators[kMemory]);
    get(kObjects, &real_allocators[kObjects]);
    Allocator memory = Hooks<kMemory>::hooked(), objects = Hooks<kObjects>::hooked();
    set(kMemory, &memory);
    set(kObjects, &objects);
    return in_place = true;
}

// "3.11.2 (main, ...)". Other implementations, and builds without the global lock, say so in it.
const Layout* layout_for(const char* version) {
    if (version == nullptr || strncmp(version, "3.", 2) != 0 || strstr(version, "PyPy") != nullptr ||
        strstr(version, "free-threading") != nullptr)
        return nullptr;
    const unsigned long minor = ::strtoul(version + 2, nullptr, 10);
    for (const Layout& known : kLayouts)
        if (known.minor == minor) return &known;
    return nullptr;
}

// Where the interpreter's code is, and in it the function that executes Python functions.
bool find_interpreter() {
    void* const evaluation = ::dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
    dl_find_object found;
    Dl_info unused;
    ElfW(Sym)* symbol = nullptr;
    if (evaluation == nullptr || _dl_find_object(evaluation, &found) != 0 ||
        ::dladdr1(evaluation, &unused, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) == 0 || symbol == nullptr)
        return false;
    interpreter_begin = reinterpret_cast<std::uint64_t>(found.dlfo_map_start);
    interpreter_end = reinterpret_cast<std::uint64_t>(found.dlfo_map_end);
    evaluation_begin = reinterpret_cast<std::uint64_t>(evaluation);
    evaluation_end = evaluation_begin + symbol->st_size;
    return true;
}

}  // namespace

const Layout* known_layout() { return layout; }

bool is_interpreter(const void* address) {
    const auto place = reinterpret_cast<std::uint64_t>(address);
    return interpreter_begin <= place && place < interpreter_end;
}

const void* innermost_frame_of(const void* thread) {
    if (thread != nullptr && layout->c_frame >= 0) thread = at<const void*>(thread, layout->c_frame);
    return thread != nullptr ? at<const void*>(thread, layout->current) : nullptr;
}

std::string_view text_of(const void* string) {
    if (string == nullptr) return {};
    const auto state = at<std::uint32_t>(string, kKind);
    const unsigned width = state >> 2 & 7;
    const bool compact = (state >> 5 & 1) != 0, ascii = (state >> 6 & 1) != 0;
    if (!compact || (width != 1 && width != 2 && width != 4)) return {};
    const auto length = at<std::uint64_t>(string, kLength);
    const char* const data = static_cast<const char*>(string) + (ascii ? layout->ascii : layout->compact);
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

PythonState begin() {
    const char* (*version)();
    if (!look_up(version, "Py_GetVersion")) return PythonState::none;
    const Layout* const known = layout_for(version());
    if (known == nullptr || !look_up(thread_state_of_python, "PyGILState_GetThisThreadState") ||
        !look_up(line_of_instruction, "PyCode_Addr2Line") || !look_up(code_type, "PyCode_Type") || !find_interpreter() || !put_hooks())
        return PythonState::unknown_version;
    layout = known;
    if (!interpreter.find()) interpreter.add_pending_call = nullptr;
    return PythonState::known;
}

void end() {
    void (*get)(int, Allocator*);
    void (*set)(int, Allocator*);
    if (!in_place || !look_up(get, "PyMem_GetAllocator") || !look_up(set, "PyMem_SetAllocator")) return;
    Allocator memory, objects;
    get(kMemory, &memory);
    get(kObjects, &objects);
    if (memory.malloc != Hooks<kMemory>::hooked().malloc || objects.malloc != Hooks<kObjects>::hooked().malloc) return;
    set(kMemory, &real_allocators[kMemory]);
    set(kObjects, &real_allocators[kObjects]);
    in_place = false;
}

void forget_names() {
    for (KnownCode& known : known_codes) known = {};
}

const void* innermost_frame() { return layout != nullptr ? innermost_frame_of(thread_state_of_python()) : nullptr; }

unsigned put_functions(const void* frame, std::uint64_t* frames, unsigned depth, unsigned limit, StackTable& stacks) {
    unsigned kept = 0;
    const auto is_within = [](std::uint64_t address, std::uint64_t begin, std::uint64_t end) { return begin < address && address <= end; };
    for (unsigned i = 0; i < depth && !is_within(frames[i], evaluation_begin, evaluation_end); ++i)
        if (!is_within(frames[i], interpreter_begin, interpreter_end)) frames[kept++] = frames[i];
    unsigned visited = 0;
    for (; frame != nullptr && kept < limit && visited < kMaxVisited; frame = at<const void*>(frame, layout->previous), ++visited) {
        const void* const code = at<const void*>(frame, layout->code);
        // Calls from C have frames without a code object.
        if (code != nullptr && at<const void*>(code, kType) == code_type) frames[kept++] = describe(frame, code, stacks);
    }
    return kept;
}

}  // namespace leakline::agent::python
