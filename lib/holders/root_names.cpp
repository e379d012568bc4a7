#include "holders/internal/root_names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "debuginfo/type_name.hpp"

namespace leakline::holders {

namespace {

Holder::Root kind_of(Root::Kind kind) {
    switch (kind) {
        case Root::Kind::global: return Holder::Root::global;
        case Root::Kind::thread_local_: return Holder::Root::thread_local_variable;
        case Root::Kind::thread_data: return Holder::Root::thread_data;
        case Root::Kind::frame: return Holder::Root::local;
        case Root::Kind::stack: return Holder::Root::stack;
        case Root::Kind::mapping: return Holder::Root::mapping;
        case Root::Kind::registers: return Holder::Root::registers;
        case Root::Kind::unreadable: return Holder::Root::damaged_heap;
    }
    return Holder::Root::global;
}

// rustc's names end with a hash, and LLVM may add to that: 17h, 16 digits, E.
bool has_rust_hash(std::string_view symbol) {
    constexpr std::string_view kMark = "17h";
    constexpr std::size_t kDigits = 16;
    for (std::size_t at = symbol.find(kMark); at != symbol.npos; at = symbol.find(kMark, at + 1)) {
        const std::string_view digits = symbol.substr(at + kMark.size(), kDigits);
        const std::string_view end = symbol.substr(at + kMark.size() + digits.size());
        if (digits.size() == kDigits && std::all_of(digits.begin(), digits.end(), is_hex_digit) && end.starts_with('E')) return true;
    }
    return false;
}

class Naming {
  public:
    Naming(const MemoryImage& image, const Roots& roots, debuginfo::DebugInfo& names) : image_(image), roots_(roots), names_(names) {}

    NamedRoot name(const Root& root) {
        NamedRoot named;
        named.group.objects = {root.begin};
        named.group.size = root.end - root.begin;
        named.holder.root = kind_of(root.kind);
        const bool in_thread = root.kind != Root::Kind::global && root.kind != Root::Kind::mapping && root.kind != Root::Kind::unreadable;
        if (in_thread && root.thread < image_.threads.size())
            named.holder.thread = fmt::format("{} ({})", image_.thread_names[root.thread], image_.threads[root.thread].id);
        if (root.kind == Root::Kind::global) name_global(root, named);
        if (root.kind == Root::Kind::thread_local_) name_thread_local(root, named);
        if (root.kind == Root::Kind::frame) name_frame(root, named);
        if (root.kind == Root::Kind::mapping) named.holder.path = fmt::format("{:#x}", root.begin);
        return named;
    }

  private:
    static void set_variable(NamedRoot& named, const debuginfo::Variable& variable) {
        named.holder.file = variable.declared.file;
        named.holder.line = variable.declared.line;
        named.group.type = variable.type;
    }

    void name_global(const Root& root, NamedRoot& named) {
        named.holder.module = root.module;
        const auto symbol = names_.data_symbol(root.begin);
        if (const auto variable = names_.variable_at(root.begin)) {
            const bool mangled = symbol && symbol->name.starts_with("_Z") && !has_rust_hash(symbol->name);
            named.holder.path = debuginfo::short_type_name(mangled ? debuginfo::demangle(symbol->name.c_str()) : variable->name);
            set_variable(named, *variable);
            return;
        }
        if (symbol) {
            named.holder.path = debuginfo::short_type_name(debuginfo::demangle(symbol->name.c_str()));
            return;
        }
        for (const Mapping& mapping : image_.mappings)
            if (mapping.path == root.module) {
                named.holder.path = fmt::format("{}+{:#x}", file_name(root.module), root.begin - mapping.begin);
                return;
            }
    }

    void name_thread_local(const Root& root, NamedRoot& named) {
        const std::uint64_t start = thread_local_start(image_.threads[root.thread].thread_pointer, names_.thread_local_block());
        const auto variable = names_.thread_local_at(root.begin - start);
        if (!variable) return;
        named.holder.path = debuginfo::short_type_name(variable->name);
        set_variable(named, *variable);
    }

    // A frame is an object whose members are its variables; words that belong to none are temporaries.
    void name_frame(const Root& root, NamedRoot& named) {
        const debuginfo::StackFrame& frame = roots_.frames[root.thread][root.frame];
        named.holder.function = names_.function_at(frame);
        std::vector<debuginfo::Member> members;
        const auto covers = [&](const debuginfo::Variable& variable, std::uint64_t address) {
            const std::uint64_t size = std::max<std::uint64_t>(names_.type(variable.type).size, 1);
            return address >= variable.address && address < variable.address + size;
        };
        for (debuginfo::Variable& variable : names_.locals_of(frame)) {
            const bool used =
                std::any_of(root.words.begin(), root.words.end(), [&](const RootWord& word) { return covers(variable, word.address); });
            if (!used || variable.address < root.begin || variable.address >= root.end) continue;
            members.push_back({variable.name, variable.address - root.begin, variable.type, false});
            named.locals.push_back(std::move(variable));
        }
        const auto is_local = [&](const RootWord& word) {
            return std::any_of(named.locals.begin(), named.locals.end(),
                               [&](const debuginfo::Variable& variable) { return covers(variable, word.address); });
        };
        for (const RootWord& word : root.words)
            if (!is_local(word)) members.push_back({"(unnamed)", word.address - root.begin, names_.pointer_to(0), false});
        named.group.type = names_.structure_of("", named.group.size, std::move(members));
    }

    const MemoryImage& image_;
    const Roots& roots_;
    debuginfo::DebugInfo& names_;
};

}  // namespace

std::string NamedRoot::name() const {
    const std::string& known = holder.root == Holder::Root::local ? holder.function : holder.path;
    return known.empty() ? std::string(root_name(holder.root)) : known;
}

std::vector<NamedRoot> name_roots(const MemoryImage& image, const Roots& roots, debuginfo::DebugInfo& names) {
    Naming naming(image, roots, names);
    std::vector<NamedRoot> named;
    named.reserve(roots.roots.size());
    for (const Root& root : roots.roots) named.push_back(naming.name(root));
    return named;
}

debuginfo::TypeId type_of_words(const Root& root, debuginfo::DebugInfo& names) {
    constexpr std::size_t kMostNamed = 512;
    const bool whole = root.kind == Root::Kind::global && root.words.size() <= kMostNamed && names.data_symbol(root.begin).has_value();
    std::vector<debuginfo::Member> words;
    for (const RootWord& word : root.words) {
        const std::uint64_t offset = word.address - root.begin;
        words.push_back({whole && offset > 0 ? fmt::format("+{:#x}", offset) : "", offset, names.pointer_to(0), false});
    }
    return names.structure_of("", root.end - root.begin, std::move(words));
}

}  // namespace leakline::holders
