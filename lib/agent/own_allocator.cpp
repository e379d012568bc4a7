#include "agent/own_allocator.hpp"

#include <elf.h>
#include <string.h>

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "agent/internal/allocator_names.hpp"
#include "agent/internal/instruction.hpp"

namespace leakline::agent {

namespace {

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#else
constexpr unsigned kMachine = EM_AARCH64;
#endif

// Names of allocators' functions are not longer. Of longer names, the beginning is read.
constexpr std::size_t kLongestName = 64;

// The parts of an ELF file that say where functions are. What does not lie in the file counts as absent.
class Elf {
  public:
    explicit Elf(std::string_view file) : file_(file) {
        if (!read(0, header_) || memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0 || header_.e_ident[EI_CLASS] != ELFCLASS64 ||
            header_.e_machine != kMachine)
            return;
        // The dynamic symbols of a stripped program say that it has an allocator, but do not have all of the allocator's functions.
        stripped_ = !read_symbols(SHT_SYMTAB) && read_symbols(SHT_DYNSYM);
    }

    bool is_stripped() const { return stripped_; }

    // visit(symbol, name)
    template <typename Visit>
    void each_symbol(Visit visit) const {
        for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symbols_.size(); at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            memcpy(&symbol, symbols_.data() + at, sizeof symbol);
            const unsigned type = ELF64_ST_TYPE(symbol.st_info);
            if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0 || symbol.st_name >= names_.size() || type == STT_SECTION ||
                type == STT_FILE || type == STT_TLS)
                continue;
            const char* const name = names_.data() + symbol.st_name;
            visit(symbol, std::string_view(name, strnlen(name, std::min(kLongestName, names_.size() - symbol.st_name))));
        }
    }

    struct Place {
        std::uint64_t offset;
        Code code;
    };
    // Of a function; nothing if not all of it is code in the file.
    std::optional<Place> code_at(std::uint64_t address, std::uint64_t size) const {
        for (unsigned i = 0; i < header_.e_phnum; ++i) {
            Elf64_Phdr segment;
            if (!read(header_.e_phoff + std::uint64_t{i} * header_.e_phentsize, segment)) return std::nullopt;
            const std::uint64_t from = address - segment.p_vaddr;
            if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0 || from >= segment.p_filesz || size > segment.p_filesz - from)
                continue;
            const std::string_view bytes = part(segment.p_offset + from, size);
            if (bytes.size() != size) return std::nullopt;
            return Place{segment.p_offset + from, {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}};
        }
        return std::nullopt;
    }

  private:
    std::string_view part(std::uint64_t offset, std::uint64_t size) const {
        return offset <= file_.size() && size <= file_.size() - offset ? file_.substr(offset, size) : std::string_view();
    }
    template <typename T>
    bool read(std::uint64_t offset, T& to) const {
        const std::string_view bytes = part(offset, sizeof to);
        if (bytes.empty()) return false;
        memcpy(&to, bytes.data(), sizeof to);
        return true;
    }
    bool read_section(unsigned number, Elf64_Shdr& section) const {
        return read(header_.e_shoff + std::uint64_t{number} * header_.e_shentsize, section);
    }
    bool read_symbols(unsigned type) {
        for (unsigned i = 0; i < header_.e_shnum && symbols_.empty(); ++i) {
            Elf64_Shdr section, names;
            if (!read_section(i, section) || section.sh_type != type || !read_section(section.sh_link, names)) continue;
            symbols_ = part(section.sh_offset, section.sh_size);
            names_ = part(names.sh_offset, names.sh_size);
        }
        return !symbols_.empty();
    }

    std::string_view file_, symbols_, names_;
    Elf64_Ehdr header_{};
    bool stripped_ = false;
};

bool is_function(const Elf64_Sym& symbol) {
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    return type == STT_FUNC || type == STT_GNU_IFUNC;
}

void put_text(char* to, std::size_t room, std::initializer_list<std::string_view> parts) {
    std::size_t used = 0;
    for (std::string_view part : parts) {
        part = part.substr(0, room - 1 - used);
        memcpy(to + used, part.data(), part.size());
        used += part.size();
    }
    to[used] = '\0';
}

// A prefix of which a malloc was seen.
struct Prefix {
    std::string_view text;
    AllocatorFamilies families = 0;
    bool has_malloc = false, has_free = false, has_mallocx = false, has_dallocx = false;
    bool is_allocators() const { return has_free && (has_malloc || has_mallocx) && (families != 0 || (has_mallocx && has_dallocx)); }
};

class Search {
  public:
    Search(std::string_view file, OwnAllocator& found) : elf_(file), found_(found) {}

    void run() {
        found_ = {};
        elf_.each_symbol([&](const Elf64_Sym& symbol, std::string_view name) {
            if (is_function(symbol)) note_prefix(name);
        });
        if (prefix_count_ == 0) return;
        elf_.each_symbol([&](const Elf64_Sym& symbol, std::string_view name) {
            if (is_function(symbol)) note_functions(name);
        });
        keep_allocators();
        if (prefix_count_ == 0) return;
        put_text(found_.name, sizeof found_.name, {prefixes_[0].text, prefixes_[0].has_malloc ? "malloc" : "mallocx"});
        found_.state = OwnAllocator::State::usable;
        if (kMachine != EM_X86_64) return leave({"jumps into functions are implemented for x86-64 only"});
        if (elf_.is_stripped()) return leave({"the program is stripped: it has no names of its functions"});
        if (sanitized_) return leave({"it is a sanitizer's"});
        elf_.each_symbol([&](const Elf64_Sym& symbol, std::string_view name) {
            if (is_function(symbol)) add(symbol, name);
        });
        std::sort(found_.functions, found_.functions + found_.count,
                  [](const OwnFunction& a, const OwnFunction& b) { return a.address < b.address; });
        elf_.each_symbol([&](const Elf64_Sym& symbol, std::string_view name) { check(symbol, name); });
        // Copies (.constprop, .part) serve callers in the same unit, which are the allocator's own; or, optimized as one unit, any.
        if (linked_as_one_ && !copy_.empty()) leave({"optimization of the whole program (LTO) made a copy of a function of it, ", copy_});
        leave_out_other_names();
        for (OwnFunction* function = found_.functions; function != found_.functions + found_.count; ++function)
            if (const auto place = elf_.code_at(function->address, function->size))
                function->nests = function->nests || calls_another(place->code, function->address, Depth::its_callees);
    }

  private:
    void leave(std::initializer_list<std::string_view> why) {
        if (found_.state == OwnAllocator::State::left_alone) return;
        found_.state = OwnAllocator::State::left_alone;
        put_text(found_.why, sizeof found_.why, why);
    }

    void note_prefix(std::string_view name) {
        constexpr std::string_view kSanitizers[] = {"__asan_init", "__hwasan_init", "__lsan_init", "__msan_init", "__tsan_init"};
        constexpr std::size_t kLongestPrefix = 24;
        for (const std::string_view sanitizer : kSanitizers) sanitized_ = sanitized_ || name == sanitizer;
        const bool extended = name.ends_with("mallocx");
        if (!extended && !name.ends_with("malloc")) return;
        name.remove_suffix(extended ? 7 : 6);
        const AllocatorFamilies families = families_of(name);
        if ((families == 0 && !extended) || name.size() > kLongestPrefix || name.starts_with("_Z")) return;
        for (unsigned i = 0; i < prefix_count_; ++i)
            if (prefixes_[i].text == name) return;
        if (prefix_count_ < kMostPrefixes) prefixes_[prefix_count_++] = {name, families};
    }

    void note_functions(std::string_view name) {
        for (unsigned i = 0; i < prefix_count_; ++i) {
            Prefix& prefix = prefixes_[i];
            if (!name.starts_with(prefix.text)) continue;
            const std::string_view rest = name.substr(prefix.text.size());
            prefix.has_malloc = prefix.has_malloc || rest == "malloc";
            prefix.has_free = prefix.has_free || rest == "free" || rest == "sdallocx";
            prefix.has_mallocx = prefix.has_mallocx || rest == "mallocx";
            prefix.has_dallocx = prefix.has_dallocx || rest == "dallocx";
        }
    }

    void keep_allocators() {
        unsigned kept = 0;
        for (unsigned i = 0; i < prefix_count_; ++i) {
            if (!prefixes_[i].is_allocators()) continue;
            if (prefixes_[i].families == 0) prefixes_[i].families = kStandard | kJemalloc;
            found_.is_malloc = found_.is_malloc || (prefixes_[i].text.empty() && prefixes_[i].has_malloc);
            prefixes_[kept++] = prefixes_[i];
        }
        prefix_count_ = kept;
    }

    std::optional<AllocatorCall> call_named(std::string_view name) const {
        for (unsigned i = 0; i < prefix_count_; ++i) {
            const Prefix& prefix = prefixes_[i];
            if (!name.starts_with(prefix.text)) continue;
            if (const auto call = call_of(name.substr(prefix.text.size()), prefix.families)) return call;
        }
        return call_of_operator(name);
    }

    OwnFunction* function_at(std::uint64_t address) {
        for (unsigned i = 0; i < found_.count; ++i)
            if (found_.functions[i].address == address) return &found_.functions[i];
        return nullptr;
    }

    void add(const Elf64_Sym& symbol, std::string_view name) {
        const auto call = call_named(name);
        if (!call) return;
        if (ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC) return leave({name, " is chosen while the program starts (IFUNC)"});
        if (const OwnFunction* const other = function_at(symbol.st_value)) {
            if (other->call != *call) leave({name, " has the same code as another function, whose arguments differ"});
            return;
        }
        const auto place = elf_.code_at(symbol.st_value, symbol.st_size);
        if (!place || symbol.st_size == 0) return leave({"the code of ", name, " was not found"});
        const std::size_t moved = movable_beginning(place->code);
        if (moved == 0) return leave({"the first instructions of ", name, " cannot be moved"});
        if (found_.count == OwnAllocator::kMost) return leave({"it has too many functions"});
        // Where malloc is another library's, operator new may be one that calls it.
        const bool nests = !found_.is_malloc && call_of_operator(name);
        found_.functions[found_.count++] = {symbol.st_value, symbol.st_size, place->offset, *call, static_cast<std::uint8_t>(moved), nests};
    }

    // What else may lead into the moved instructions, or around them.
    void check(const Elf64_Sym& symbol, std::string_view name) {
        const OwnFunction* const end = found_.functions + found_.count;
        const OwnFunction* const begin = found_.functions;
        const OwnFunction* const next =
            std::upper_bound(begin, end, symbol.st_value, [](std::uint64_t address, const OwnFunction& f) { return address < f.address; });
        if (next != begin) {
            const OwnFunction& before = next[-1];
            if (symbol.st_value > before.address && symbol.st_value < before.address + before.moved)
                leave({name, " begins inside the first instructions of another function"});
        }
        const std::size_t dot = name.find('.');
        if (dot == std::string_view::npos) return;
        linked_as_one_ =
            linked_as_one_ || name.find(".lto_priv") != std::string_view::npos || name.find(".llvm.") != std::string_view::npos;
        if (!is_function(symbol) || !call_named(name.substr(0, dot))) return;
        if (!name.substr(dot).starts_with(".cold")) {
            if (copy_.empty()) copy_ = name;
            return;
        }
        const auto place = elf_.code_at(symbol.st_value, symbol.st_size);
        for (const OwnFunction* function = begin; place && function != end; ++function)
            if (may_jump_into(place->code, symbol.st_value, function->address, function->address + function->moved))
                leave({name, " jumps into the first instructions of another function"});
    }

    // A function that is only a jump to another of them (new[] to new): that one counts the call.
    void leave_out_other_names() {
        const auto is_other_name = [&](const OwnFunction& function) {
            const auto place = elf_.code_at(function.address, function.size);
            Instruction instruction;
            std::size_t at = 0;
            constexpr unsigned char kEndBranch[] = {0xf3, 0x0f, 0x1e, 0xfa};
            if (place && place->code.size() > sizeof kEndBranch && memcmp(place->code.data(), kEndBranch, sizeof kEndBranch) == 0)
                at = sizeof kEndBranch;
            if (!place || !decode(place->code.subspan(at), instruction) || instruction.flow != Instruction::Flow::jump) return false;
            const std::uint64_t target = instruction.target(function.address + at);
            const OwnFunction* const other = function_at(target);
            return other != nullptr && other->call == function.call && target != function.address;
        };
        OwnFunction* const end = found_.functions + found_.count;
        bool left_out[OwnAllocator::kMost];
        for (unsigned i = 0; i < found_.count; ++i) left_out[i] = is_other_name(found_.functions[i]);
        unsigned kept = 0;
        for (OwnFunction* function = found_.functions; function != end; ++function)
            if (!left_out[function - found_.functions]) found_.functions[kept++] = *function;
        found_.count = kept;
    }

    enum class Depth { itself, its_callees };

    // Calls by pointers, and deeper ones, are not followed.
    bool calls_another(Code code, std::uint64_t address, Depth depth) {
        Instruction instruction;
        for (std::size_t at = 0; at < code.size() && decode(code.subspan(at), instruction); at += instruction.size) {
            using Flow = Instruction::Flow;
            if (instruction.flow != Flow::call && instruction.flow != Flow::jump && instruction.flow != Flow::conditional) continue;
            const std::uint64_t target = instruction.target(address + at);
            if (const OwnFunction* const other = function_at(target); other != nullptr && other->call != AllocatorCall::frees) return true;
            if (depth == Depth::itself || target - address < code.size()) continue;
            constexpr std::uint64_t kMost = 1024;
            if (const auto callee = elf_.code_at(target, kMost);
                callee && calls_another(callee->code.first(extent_of(callee->code)), target, Depth::itself))
                return true;
        }
        return false;
    }

    // Of the function that the code begins with: up to an end that nothing before it jumps over.
    static std::size_t extent_of(Code code) {
        Instruction instruction;
        std::int64_t farthest = 0;
        std::size_t at = 0;
        while (at < code.size() && decode(code.subspan(at), instruction)) {
            using Flow = Instruction::Flow;
            at += instruction.size;
            if (instruction.flow == Flow::conditional || instruction.flow == Flow::loop)
                farthest = std::max(farthest, static_cast<std::int64_t>(at) + instruction.relative);
            if ((instruction.flow == Flow::ends || instruction.flow == Flow::jump) && static_cast<std::int64_t>(at) > farthest) break;
        }
        return std::min(at, code.size());
    }

    static constexpr unsigned kMostPrefixes = 8;
    Elf elf_;
    OwnAllocator& found_;
    Prefix prefixes_[kMostPrefixes];
    unsigned prefix_count_ = 0;
    bool sanitized_ = false, linked_as_one_ = false;
    std::string_view copy_;
};

}  // namespace

void find_own_allocator(std::string_view file, OwnAllocator& found) { Search(file, found).run(); }

}  // namespace leakline::agent
