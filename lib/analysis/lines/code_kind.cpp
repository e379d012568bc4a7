#include "analysis/lines/code_kind.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "analysis/lines/function_name.hpp"
#include "base/ascii.hpp"

namespace leakline::analysis {

namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};
// Of a function through which the program's allocations go.
constexpr std::size_t kMinCallers = 8;
constexpr double kShareOfSites = 0.5, kMaxKeptShare = 0.5;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// Rust's own library: as rustc's builds spell it (/rustc/HASH/library/...), as a toolchain with its source has it, and
// relative; and packages that cargo fetched.
bool is_fetched_rust(std::string_view file) {
    for (std::string_view part : {"/rustc/", "/rust/deps/", "/lib/rustlib/src/rust/", "/rustc-", "/.cargo/registry/",
                                  "/.cargo/git/checkouts/", "/cargo/registry/src/"})
        if (contains(file, part)) return true;
    for (std::string_view root : {"library/alloc/src/", "library/core/src/", "library/std/src/", "library/test/src/"})
        if (file.starts_with(root)) return true;
    return false;
}

bool is_python_package(std::string_view path) { return contains(path, "/site-packages/") || contains(path, "/dist-packages/"); }

// Python's own library and installed packages; "<frozen abc>" and "<string>" are no files.
bool is_python_library(std::string_view file) {
    if (file.starts_with('<')) return true;
    return file.ends_with(".py") && (is_python_package(file) || contains(file, "/lib/python2.") || contains(file, "/lib/python3"));
}

// The script that is installed for a package (/usr/bin/gunicorn) only calls the package's main function.
bool is_package_script(std::string_view file, std::string_view function) {
    return function == kPythonModule && contains(file, "/bin/") && !file.ends_with(".py");
}

// Node's own modules and installed packages.
bool is_node_library(std::string_view file) { return file.starts_with("node:") || contains(file, "/node_modules/"); }

// An extension of Python's own or one that was installed, wherever it was compiled.
bool is_python_extension(std::string_view module) { return is_python_package(module) || contains(module, "/lib-dynload/"); }

// Code of a standard library that was compiled into the program without lines: a template's or a generic's.
bool is_library_function(std::string_view function) {
    for (std::string_view scope : {"std::", "__gnu_cxx::", "__cxxabiv1::", "<std::", "alloc::", "<alloc::", "core::", "<core::", "__rust_",
                                   "__rustc::", "__rdl_", "hashbrown::", "<hashbrown::"})
        if (function.starts_with(scope)) return true;
    return false;
}

// The last component of a qualified name, and what is before it: "a::B::B" is {"a::B", "B"}.
std::pair<std::string_view, std::string_view> split_name(std::string_view qualified) {
    const std::size_t at = qualified.rfind("::");
    if (at == std::string_view::npos) return {{}, qualified};
    return {qualified.substr(0, at), qualified.substr(at + 2)};
}

// The parameter list at the end of a signature, without its brackets; nothing where it has none.
std::string_view parameters_of(std::string_view function) {
    const std::size_t close = function.rfind(')');
    if (close == std::string_view::npos) return {};
    int depth = 0;
    for (std::size_t i = close + 1; i-- > 0;) {
        if (function[i] == ')') ++depth;
        if (function[i] == '(' && --depth == 0) return function.substr(i + 1, close - i - 1);
    }
    return {};
}

// What growth a function's own frames show: which lines they are on, and whether they call an allocator themselves.
struct Copier {
    std::uint32_t line = 0;
    bool one_line = true, allocates = false;
};

// A function that allocation sites go through.
struct Gate {
    std::set<std::uint32_t> callers;  // distinct frames that call it, by what they show
    std::uint64_t allocations = 0;
    std::int64_t kept = 0;  // blocks
};

class Kinds {
  public:
    explicit Kinds(const HeapProfile& profile)
        : profile_(profile),
          runtimes_(runtime_modules(profile)),
          kinds_(profile.frames.size(), CodeKind::library),
          last_(profile.traces.size()) {
        for (const HeapMark& mark : profile.marks)
            for (const HeapMark::Change& change : mark.changes)
                if (change.trace.value != 0 && change.trace.value <= last_.size()) last_[change.trace.value - 1] = change.cost;
    }

    std::vector<CodeKind> take() {
        sort_by_place();
        find_generated();
        find_allocators();
        find_copiers();
        for (int nested = 0; nested < 3 && find_gates(); ++nested) {
        }
        return std::move(kinds_);
    }

  private:
    // Frames of one function in one file.
    std::uint32_t function_of(const Frame& frame) {
        const auto [place, fresh] =
            functions_.try_emplace({frame.function.value, frame.file.value}, static_cast<std::uint32_t>(functions_.size()));
        return place->second;
    }
    std::uint32_t line_of(const Frame& frame) {
        const auto [place, fresh] =
            lines_.try_emplace({frame.function.value, frame.file.value, frame.line}, static_cast<std::uint32_t>(lines_.size()));
        return place->second;
    }

    template <class Visit>
    void each_frame(const InstructionPointer& ip, const Visit& visit) const {
        const std::size_t end = std::min<std::size_t>(profile_.frames.size(), std::size_t{ip.first_frame} + ip.frame_count);
        for (std::size_t i = ip.first_frame; i < end; ++i)
            if (!visit(static_cast<std::uint32_t>(i))) return;
    }
    // The frames of a trace, innermost first, until visit returns false.
    template <class Visit>
    void each_frame_of_trace(std::size_t trace, const Visit& visit) const {
        bool more = true;
        std::size_t depth = 0;
        for (TraceId node{static_cast<std::uint32_t>(trace + 1)}; node.value != 0 && more && depth < 512; ++depth) {
            const TraceNode& at = profile_.traces[node.value - 1];
            if (at.ip.value != 0 && at.ip.value <= profile_.ips.size())
                each_frame(profile_.ips[at.ip.value - 1], [&](std::uint32_t frame) { return more = visit(frame); });
            node = at.parent.value < node.value ? at.parent : TraceId{};
        }
    }

    void sort_by_place() {
        std::map<std::pair<std::uint32_t, std::uint32_t>, CodeKind> known;  // of a file and function without one, in a module
        for (const InstructionPointer& ip : profile_.ips)
            each_frame(ip, [&](std::uint32_t i) {
                const Frame& frame = profile_.frames[i];
                const std::uint32_t function = frame.file.value == 0 ? frame.function.value : 0;
                const auto [place, fresh] = known.try_emplace({frame.file.value, ip.module.value}, CodeKind::library);
                CodeKind kind = place->second;
                if (fresh && !runtimes_.contains(ip.module.value) && is_user_code(profile_.string(frame.file), profile_.string(ip.module)))
                    place->second = CodeKind::user;
                kind = place->second;
                if (kind == CodeKind::user && function != 0 && is_library(function)) kind = CodeKind::library;
                if (is_package_script(profile_.string(frame.file), profile_.string(frame.function))) kind = CodeKind::library;
                kinds_[i] = kind;
                return true;
            });
    }
    bool is_library(std::uint32_t function) {
        const auto [place, fresh] = library_.try_emplace(function, false);
        if (fresh) place->second = is_library_function(qualified_name(profile_.string(StringId{function})));
        return place->second;
    }

    void pass_over(std::uint32_t frame) {
        if (kinds_[frame] == CodeKind::user) kinds_[frame] = CodeKind::passed_over;
    }

    void find_generated() {
        for (std::uint32_t i = 0; i < kinds_.size(); ++i)
            if (profile_.frames[i].generated) pass_over(i);
    }

    void find_allocators() {
        std::unordered_map<std::uint32_t, bool> known;
        for (std::uint32_t i = 0; i < kinds_.size(); ++i) {
            const std::uint32_t function = profile_.frames[i].function.value;
            if (kinds_[i] != CodeKind::user || function == 0) continue;
            const auto [place, fresh] = known.try_emplace(function, false);
            if (fresh) place->second = is_allocator_name(profile_.string(StringId{function}));
            if (place->second) pass_over(i);
        }
    }

    void find_copiers() {
        std::unordered_map<std::uint32_t, bool> named;
        std::unordered_map<std::uint32_t, Copier> copiers;
        std::vector<std::uint32_t> candidates;
        for (std::uint32_t i = 0; i < kinds_.size(); ++i) {
            const Frame& frame = profile_.frames[i];
            if (kinds_[i] != CodeKind::user || frame.function.value == 0 || frame.line == 0) continue;
            const auto [place, fresh] = named.try_emplace(frame.function.value, false);
            if (fresh) place->second = is_copying_member(profile_.string(frame.function));
            if (!place->second) continue;
            candidates.push_back(i);
            Copier& copier = copiers[function_of(frame)];
            copier.one_line = copier.one_line && (copier.line == 0 || copier.line == frame.line);
            copier.line = frame.line;
        }
        if (candidates.empty()) return;
        // One whose stack has nothing but an allocator inside of it has code of its own.
        for (std::size_t t = 0; t < profile_.traces.size(); ++t)
            if (last_[t].allocations > 0)
                each_frame_of_trace(t, [&](std::uint32_t i) {
                    const Frame& frame = profile_.frames[i];
                    if (named.contains(frame.function.value) && named[frame.function.value] && kinds_[i] == CodeKind::user)
                        copiers[function_of(frame)].allocates = true;
                    return kinds_[i] == CodeKind::passed_over || is_operator_new(frame.function);
                });
        for (std::uint32_t i : candidates) {
            const Copier& copier = copiers[function_of(profile_.frames[i])];
            if (copier.one_line && !copier.allocates) pass_over(i);
        }
    }
    bool is_operator_new(StringId function) const { return profile_.string(function).starts_with("operator new"); }

    // Whether any was found: what is around it may be one as well.
    bool find_gates() {
        std::unordered_map<std::uint32_t, Gate> gates;
        std::set<std::uint32_t> sites;
        for (std::size_t t = 0; t < last_.size(); ++t) {
            if (last_[t].allocations == 0) continue;
            std::uint32_t function = kNone, caller = kNone;
            each_frame_of_trace(t, [&](std::uint32_t i) {
                const Frame& frame = profile_.frames[i];
                if (kinds_[i] != CodeKind::user || frame.function.value == 0) return true;
                if (function == kNone) {
                    function = function_of(frame);
                    sites.insert(line_of(frame));
                    return true;
                }
                if (function_of(frame) == function) return true;  // recursion, or the same function, inlined
                caller = line_of(frame);
                return false;
            });
            if (function == kNone || caller == kNone) continue;
            Gate& gate = gates[function];
            gate.callers.insert(caller);
            gate.allocations += last_[t].allocations;
            gate.kept += last_[t].live_blocks;
        }
        std::set<std::uint32_t> found;
        for (const auto& [function, gate] : gates) {
            // Of all places that allocate, were the function not there.
            const double all = static_cast<double>(sites.size() + gate.callers.size());
            const double kept = static_cast<double>(gate.kept) / static_cast<double>(gate.allocations);
            if (gate.callers.size() >= kMinCallers && static_cast<double>(gate.callers.size()) >= kShareOfSites * all &&
                kept <= kMaxKeptShare)
                found.insert(function);
        }
        if (found.empty()) return false;
        for (std::uint32_t i = 0; i < kinds_.size(); ++i)
            if (kinds_[i] == CodeKind::user && found.contains(function_of(profile_.frames[i]))) pass_over(i);
        return true;
    }

    const HeapProfile& profile_;
    const std::map<std::uint32_t, Runtime> runtimes_;
    std::vector<CodeKind> kinds_;
    std::vector<TraceCost> last_;  // of each trace, at the end; nothing allocated: it is only a part of others
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> functions_;
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::uint32_t> lines_;
    std::unordered_map<std::uint32_t, bool> library_;
};

}  // namespace

bool is_user_code(std::string_view file, std::string_view module, std::string_view function) {
    static constexpr std::array<std::string_view, 5> kSystemRoots = {"/usr/include/", "/usr/lib/", "/usr/local/include/", "/usr/share/",
                                                                     "/opt/rh/"};
    // The standard libraries' headers wherever a toolchain keeps them, and the C runtime's own start-up code.
    static constexpr std::array<std::string_view, 6> kRuntimeParts = {"/include/c++/", "/c++/v1/", "libstdc++-v3/",
                                                                      "sysdeps/",      "/glibc-",  "../csu/"};
    for (std::string_view root : kSystemRoots)
        if (file.starts_with(root)) return false;
    for (std::string_view part : kRuntimeParts)
        if (contains(file, part)) return false;
    if (is_fetched_rust(file) || is_python_library(file) || is_node_library(file)) return false;
    for (std::string_view root : {"/lib/", "/lib64/", "/lib32/", "/usr/lib/", "/usr/lib64/", "/usr/lib32/"})
        if (module.starts_with(root) && contains(module, ".so")) return false;
    // What leakline itself preloads (lib/unwind/preload.cpp) names itself so.
    if (module == "leakline-unwinder") return false;
    return !(file.empty() && is_library_function(function));
}

bool is_allocator_name(std::string_view function) {
    const std::string qualified = qualified_name(function);
    const auto [scope, name] = split_name(qualified);
    if (name.starts_with("operator new")) return true;
    // An allocator of the standard's form, std::pmr's included: a class's member.
    if (!scope.empty() && (name == "allocate" || name == "do_allocate")) return true;
    static constexpr std::array<std::string_view, 13> kEnds{"malloc",    "calloc",       "realloc", "strdup",  "strndup",
                                                            "memdup",    "zalloc",       "malloc0", "mallocz", "malloc_n",
                                                            "malloc0_n", "reallocarray", "asprintf"};
    // "xmalloc", "g_malloc", "safe_malloc": one short word before it. "grow_by_realloc" does something of its own.
    constexpr std::size_t kLongestPrefix = 8;
    const bool known = std::any_of(kEnds.begin(), kEnds.end(), [name = name](std::string_view end) {
        if (!name.ends_with(end)) return false;
        std::string_view prefix = name.substr(0, name.size() - end.size());
        if (prefix.ends_with('_')) prefix.remove_suffix(1);
        return prefix.size() <= kLongestPrefix && prefix.find('_') == std::string_view::npos;
    });
    if (known || !scope.empty()) return known;
    // "my_alloc", "mem_alloc", "ngx_palloc", "memAlloc": a program's or a pool's own. "session_alloc" makes a session.
    static constexpr std::array<std::string_view, 5> kOwnEnds{"alloc", "palloc", "pcalloc", "pnalloc", "pstrdup"};
    static constexpr std::array<std::string_view, 11> kOwnWords{"",        "heap",  "pool", "safe",   "must", "check",
                                                                "checked", "arena", "slab", "buffer", "apr"};
    constexpr std::size_t kAbbreviation = 3;  // of the program's name
    const std::string lower = to_lower(name);
    return std::any_of(kOwnEnds.begin(), kOwnEnds.end(), [&](std::string_view end) {
        if (!lower.ends_with(end)) return false;
        std::string_view prefix = std::string_view(lower).substr(0, lower.size() - end.size());
        if (prefix.ends_with('_')) prefix.remove_suffix(1);
        return prefix.size() <= kAbbreviation || std::find(kOwnWords.begin(), kOwnWords.end(), prefix) != kOwnWords.end();
    });
}

bool is_copying_member(std::string_view function) {
    const std::string qualified = qualified_name(function);
    const auto [scope, name] = split_name(qualified);
    if (scope.empty() || (name != split_name(scope).second && name != "operator=")) return false;
    std::string_view parameter = parameters_of(function);
    if (parameter.ends_with("&&"))
        parameter.remove_suffix(2);
    else if (parameter.ends_with(" const&"))
        parameter.remove_suffix(7);
    else if (parameter.ends_with("&"))
        parameter.remove_suffix(1);
    else
        return false;
    return qualified_name(parameter) == scope;
}

std::map<std::uint32_t, Runtime> runtime_modules(const HeapProfile& profile) {
    std::map<std::uint32_t, Runtime> found;
    std::set<std::uint32_t> seen;
    // Where Python's own lines are known, they are the user's, and not those of the extensions that they call.
    const bool python = has_python_lines(profile);
    for (const InstructionPointer& ip : profile.ips) {
        if (!seen.insert(ip.module.value).second) continue;
        const std::string& path = profile.string(ip.module);
        if (python && is_python_extension(path)) found.emplace(ip.module.value, Runtime::python);
        const Runtime runtime = runtime_of_module(path);
        if (runtime == Runtime::native) continue;
        // A service may have the name of a program (`node`): its functions decide.
        const bool library = contains(path, ".so") || runtime == Runtime::java || runtime == Runtime::dotnet;
        if (library || std::any_of(profile.strings.begin(), profile.strings.end(),
                                   [&](const std::string& text) { return is_runtime_function(runtime, text); }))
            found.emplace(ip.module.value, runtime);
    }
    return found;
}

Runtime runtime_of(const HeapProfile& profile) {
    const Runtime of_program = runtime_of_module(std::string_view(profile.command).substr(0, profile.command.find(' ')));
    for (const auto& [module, runtime] : runtime_modules(profile)) {
        // Embedding a runtime's library does not make a program one of that language. Its launcher does; the JVM has many.
        const bool library = contains(profile.string(StringId{module}), ".so");
        if (!library || runtime == Runtime::java || runtime == of_program) return runtime;
    }
    // An agent that was attached may have met no stack of the interpreter's own code. (A profile of Node.js has such lines only.)
    const auto interpreted = std::count_if(profile.ips.begin(), profile.ips.end(), [](const InstructionPointer& ip) { return !ip.module; });
    const bool mostly = static_cast<std::size_t>(interpreted) * 2 > profile.ips.size();
    return mostly && has_python_lines(profile) && of_program != Runtime::node ? Runtime::python : Runtime::native;
}

bool has_python_lines(const HeapProfile& profile) {
    return std::any_of(profile.ips.begin(), profile.ips.end(), [&](const InstructionPointer& ip) {
        return !ip.module && ip.frame_count == 1 && ip.first_frame < profile.frames.size() && profile.frames[ip.first_frame].file;
    });
}

std::vector<CodeKind> kinds_of_code(const HeapProfile& profile) { return Kinds(profile).take(); }

}  // namespace leakline::analysis
