#include "agent/internal/python_interpreter.hpp"

#include <dlfcn.h>
#include <link.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "agent/internal/python.hpp"
#include "agent/internal/python_graph.hpp"
#include "agent/internal/symbol_table.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent::python {

Found found;
constinit std::atomic<bool> InUse::usable{false};
constinit std::atomic<std::int32_t> InUse::users{0};

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr Layout kLayouts[] = {
    {8, -1, 24, 32, 24, 104, 1, 104, 112, 40, 120, -1, 48, 72, 152}, {9, -1, 24, 32, 24, 104, 1, 104, 112, 40, 120, -1, 48, 72, 152},
    {10, -1, 24, 32, 24, 96, 2, 104, 112, 40, 120, -1, 48, 72, 152}, {11, 56, 8, 32, 48, 56, 0, 112, 128, 72, 136, 184, 48, 72, 128},
    {12, 56, 0, 0, 8, 56, 0, 112, 128, 68, 136, 192, 40, 56, 112},   {13, -1, 72, 0, 8, 56, 0, 112, 128, 68, 136, 200, 40, 56, 128},
};

// Code that the loader has loaded, where a return address or a function is.
struct LoadedObject {
    std::uint64_t begin = 0, end = 0;  // no code: both 0
    const link_map* map = nullptr;

    explicit LoadedObject(const void* address) {
        dl_find_object there;
        if (address == nullptr || _dl_find_object(const_cast<void*>(address), &there) != 0) return;
        begin = reinterpret_cast<std::uint64_t>(there.dlfo_map_start);
        end = reinterpret_cast<std::uint64_t>(there.dlfo_map_end);
        map = there.dlfo_link_map;
    }
    bool has(const void* pointer) const { return reinterpret_cast<std::uint64_t>(pointer) - begin < end - begin; }
    // Empty unless its tables lie in it.
    SymbolTable symbols() const {
        SymbolTable table;
        if (map == nullptr || !has(map->l_ld)) return {};
        for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) table.take(*entry);
        return has(table.symbols) && has(table.strings) && has(table.hash) ? table : SymbolTable();
    }
};

// Written with the agent's lock, or before there are samples.
bool begun;
unsigned unloading;      // threads that unload code
SymbolTable own_tables;  // of an interpreter that was found by its code; empty: it is in the loader's scope
std::uint64_t own_base;
std::atomic<std::uint64_t> code_begin, code_end;  // of the interpreter

constexpr const char* kEvaluation = "_PyEval_EvalFrameDefault";

// Objects that are no interpreter, by where they begin.
constexpr unsigned kKnownObjects = 64;
std::uint64_t known_objects[kKnownObjects];

void forget_objects() {
    for (std::uint64_t& begin : known_objects) begin = 0;
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
bool find_code(Found& wanted) {
    void* evaluation;
    if (!look_up(evaluation, kEvaluation)) return false;
    const LoadedObject object(evaluation);
    const ElfW(Sym)* const symbol = object.symbols().find(kEvaluation);
    if (symbol == nullptr) return false;
    code_begin.store(object.begin, kRelaxed);
    code_end.store(object.end, kRelaxed);
    wanted.evaluation_begin = reinterpret_cast<std::uint64_t>(evaluation);
    wanted.evaluation_end = wanted.evaluation_begin + symbol->st_size;
    return true;
}

void forget_interpreter() {
    found = {};
    interpreter = {};
    own_tables = {};
    code_begin.store(0, kRelaxed);
    code_end.store(0, kRelaxed);
    forget_hooks();
    forget_names();
}

bool is_still_loaded() {
    if (found.layout == nullptr) return false;
    const LoadedObject object(reinterpret_cast<const void*>(found.evaluation_begin));
    const ElfW(Sym)* const symbol = object.symbols().find(kEvaluation);
    return object.begin == code_begin.load(kRelaxed) && symbol != nullptr &&
           object.map->l_addr + symbol->st_value == found.evaluation_begin;
}

// False: a thread is in it for so long that it must have ended there. Less than what others wait for the agent's lock.
bool wait_for_users() {
    constexpr long kTry_ns = 100'000;
    constexpr std::int64_t kLongest_ns = 1'000'000'000;
    const auto now_ns = [] {
        timespec time{};
        unwind::system_call(SYS_clock_gettime, CLOCK_MONOTONIC, reinterpret_cast<long>(&time));
        return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    };
    for (const std::int64_t begin = now_ns(); now_ns() - begin < kLongest_ns;) {
        const std::int32_t now = InUse::users.load();
        if (now <= 0) return true;
        const timespec time{0, kTry_ns};
        unwind::system_call(SYS_futex, reinterpret_cast<long>(&InUse::users), FUTEX_WAIT_PRIVATE, now, reinterpret_cast<long>(&time));
    }
    return false;
}

// The interpreter that look_up() reaches.
PythonState adopt() {
    const char* (*version)();
    if (!look_up(version, "Py_GetVersion")) return PythonState::none;
    Found wanted{};
    wanted.layout = layout_for(version());
    if (wanted.layout == nullptr || !look_up(wanted.thread_state, "PyGILState_GetThisThreadState") ||
        !look_up(wanted.line_of_instruction, "PyCode_Addr2Line") || !look_up(wanted.code_type, "PyCode_Type") || !find_code(wanted) ||
        !put_hooks())
        return PythonState::unknown_version;
    found = wanted;
    if (!interpreter.find()) interpreter.add_pending_call = nullptr;
    InUse::usable.store(true);
    return PythonState::known;
}

}  // namespace

void* symbol_of(const char* name) {
    if (own_tables.hash == nullptr) return ::dlsym(RTLD_DEFAULT, name);
    const ElfW(Sym)* const symbol = own_tables.find(name);
    return symbol != nullptr ? reinterpret_cast<void*>(own_base + symbol->st_value) : nullptr;
}

const Layout* known_layout() { return found.layout; }

bool is_interpreter(const void* address) {
    const auto place = reinterpret_cast<std::uint64_t>(address);
    return code_begin.load(kRelaxed) <= place && place < code_end.load(kRelaxed);
}

void reset() {
    begun = false;
    InUse::usable.store(false);
    forget_names();
}

PythonState begin() {
    if (!is_still_loaded()) forget_interpreter();
    const PythonState state = adopt();
    forget_objects();
    begun = true;
    return state;
}

void end() {
    if (is_still_loaded()) take_hooks();
}

PythonState notice(std::uint64_t caller) {
    if (!begun || unloading > 0) return PythonState::none;
    if (found.layout != nullptr) {
        if (is_interpreter(reinterpret_cast<const void*>(caller - 1)))
            keep_hooks(interpreter.is_initialized != nullptr && interpreter.is_initialized() != 0);
        return PythonState::none;
    }
    const LoadedObject object(reinterpret_cast<const void*>(caller - 1));
    std::uint64_t& known = known_objects[(object.begin >> 12 ^ object.begin >> 20) % kKnownObjects];
    if (object.begin == 0 || object.begin == known) return PythonState::none;
    known = object.begin;
    const SymbolTable tables = object.symbols();
    if (tables.find("Py_GetVersion") == nullptr || tables.find(kEvaluation) == nullptr) return PythonState::none;
    own_tables = tables;
    own_base = object.map->l_addr;
    const PythonState state = adopt();
    if (state != PythonState::known) own_tables = {};
    return state;
}

void begin_unloading() {
    ++unloading;
    if (InUse::usable.exchange(false) && !wait_for_users()) ++unloading;  // never again
}

void end_unloading() {
    if (unloading > 0) --unloading;
    if (unloading > 0) return;
    forget_objects();
    if (is_still_loaded())
        InUse::usable.store(true);
    else if (found.layout != nullptr)
        forget_interpreter();
}

void begin_in_child() {
    InUse::users.store(0);
    unloading = 1;  // by a thread that the child does not have, perhaps
    end_unloading();
}

}  // namespace leakline::agent::python
