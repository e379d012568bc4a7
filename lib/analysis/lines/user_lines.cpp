#include "analysis/lines/internal/user_lines.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <string>

#include "analysis/lines/function_name.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

constexpr std::uint8_t kUnknown = 0xff;

}  // namespace

Insertion insertion_of(std::string_view function, std::string_view file) {
    const std::string qualified = qualified_name(function);
    const std::size_t at = qualified.rfind("::");
    const std::string_view name = at == std::string::npos ? std::string_view(qualified) : std::string_view(qualified).substr(at + 2);
    const std::string_view scope = at == std::string::npos ? std::string_view{} : std::string_view(qualified).substr(0, at);
    if (scope.empty() && name.starts_with("g_")) {  // GLib: g_hash_table_insert, g_list_append
        for (const std::string_view end : {"_insert", "_append", "_prepend", "_push", "_push_tail", "_push_head"})
            if (name.ends_with(end)) return name.find("array") == name.npos ? Insertion::node : Insertion::block;
        return Insertion::none;
    }
    // "push" of a free function says nothing; its file does, where it is one of a container's.
    const std::string_view header = file_name(file);
    const auto names = [&](std::string_view where, std::initializer_list<std::string_view> parts) {
        return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return where.find(part) != where.npos; });
    };
    const std::string_view container = scope.empty() ? header : scope;
    if (container.empty() || names(container, {"string", "String", "json"})) return Insertion::none;
    const bool node = names(container, {"map", "set", "list", "tree", "_Rb_tree", "hashtable", "_Hashtable", "LinkedList"});
    if (scope.empty() && !node && !names(container, {"vector", "deque", "queue"})) return Insertion::none;

    static constexpr std::array<std::string_view, 14> kNames{"push_back",      "emplace_back", "push_front", "emplace_front",    "emplace",
                                                             "emplace_hint",   "try_emplace",  "insert",     "insert_or_assign", "push",
                                                             "push_unchecked", "enqueue",      "append",     "insert_after"};
    // What they call, where the call itself was inlined: libstdc++'s names, and libc++'s.
    static constexpr std::array<std::string_view, 9> kInternal{"_M_emplace",        "_M_insert",        "_M_realloc_insert",
                                                               "_M_realloc_append", "_M_push_back_aux", "_M_push_front_aux",
                                                               "_M_rehash",         "_Scoped_node",     "__push_back_slow_path"};
    const bool subscript = name == "operator" && function.find("operator[]") != function.npos;  // its brackets are no part of the name
    const bool inserts = subscript || std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
                         std::any_of(kInternal.begin(), kInternal.end(), [&](std::string_view part) { return name.starts_with(part); });
    if (!inserts) return Insertion::none;
    return node ? Insertion::node : Insertion::block;
}

bool is_callable_holder(std::string_view function, std::string_view file) {
    // Of inlined functions, the debug info has the name without the class: the header says more.
    static constexpr std::array<std::string_view, 4> kHeaders{"std_function.h", "mofunc_impl.h", "move_only_function.h",
                                                              "function_template.hpp"};
    static constexpr std::array<std::string_view, 6> kScopes{
        "std::function<",         "std::_Function_handler<", "std::move_only_function<",
        "std::__1::__function::", "boost::function",         "absl::AnyInvocable<"};
    const std::string_view header = file_name(file);
    if (std::find(kHeaders.begin(), kHeaders.end(), header) != kHeaders.end()) return true;
    return std::any_of(kScopes.begin(), kScopes.end(), [&](std::string_view scope) { return function.starts_with(scope); });
}

bool is_event_loop(std::string_view function, std::string_view file) {
    static constexpr std::array<std::string_view, 12> kLoops{"boost::asio::io_context::run",
                                                             "boost::asio::detail::scheduler::run",
                                                             "asio::io_context::run",
                                                             "asio::detail::scheduler::run",
                                                             "uv_run",
                                                             "event_base_loop",
                                                             "event_base_dispatch",
                                                             "ev_run",
                                                             "g_main_loop_run",
                                                             "g_main_context_iteration",
                                                             "QCoreApplication::exec",
                                                             "QEventLoop::exec"};
    // Of Python, by the end of the file: the function is "run_forever", since 3.11 "BaseEventLoop.run_forever".
    struct PythonLoop {
        std::string_view file, function;
    };
    static constexpr std::array<PythonLoop, 10> kPythonLoops{{{"/asyncio/base_events.py", "run_forever"},
                                                              {"/socketserver.py", "serve_forever"},
                                                              {"/asyncore.py", "loop"},
                                                              {"/twisted/internet/base.py", "mainLoop"},
                                                              {"/cheroot/server.py", "serve"},
                                                              {"/cherrypy/process/wspbus.py", "block"},
                                                              {"/waitress/wasyncore.py", "loop"},
                                                              {"/eventlet/wsgi.py", "server"},
                                                              {"/gevent/baseserver.py", "serve_forever"},
                                                              {"/trio/_core/_run.py", "unrolled_run"}}};
    if (file.ends_with(".py"))
        return std::any_of(kPythonLoops.begin(), kPythonLoops.end(), [&](const PythonLoop& loop) {
            return file.ends_with(loop.file) && function.substr(function.rfind('.') + 1) == loop.function;
        });
    return std::find(kLoops.begin(), kLoops.end(), qualified_name(function)) != kLoops.end();
}

UserLines::UserLines(const HeapProfile& profile, const std::vector<CodeKind>& kinds)
    : profile_(profile),
      kinds_(kinds),
      of_frame_(profile.frames.size(), kNoSite),
      insertion_of_frame_(profile.frames.size(), kUnknown),
      calls_back_(profile.frames.size(), kUnknown) {
    std::map<std::pair<std::string, std::uint32_t>, std::uint32_t> index;
    for (std::size_t i = 0; i < profile.frames.size(); ++i) {
        const Frame& frame = profile.frames[i];
        if (kinds_[i] != CodeKind::user || frame.file.value == 0 || frame.line == 0) continue;
        const auto [place, fresh] =
            index.try_emplace({normal_path(profile.string(frame.file)), frame.line}, static_cast<std::uint32_t>(at_.size()));
        if (fresh) at_.push_back({{}, place->first.first, frame.line});
        CodeLine& at = at_[place->second];
        const std::string& function = profile.string(frame.function);
        if (function.size() > at.function.size()) at.function = function;
        of_frame_[i] = place->second;
    }
}

Insertion UserLines::insertion_of_frame(std::uint32_t frame) {
    std::uint8_t& known = insertion_of_frame_[frame];
    if (known == kUnknown)
        known = static_cast<std::uint8_t>(
            insertion_of(profile_.string(profile_.frames[frame].function), profile_.string(profile_.frames[frame].file)));
    return static_cast<Insertion>(known);
}

// A std::function that is called by the innermost line, and calls nothing of the user's, is as good as any function of a library.
bool UserLines::calls_back(std::uint32_t frame) {
    constexpr std::uint8_t kNever = 0, kBelowUser = 1, kAlways = 2;
    std::uint8_t& known = calls_back_[frame];
    if (known == kUnknown) {
        const std::string& function = profile_.string(profile_.frames[frame].function);
        const std::string& file = profile_.string(profile_.frames[frame].file);
        known = is_event_loop(function, file) ? kAlways : is_callable_holder(function, file) ? kBelowUser : kNever;
    }
    return known == kAlways || (known == kBelowUser && !path_.empty());
}

const std::vector<std::uint32_t>& UserLines::of_trace(std::size_t trace) {
    path_.clear();
    positions_.clear();
    Insertion inserts = Insertion::none;
    bool by_callback = false;
    std::size_t depth = 0;
    for (TraceId node{static_cast<std::uint32_t>(trace + 1)}; node.value != 0 && depth < kDeepestStack; ++depth) {
        const TraceNode& at = profile_.traces[node.value - 1];
        if (at.ip.value != 0 && at.ip.value <= profile_.ips.size()) {
            const InstructionPointer& ip = profile_.ips[at.ip.value - 1];
            const std::size_t end = std::min<std::size_t>(profile_.frames.size(), std::size_t{ip.first_frame} + ip.frame_count);
            for (std::size_t i = ip.first_frame; i < end; ++i) {
                const auto frame = static_cast<std::uint32_t>(i);
                if (of_frame_[i] == kNoSite) {
                    // A map of vectors is a map: the outer one keeps the other.
                    if (kinds_[i] == CodeKind::library)
                        if (const Insertion found = insertion_of_frame(frame); found != Insertion::none) inserts = found;
                    if (calls_back(frame)) by_callback = true;
                    continue;
                }
                if (std::find(path_.begin(), path_.end(), of_frame_[i]) == path_.end()) {
                    path_.push_back(of_frame_[i]);
                    positions_.push_back({node, frame, inserts, by_callback});
                }
                inserts = Insertion::none;
                by_callback = false;
            }
        }
        node = at.parent.value < node.value ? at.parent : TraceId{};
    }
    return path_;
}

}  // namespace leakline::analysis
