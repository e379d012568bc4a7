// A core file is an ELF file (core(5), Linux fs/binfmt_elf.c): PT_LOAD segments are the mappings of the process, each with the bytes that were kept
// of it, and a PT_NOTE segment holds records:
//
//   NT_PRSTATUS   of each thread: its id at byte 32, its registers from byte 112 on; on AArch64 NT_ARM_TLS follows
//   NT_PRPSINFO   the process: its id at byte 24, the first 16 characters of its name at byte 40
//   NT_AUXV       pairs of words; AT_PHDR is an address in the program's file
//   NT_FILE       count, page size, {begin, end, page in the file} of each mapping of a file, then the names
#include "holders/internal/core_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/descriptor.hpp"

namespace leakline::holders {

namespace {

constexpr std::uint64_t kMostSegments = 1 << 20;
constexpr std::uint64_t kMostNotes = std::uint64_t{256} << 20;
constexpr std::uint64_t kAddressEnd = std::uint64_t{1} << 56;  // of programs, on any machine
constexpr std::size_t kThreadIdAt = 32, kRegistersAt = 112, kProcessIdAt = 24, kProcessNameAt = 40, kProcessNameSize = 16;
#if defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
#else
constexpr std::uint16_t kMachine = EM_X86_64;
#endif

// A value at a place in bytes; zero where they end before.
template <class Value>
Value value_at(std::string_view bytes, std::uint64_t place) {
    Value value{};
    if (place <= bytes.size() && bytes.size() - place >= sizeof value) std::memcpy(&value, bytes.data() + place, sizeof value);
    return value;
}

// Calls visit(owner, type, contents) for each record of a PT_NOTE segment, up to the first that does not fit in.
template <class Visit>
void for_each_note(std::string_view notes, const Visit& visit) {
    const auto padded = [](std::uint64_t size) { return (size + 3) / 4 * 4; };
    while (notes.size() >= sizeof(Elf64_Nhdr)) {
        const auto header = value_at<Elf64_Nhdr>(notes, 0);
        notes.remove_prefix(sizeof header);
        const std::uint64_t name = padded(header.n_namesz), size = padded(header.n_descsz);
        if (name > notes.size() || header.n_descsz > notes.size() - name) return;
        const std::string_view owner = notes.substr(0, header.n_namesz);
        visit(owner.substr(0, owner.find('\0')), header.n_type, notes.substr(name, header.n_descsz));
        notes.remove_prefix(std::min<std::uint64_t>(name + size, notes.size()));
    }
}

std::string build_id_in(std::string_view page) {
    std::string id;
    const auto header = value_at<Elf64_Ehdr>(page, 0);
    if (!page.starts_with(ELFMAG) || header.e_phentsize != sizeof(Elf64_Phdr)) return id;
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        const auto segment = value_at<Elf64_Phdr>(page, header.e_phoff + i * sizeof(Elf64_Phdr));
        if (segment.p_type != PT_NOTE || segment.p_offset >= page.size()) continue;
        for_each_note(page.substr(segment.p_offset, segment.p_filesz),
                      [&](std::string_view owner, std::uint32_t type, std::string_view bytes) {
                          if (owner == ELF_NOTE_GNU && type == NT_GNU_BUILD_ID) id = bytes;
                      });
    }
    return id;
}

class CoreFile {
  public:
    CoreFile(const std::string& path, const std::stop_token& stop)
        : path_(path), stop_(stop), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        struct stat status {};
        if (file_.get() < 0 || ::fstat(file_.get(), &status) != 0) throw os_error(ErrorKind::input, path_, "cannot open it", errno);
        left_ = size_ = status.st_size < 0 ? 0 : static_cast<std::uint64_t>(status.st_size);
    }

    MemoryImage run(const SystemRoots& roots) {
        image_.core = path_;
        read_segments();
        for (const Elf64_Phdr& segment : notes_) read_notes(segment);
        add_mappings();
        read_build_ids();
        name_program();
        const auto is_main = [&](const StoppedThread& thread) { return thread.id == image_.process; };
        std::stable_partition(image_.threads.begin(), image_.threads.end(), is_main);
        for (const StoppedThread& thread : image_.threads) image_.thread_names.push_back(is_main(thread) ? process_name_ : "thread");
        require_available(contents_to_copy(), path_, "its memory is read into ours", roots);
        copy_contents();
        return std::move(image_);
    }

  private:
    // As much as there is.
    std::string bytes_at(std::uint64_t place, std::uint64_t size) const {
        std::string bytes(place >= size_ ? 0 : std::min(size, size_ - place), '\0');
        bytes.resize(read_at(file_.get(), bytes.data(), bytes.size(), place));
        return bytes;
    }

    [[noreturn]] void refuse(const std::string& why, const std::string& hint = {}) const {
        throw Error(ErrorKind::input, path_, why, hint);
    }

    void read_segments() {
        const std::string head = bytes_at(0, sizeof(Elf64_Ehdr));
        const auto header = value_at<Elf64_Ehdr>(head, 0);
        if (!head.starts_with(ELFMAG)) refuse("is not a core file", "gcore PID writes one of a running process");
        if (head.size() < sizeof header) refuse("is cut off before its header ends");
        if (header.e_type != ET_CORE)
            refuse("is a program or library, not a core file", "leakline holders --pid N examines a running process");
        if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != kMachine)
            refuse("is the core file of another kind of machine", "run leakline on a machine of that kind");
        std::uint64_t count = header.e_phnum;
        // More than the field holds: the first section says how many.
        if (count == PN_XNUM) count = value_at<Elf64_Shdr>(bytes_at(header.e_shoff, sizeof(Elf64_Shdr)), 0).sh_info;
        if (header.e_phentsize != sizeof(Elf64_Phdr) || count > kMostSegments) refuse("has damaged headers");
        const std::string table = bytes_at(header.e_phoff, count * sizeof(Elf64_Phdr));
        if (table.size() / sizeof(Elf64_Phdr) < count) refuse("is cut off before its list of mappings ends");
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto segment = value_at<Elf64_Phdr>(table, i * sizeof(Elf64_Phdr));
            if (segment.p_type == PT_NOTE) notes_.push_back(segment);
            if (segment.p_type == PT_LOAD) loads_.push_back(segment);
        }
        std::stable_sort(loads_.begin(), loads_.end(), [](const Elf64_Phdr& a, const Elf64_Phdr& b) { return a.p_vaddr < b.p_vaddr; });
    }

    void read_notes(const Elf64_Phdr& segment) {
        const std::string notes = bytes_at(segment.p_offset, std::min<std::uint64_t>(segment.p_filesz, kMostNotes));
        image_.missing += segment.p_filesz - notes.size();
        for_each_note(notes, [&](std::string_view owner, std::uint32_t type, std::string_view bytes) {
            if (owner == "CORE" && type == NT_PRSTATUS) read_thread(bytes);
            if (owner == "CORE" && type == NT_PRPSINFO) read_process(bytes);
            if (owner == "CORE" && type == NT_FILE) read_files(bytes);
            if (owner == "CORE" && type == NT_AUXV)
                for (std::size_t at = 0; at + 16 <= bytes.size(); at += 16)
                    if (value_at<std::uint64_t>(bytes, at) == AT_PHDR) program_headers_ = value_at<std::uint64_t>(bytes, at + 8);
#if defined(__aarch64__)
            if (type == NT_ARM_TLS && !image_.threads.empty()) image_.threads.back().thread_pointer = value_at<std::uint64_t>(bytes, 0);
#endif
        });
    }

    void read_thread(std::string_view bytes) {
        if (bytes.size() < kRegistersAt) return;
        image_.threads.push_back(stopped_thread(value_at<std::int32_t>(bytes, kThreadIdAt), bytes.substr(kRegistersAt)));
        if (image_.process == 0) image_.process = image_.threads.back().id;
    }

    void read_process(std::string_view bytes) {
        if (const int id = value_at<std::int32_t>(bytes, kProcessIdAt); id > 0) image_.process = id;
        if (bytes.size() < kProcessNameAt) return;
        const std::string_view name = bytes.substr(kProcessNameAt, kProcessNameSize);
        process_name_ = name.substr(0, name.find('\0'));
    }

    void read_files(std::string_view bytes) {
        constexpr std::uint64_t kHead = 16, kEntry = 24;
        const auto count = value_at<std::uint64_t>(bytes, 0), page = value_at<std::uint64_t>(bytes, 8);
        if (bytes.size() < kHead || count > (bytes.size() - kHead) / kEntry) return;
        std::string_view names = bytes.substr(kHead + count * kEntry);
        for (std::uint64_t i = 0; i < count && !names.empty(); ++i) {
            const std::uint64_t at = kHead + i * kEntry;
            const std::size_t end = std::min(names.find('\0'), names.size());
            Mapping file;
            file.begin = value_at<std::uint64_t>(bytes, at);
            file.end = value_at<std::uint64_t>(bytes, at + 8);
            file.offset = value_at<std::uint64_t>(bytes, at + 16) * page;
            file.readable = true;
            file.path = names.substr(0, end);
            if (file.begin < file.end && file.end <= kAddressEnd) files_.push_back(std::move(file));
            names.remove_prefix(std::min(end + 1, names.size()));
        }
        sort_without_overlaps(files_);
    }

    static void sort_without_overlaps(std::vector<Mapping>& mappings) {
        std::stable_sort(mappings.begin(), mappings.end(), [](const Mapping& a, const Mapping& b) { return a.begin < b.begin; });
        std::size_t kept = 0;
        for (std::size_t i = 0; i < mappings.size(); ++i)
            if (kept == 0 || mappings[i].begin >= mappings[kept - 1].end) {
                if (kept != i) mappings[kept] = std::move(mappings[i]);
                ++kept;
            }
        mappings.resize(kept);
    }

    static const Mapping* mapping_at(const std::vector<Mapping>& mappings, std::uint64_t address) {
        auto after = std::upper_bound(mappings.begin(), mappings.end(), address,
                                      [](std::uint64_t at, const Mapping& mapping) { return at < mapping.begin; });
        if (after == mappings.begin()) return nullptr;
        --after;
        return address < after->end ? &*after : nullptr;
    }

    // Segments say what may be written to, NT_FILE which file is mapped there. gcore can leave files out of the segments.
    void add_mappings() {
        std::vector<Mapping> mappings;
        for (const Elf64_Phdr& segment : loads_) {
            if (segment.p_memsz == 0 || segment.p_vaddr >= kAddressEnd || segment.p_memsz > kAddressEnd - segment.p_vaddr) continue;
            Mapping mapping;
            mapping.begin = segment.p_vaddr;
            mapping.end = segment.p_vaddr + segment.p_memsz;
            mapping.readable = (segment.p_flags & PF_R) != 0;
            mapping.writable = (segment.p_flags & PF_W) != 0;
            mapping.executable = (segment.p_flags & PF_X) != 0;
            if (const Mapping* const file = mapping_at(files_, mapping.begin)) {
                mapping.path = file->path;
                mapping.offset = file->offset + (mapping.begin - file->begin);
            }
            mappings.push_back(std::move(mapping));
        }
        sort_without_overlaps(mappings);
        std::vector<Mapping> others;
        for (const Mapping& file : files_)
            if (mapping_at(mappings, file.begin) == nullptr) others.push_back(file);
        mappings.insert(mappings.end(), others.begin(), others.end());
        sort_without_overlaps(mappings);
        image_.mappings = std::move(mappings);
    }

    // Of files whose first page is in the core: the kernel keeps it for that.
    void read_build_ids() {
        for (const Elf64_Phdr& segment : loads_) {
            if (segment.p_filesz == 0) continue;
            const Mapping* const file = mapping_at(image_.mappings, segment.p_vaddr);
            if (file == nullptr || file->begin != segment.p_vaddr || !file->is_file() || file->offset != 0) continue;
            const std::string id = build_id_in(bytes_at(segment.p_offset, std::min<std::uint64_t>(segment.p_filesz, kPage)));
            if (!id.empty()) image_.build_ids.try_emplace(file->path, id);
        }
    }

    void name_program() {
        const Mapping* program = mapping_at(image_.mappings, program_headers_);
        if (program == nullptr || !program->is_file()) {
            const auto first =
                std::find_if(image_.mappings.begin(), image_.mappings.end(), [](const Mapping& each) { return each.is_file(); });
            program = first == image_.mappings.end() ? nullptr : &*first;
        }
        if (program != nullptr) image_.executable = program->path;
    }

    Bytes contents_to_copy() const {
        Bytes sum = 0;
        for (const Elf64_Phdr& segment : loads_)
            if ((segment.p_flags & PF_W) != 0) sum += std::min<std::uint64_t>(segment.p_filesz, size_);
        return std::min(sum, size_);
    }

    void copy_contents() {
        for (const Mapping& mapping : whole_mappings(image_.mappings))
            if (mapping.size() > kLargestMapping)
                image_.left_out += mapping.size();
            else
                image_.regions.push_back({mapping, Pages(mapping.size()), {}});
        std::uint64_t done = 0;  // address behind the last one that was copied
        for (const Elf64_Phdr& segment : loads_) {
            const auto* const found = image_.region_at(segment.p_vaddr);
            if (found == nullptr || segment.p_vaddr < done || segment.p_memsz > found->mapping.end - segment.p_vaddr) continue;
            done = segment.p_vaddr + segment.p_memsz;
            const std::uint64_t kept = std::min(segment.p_filesz, segment.p_memsz);
            // Of a file's data pages that were never written are not kept: they hold no pointers.
            if (found->mapping.is_anonymous()) image_.not_kept += segment.p_memsz - kept;
            copy_segment(image_.regions[static_cast<std::size_t>(found - image_.regions.data())], segment, kept);
        }
    }

    // Pages without content stay untouched: memory that was reserved costs nothing.
    void copy_segment(MemoryImage::Region& region, const Elf64_Phdr& segment, std::uint64_t kept) {
        constexpr std::uint64_t kPiece = 1 << 20;
        static const std::vector<char> kZeros(kPage);
        std::vector<char> piece(std::min(kPiece, kept));
        for (std::uint64_t at = 0; at < kept && !stop_.stop_requested();) {
            const std::uint64_t size = std::min({kPiece, kept - at, left_});
            const std::uint64_t count = segment.p_offset > size_ ? 0 : read_at(file_.get(), piece.data(), size, segment.p_offset + at);
            for (std::uint64_t page = 0; page < count; page += kPage) {
                const std::uint64_t bytes = std::min(kPage, count - page);
                if (std::memcmp(piece.data() + page, kZeros.data(), bytes) == 0) continue;
                const std::uint64_t address = segment.p_vaddr + at + page;
                std::memcpy(region.bytes.data() + (address - region.mapping.begin), piece.data() + page, bytes);
                if (!region.runs.empty() && region.runs.back().end == address)
                    region.runs.back().end += bytes;
                else
                    region.runs.push_back({address, address + bytes});
                image_.copied += bytes;
            }
            at += count;
            left_ -= count;
            if (count == size && size > 0) continue;
            image_.missing += kept - at;
            return;
        }
    }

    const std::string path_;
    const std::stop_token& stop_;
    Descriptor file_;
    std::uint64_t size_ = 0;
    std::uint64_t left_ = 0;  // to be copied: no byte of a file belongs to several mappings
    std::vector<Elf64_Phdr> notes_;
    std::vector<Elf64_Phdr> loads_;  // by address
    std::vector<Mapping> files_;     // by NT_FILE
    std::uint64_t program_headers_ = 0;
    std::string process_name_;
    MemoryImage image_;
};

}  // namespace

MemoryImage read_core(const std::string& path, const std::stop_token& stop, const SystemRoots& roots) {
    return CoreFile(path, stop).run(roots);
}

std::optional<std::string> build_id_of(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return std::nullopt;
    std::string page(kPage, '\0');
    page.resize(read_at(file.get(), page.data(), page.size(), 0));
    return build_id_in(page);
}

}  // namespace leakline::holders
