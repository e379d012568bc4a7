// An allocator that is linked into the program calls itself directly: neither the names of a preloaded library nor slots lead to hooks.
// Instead, the beginning of each of its functions becomes a jump:
//
//     function: jmp stub              stub: is this call due, or the block a sample? then hook
//     function + moved: ...           moved: the first instructions of the function; jmp function + moved
//                                     hook: mov $place, %r9; jmp to a hook, which calls `moved`
//
// The hook has the arguments in their registers (none of the functions has a sixth, which r9 would be). The stub is on a page of our own, within
// reach of a jump of 5 bytes.
#include "agent/internal/entry_patches.hpp"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>

#include "agent/internal/agent.hpp"
#include "agent/internal/entry_stub.hpp"
#include "agent/internal/instruction.hpp"
#include "agent/internal/thread_count.hpp"
#include "agent/internal/thread_state.hpp"
#include "agent/segment.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

#if defined(__x86_64__)

namespace {

using Word = std::uint64_t;

// Code on our own pages, one for each function: where its jump leads to, its moved instructions, and behind them the way to its hook.
struct Stub {
    static constexpr std::size_t kHook = 160;
    alignas(64) unsigned char code[192];
};

OwnAllocator own;
EntryPlace places[OwnAllocator::kMost];
EntryPatch patches[OwnAllocator::kMost];
unsigned patch_count;
bool prepared;

unsigned leave(const char* why) {
    own.state = OwnAllocator::State::left_alone;
    strncpy(own.why, why, sizeof own.why - 1);
    return 0;
}

class MappedFile {
  public:
    explicit MappedFile(const char* path) {
        const long file = unwind::system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
        if (file < 0) return;
        struct stat status {};
        if (::fstat(static_cast<int>(file), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
            size_ = static_cast<std::size_t>(status.st_size);
            bytes_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, static_cast<int>(file), 0);
        }
        unwind::system_call(SYS_close, file);
    }
    ~MappedFile() {
        if (bytes_ != MAP_FAILED) ::munmap(bytes_, size_);
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    std::string_view bytes() const {
        return bytes_ != MAP_FAILED ? std::string_view(static_cast<const char*>(bytes_), size_) : std::string_view();
    }

  private:
    void* bytes_ = MAP_FAILED;
    std::size_t size_ = 0;
};

// The program as it is loaded.
class Program {
  public:
    Program() : headers_(reinterpret_cast<const Elf64_Phdr*>(::getauxval(AT_PHDR))), count_(::getauxval(AT_PHNUM)) {
        lowest_ = ~std::uint64_t{0};
        for (std::uint64_t i = 0; headers_ != nullptr && i < count_; ++i) {
            if (headers_[i].p_type == PT_PHDR) {
                base_ = reinterpret_cast<std::uint64_t>(headers_) - headers_[i].p_vaddr;
                known_ = true;
            }
            if (headers_[i].p_type == PT_LOAD && headers_[i].p_vaddr < lowest_) lowest_ = headers_[i].p_vaddr;
        }
    }
    bool is_known() const { return known_; }
    std::uint64_t base() const { return base_; }
    std::uint64_t begin() const { return (base_ + lowest_) & ~(kPage - 1); }
    bool has_code(std::uint64_t address, std::uint64_t size) const {
        for (std::uint64_t i = 0; i < count_; ++i) {
            const std::uint64_t from = address - (base_ + headers_[i].p_vaddr);
            if (headers_[i].p_type == PT_LOAD && (headers_[i].p_flags & (PF_X | PF_W | PF_R)) == (PF_X | PF_R) &&
                from < headers_[i].p_filesz && size <= headers_[i].p_filesz - from)
                return true;
        }
        return false;
    }

  private:
    const Elf64_Phdr* headers_;
    std::uint64_t count_, base_ = 0, lowest_;
    bool known_ = false;
};

// Below the program, where its heap (brk) does not grow to.
Stub* map_stubs(const Program& program, std::size_t bytes) {
    constexpr std::uint64_t kStep = std::uint64_t{1} << 20, kFarthest = std::uint64_t{1} << 30, kLowest = std::uint64_t{1} << 16;
    for (std::uint64_t distance = kStep; distance < kFarthest && program.begin() >= distance + kLowest; distance += kStep) {
        void* const wanted = reinterpret_cast<void*>(program.begin() - distance);
        void* const got = ::mmap(wanted, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (got == wanted) return static_cast<Stub*>(got);
        if (got != MAP_FAILED) ::munmap(got, bytes);  // a kernel before 4.17
    }
    return nullptr;
}

class Writer {
  public:
    explicit Writer(Stub& stub) : stub_(stub) {}
    std::size_t size() const { return at_; }
    void go_to(std::size_t at) { at_ = at; }
    void put(std::initializer_list<unsigned char> bytes) {
        for (const unsigned char byte : bytes) stub_.code[at_++] = byte;
    }
    void put_word(std::uint64_t word) {
        memcpy(&stub_.code[at_], &word, sizeof word);
        at_ += sizeof word;
    }
    void put_int(std::int32_t value) {
        memcpy(&stub_.code[at_], &value, sizeof value);
        at_ += sizeof value;
    }
    // jcc Stub::kHook
    void go_to_hook_if(unsigned char condition) {
        put({0x0f, static_cast<unsigned char>(0x80 | condition)});
        put_int(static_cast<std::int32_t>(Stub::kHook - (at_ + sizeof(std::int32_t))));
    }

  private:
    Stub& stub_;
    std::size_t at_ = 0;
};
constexpr unsigned char kOverflow = 0, kBelow = 2, kNotBelow = 3;

// What a hook does for most calls, in a few instructions (hooks.cpp has the same for other allocators). It changes no register but rax, r10 and r11,
// which hold no argument. Only of functions that do not call another one: those must return to the hook.
void write_free(Writer& to) {
    to.put({0x48, 0x89, 0xf8});                            // mov %rdi, %rax
    to.put({0x49, 0x89, 0xfa});                            // mov %rdi, %r10
    to.put({0x48, 0xc1, 0xe8, AddressFilter::kBits + 4});  // shr $22, %rax
    to.put({0x49, 0xc1, 0xea, 4});                         // shr $4, %r10
    to.put({0x44, 0x31, 0xd0, 0x25});                      // xor %r10d, %eax; and $mask, %eax
    to.put_int((std::int32_t{1} << AddressFilter::kBits) - 1);
    to.put({0x49, 0xba});  // mov $filter, %r10
    to.put_word(reinterpret_cast<std::uint64_t>(address_filter.words()));
    to.put({0x41, 0x89, 0xc3});        // mov %eax, %r11d
    to.put({0x41, 0xc1, 0xeb, 5});     // shr $5, %r11d
    to.put({0x47, 0x8b, 0x1c, 0x9a});  // mov (%r10, %r11, 4), %r11d
    to.put({0x41, 0x0f, 0xa3, 0xc3});  // bt %eax, %r11d
    to.go_to_hook_if(kBelow);
}

void write_allocation(Writer& to, AllocatorCall call) {
    const auto left = static_cast<std::int32_t>(reinterpret_cast<std::uint64_t>(&thread_state.left) - unwind::thread_block());
    if (call == AllocatorCall::size_1)
        to.put({0x48, 0x89, 0xf0});  // mov %rsi, %rax
    else
        to.put({0x48, 0x89, 0xf8});  // mov %rdi, %rax
    if (call == AllocatorCall::count_0) {
        to.put({0x48, 0x0f, 0xaf, 0xc6});  // imul %rsi, %rax
        to.go_to_hook_if(kOverflow);
    }
    to.put({0x64, 0x4c, 0x8b, 0x14, 0x25});  // mov %fs:left, %r10
    to.put_int(left);
    to.put({0x4c, 0x39, 0xd0});  // cmp %r10, %rax
    to.go_to_hook_if(kNotBelow);
    to.put({0x49, 0x29, 0xc2});              // sub %rax, %r10
    to.put({0x64, 0x4c, 0x89, 0x14, 0x25});  // mov %r10, %fs:left
    to.put_int(left);
}

void write_way_to_hook(Writer& to, const EntryPlace* place, HookFunction hook) {
    to.go_to(Stub::kHook);
    to.put({0x49, 0xb9});  // mov $place, %r9
    to.put_word(reinterpret_cast<std::uint64_t>(place));
    to.put({0xff, 0x25, 0, 0, 0, 0});  // jmp *0(%rip)
    to.put_word(reinterpret_cast<std::uint64_t>(hook));
}

bool prepare_function(const OwnFunction& function, std::string_view file, const Program& program, Stub& stub, EntryPlace& place,
                      EntryPatch& patch) {
    const std::uint64_t address = program.base() + function.address;
    const Code in_file{reinterpret_cast<const unsigned char*>(file.data()) + function.file_offset, function.size};
    auto* const code = reinterpret_cast<unsigned char*>(address);
    constexpr std::uint64_t kCompared = 64;
    const std::uint64_t compared = function.size < kCompared ? function.size : kCompared;
    if (!program.has_code(address, function.size) || memcmp(code, in_file.data(), compared) != 0)
        return leave("its code in memory is not that of the program's file") != 0;
    using enum AllocatorCall;
    const bool direct =
        function.call == frees || (!function.nests && (function.call == size_0 || function.call == size_1 || function.call == count_0));
    Writer writer(stub);
    if (function.call == frees)
        write_free(writer);
    else if (direct)
        write_allocation(writer, function.call);
    const auto at = reinterpret_cast<std::uint64_t>(stub.code), moved = at + writer.size();
    unsigned char jump[kJumpSize];
    static_assert(kMovedRoom + 96 <= Stub::kHook);
    if (!move_beginning(in_file, address, function.moved, std::span(stub.code).subspan(writer.size(), kMovedRoom), moved) ||
        !write_jump(jump, address, direct ? at : at + Stub::kHook))
        return leave("it is too far from the agent's code") != 0;
    write_way_to_hook(writer, &place, hook_of(function.call));
    place.real = reinterpret_cast<decltype(place.real)>(moved);
    constexpr std::uint64_t kWord = sizeof patch.before;
    patch.function = address;
    patch.moved = function.moved;
    patch.address = address & ~(kWord - 1);
    if (address % kWord + kJumpSize > kWord) patch.address = address;  // not in one aligned word
    memcpy(&patch.before, reinterpret_cast<const void*>(patch.address), kWord);
    patch.after = patch.before;
    memcpy(reinterpret_cast<unsigned char*>(&patch.after) + (address - patch.address), jump, sizeof jump);
    return true;
}

// It holds the return addresses of calls, of which a moved one (instruction.cpp) makes none.
bool has_shadow_stack() {
    constexpr long kStatus = 0x5005, kShadowStack = 1;  // ARCH_SHSTK_STATUS
    unsigned long features = 0;
    return unwind::system_call(SYS_arch_prctl, kStatus, reinterpret_cast<long>(&features)) == 0 && (features & kShadowStack) != 0;
}

void prepare() {
    const MappedFile file("/proc/self/exe");
    find_own_allocator(file.bytes(), own);
    if (own.state != OwnAllocator::State::usable) return;
    if (has_shadow_stack()) return void(leave("the program runs with a shadow stack"));
    const Program program;
    if (!program.is_known()) return void(leave("the program's headers have an unknown form"));
    const std::size_t bytes = (own.count * sizeof(Stub) + kPage - 1) & ~(kPage - 1);
    Stub* const stubs = map_stubs(program, bytes);
    if (stubs == nullptr) return void(leave("there is no free memory near the program's code"));
    for (unsigned i = 0; i < own.count; ++i)
        if (!prepare_function(own.functions[i], file.bytes(), program, stubs[i], places[i], patches[i]))
            return void(::munmap(stubs, bytes));
    if (::mprotect(stubs, bytes, PROT_READ | PROT_EXEC) != 0) return void(leave("this system does not let memory become code"));
    patch_count = own.count;
}

// ---- jumps

// The pages of a word of code, writable meanwhile.
class OpenCode {
  public:
    explicit OpenCode(std::uint64_t address)
        : begin_(address & ~(kPage - 1)), size_(((address + sizeof(Word) + kPage - 1) & ~(kPage - 1)) - begin_) {
        open_ = ::mprotect(reinterpret_cast<void*>(begin_), size_, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
    }
    ~OpenCode() {
        if (open_) ::mprotect(reinterpret_cast<void*>(begin_), size_, PROT_READ | PROT_EXEC);
    }
    OpenCode(const OpenCode&) = delete;
    OpenCode& operator=(const OpenCode&) = delete;
    explicit operator bool() const { return open_; }

  private:
    std::uint64_t begin_, size_;
    bool open_;
};

bool is_aligned(const EntryPatch& patch) { return patch.address % sizeof patch.before == 0; }

}  // namespace

const OwnAllocator& prepare_entry_hooks() {
    if (!prepared) prepare();
    prepared = true;
    return own;
}

void put_entry_hooks() {
    if (patch_count == 0) return;
    if (count_threads() != 1) return void(patch_count = leave("a library started a thread before the agent began"));
    for (unsigned i = 0; i < patch_count; ++i) {
        const OpenCode open(patches[i].address);
        if (open) {
            memcpy(reinterpret_cast<void*>(patches[i].address), &patches[i].after, sizeof patches[i].after);
            continue;
        }
        for (unsigned done = 0; done < i; ++done)
            if (const OpenCode again(patches[done].address); again)
                memcpy(reinterpret_cast<void*>(patches[done].address), &patches[done].before, sizeof patches[done].before);
        return void(patch_count = leave("this system does not let code be changed"));
    }
}

unsigned entry_patches(const EntryPatch*& to) {
    if (!std::all_of(patches, patches + patch_count, is_aligned))
        patch_count = leave("its functions are not aligned, so they cannot be changed while the program runs");
    // Or they could not be taken away.
    if (patch_count > 0 && !OpenCode(patches[0].address)) patch_count = leave("this system does not let code be changed");
    to = patches;
    return patch_count;
}

void entry_hooks_put() { own.state = OwnAllocator::State::usable; }
void entry_hooks_missed(const char* why) { leave(why); }

void take_entry_hooks() {
    for (unsigned i = 0; i < patch_count; ++i) {
        auto& word = *reinterpret_cast<std::atomic<std::uint64_t>*>(patches[i].address);
        std::uint64_t now = word.load(std::memory_order_relaxed);
        if (now != patches[i].after) continue;
        // A thread sees the one or the other, and both lead to the function.
        if (const OpenCode open(patches[i].address); open) word.compare_exchange_strong(now, patches[i].before);
    }
}

#else

const OwnAllocator& prepare_entry_hooks() {
    static const OwnAllocator none;
    return none;
}
void put_entry_hooks() {}
unsigned entry_patches(const EntryPatch*&) { return 0; }
void entry_hooks_put() {}
void entry_hooks_missed(const char*) {}
void take_entry_hooks() {}

#endif

}  // namespace leakline::agent
