#include "agent/internal/slots.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <iterator>

#include "agent/internal/agent_lock.hpp"
#include "agent/internal/hooks.hpp"
#include "agent/internal/real_functions.hpp"
#include "agent/internal/symbol_table.hpp"
#include "agent/segment.hpp"

namespace leakline::agent {

RealFunctions real;

namespace {

using Address = ElfW(Addr);

// ---- the loader's list of objects

constinit AgentLock iterating;

void for_each_object(int (*visit)(dl_phdr_info*, std::size_t, void*), void* data) {
    const bool locked = iterating.lock();
    ::dl_iterate_phdr(visit, data);
    if (locked) iterating.unlock();
}

// ---- objects

// The tables of a loaded object. glibc has made the addresses in its dynamic section absolute.
struct Object {
    Address base = 0;
    const ElfW(Phdr) * headers = nullptr;
    unsigned header_count = 0;
    SymbolTable table;
    const ElfW(Rela) * relocations = nullptr, *jumps = nullptr;
    std::size_t relocation_bytes = 0, jump_bytes = 0;
    Address protected_begin = 0, protected_end = 0;  // read-only after relocation (PT_GNU_RELRO), in whole pages as glibc rounds them
    bool usable = false;

    explicit Object(const dl_phdr_info& info) : base(info.dlpi_addr), headers(info.dlpi_phdr), header_count(info.dlpi_phnum) {
        const ElfW(Dyn)* dynamic = nullptr;
        for (unsigned i = 0; i < header_count; ++i) {
            const ElfW(Phdr)& header = headers[i];
            if (header.p_type == PT_DYNAMIC) dynamic = reinterpret_cast<const ElfW(Dyn)*>(base + header.p_vaddr);
            if (header.p_type == PT_GNU_RELRO) {
                protected_begin = (base + header.p_vaddr) & ~(kPage - 1);
                protected_end = (base + header.p_vaddr + header.p_memsz) & ~(kPage - 1);
            }
        }
        if (dynamic == nullptr || info.dlpi_name == nullptr || strstr(info.dlpi_name, "linux-vdso") != nullptr) return;
        for (; dynamic->d_tag != DT_NULL; ++dynamic) {
            const Address value = dynamic->d_un.d_ptr;
            table.take(*dynamic);
            switch (dynamic->d_tag) {
                case DT_RELA: relocations = reinterpret_cast<const ElfW(Rela)*>(value); break;
                case DT_RELASZ: relocation_bytes = value; break;
                case DT_JMPREL: jumps = reinterpret_cast<const ElfW(Rela)*>(value); break;
                case DT_PLTRELSZ: jump_bytes = value; break;
                default: break;
            }
        }
        usable = is_inside(table.symbols) && is_inside(table.strings) && (relocations == nullptr || is_inside(relocations)) &&
                 (jumps == nullptr || is_inside(jumps)) && (table.hash == nullptr || is_inside(table.hash));
    }

    bool is_inside(const void* pointer, ElfW(Word) flags = PF_R) const {
        const auto address = reinterpret_cast<Address>(pointer);
        for (unsigned i = 0; i < header_count; ++i)
            if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & flags) == flags &&
                address - (base + headers[i].p_vaddr) < headers[i].p_memsz)
                return true;
        return false;
    }

    // The function that this object defines under a name.
    void* find_function(const char* name) const {
        const ElfW(Sym)* const symbol = table.find(name);
        return symbol != nullptr && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC ? reinterpret_cast<void*>(base + symbol->st_value) : nullptr;
    }
};

bool is_ours(const Object& object) { return object.is_inside(reinterpret_cast<const void*>(&is_ours)); }

// The loader calls the allocator by pointers of its own.
bool is_loader(const Object& object) { return object.base == ::getauxval(AT_BASE); }

// ---- hooks

// By the first letters of their names: each slot of the program is looked up.
class HookTable {
  public:
    void fill() {
        if (count_ > 0) return;
        const std::span<const Hook> tables[] = {allocator_hooks(), descriptor_hooks(), exec_hooks(), mapping_hooks(), thread_hooks()};
        static_assert(std::size(tables) * kMostHooks <= kMax && kMax <= UINT16_MAX);  // of begin_
        for (const auto& rows : tables)
            for (const Hook& hook : rows) hooks_[count_++] = &hook;
        for (unsigned i = 0; i < count_; ++i) {
            unsigned at = i;
            const Hook* const hook = hooks_[i];
            for (; at > 0 && letter(hooks_[at - 1]->name) > letter(hook->name); --at) hooks_[at] = hooks_[at - 1];
            hooks_[at] = hook;
        }
        for (unsigned c = 0, i = 0; c < kLetters; ++c) {
            while (i < count_ && letter(hooks_[i]->name) < c) ++i;
            begin_[c] = static_cast<std::uint16_t>(i);
        }
        begin_[kLetters] = static_cast<std::uint16_t>(count_);
    }
    std::span<const Hook* const> hooks() const { return {hooks_, count_}; }
    const Hook* named(const char* name) const {
        const unsigned c = letter(name);
        for (unsigned i = begin_[c]; i < begin_[c + 1]; ++i)
            if (strcmp(hooks_[i]->name, name) == 0) return hooks_[i];
        return nullptr;
    }

  private:
    static constexpr unsigned kMax = 320, kLetters = 128;
    static unsigned letter(const char* name) { return static_cast<unsigned char>(*name) % kLetters; }

    const Hook* hooks_[kMax];
    unsigned count_ = 0;
    std::uint16_t begin_[kLetters + 1];
};
HookTable hook_table;

// In place of a definition that is not the C library's.
void* const kNotOurs = &hook_table;

// ---- definitions

// Objects come in the order in which the loader looks for definitions; what was loaded later and privately comes last. dlsym would
// return the stub of a program that is not position-independent, and the stub leads to the hook.
int find_in_object(dl_phdr_info* info, std::size_t, void*) {
    const Object object(*info);
    if (!object.usable || is_ours(object)) return 0;
    const bool is_libc = object.find_function("__libc_start_main") != nullptr;
    for (const Hook* const hook : hook_table.hooks()) {
        if (*hook->real != nullptr) continue;
        void* const found = object.find_function(hook->name);
        if (found != nullptr) *hook->real = hook->only_of_libc && !is_libc ? kNotOurs : found;
    }
    return 0;
}

// ---- slots

// What was loaded when set_slots() began. An object that another thread is loading must be left alone: the loader still writes its slots, and
// would fail if we made them read-only again.
struct Relocated {
    static constexpr unsigned kMax = 4096;
    Address bases[kMax];
    const void* headers[kMax];
    unsigned count = 0;

    bool has(const dl_phdr_info& info) const {
        for (unsigned i = 0; i < count; ++i)
            if (bases[i] == info.dlpi_addr && headers[i] == info.dlpi_phdr) return true;
        return false;
    }
};
Relocated relocated;

int note_object(dl_phdr_info* info, std::size_t, void*) {
    if (relocated.count < Relocated::kMax) {
        relocated.bases[relocated.count] = info->dlpi_addr;
        relocated.headers[relocated.count++] = info->dlpi_phdr;
    }
    return 0;
}

// The loader has one lock for loading. Where it is held, what is being loaded is relocated once we have had it.
void wait_for_loader() {
    if (void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD)) ::dlclose(libc);
}

// Makes the object's protected pages writable when the first of its slots needs that, and read-only at the end.
class Writable {
  public:
    explicit Writable(const Object& object) : object_(object) {}
    ~Writable() {
        if (open_) protect(PROT_READ);
    }
    bool reach(Address slot) {
        if (slot < object_.protected_begin || slot >= object_.protected_end || open_) return true;
        return open_ = protect(PROT_READ | PROT_WRITE);
    }

  private:
    bool protect(int access) const {
        return ::mprotect(reinterpret_cast<void*>(object_.protected_begin), object_.protected_end - object_.protected_begin, access) == 0;
    }
    const Object& object_;
    bool open_ = false;
};

// push $index, with endbr64 before it or without: how the stubs of the lazy linkage begin.
bool is_stub(const void* code, std::uint32_t index) {
    const auto* bytes = static_cast<const unsigned char*>(code);
    constexpr unsigned char kEndBranch[] = {0xf3, 0x0f, 0x1e, 0xfa};
    constexpr unsigned char kPush = 0x68;
    if (memcmp(bytes, kEndBranch, sizeof kEndBranch) == 0) bytes += sizeof kEndBranch;
    return bytes[0] == kPush && memcmp(bytes + 1, &index, sizeof index) == 0;
}

// Whether a slot of DT_JMPREL was never called: it leads to a stub of its own object, which would look the function up. An object that
// defines the function itself may use its own (-Bsymbolic).
bool was_never_called(const Object& object, const ElfW(Rela) & relocation, const ElfW(Sym) & symbol, const void* now) {
    if (ELF64_R_TYPE(relocation.r_info) != R_X86_64_JUMP_SLOT || !object.is_inside(now, PF_X)) return false;
    return symbol.st_shndx == SHN_UNDEF || is_stub(now, static_cast<std::uint32_t>(&relocation - object.jumps));
}

struct Pass {
    Slots wanted;
    SlotCounts counts;
};

void set_slot(const Object& object, const ElfW(Rela) & relocation, const ElfW(Sym) & symbol, const Hook& hook, Writable& writable,
              Pass& pass) {
    const Address place = object.base + relocation.r_offset;
    if (*hook.real == nullptr || *hook.real == kNotOurs || place % sizeof(void*) != 0 ||
        !object.is_inside(reinterpret_cast<const void*>(place), PF_R | PF_W))
        return;
    auto& slot = *reinterpret_cast<std::atomic<void*>*>(place);
    void* now = slot.load(std::memory_order_relaxed);
    if (pass.wanted == Slots::undone) {
        if (now != hook.hook) return;
        if (writable.reach(place)) slot.compare_exchange_strong(now, *hook.real, std::memory_order_release, std::memory_order_relaxed);
        if (slot.load(std::memory_order_relaxed) == hook.hook) ++pass.counts.hooked;
        return;
    }
    if (now != hook.hook) {
        if (pass.wanted == Slots::frees && hook.kind != Hook::Kind::frees) return;
        if ((now != *hook.real && !was_never_called(object, relocation, symbol, now)) || !writable.reach(place) ||
            !slot.compare_exchange_strong(now, hook.hook, std::memory_order_release, std::memory_order_relaxed)) {
            ++pass.counts.other;
            return;
        }
    }
    ++pass.counts.hooked;
}

void set_slots_of(const Object& object, Pass& pass) {
    Writable writable(object);
    const auto each = [&](const ElfW(Rela) * table, std::size_t bytes) {
        if (table == nullptr) return;
        for (const auto* end = table + bytes / sizeof *table; table < end; ++table) {
            const auto type = ELF64_R_TYPE(table->r_info);
            if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && (type != R_X86_64_64 || table->r_addend != 0)) continue;
            const ElfW(Sym)& symbol = object.table.symbols[ELF64_R_SYM(table->r_info)];
            if (const Hook* const hook = hook_table.named(object.table.strings + symbol.st_name))
                set_slot(object, *table, symbol, *hook, writable, pass);
        }
    };
    each(object.relocations, object.relocation_bytes);
    each(object.jumps, object.jump_bytes);
}

int set_in_object(dl_phdr_info* info, std::size_t, void* data) {
    if (!relocated.has(*info)) return 0;
    const Object object(*info);
    if (object.usable && !is_ours(object) && !is_loader(object)) set_slots_of(object, *static_cast<Pass*>(data));
    return 0;
}

}  // namespace

int fork_between_visits(int (*fork)()) {
    const bool locked = iterating.lock();
    const int child = fork();
    if (child == 0)
        iterating.forget();
    else if (locked)
        iterating.unlock();
    return child;
}

bool find_definitions() {
    hook_table.fill();
    for_each_object(find_in_object, nullptr);
    return real.malloc != nullptr && real.free != nullptr;
}

SlotCounts set_slots(Slots wanted) {
    relocated.count = 0;
    for_each_object(note_object, nullptr);
    wait_for_loader();
    Pass pass{wanted, {}};
    for_each_object(set_in_object, &pass);
    return pass.counts;
}

std::uint64_t loaded_ever() {
    std::uint64_t loaded = 0;
    for_each_object(
        [](dl_phdr_info* info, std::size_t, void* data) {
            *static_cast<std::uint64_t*>(data) = info->dlpi_adds;
            return 1;
        },
        &loaded);
    return loaded;
}

}  // namespace leakline::agent
