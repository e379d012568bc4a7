#include "heap/internal/generated_code.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <tuple>

#include "base/strings.hpp"
#include "heap/internal/fields.hpp"

namespace leakline::heap {

namespace {

struct Segment {
    std::uint64_t begin, end, base;
    std::string module;
};

// "m len name base (vaddr memsz)*", numbers in hexadecimal.
std::vector<Segment> segments_of(const std::string& lines, const std::string& executable) {
    std::vector<Segment> segments;
    // Fields reads what is around a line.
    const std::string margin(64, '\n'), text = margin + lines + margin;
    for (const std::string_view line : split(text, '\n')) {
        if (!line.starts_with("m ")) continue;
        Fields fields(line);
        const auto name = fields.sized_string();
        std::uint64_t base = 0, address = 0, size = 0;
        if (!name || !fields.hex(base)) continue;
        const std::string module(*name == "x" ? std::string_view(executable) : *name);
        while (fields.hex(address) && fields.hex(size)) segments.push_back({base + address, base + address + size, base, module});
    }
    return segments;
}

bool is_of_the_system(std::string_view path) {
    for (const std::string_view root : {"/usr/include/", "/usr/lib/", "/lib/", "/lib64/", "/usr/lib64/"})
        if (path.starts_with(root)) return true;
    return path.find("/include/c++/") != path.npos || path.find("/rustc/") != path.npos;
}

// The debug info of one module.
class Module {
  public:
    explicit Module(const std::string& path) : session_(::dwfl_begin(&callbacks())) {
        if (!session_) return;
        ::dwfl_report_begin(session_.get());
        Dwfl_Module* const module = ::dwfl_report_offline(session_.get(), path.c_str(), path.c_str(), -1);
        ::dwfl_report_end(session_.get(), nullptr, nullptr);
        Dwarf_Addr bias = 0;
        if (module != nullptr) debug_info_ = ::dwfl_module_getdwarf(module, &bias);
    }

    // Whether the function of that name at the address is the compiler's. depth: how many others are inlined into it there.
    bool is_generated(std::uint64_t address, std::size_t depth, std::string_view function) {
        Dwarf_Die unit;
        if (debug_info_ == nullptr || !find_unit(address, unit)) return false;
        Dwarf_Die* scopes = nullptr;
        if (::dwarf_getscopes(&unit, address, &scopes) <= 0) return false;
        Dwarf_Die innermost = scopes[0];
        ::free(scopes);
        const int count =
            ::dwarf_getscopes_die(&innermost, &scopes);  // by nesting; the other goes to where an inlined function was declared
        if (count <= 0) return false;
        bool generated = false;
        std::size_t at = 0;
        for (int i = 0; i < count; ++i) {
            const int tag = ::dwarf_tag(&scopes[i]);
            if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
            const char* const name = ::dwarf_diename(&scopes[i]);
            // Where other frames were lost on the way here, the name says which it is.
            if (at >= depth && name != nullptr && function.find(name) != function.npos) {
                // GCC calls the operator() of a lambda artificial; its text is the user's.
                const bool lambda = std::string_view(name) == "operator()";
                generated = (!lambda && has_flag(scopes[i], DW_AT_artificial)) || has_flag(scopes[i], DW_AT_defaulted);
                break;
            }
            ++at;
            if (tag == DW_TAG_subprogram) break;
        }
        ::free(scopes);
        return generated;
    }

  private:
    static const Dwfl_Callbacks& callbacks() {
        static const Dwfl_Callbacks found{::dwfl_build_id_find_elf, ::dwfl_standard_find_debuginfo, ::dwfl_offline_section_address,
                                          nullptr};
        return found;
    }
    // clang writes no table of addresses (.debug_aranges).
    bool find_unit(std::uint64_t address, Dwarf_Die& unit) {
        if (::dwarf_addrdie(debug_info_, address, &unit) != nullptr) return true;
        if (units_.empty()) {
            Dwarf_CU* one = nullptr;
            Dwarf_Half version = 0;
            std::uint8_t type = 0;
            while (::dwarf_get_units(debug_info_, one, &one, &version, &type, &unit, nullptr) == 0) units_.push_back(unit);
        }
        for (Dwarf_Die& each : units_)
            if (::dwarf_haspc(&each, address) > 0) {
                unit = each;
                return true;
            }
        return false;
    }
    static bool has_flag(Dwarf_Die& die, unsigned name) {
        Dwarf_Attribute attribute;
        if (::dwarf_attr_integrate(&die, name, &attribute) == nullptr) return false;
        if (name == DW_AT_artificial) {
            bool value = false;
            return ::dwarf_formflag(&attribute, &value) == 0 && value;
        }
        Dwarf_Word value = 0;
        return ::dwarf_formudata(&attribute, &value) == 0 && value != DW_DEFAULTED_no;
    }

    struct End {
        void operator()(Dwfl* session) const { ::dwfl_end(session); }
    };
    std::unique_ptr<Dwfl, End> session_;
    Dwarf* debug_info_ = nullptr;  // of session_
    std::vector<Dwarf_Die> units_;
};

}  // namespace

void mark_generated_code(const SymbolFeed& feed, Symbols& symbols) {
    std::map<std::string, std::unique_ptr<Module>> modules;
    std::map<std::tuple<StringId, StringId, std::uint32_t>, bool> known;
    std::vector<Segment> segments;
    auto table = feed.modules.begin();
    std::size_t lookups = 0;
    for (std::size_t i = 0; i < symbols.ips.size() && i < feed.addresses.size(); ++i) {
        for (; table != feed.modules.end() && table->first_ip <= i; ++table) segments = segments_of(table->lines, feed.executable);
        const InstructionPointer& ip = symbols.ips[i];
        const Segment* segment = nullptr;
        for (std::uint32_t k = 0; k < ip.frame_count; ++k) {
            Frame& frame = symbols.frames[ip.first_frame + k];
            if (!frame.function || !frame.file || frame.file.value > symbols.strings.size() ||
                frame.function.value > symbols.strings.size())
                continue;
            const auto [place, fresh] = known.try_emplace({frame.function, frame.file, frame.line}, false);
            if (fresh && lookups < kMaxLookups && !is_of_the_system(symbols.strings[frame.file.value - 1])) {
                for (std::size_t s = 0; segment == nullptr && s < segments.size(); ++s)
                    if (feed.addresses[i] >= segments[s].begin && feed.addresses[i] < segments[s].end) segment = &segments[s];
                if (segment == nullptr || is_of_the_system(segment->module)) break;
                ++lookups;
                std::unique_ptr<Module>& module = modules[segment->module];
                if (!module) module = std::make_unique<Module>(segment->module);
                place->second = module->is_generated(feed.addresses[i] - segment->base, k, symbols.strings[frame.function.value - 1]);
            }
            frame.generated = place->second;
        }
    }
}

}  // namespace leakline::heap
