#include "debuginfo/debug_info.hpp"

#include <dwarf.h>
#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/strings.hpp"
#include "debuginfo/internal/state.hpp"
#include "debuginfo/type_name.hpp"
#include "system/descriptor.hpp"

namespace leakline::debuginfo {

namespace {

const Dwfl_Callbacks& callbacks() {
    static const Dwfl_Callbacks found{::dwfl_build_id_find_elf, ::dwfl_standard_find_debuginfo, ::dwfl_offline_section_address, nullptr};
    return found;
}

struct Placement {
    std::uint64_t bias = 0;  // from addresses in the file to those in the process
    DebugInfo::ThreadLocalBlock thread_local_block;
};

// Where the loader put a file, by the segment that covers what is mapped at `mapping.begin`.
std::optional<Placement> placement_of(const MappedFile& mapping) {
    const Descriptor file(::open(mapping.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 || ::elf_version(EV_CURRENT) == EV_NONE) return std::nullopt;
    Elf* const elf = ::elf_begin(file.get(), ELF_C_READ_MMAP, nullptr);
    std::optional<Placement> placement;
    DebugInfo::ThreadLocalBlock block;
    std::size_t count = 0;
    if (elf != nullptr && ::elf_kind(elf) == ELF_K_ELF && ::elf_getphdrnum(elf, &count) == 0)
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr segment;
            if (::gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) break;
            if (segment.p_type == PT_TLS) block = {segment.p_memsz, std::max<std::uint64_t>(segment.p_align, 1)};
            constexpr std::uint64_t kPage = 4096;
            const std::uint64_t begin = segment.p_offset / kPage * kPage;
            if (segment.p_type != PT_LOAD || placement || mapping.offset < begin || mapping.offset >= segment.p_offset + segment.p_filesz)
                continue;
            const std::uint64_t address = segment.p_vaddr - (segment.p_offset - begin) + (mapping.offset - begin);
            placement = Placement{mapping.begin - address, {}};
        }
    if (placement) placement->thread_local_block = block;
    if (elf != nullptr) ::elf_end(elf);
    return placement;
}

}  // namespace

DebugInfo::DebugInfo(const std::vector<MappedFile>& files) : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.session.reset(::dwfl_begin(&callbacks()));
    if (!state.session) return;
    ::dwfl_report_begin(state.session.get());
    for (const MappedFile& file : files) {
        // One file is several mappings; the first has its start.
        if (!state.modules.empty() && state.modules.back().name == file.name && state.modules.back().end <= file.begin) {
            state.modules.back().end = file.end;
            continue;
        }
        const auto placement = placement_of(file);
        if (!placement) continue;
        Dwfl_Module* const handle = ::dwfl_report_elf(state.session.get(), file.name.c_str(), file.path.c_str(), -1, placement->bias, true);
        if (handle == nullptr) continue;
        Module& module = state.modules.emplace_back();
        module.name = file.name;
        module.begin = file.begin;
        module.end = file.end;
        module.handle = handle;
        if (&file == &files.front()) {
            module.main_program = true;
            state.thread_local_block = placement->thread_local_block;
        }
    }
    ::dwfl_report_end(state.session.get(), nullptr, nullptr);
    std::sort(state.modules.begin(), state.modules.end(), [](const Module& a, const Module& b) { return a.begin < b.begin; });
    state.ids.resize(state.modules.size());
}

DebugInfo::~DebugInfo() = default;

Module* DebugInfo::State::module_at(std::uint64_t address) {
    auto after =
        std::upper_bound(modules.begin(), modules.end(), address, [](std::uint64_t at, const Module& module) { return at < module.begin; });
    if (after == modules.begin()) return nullptr;
    --after;
    return address < after->end ? &*after : nullptr;
}

Dwarf* DebugInfo::State::debug_info_of(Module& module) {
    if (!module.debug_info_read) {
        module.debug_info_read = true;
        module.debug_info = ::dwfl_module_getdwarf(module.handle, &module.bias);
    }
    return module.debug_info;
}

ModuleIndex* DebugInfo::State::index_of(Module& module) {
    if (!module.index && debug_info_of(module) != nullptr) module.index = std::make_unique<ModuleIndex>(module.debug_info);
    return module.index.get();
}

void DebugInfo::State::read_symbols(Module& module) {
    if (module.symbols_read) return;
    module.symbols_read = true;
    const int count = ::dwfl_module_getsymtab(module.handle);
    for (int i = 1; i < count; ++i) {
        GElf_Sym symbol;
        GElf_Addr address = 0;
        const char* name = ::dwfl_module_getsym_info(module.handle, i, &symbol, &address, nullptr, nullptr, nullptr);
        if (name == nullptr || *name == '\0' || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx == SHN_UNDEF) continue;
        module.objects.push_back({address, symbol.st_size, i});
    }
    std::stable_sort(module.objects.begin(), module.objects.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
}

// False if the file cannot be read.
bool DebugInfo::State::read_thread_locals(Module& module) {
    // libdwfl adds the bias of addresses to offsets.
    GElf_Addr bias = 0;
    if (::dwfl_module_getelf(module.handle, &bias) == nullptr) return false;
    if (std::exchange(module.thread_locals_read, true)) return true;
    const int count = ::dwfl_module_getsymtab(module.handle);
    for (int i = 1; i < count; ++i) {
        GElf_Sym symbol;
        const char* name = ::dwfl_module_getsym(module.handle, i, &symbol, nullptr);
        if (name == nullptr || GELF_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF) continue;
        module.thread_locals.push_back({symbol.st_value >= bias ? symbol.st_value - bias : symbol.st_value, symbol.st_size, name});
    }
    return true;
}

bool DebugInfo::covers(std::uint64_t address) const { return state_->module_at(address) != nullptr; }

bool DebugInfo::has_debug_info(std::uint64_t address) {
    Module* const module = state_->module_at(address);
    return module != nullptr && state_->debug_info_of(*module) != nullptr;
}

std::optional<DataSymbol> DebugInfo::data_symbol(std::uint64_t address) {
    Module* const module = state_->module_at(address);
    if (module == nullptr) return std::nullopt;
    state_->read_symbols(*module);
    const auto& objects = module->objects;
    auto after =
        std::upper_bound(objects.begin(), objects.end(), address, [](std::uint64_t at, const auto& object) { return at < object.address; });
    // Several symbols can start at one address, some without a size.
    for (int tries = 0; after != objects.begin() && tries < 8; ++tries) {
        --after;
        if (address - after->address >= std::max<std::uint64_t>(after->size, 1)) continue;
        GElf_Sym symbol;
        GElf_Addr value = 0;
        const char* name = ::dwfl_module_getsym_info(module->handle, after->symbol, &symbol, &value, nullptr, nullptr, nullptr);
        return DataSymbol{name == nullptr ? "" : name, module->name, after->address, after->size};
    }
    return std::nullopt;
}

std::optional<std::string> DebugInfo::class_of_vtable(std::uint64_t address) {
    const auto symbol = data_symbol(address);
    if (!symbol || !symbol->name.starts_with("_ZTV")) return std::nullopt;
    constexpr std::string_view kStart = "vtable for ";
    const std::string name = demangle(symbol->name.c_str());
    return name.starts_with(kStart) ? std::optional(name.substr(kStart.size())) : std::nullopt;
}

static Declaration declaration_of(Dwarf_Die& die) {
    Declaration declared;
    if (const char* file = ::dwarf_decl_file(&die)) declared.file = file;
    int line = 0;
    if (::dwarf_decl_line(&die, &line) == 0) declared.line = static_cast<std::uint32_t>(std::max(line, 0));
    return declared;
}

Declaration DebugInfo::declaration_at(const EntryId& entry) {
    Dwarf_Die die;
    if (entry.offset == 0 || entry.module >= state_->modules.size() ||
        ::dwarf_offdie(state_->debug_info_of(state_->modules[entry.module]), entry.offset, &die) == nullptr)
        return {};
    return declaration_of(die);
}

void DebugInfo::State::describe(Variable& variable, std::size_t module, Dwarf_Die& die) {
    variable.type = type_attribute(module, die);
    variable.declared = declaration_of(die);
}

std::optional<Variable> DebugInfo::State::variable(std::size_t module, Dwarf_Off place) {
    Dwarf_Die die;
    if (::dwarf_offdie(modules[module].debug_info, place, &die) == nullptr) return std::nullopt;
    Variable variable;
    variable.name = modules[module].index->full_name(die);
    describe(variable, module, die);
    return variable;
}

std::optional<Variable> DebugInfo::variable_at(std::uint64_t address) {
    Module* const module = state_->module_at(address);
    ModuleIndex* const index = module == nullptr ? nullptr : state_->index_of(*module);
    if (index == nullptr) return std::nullopt;
    const auto symbol = data_symbol(address);
    const std::uint64_t start = symbol ? symbol->address : address;
    const auto place = index->variable_at(start - module->bias);
    if (!place) return std::nullopt;
    auto variable = state_->variable(state_->number_of(*module), *place);
    if (variable) variable->address = start;
    return variable;
}

DebugInfo::ThreadLocalBlock DebugInfo::thread_local_block() const { return state_->thread_local_block; }

std::optional<Variable> DebugInfo::thread_local_at(std::uint64_t offset) {
    for (Module& module : state_->modules) {
        if (!module.main_program) continue;
        if (!state_->read_thread_locals(module)) return std::nullopt;
        // Its symbol says where it starts.
        Variable found;
        found.address = offset;
        for (const Module::ThreadLocal& each : module.thread_locals)
            if (each.offset <= offset && offset - each.offset < each.size) {
                found.address = each.offset;
                found.name = demangle(each.name.c_str());
            }
        ModuleIndex* const index = state_->index_of(module);
        const auto place = index == nullptr ? std::nullopt : index->thread_local_at(found.address);
        auto variable = place ? state_->variable(state_->number_of(module), *place) : std::nullopt;
        if (variable) {
            variable->address = found.address;
            return variable;
        }
        if (!found.name.empty()) return found;
    }
    return std::nullopt;
}

}  // namespace leakline::debuginfo
