#include "heap/elf_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/strings.hpp"

namespace leakline::heap {

namespace {

class Mapping {
  public:
    explicit Mapping(const std::string& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status {};
        if (file >= 0 && ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
            void* at = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
            if (at != MAP_FAILED) bytes_ = {static_cast<const char*>(at), static_cast<std::size_t>(status.st_size)};
        }
        if (file >= 0) ::close(file);
    }
    ~Mapping() {
        if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    // A part of the file; empty where it does not lie wholly inside.
    std::string_view part(std::uint64_t offset, std::uint64_t size) const {
        return offset <= bytes_.size() && size <= bytes_.size() - offset ? bytes_.substr(offset, size) : std::string_view{};
    }
    std::string_view whole() const { return bytes_; }
    template <class T>
    std::optional<T> get(std::uint64_t offset) const {
        const std::string_view bytes = part(offset, sizeof(T));
        if (bytes.empty()) return std::nullopt;
        T value;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }

  private:
    std::string_view bytes_;
};

struct Section {
    std::string_view name, bytes;
    Elf64_Shdr header{};
};

std::string_view text_at(std::string_view table, std::uint64_t offset) {
    if (offset >= table.size()) return {};
    const std::string_view rest = table.substr(offset);
    return rest.substr(0, rest.find('\0'));
}

std::vector<Section> sections_of(const Mapping& file, const Elf64_Ehdr& header) {
    std::vector<Section> sections;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        const auto section = file.get<Elf64_Shdr>(header.e_shoff + std::uint64_t{i} * header.e_shentsize);
        if (!section) return sections;
        const bool empty = section->sh_type == SHT_NOBITS;
        sections.push_back({{}, empty ? std::string_view{} : file.part(section->sh_offset, section->sh_size), *section});
    }
    if (header.e_shstrndx < sections.size()) {
        const std::string_view names = sections[header.e_shstrndx].bytes;
        for (Section& section : sections) section.name = text_at(names, section.header.sh_name);
    }
    return sections;
}

const Section* find(const std::vector<Section>& sections, std::string_view name) {
    for (const Section& section : sections)
        if (section.name == name) return &section;
    return nullptr;
}

bool defines(const std::vector<Section>& sections, std::string_view name) {
    for (const Section& table : sections) {
        if (table.header.sh_type != SHT_SYMTAB && table.header.sh_type != SHT_DYNSYM) continue;
        if (table.header.sh_link >= sections.size()) continue;
        const std::string_view names = sections[table.header.sh_link].bytes;
        for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= table.bytes.size(); at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            std::memcpy(&symbol, table.bytes.data() + at, sizeof symbol);
            if (symbol.st_shndx != SHN_UNDEF && symbol.st_value != 0 && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
                ELF64_ST_BIND(symbol.st_info) != STB_LOCAL && text_at(names, symbol.st_name) == name)
                return true;
        }
    }
    return false;
}

// The table of .eh_frame_hdr (LSB 5.0, 10.6.2) leads to every FDE, whose range is its second word. As linkers write it; another
// encoding is not read.
std::optional<double> call_frame_share(const Mapping& file, const std::vector<Section>& sections) {
    const Section *text = find(sections, ".text"), *table = find(sections, ".eh_frame_hdr"), *frames = find(sections, ".eh_frame");
    if (text == nullptr || text->header.sh_size < 256) return std::nullopt;
    if (frames == nullptr) return 0;
    constexpr std::uint32_t kUsual = 0x3b031b01;  // version 1, pcrel sdata4, udata4, datarel sdata4
    if (table == nullptr || file.get<std::uint32_t>(table->header.sh_offset) != kUsual) return std::nullopt;
    const auto count = file.get<std::uint32_t>(table->header.sh_offset + 8);
    if (!count || std::uint64_t{*count} * 8 + 12 > table->header.sh_size) return std::nullopt;
    std::uint64_t covered = 0;
    for (std::uint32_t i = 0; i < *count; ++i) {
        const std::uint64_t row = table->header.sh_offset + 12 + std::uint64_t{i} * 8;
        const auto begin = file.get<std::int32_t>(row), frame = file.get<std::int32_t>(row + 4);
        if (!begin || !frame) return std::nullopt;
        const std::uint64_t code = table->header.sh_addr + static_cast<std::uint64_t>(std::int64_t{*begin});
        if (code < text->header.sh_addr || code >= text->header.sh_addr + text->header.sh_size) continue;  // of the PLT, .init
        const std::uint64_t address = table->header.sh_addr + static_cast<std::uint64_t>(std::int64_t{*frame});
        const auto range = file.get<std::uint32_t>(frames->header.sh_offset + (address - frames->header.sh_addr) + 12);
        if (!range) return std::nullopt;
        covered += *range;
    }
    return static_cast<double>(covered) / static_cast<double>(text->header.sh_size);
}

Runtime runtime_in(const std::vector<Section>& sections) {
    if (find(sections, ".go.buildinfo") != nullptr) return Runtime::go;
    using Marker = std::pair<std::string_view, Runtime>;
    static constexpr Marker kMarkers[] = {{"Py_BytesMain", Runtime::python}, {"napi_create_object", Runtime::node},
                                          {"JLI_Launch", Runtime::java},     {"ruby_run_node", Runtime::ruby},
                                          {"perl_parse", Runtime::perl},     {"php_request_startup", Runtime::php}};
    const Section* names = find(sections, ".dynstr");
    if (names == nullptr) return Runtime::native;
    for (const auto& [symbol, runtime] : kMarkers)
        if (names->bytes.find(symbol) != std::string_view::npos) return runtime;
    return Runtime::native;
}

std::string inflate_section(const Section& section) {
    Elf64_Chdr header;
    if ((section.header.sh_flags & SHF_COMPRESSED) == 0) return std::string(section.bytes);
    if (section.bytes.size() < sizeof header) return {};
    std::memcpy(&header, section.bytes.data(), sizeof header);
    if (header.ch_type != ELFCOMPRESS_ZLIB || header.ch_size > (std::uint64_t{1} << 28)) return {};
    std::string out(header.ch_size, '\0');
    uLongf size = out.size();
    const auto* in = reinterpret_cast<const Bytef*>(section.bytes.data() + sizeof header);
    if (::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, in, section.bytes.size() - sizeof header) != Z_OK) return {};
    out.resize(size);
    return out;
}

// Whether a unit's abbreviations name a .dwo file (DWARF 5, 7.5.3): then the lines of inlined calls are elsewhere.
bool names_a_dwo(std::string_view abbreviations) {
    constexpr std::uint64_t kDwoName = 0x76, kGnuDwoName = 0x2130, kImplicitConst = 0x21;
    std::size_t at = 0;
    const auto number = [&] {
        std::uint64_t value = 0;
        for (int shift = 0; at < abbreviations.size(); shift += 7) {
            const auto byte = static_cast<unsigned char>(abbreviations[at++]);
            if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) break;
        }
        return value;
    };
    while (at < abbreviations.size()) {
        if (number() == 0) continue;  // the end of one unit's table
        number();                     // tag
        ++at;                         // has children
        for (;;) {
            const std::uint64_t name = number(), form = number();
            if (form == kImplicitConst) number();
            if (name == kDwoName || name == kGnuDwoName) return true;
            if ((name == 0 && form == 0) || at >= abbreviations.size()) break;
        }
    }
    return false;
}

std::string build_id(const std::vector<Section>& sections) {
    const Section* note = find(sections, ".note.gnu.build-id");
    Elf64_Nhdr header;
    if (note == nullptr || note->bytes.size() < sizeof header) return {};
    std::memcpy(&header, note->bytes.data(), sizeof header);
    const std::size_t begin = sizeof header + (header.n_namesz + std::size_t{3}) / 4 * 4;
    if (header.n_descsz > note->bytes.size() || begin > note->bytes.size() - header.n_descsz) return {};
    std::string id;
    for (std::size_t i = 0; i < header.n_descsz; ++i) id += fmt::format("{:02x}", static_cast<unsigned char>(note->bytes[begin + i]));
    return id;
}

bool exists(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

// Where gdb and libbacktrace look for debug info that was split off.
bool separate_debug_file(const std::string& path, const std::vector<Section>& sections, const std::string& id) {
    if (id.size() > 2 && exists("/usr/lib/debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug")) return true;
    const Section* link = find(sections, ".gnu_debuglink");
    if (link == nullptr) return false;
    const std::string name(text_at(link->bytes, 0));
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    return exists(folder + name) || exists(folder + ".debug/" + name) || exists("/usr/lib/debug" + folder + name);
}

#if defined(__x86_64__)
constexpr unsigned kThisMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kThisMachine = EM_AARCH64;
#else
constexpr unsigned kThisMachine = EM_NONE;
#endif

}  // namespace

ElfFile read_elf(const std::string& path) {
    ElfFile result;
    const Mapping file(path);
    const auto header = file.get<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return result;
    result.is_elf = true;
    result.this_machine = header->e_ident[EI_CLASS] == ELFCLASS64 && (kThisMachine == EM_NONE || header->e_machine == kThisMachine);
    if (!result.this_machine) return result;
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto segment = file.get<Elf64_Phdr>(header->e_phoff + std::uint64_t{i} * header->e_phentsize);
        if (!segment || (segment->p_type == PT_LOAD && file.part(segment->p_offset, segment->p_filesz).size() != segment->p_filesz))
            result.cut_off = true;
        if (segment && segment->p_type == PT_INTERP) result.interpreter = text_at(file.part(segment->p_offset, segment->p_filesz), 0);
    }
    const std::vector<Section> sections = sections_of(file, *header);
    result.defines_malloc = defines(sections, "malloc");
    result.defines_operator_new = defines(sections, "_Znwm");
    result.runtime = runtime_in(sections);
    result.call_frames = call_frame_share(file, sections);
    result.build_id = build_id(sections);
    if (find(sections, ".debug_line") != nullptr || find(sections, ".zdebug_line") != nullptr) {
        const Section* abbreviations = find(sections, ".debug_abbrev");
        const bool split = abbreviations != nullptr && names_a_dwo(inflate_section(*abbreviations));
        result.debug_info = split ? ElfFile::DebugInfo::split : ElfFile::DebugInfo::lines;
    } else if (separate_debug_file(path, sections, result.build_id)) {
        result.debug_info = ElfFile::DebugInfo::lines;
    }
    return result;
}

agent::OwnAllocator read_own_allocator(const std::string& path) {
    const Mapping file(path);
    agent::OwnAllocator found;
    find_own_allocator(file.whole(), found);
    return found;
}

std::string own_allocator_warning(const std::string& program, const std::string& name, const std::string& why) {
    return fmt::format("{}: the allocator that is linked into it ({}) is not recorded: {}; {}", file_name(program), name, why,
                       kRecordableAllocator);
}

}  // namespace leakline::heap
