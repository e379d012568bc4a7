#include "system/loaded_object.hpp"

#include <elf.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

#include "base/strings.hpp"

namespace leakline {

namespace {

// Larger than those of any library; bounds what is read of a damaged one.
constexpr std::uint64_t kMaxSymbols = 1 << 20, kMaxStrings = 1 << 25, kMaxCode = 1 << 26, kMaxBuckets = 1 << 20;
constexpr unsigned kMaxHeaders = 64, kMaxDynamic = 256;

template <class T>
std::optional<std::vector<T>> read_array(const LoadedObject::ReadMemory& read, std::uint64_t address, std::uint64_t count) {
    std::vector<T> values(count);
    if (count != 0 && !read(address, values.data(), count * sizeof(T))) return std::nullopt;
    return values;
}

struct Dynamic {
    std::uint64_t symbols = 0, strings = 0, string_bytes = 0, hash = 0;
};

// base: added to addresses that the loader has not made absolute.
std::optional<Dynamic> read_dynamic(const LoadedObject::ReadMemory& read, std::uint64_t address, std::uint64_t base) {
    Dynamic dynamic;
    const auto absolute = [&](std::uint64_t value) { return value < base ? value + base : value; };
    for (unsigned i = 0; i < kMaxDynamic; ++i) {
        Elf64_Dyn entry;
        if (!read(address + i * sizeof entry, &entry, sizeof entry)) return std::nullopt;
        if (entry.d_tag == DT_NULL) break;
        if (entry.d_tag == DT_SYMTAB) dynamic.symbols = absolute(entry.d_un.d_ptr);
        if (entry.d_tag == DT_STRTAB) dynamic.strings = absolute(entry.d_un.d_ptr);
        if (entry.d_tag == DT_STRSZ) dynamic.string_bytes = entry.d_un.d_val;
        if (entry.d_tag == DT_GNU_HASH) dynamic.hash = absolute(entry.d_un.d_ptr);
    }
    if (dynamic.symbols == 0 || dynamic.strings == 0 || dynamic.hash == 0 || dynamic.string_bytes > kMaxStrings) return std::nullopt;
    return dynamic;
}

// The number of symbols is not written anywhere: the last one is at the end of the last chain of the hash table.
std::optional<std::uint64_t> count_symbols(const LoadedObject::ReadMemory& read, std::uint64_t hash) {
    struct {
        std::uint32_t buckets, first, filter_words, shift;
    } header{};
    if (!read(hash, &header, sizeof header) || header.buckets > kMaxBuckets || header.first > kMaxSymbols) return std::nullopt;
    const std::uint64_t table = hash + sizeof header + std::uint64_t{header.filter_words} * 8;
    const auto buckets = read_array<std::uint32_t>(read, table, header.buckets);
    if (!buckets || buckets->empty()) return std::nullopt;
    std::uint64_t last = *std::max_element(buckets->begin(), buckets->end());
    if (last < header.first) return header.first;
    for (; last < kMaxSymbols; ++last) {
        std::uint32_t chain = 0;
        if (!read(table + buckets->size() * 4 + (last - header.first) * 4, &chain, sizeof chain)) return std::nullopt;
        if ((chain & 1) != 0) return last + 1;
    }
    return std::nullopt;
}

}  // namespace

bool read_memory(int pid, std::uint64_t address, void* to, std::size_t size) {
    const iovec local{to, size}, remote{reinterpret_cast<void*>(address), size};
    return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

bool write_memory(int pid, std::uint64_t address, const void* from, std::size_t size) {
    const iovec local{const_cast<void*>(from), size}, remote{reinterpret_cast<void*>(address), size};
    return ::process_vm_writev(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

std::string_view mapped_name(const Mapping& mapping) {
    constexpr std::string_view kDeleted = " (deleted)";
    std::string_view name = file_name(mapping.path);
    if (name.ends_with(kDeleted)) name.remove_suffix(kDeleted.size());
    return name;
}

bool LoadedObject::read_symbols(const ReadMemory& read, std::uint64_t base) {
    Elf64_Ehdr header;
    if (!read(base, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMaxHeaders)
        return false;
    const auto segments = read_array<Elf64_Phdr>(read, base + header.e_phoff, header.e_phnum);
    if (!segments) return false;
    const auto found = std::find_if(segments->begin(), segments->end(), [](const Elf64_Phdr& one) { return one.p_type == PT_DYNAMIC; });
    const auto dynamic = found != segments->end() ? read_dynamic(read, base + found->p_vaddr, base) : std::nullopt;
    const auto count = dynamic ? count_symbols(read, dynamic->hash) : std::nullopt;
    if (!count) return false;
    const auto symbols = read_array<Elf64_Sym>(read, dynamic->symbols, *count);
    names_.resize(dynamic->string_bytes);
    if (!symbols || !read(dynamic->strings, names_.data(), names_.size())) return false;
    for (const Elf64_Sym& symbol : *symbols) {
        const unsigned type = ELF64_ST_TYPE(symbol.st_info);
        if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_OBJECT) || symbol.st_name >= names_.size()) continue;
        symbols_.push_back({symbol.st_name, base + symbol.st_value});
    }
    return true;
}

std::optional<LoadedObject> LoadedObject::find(const ReadMemory& read, const std::vector<Mapping>& mappings, std::string_view name) {
    const auto first = std::find_if(mappings.begin(), mappings.end(),
                                    [&](const Mapping& mapping) { return mapping.offset == 0 && mapped_name(mapping) == name; });
    if (first == mappings.end()) return std::nullopt;
    LoadedObject object;
    if (!object.read_symbols(read, first->begin)) return std::nullopt;
    const auto code =
        std::find_if(first, mappings.end(), [&](const Mapping& mapping) { return mapping.executable && mapping.path == first->path; });
    if (code != mappings.end() && code->size() <= kMaxCode) {
        object.code_begin_ = code->begin;
        object.code_.resize(code->size());
        if (!read(code->begin, object.code_.data(), object.code_.size())) object.code_.clear();
    }
    return object;
}

std::uint64_t LoadedObject::address_of(std::string_view symbol) const {
    // Does not search for the end of a name: in a damaged object there may be none, and each search would go through all names.
    const auto is_it = [&](const Symbol& one) {
        const std::string_view rest = std::string_view(names_).substr(one.name);
        return rest.starts_with(symbol) && (rest.size() == symbol.size() || rest[symbol.size()] == '\0');
    };
    const auto found = std::find_if(symbols_.begin(), symbols_.end(), is_it);
    return found != symbols_.end() ? found->address : 0;
}

std::uint64_t LoadedObject::find_code(std::string_view bytes) const {
    const std::size_t at = code_.find(bytes);
    return at != std::string::npos ? code_begin_ + at : 0;
}

}  // namespace leakline
